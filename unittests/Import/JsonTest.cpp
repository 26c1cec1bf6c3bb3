//===- JsonTest.cpp - Tests of Json.h -------------------------------------===//

#include "lamina/Import/Json.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

using namespace lamina;
using json::Kind;

/// Returns the one error of `text` without its file, or `ok`.
static std::string check(std::string_view text) {
  InputErrors errors;
  auto document = json::parse(text, "f", errors);
  EXPECT_EQ(document.has_value(), errors.empty());
  if (errors.empty())
    return "ok";
  EXPECT_EQ(errors.size(), 1u);
  EXPECT_EQ(errors.exitCode(), ExitCode::Malformed);
  const InputError &error = errors.list().front();
  return error.place + ": " + error.found;
}

static json::Document parseGood(std::string_view text) {
  InputErrors errors;
  auto document = json::parse(text, "f", errors);
  EXPECT_TRUE(document.has_value()) << errors.toString();
  return std::move(*document);
}

TEST(Json, KeepsOrderKindsAndOffsets) {
  json::Document document =
      parseGood(" {\"b\": [1, -2.5, null],\n  \"a\": {\"x\\u0041\": \"y\\n\"},"
                " \"t\": true, \"f\" :false}\n");
  const json::Value &root = document.root();
  ASSERT_EQ(root.kind(), Kind::Object);
  ASSERT_EQ(root.size(), 4u);
  EXPECT_EQ(root.offset(), 1u);
  const json::Value *member = root.begin();
  EXPECT_EQ(member[0].key(), "b");
  EXPECT_EQ(member[0].keyOffset(), 2u);
  EXPECT_EQ(member[0].offset(), 7u);
  ASSERT_EQ(member[0].size(), 3u);
  EXPECT_EQ(member[0].begin()[1].number(), -2.5);
  EXPECT_EQ(member[0].begin()[1].offset(), 11u);
  EXPECT_TRUE(member[0].begin()[2].isNull());
  EXPECT_EQ(member[1].find("xA")->text(), "y\n");
  EXPECT_TRUE(member[2].boolean());
  EXPECT_EQ(member[3].kind(), Kind::Boolean);
  EXPECT_FALSE(member[3].boolean());
  EXPECT_EQ(root.find("absent"), nullptr);
  json::LineColumn place = document.lineColumn(member[1].keyOffset());
  EXPECT_EQ(place.line, 2u);
  EXPECT_EQ(place.column, 3u);
}

TEST(Json, NumbersStayExact) {
  json::Document document = parseGood(
      "[9223372036854775807, 9223372036854775808, 18446744073709551615, "
      "18446744073709551616, -9223372036854775808, 9007199254740993, 2.0, 1e3, "
      "1e400, -0, 1e-400, 1e-05]");
  const json::Value *v = document.root().begin();
  EXPECT_EQ(v[0].int64(), INT64_MAX);
  EXPECT_EQ(v[1].int64(), std::nullopt);
  EXPECT_EQ(v[1].uint64(), 9223372036854775808ull);
  EXPECT_EQ(v[2].uint64(), UINT64_MAX);
  EXPECT_EQ(v[3].kind(), Kind::Integer);
  EXPECT_EQ(v[3].uint64(), std::nullopt);
  EXPECT_EQ(v[3].number(), 0x1p64);
  EXPECT_EQ(v[4].int64(), INT64_MIN);
  EXPECT_EQ(v[4].uint64(), std::nullopt);
  EXPECT_EQ(v[5].int64(), 9007199254740993); // no double has this value
  EXPECT_EQ(v[6].int64(), std::nullopt);     // a fraction is no integer
  EXPECT_EQ(v[6].number(), 2.0);
  EXPECT_EQ(v[7].int64(), std::nullopt);
  EXPECT_EQ(v[7].text(), "1e3");
  EXPECT_EQ(v[8].number(), std::nullopt);
  EXPECT_EQ(v[9].uint64(), 0u);
  EXPECT_EQ(v[10].number(), std::nullopt);
  EXPECT_EQ(v[11].number(), 1e-05);
}

TEST(Json, RejectsWithOffset) {
  EXPECT_EQ(check(""), "byte 0: an empty file");
  EXPECT_EQ(check(" \n"), "byte 0: an empty file");
  EXPECT_EQ(check("\xEF\xBB\xBF{}"), "byte 0: a byte order mark");
  EXPECT_EQ(check("5"), "byte 0: a single value");
  EXPECT_EQ(check("\"x\""), "byte 0: a single value");
  EXPECT_EQ(check("nul"), "byte 0: \"nul\"");
  EXPECT_EQ(check("{\"a\":1,}"), "byte 7: '}'");
  EXPECT_EQ(check("[1,]"), "byte 3: ']'");
  EXPECT_EQ(check("[,1]"), "byte 1: ','");
  EXPECT_EQ(check("[1 2]"), "byte 3: '2'");
  EXPECT_EQ(check("{\"a\" 1}"), "byte 5: '1'");
  EXPECT_EQ(check("{\"a\"}"), "byte 4: '}'");
  EXPECT_EQ(check("{a:1}"), "byte 1: 'a'");
  EXPECT_EQ(check("{\"a\":1 \"b\":2}"), "byte 7: '\"'");
  EXPECT_EQ(check("{\"a\":}"), "byte 5: '}'");
  EXPECT_EQ(check("{\"a\":[1}"), "byte 7: '}'");
  EXPECT_EQ(check("{\"a\":[1"), "byte 7: the end of the file");
  EXPECT_EQ(check("{\"a\":"), "byte 5: the end of the file");
  EXPECT_EQ(check("{} x"), "byte 3: 'x'");
  EXPECT_EQ(check("{} {}"), "byte 3: '{'");
  EXPECT_EQ(check("[1]]"), "byte 3: ']'");
  EXPECT_EQ(check("{\"a\":1, // c\n\"b\":2}"), "byte 8: a comment");
  EXPECT_EQ(check("{\"a\":/* c */1}"), "byte 5: a comment");
  EXPECT_EQ(check("// c\n{}"), "byte 0: a comment");
}

TEST(Json, RejectsBadScalars) {
  for (const char *bad :
       {"NaN", "Infinity", "-Infinity", "nan", "inf", "tru", "True", "nulls",
        "01", "-", "+1", ".5", "1.", "1e", "1e+", "0x10", "1_000", "'a'"}) {
    std::string text = std::string("{\"a\":") + bad + "}";
    EXPECT_EQ(check(text).substr(0, 8), "byte 5: ") << bad;
  }
  EXPECT_EQ(check("{\"a\":-Infinity}"), "byte 5: \"-Infinity\"");
}

TEST(Json, RejectsBadStrings) {
  EXPECT_EQ(check("{\"a\":\"b\xFF\"}"), "byte 7: byte 0xFF");
  EXPECT_EQ(check("{\"\xED\xA0\x80\":1}"), "byte 2: byte 0xED");
  EXPECT_EQ(check("{\"a\":\"b\nc\"}"), "byte 7: byte 0x0A");
  EXPECT_EQ(check("{\"a\":\"bc}"), "byte 5: a string without end");
  EXPECT_EQ(check("{\"a\":\"\\x\"}"),
            "byte 5: a string with an invalid escape");
  EXPECT_EQ(check("{\"a\":\"\\ud800\"}"),
            "byte 5: a string with an invalid escape");
  EXPECT_EQ(check("{\"\\q\":1}"), "byte 1: a key with an invalid escape");
  using std::string_view_literals::operator""sv;
  EXPECT_EQ(check("{\"a\":\0}"sv), "byte 5: byte 0x00");
  EXPECT_EQ(check("{\"a\":1}\0"sv), "byte 7: byte 0x00");
}

TEST(Json, RejectsDuplicateKeys) {
  EXPECT_EQ(check("{\"a\":1, \"b\":2, \"a\":3}"),
            "byte 15: duplicate key \"a\", first at byte 1");
  EXPECT_EQ(check("[{\"k\":{\"x\":1,\"\\u0078\":1}}]"),
            "byte 13: duplicate key \"x\", first at byte 7");
  EXPECT_EQ(check("{\"a\":{\"a\":1}}"), "ok");
}

TEST(Json, DepthLimit) {
  auto nested = [](unsigned depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_EQ(check(nested(64)), "ok");
  EXPECT_EQ(check(nested(65)), "byte 64: more than 64 levels of nesting");
  EXPECT_EQ(check(nested(100000)), "byte 64: more than 64 levels of nesting");
  EXPECT_EQ(check(std::string(100000, '[')),
            "byte 64: more than 64 levels of nesting");
}

// Every prefix of a valid text, and every byte of it replaced: an error or a
// tree, never a crash, and the place lies in the text.
TEST(Json, DamagedTextIsNoCrash) {
  const std::string good = "{\"a\":[1,-2.5e3,true,null,\"x\\u00e9\"],"
                           "\"\xC3\xA9\":{\"b\":{}},\"c\":false}";
  ASSERT_EQ(check(good), "ok");
  for (size_t length = 0; length < good.size(); ++length)
    EXPECT_NE(check(std::string_view(good).substr(0, length)), "ok") << length;
  for (size_t at = 0; at < good.size(); ++at)
    for (int byte = 0; byte < 256; ++byte) {
      std::string damaged = good;
      damaged[at] = static_cast<char>(byte);
      InputErrors errors;
      json::parse(damaged, "f", errors);
      for (const InputError &error : errors.list()) {
        size_t place = std::stoul(error.place.substr(5));
        EXPECT_LE(place, damaged.size()) << damaged;
      }
    }
}

// A header of many tensors must not take quadratic time: were it so, the larger
// text would take a hundred times as long as the smaller one.
TEST(Json, ManyKeysInAlmostLinearTime) {
  auto measure = [](unsigned keys) {
    std::string text = "{";
    for (unsigned i = 0; i < keys; ++i)
      text += "\"model.layers." + std::to_string(i) + ".weight\":[0,1],";
    text.back() = '}';
    auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(check(text), "ok");
    return std::chrono::duration<double>(std::chrono::steady_clock::now() -
                                         start)
        .count();
  };
  double small = measure(20000), large = measure(200000);
  for (int repeat = 0; repeat < 3; ++repeat) { // the machine may be busy
    small = std::max(small, measure(20000));
    large = std::min(large, measure(200000));
  }
  EXPECT_LT(large, 50 * small);
}
