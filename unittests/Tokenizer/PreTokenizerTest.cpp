//===- PreTokenizerTest.cpp - Tests of PreTokenizer.h ---------------------===//
//
// The expected words are what the package `tokenizers` gives for the regular
// expressions.
//
//===----------------------------------------------------------------------===//

#include "tokenizer/PreTokenizer.h"

#include <gmock/gmock.h>

using namespace lamina;
using ::testing::ElementsAre;

namespace {

std::vector<std::string> words(PreTokenizerKind kind, std::string_view text) {
  std::vector<std::string_view> views;
  splitIntoWords(kind, text, views);
  return {views.begin(), views.end()};
}

TEST(PreTokenizer, Gpt2) {
  auto split = [](std::string_view text) {
    return words(PreTokenizerKind::Gpt2, text);
  };
  EXPECT_THAT(split("I'm you're CAN'T"),
              ElementsAre("I", "'m", " you", "'re", " CAN", "'", "T"));
  EXPECT_THAT(split("a  b\n\n c "),
              ElementsAre("a", " ", " b", "\n\n", " c", " "));
  EXPECT_THAT(split("x1234 56!?"), ElementsAre("x", "1234", " 56", "!?"));
  EXPECT_THAT(split("\t\tx"), ElementsAre("\t", "\t", "x"));
  EXPECT_THAT(split("   "), ElementsAre("   "));
  EXPECT_THAT(split("'"), ElementsAre("'"));
  EXPECT_THAT(split("'r"), ElementsAre("'", "r"));
  EXPECT_THAT(split(""), ElementsAre());
}

TEST(PreTokenizer, DigitsGpt2) {
  auto split = [](std::string_view text) {
    return words(PreTokenizerKind::DigitsGpt2, text);
  };
  EXPECT_THAT(split("a 12b"), ElementsAre("a", " ", "1", "2", "b"));
  // U+00BD and U+2167 are numbers, too. The text before a digit ends there, so
  // its last space stays with the others.
  EXPECT_THAT(split("  \xC2\xBD \xE2\x85\xA7"),
              ElementsAre("  ", "\xC2\xBD", " ", "\xE2\x85\xA7"));
}

TEST(PreTokenizer, Llama3) {
  auto split = [](std::string_view text) {
    return words(PreTokenizerKind::Llama3, text);
  };
  EXPECT_THAT(split("I'M we'Ll"), ElementsAre("I", "'M", " we", "'Ll"));
  // U+017F folds to s.
  EXPECT_THAT(split("it'\xC5\xBFx"), ElementsAre("it", "'\xC5\xBF", "x"));
  EXPECT_THAT(split("1234567 89"), ElementsAre("123", "456", "7", " ", "89"));
  EXPECT_THAT(split("(a) !?\n\nb"), ElementsAre("(a", ")", " !?\n\n", "b"));
  EXPECT_THAT(split("a  \n \n  b"), ElementsAre("a", "  \n \n", " ", " b"));
  EXPECT_THAT(split("a\r\nb\tc"), ElementsAre("a", "\r\n", "b", "\tc"));
  EXPECT_THAT(split("  "), ElementsAre("  "));
}

TEST(PreTokenizer, Spaces) {
  EXPECT_THAT(words(PreTokenizerKind::Spaces, "a\u2581\u2581"
                                              "b"),
              ElementsAre("a", "\u2581",
                          "\u2581"
                          "b"));
  EXPECT_THAT(words(PreTokenizerKind::None, "a b"), ElementsAre("a b"));
}

} // namespace
