//===- StopTextTest.cpp - Stop texts in a stream --------------------------===//

#include "program/Generation.h"

#include <gtest/gtest.h>

namespace lamina::program {

namespace {

/// Pushes the text in pieces of `size` bytes.
std::string filterAll(const std::vector<std::string> &stops,
                      const std::string &text, size_t size, bool &hasStopped) {
  StopTextFilter filter(stops);
  std::string out;
  hasStopped = false;
  for (size_t i = 0; i < text.size() && !hasStopped; i += size)
    hasStopped = filter.push(text.substr(i, size), out);
  if (!hasStopped)
    filter.flush(out);
  return out;
}

TEST(StopText, IsFoundAcrossPieces) {
  for (size_t size : {1, 2, 3, 5, 100}) {
    bool stopped = false;
    EXPECT_EQ(filterAll({"END"}, "some ENEND more", size, stopped), "some EN");
    EXPECT_TRUE(stopped);
    EXPECT_EQ(filterAll({"END", "me"}, "some END", size, stopped), "so");
    EXPECT_TRUE(stopped);
    EXPECT_EQ(filterAll({"END"}, "it ends EN", size, stopped), "it ends EN");
    EXPECT_FALSE(stopped);
    EXPECT_EQ(filterAll({}, "anything", size, stopped), "anything");
  }
}

TEST(StopText, HoldsBackOnlyWhatMayBecomeOne) {
  StopTextFilter filter({"abab"});
  std::string out;
  EXPECT_FALSE(filter.push("xaba", out));
  EXPECT_EQ(out, "x");
  EXPECT_FALSE(filter.push("c", out));
  EXPECT_EQ(out, "xabac");
}

} // namespace

} // namespace lamina::program
