//===- StoriesMain.cpp - The program that the tests run -------------------===//
//
// stories260K with the main of compiled programs. LAMINA_TEST_TOKENIZER=none
// leaves the tokenizer out, =chat adds a chat template.
//
//===----------------------------------------------------------------------===//

#include "StoriesProgram.h"

#include <cstdlib>
#include <string_view>

const lamina_program *lamina_program_v1(void) {
  static lamina::test::StoriesProgram stories;
  static std::string tokenizer;
  const char *mode = getenv("LAMINA_TEST_TOKENIZER");
  std::string_view wanted = mode ? mode : "";
  if (wanted != "none" && tokenizer.empty())
    tokenizer = lamina::test::makeStoriesTokenizer(
        wanted == "chat" ? "{{ bos_token }}{% for message in messages %}"
                           "{{ message['role'] }}: {{ message['content'] }}\n"
                           "{% endfor %}assistant:"
                         : "");
  stories.program.tokenizer =
      reinterpret_cast<const uint8_t *>(tokenizer.data());
  stories.program.tokenizer_size = tokenizer.size();
  return &stories.program;
}
