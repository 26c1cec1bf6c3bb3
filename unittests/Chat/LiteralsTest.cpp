//===- LiteralsTest.cpp - Tests of Literals.h -----------------------------===//
//
// The expected values are Python's.
//
//===----------------------------------------------------------------------===//

#include "chat/Literals.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace lamina::jinja;

TEST(Literals, PrintFloat) {
  EXPECT_EQ(printFloat(1.0), "1.0");
  EXPECT_EQ(printFloat(-0.0), "-0.0");
  EXPECT_EQ(printFloat(0.1), "0.1");
  EXPECT_EQ(printFloat(0.1 + 0.2), "0.30000000000000004");
  EXPECT_EQ(printFloat(1e15), "1000000000000000.0");
  EXPECT_EQ(printFloat(1e16), "1e+16");
  EXPECT_EQ(printFloat(123456789012345680.0), "1.2345678901234568e+17");
  EXPECT_EQ(printFloat(0.0001), "0.0001");
  EXPECT_EQ(printFloat(0.00001), "1e-05");
  EXPECT_EQ(printFloat(-1234.5), "-1234.5");
  EXPECT_EQ(printFloat(5e-324), "5e-324");
  EXPECT_EQ(printFloat(INFINITY), "inf");
  EXPECT_EQ(printFloat(-INFINITY), "-inf");
  EXPECT_EQ(printFloat(NAN), "nan");
}

TEST(Literals, ParseInteger) {
  EXPECT_EQ(parseInteger(" 42\n"), 42);
  EXPECT_EQ(parseInteger("-7"), -7);
  EXPECT_EQ(parseInteger("+1_000"), 1000);
  EXPECT_EQ(parseInteger("-9223372036854775808"), INT64_MIN);
  for (const char *text : {"", " ", "-", "1_", "_1", "1__0", "0x10", "1.0",
                           "9223372036854775808", "1 2", "--1", "- 1"})
    EXPECT_EQ(parseInteger(text), std::nullopt) << text;
}

TEST(Literals, ParseFloat) {
  EXPECT_EQ(parseFloat("1.5"), 1.5);
  EXPECT_EQ(parseFloat(" -2 "), -2.0);
  EXPECT_EQ(parseFloat(".5"), 0.5);
  EXPECT_EQ(parseFloat("5."), 5.0);
  EXPECT_EQ(parseFloat("5.e1"), 50.0);
  EXPECT_EQ(parseFloat("1e3"), 1000.0);
  EXPECT_EQ(parseFloat("1_0.2_5"), 10.25);
  EXPECT_EQ(parseFloat("1e999"), INFINITY);
  EXPECT_EQ(parseFloat("1e-999"), 0.0);
  EXPECT_EQ(parseFloat("-Infinity"), -INFINITY);
  EXPECT_TRUE(std::isnan(*parseFloat("NaN")));
  for (const char *text : {"", ".", "1e", "e1", "0x1p3", "1.5.2", "1_.5", "a"})
    EXPECT_EQ(parseFloat(text), std::nullopt) << text;
}

TEST(Literals, Unescape) {
  std::string value, problem;
  EXPECT_TRUE(
      unescape("a\\n\\x41\\u00e9\\U0001F600\\101\\q\\\n", value, problem));
  EXPECT_EQ(value, "a\nA\xC3\xA9\xF0\x9F\x98\x80"
                   "A\\q");
  for (const char *text :
       {"\\x4", "\\u12", "\\ud800", "\\U00110000", "\\N{BULLET}", "\\xg0"})
    EXPECT_FALSE(unescape(text, value, problem)) << text;
}
