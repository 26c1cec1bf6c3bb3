//===- Prompt.h - From text to prompt ids ----------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_PROGRAM_PROMPT_H
#define LAMINA_RUNTIME_PROGRAM_PROMPT_H

#include "chat/ChatTemplate.h"
#include "lamina/runtime.h"
#include "program/Options.h"
#include "tokenizer/Tokenizer.h"

namespace lamina::program {

/// The tokenizer and chat template of a program. Failures are reported to
/// stderr, and their status returned.
class PromptEncoder {
public:
  /// Reads what the program carries. A program without a tokenizer is no
  /// failure: then `tokenizer` is null.
  lamrt_status create(const lamina_program &program);

  const Tokenizer *tokenizer() const {
    return loadedTokenizer ? &*loadedTokenizer : nullptr;
  }
  bool hasTemplate() const {
    return loadedTokenizer && !loadedTokenizer->model().chatTemplate.empty();
  }

  /// The ids of a text that is continued, with BOS if the model wants it.
  lamrt_status encodeText(const std::string &text, bool parseSpecial,
                          std::vector<int32_t> &ids) const;

  /// The ids of a conversation, up to where the answer starts. Special tokens
  /// that are spelled in a message are text, unless `parseSpecial`.
  lamrt_status encodeChat(const std::vector<ChatMessage> &messages,
                          bool parseSpecial, std::vector<int32_t> &ids);

private:
  lamrt_status loadTemplate();

  std::optional<Tokenizer> loadedTokenizer;
  std::optional<ChatTemplate> loadedTemplate;
};

/// Reads a file, or standard input if `path` is `-`, without its final newline.
lamrt_status readText(const std::string &path, std::string &text);

/// The ids of --ids: numbers between spaces or commas, below `vocabulary`.
lamrt_status parseIds(const std::string &text, int64_t vocabulary,
                      std::vector<int32_t> &ids);

/// A prompt, ready to run.
struct Prompt {
  std::vector<int32_t> ids;
  /// Whether the answer is a text of its own: a chat answer, or what follows an
  /// empty prompt.
  bool startsText = false;
};

/// The prompt `text` as the options want it: rendered or raw.
lamrt_status makePrompt(const Options &options, PromptEncoder &encoder,
                        const std::string &text, Prompt &prompt);

/// The one prompt that the options name: -p, -f, --ids or standard input.
lamrt_status getPrompt(const lamina_program &program, const Options &options,
                       PromptEncoder &encoder, Prompt &prompt);

/// Fails with LAMRT_LIMIT, naming both numbers, if the prompt, which is called
/// `name`, does not fit.
lamrt_status checkLength(const Prompt &prompt, int32_t context,
                         const std::string &name = "prompt");

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_PROMPT_H
