//===- Utf8Test.cpp - Tests of Utf8.h -------------------------------------===//

#include "tokenizer/Utf8.h"

#include <gtest/gtest.h>

using namespace lamina;
using namespace std::string_literals;

namespace {

/// `?` for each U+FFFD.
std::string replaced(std::string_view text) {
  std::string result = replaceInvalidUtf8(text);
  EXPECT_TRUE(isValidUtf8(result));
  for (size_t at; (at = result.find(kReplacementCharacter)) != result.npos;)
    result.replace(at, kReplacementCharacter.size(), "?");
  return result;
}

// The counts are those of Python's bytes.decode(errors="replace").
TEST(Utf8, ReplacesEachMaximalSubpart) {
  EXPECT_EQ(replaced("a\xC0\x80z"), "a??z");           // overlong NUL
  EXPECT_EQ(replaced("a\xED\xA0\x80z"), "a???z");      // surrogate
  EXPECT_EQ(replaced("a\xF4\x90\x80\x80z"), "a????z"); // over U+10FFFF
  EXPECT_EQ(replaced("a\xF0\x80\x80\x80z"), "a????z"); // overlong
  EXPECT_EQ(replaced("a\xE2\x82z"), "a?z");            // cut short
  EXPECT_EQ(replaced("a\xF0\x9F\x98"), "a?");          // cut at the end
  EXPECT_EQ(replaced("\xE2\x82\xE2\x82\xAC"), "?\xE2\x82\xAC");
  EXPECT_EQ(replaced("\x80\xBF\xFE\xFF"), "????");
  EXPECT_EQ(replaced("\xF1\x80\x80\xE1\x80\xC2"), "???");
}

TEST(Utf8, KeepsWhatIsWellFormed) {
  std::string text =
      "\0a\x7F\xC2\x80\xDF\xBF\xE0\xA0\x80\xED\x9F\xBF\xEE\x80\x80"
      "\xEF\xBF\xBF\xF0\x90\x80\x80\xF4\x8F\xBF\xBF"s;
  EXPECT_TRUE(isValidUtf8(text));
  EXPECT_EQ(replaceInvalidUtf8(text), text);
  EXPECT_FALSE(isValidUtf8("\xC1\xBF"));
}

TEST(Utf8, AppendsWhatItDecodes) {
  for (char32_t character : {0x0u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xD7FFu,
                             0xE000u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    std::string text;
    appendUtf8(text, character);
    Utf8Sequence sequence = decodeUtf8(text);
    EXPECT_TRUE(sequence.isValid);
    EXPECT_EQ(sequence.character, character);
    EXPECT_EQ(sequence.length, text.size());
    EXPECT_EQ(utf8Length(text[0]), text.size());
  }
}

} // namespace
