//===- NestingTest.cpp - What is too deep for MLIR's parser ---------------===//

#include "lamina/Support/Nesting.h"

#include <gtest/gtest.h>

using namespace lamina;

namespace {

std::string repeat(std::string_view text, size_t count) {
  std::string all;
  for (size_t i = 0; i < count; ++i)
    all += text;
  return all;
}

/// Returns the error's line for `text`; empty if it may be parsed.
std::string find(std::string_view text) {
  std::optional<InputError> error = findDeepNesting("m.mlir", text);
  return error ? toString(*error) : "";
}

/// A chain of aliases, `count` deep, in the form of `first` and `next`: `@` is
/// the name of the alias before.
std::string chain(char sigil, std::string_view first, std::string_view next,
                  size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    std::string value(i ? next : first);
    for (size_t at; (at = value.find('@')) != std::string::npos;)
      value.replace(at, 1, sigil + ("a" + std::to_string(i - 1)));
    text += sigil + ("a" + std::to_string(i)) + " = " + value + "\n";
  }
  return text;
}

TEST(Nesting, BracketsAreCounted) {
  for (std::string_view bracket : {"(", "[", "{", "<"}) {
    EXPECT_EQ(find(repeat(bracket, kMaxNesting)), "");
    EXPECT_EQ(find(repeat(bracket, kMaxNesting + 1)),
              "error: m.mlir:byte 512: nesting: more than 512 levels, expected "
              "at most that");
  }
  EXPECT_EQ(find(repeat("(){}[]<>", 10000)), "");
  EXPECT_EQ(find(repeat("(i1) -> (i1)\n", 10000)), "");
}

TEST(Nesting, StringsAndCommentsAreNot) {
  EXPECT_EQ(find("\"" + repeat("(", 1000) + "\""), "");
  EXPECT_EQ(find("\"\\\"" + repeat("(", 1000) + "\""), "");
  EXPECT_EQ(find("// " + repeat("(", 1000) + "\n"), "");
  EXPECT_NE(find("// (\n" + repeat("(", 1000)), "");
}

TEST(Nesting, OperatorsOfAnExpressionAreCounted) {
  for (std::string_view op : {"-", "d0 + ", "d0 * ", "d0 mod 7 floordiv 3 + ",
                              "d0\n+\n", "(d0) + ", "d0 ceildiv "}) {
    std::string text = "#m = affine_map<(d0) -> (";
    EXPECT_EQ(find(text + repeat(op, 600) + "d0)>"), "") << op;
    EXPECT_NE(find(text + repeat(op, 2001) + "d0)>"), "") << op;
  }
  std::string text = "#s = affine_set<(d0) : (";
  EXPECT_EQ(find(text + repeat("-", 2001) + "d0 >= 0)>"),
            "error: m.mlir:byte 2024: expression: more than 2000 operators, "
            "expected at most that");
}

TEST(Nesting, OtherExpressionsAndSignsAreNot) {
  EXPECT_EQ(find("(" + repeat("d0 + d1, ", 10000) + ")"), "");
  EXPECT_EQ(find("(" + repeat("d0 + d1 == 0, d0 >= 0, ", 10000) + ")"), "");
  EXPECT_EQ(find("dense<[" + repeat("-1, ", 10000) + "]>"), "");
  EXPECT_EQ(find(repeat("%0 = a.b -1\n", 10000)), "");
  EXPECT_EQ(find("{" + repeat("a.b(%0) {mod = -1.0e+05 : f32}\n", 10000) + "}"),
            "");
}

TEST(Nesting, AliasesAreAsDeepAsTheirValues) {
  EXPECT_EQ(find(chain('#', "[]", "[@]", 400)), "");
  EXPECT_NE(find(chain('#', "[]", "[@]", 600)), "");
  EXPECT_NE(find(chain('!', "i32", "tuple<@>", 600)), "");
  EXPECT_NE(find(chain('#', "loc(\"x\")", "loc(\"a\"(@))", 600)), "");
  EXPECT_NE(find(chain('#', "[]", "[[@]]", 300)), "");
  // Wherever the lines are broken.
  EXPECT_NE(find(chain('#', "0", "dense<0>\n : tensor<1x@>", 600)), "");
  EXPECT_NE(find(chain('#', "0", "dense<0> : // (\n\n tensor<1x@>", 600)), "");
  EXPECT_NE(find(chain('!', "i1", "\n() ->\n tuple<@>", 600)), "");
  // Uses do not make the last one deeper.
  EXPECT_EQ(find("#a = []\n" + repeat("a.b {x = #a}\n", 1000)), "");
  // A use inside brackets adds to them.
  std::string aliases = chain('!', "i32", "tuple<@>", 400);
  EXPECT_EQ(find(aliases + "f" + repeat("(", 100) + "!a399"), "");
  EXPECT_NE(find(aliases + "f" + repeat("(", 200) + "!a399"), "");
}

TEST(Nesting, ManyFlatAliasesAreNotDeep) {
  EXPECT_EQ(find(chain('#', "loc(\"x\")", "loc(\"a\"(#loc))", 10000)), "");
  EXPECT_EQ(find(repeat("%0#1 = a.b %1#0 : !llama.block<q8_0>\n", 10000)), "");
}

TEST(Nesting, AliasesThatDoubleAreRefused) {
  for (std::string_view next : {"[@, @]", "{a = @, b = @}"}) {
    EXPECT_EQ(find(chain('#', "[]", next, 15)), "");
    EXPECT_EQ(find(chain('#', "[]", next, 40)).substr(0, 19),
              "error: m.mlir:byte ");
  }
  std::string error = find(chain('!', "i32", "tuple<@, @>", 40));
  EXPECT_NE(error.find(": nesting: more than 100000 names in an alias, "
                       "expected at most that"),
            std::string::npos)
      << error;
  // These are printed as aliases.
  EXPECT_EQ(find(chain('#', "loc(\"x\")", "loc(callsite(@ at @))", 40)), "");
}

TEST(Nesting, AnyBytesAreScannedToTheirEnd) {
  for (std::string_view text :
       {"", "#", "!", "\"", "\"\\", "/", "//", "-", "<", ">", "#a",
        "#a =", "#a = #a", ")))]]}}>>>", "->", "\xff\xfe"})
    EXPECT_EQ(find(text), "") << text;
  EXPECT_EQ(find("ML\xEFR" + repeat("(", 1000)), "") << "bytecode";
}

} // namespace
