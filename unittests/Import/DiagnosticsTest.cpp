//===- DiagnosticsTest.cpp - Tests of Diagnostics.h and Utf8.h ------------===//

#include "lamina/Support/Diagnostics.h"
#include "lamina/Support/Utf8.h"

#include <gtest/gtest.h>

using namespace lamina;

TEST(Diagnostics, OneLineAndAHelpLine) {
  InputError error{ExitCode::Malformed, "config.json", "/hidden_size",
                   "hidden_size",       "0",           "a positive integer",
                   "see the manual"};
  EXPECT_EQ(toString(error),
            "error: config.json:/hidden_size: hidden_size: 0, expected a "
            "positive integer\nhelp: see the manual");
  error.place = error.expected = error.help = "";
  EXPECT_EQ(toString(error), "error: config.json: hidden_size: 0");
}

TEST(Diagnostics, TextOfAFileCannotBreakTheLine) {
  InputError error{
      ExitCode::Malformed, "a\nb", "/x\x1b[31m", "k\xFF", "v\xC2\x9B", "w", ""};
  EXPECT_EQ(toString(error), "error: a\\x0Ab:/x\\x1B[31m: k\\xFF: "
                             "v\\xC2\\x9B, expected w");
}

TEST(Diagnostics, QuotedCutsBetweenCharacters) {
  EXPECT_EQ(quoted("abc"), "\"abc\"");
  EXPECT_EQ(quoted("abcdef", 4), "\"abcd...\"");
  EXPECT_EQ(quoted("abc\xC3\xA9", 4), "\"abc...\"");
  EXPECT_EQ(quoted("abc\xC3\xA9", 5), "\"abc\xC3\xA9\"");
}

TEST(Diagnostics, JsonPointerEscapes) {
  EXPECT_EQ(jsonPointer("", "a"), "/a");
  EXPECT_EQ(jsonPointer("/a", "b/c~d"), "/a/b~1c~0d");
  EXPECT_EQ(jsonPointer("/a", size_t(3)), "/a/3");
}

TEST(Diagnostics, ExitCodeOfMany) {
  InputErrors errors;
  EXPECT_EQ(errors.exitCode(), ExitCode::Success);
  errors.report({ExitCode::Unsupported, "f", "", "a", "b", "", ""});
  EXPECT_EQ(errors.exitCode(), ExitCode::Unsupported);
  errors.report({ExitCode::Malformed, "f", "", "a", "b", "", ""});
  EXPECT_EQ(errors.exitCode(), ExitCode::Malformed);
  EXPECT_EQ(errors.toString(), "error: f: a: b\nerror: f: a: b\n");
}

TEST(Utf8, AcceptsTheEdgesOfEachLength) {
  for (std::string_view text :
       {"\x7F", "\xC2\x80", "\xDF\xBF", "\xE0\xA0\x80", "\xED\x9F\xBF",
        "\xEE\x80\x80", "\xEF\xBF\xBF", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_EQ(utf8SequenceLength(text, 0), text.size());
}

TEST(Utf8, RejectsWhatLiesBeyondThem) {
  for (std::string_view text :
       {"\x80", "\xC0\x80", "\xC1\xBF", "\xC2", "\xC2\x41", "\xE0\x9F\xBF",
        "\xED\xA0\x80", "\xE2\x82", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xFF"})
    EXPECT_EQ(utf8SequenceLength(text, 0), 0u) << quoted(text);
  EXPECT_EQ(findInvalidUtf8("ab\xC3\xA9\x80"), 4u);
  EXPECT_EQ(findInvalidUtf8("ab"), 2u);
}
