//===- TextTest.cpp - Tests of Text.h -------------------------------------===//

#include "chat/Text.h"

#include <gtest/gtest.h>

using namespace lamina::jinja;

static std::string marked(const Text &text) {
  std::string result;
  size_t begin = 0;
  for (const Text::Run &run : text.getRuns()) {
    std::string part(text.view().substr(begin, run.end - begin));
    result += run.fromUser ? "[" + part + "]" : part;
    begin = run.end;
  }
  return result;
}

TEST(Text, RunsMerge) {
  Text text("ab");
  text.append("cd", false);
  text.append("", true);
  text.append("e", true);
  text.append("f", true);
  text.append("g", false);
  EXPECT_EQ(marked(text), "abcd[ef]g");
  EXPECT_EQ(text.getRuns().size(), 3u);
}

TEST(Text, SlicesAtEveryPair) {
  Text text("ab");
  text.append("cd", true);
  text.append("ef", false);
  std::string flags = "001100";
  for (size_t begin = 0; begin <= 6; ++begin) {
    for (size_t end = begin; end <= 6; ++end) {
      Text part = text.slice(begin, end);
      EXPECT_EQ(part.view(), text.view().substr(begin, end - begin));
      for (size_t i = 0; i < part.size(); ++i)
        EXPECT_EQ(part.isFromUser(i), flags[begin + i] == '1');
    }
  }
}

TEST(Text, AppendsItself) {
  Text text("a");
  text.append("b", true);
  text.append(text);
  EXPECT_EQ(marked(text), "a[b]a[b]");
}

TEST(Text, InvalidBytesAreCharacters) {
  EXPECT_EQ(countCharacters("\xC3\xA9\xE4\xBD\xA0\xF0\x9F\x98\x80"), 3u);
  EXPECT_EQ(countCharacters("\xC0\xAF"), 2u);         // overlong
  EXPECT_EQ(countCharacters("\xED\xA0\x80"), 3u);     // surrogate
  EXPECT_EQ(countCharacters("\xF4\x90\x80\x80"), 4u); // beyond U+10FFFF
  EXPECT_EQ(countCharacters("\xE2\x80"), 2u);         // cut off
  EXPECT_FALSE(isValidUtf8("a\xE2\x80"));
  EXPECT_FALSE(isValidUtf8("\xED\xA0\x80"));
  EXPECT_TRUE(isValidUtf8("\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF"));
}

TEST(Text, BackwardsAsForwards) {
  std::string text = "a\xC3\xA9\x80\xE4\xBD\xA0\xFF\xF0\x9F\x98\x80z\xE2\x80";
  std::vector<size_t> starts;
  for (size_t i = 0, size; i < text.size(); i += size) {
    starts.push_back(i);
    decodeCharacter(text, i, size);
  }
  for (size_t end = text.size(); end > 0; starts.pop_back()) {
    end = previousCharacter(text, end);
    EXPECT_EQ(end, starts.back());
  }
  EXPECT_TRUE(starts.empty());
}

// The white space of Python's str.isspace.
TEST(Text, Spaces) {
  std::string spaces = "\t\n\v\f\r\x1C\x1D\x1E\x1F ";
  for (uint32_t c : {0x85, 0xA0, 0x1680, 0x2000, 0x200A, 0x2028, 0x2029, 0x202F,
                     0x205F, 0x3000})
    appendUtf8(spaces, c);
  EXPECT_EQ(skipSpace(spaces), spaces.size());
  EXPECT_EQ(trimmedEnd(spaces), 0u);
  EXPECT_EQ(trimmedEnd("a" + spaces), 1u);
  for (uint32_t c : {0x00, 0x08, 0x1B, 0x180E, 0x200B, 0x2060, 0xFEFF})
    EXPECT_FALSE(isSpace(c)) << c;
}
