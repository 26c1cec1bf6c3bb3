//===- OrderedSumsTest.cpp - The stated orders of summation ---------------===//

#include "lamina/Interpreter/Numerics.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace lamina;

namespace {

TEST(OrderedSumsTest, Sum16AddsLanesThenHalves) {
  // 2^24 + 1 rounds to 2^24: the two ones are lost if they meet 2^24 one by
  // one, and kept if they meet each other first. Lanes 0, 1 and 9: 1 and 9 meet
  // first.
  std::vector<float> a(16, 0.0f);
  a[0] = 0x1p24f;
  a[1] = a[9] = 1.0f;
  EXPECT_EQ(sum16(a), 0x1p24f + 2.0f);
  // Lanes 0 and 8 meet first: both ones are lost.
  std::vector<float> b(16, 0.0f);
  b[0] = 0x1p24f;
  b[8] = b[4] = 1.0f;
  EXPECT_EQ(sum16(b), 0x1p24f);
  // Elements 0 and 16 share an accumulator.
  std::vector<float> c(17, 0.0f);
  c[0] = 0x1p24f;
  c[16] = c[1] = 1.0f;
  EXPECT_EQ(sum16(c), 0x1p24f);
}

TEST(OrderedSumsTest, Dot16FusesProducts) {
  float x = 1.0f + 0x1p-23f; // x * x needs 47 bits
  std::vector<float> a(17, 0.0f), b(17, 0.0f);
  a[0] = b[0] = a[16] = x;
  b[16] = -x;
  EXPECT_EQ(dot16(a, b), -0x1p-46f); // the rounding error of the first product
}

TEST(OrderedSumsTest, SumsOfNothingAreZero) {
  EXPECT_EQ(sum16({}), 0.0f);
  EXPECT_EQ(dot16({}, {}), 0.0f);
}

TEST(OrderedSumsTest, TreeAddsChildrenInOrder) {
  std::vector<float> leaves = {0x1p24f, 1.0f, 1.0f, 0.0f};
  EXPECT_EQ(combineTree(leaves, {4}), 0x1p24f); // ((a + b) + c) + d
  EXPECT_EQ(combineTree({0x1p24f, 0.0f, 1.0f, 1.0f}, {2, 2}), 0x1p24f + 2.0f);
  EXPECT_EQ(combineTree(leaves, {2, 2}), 0x1p24f); // (a + b) + (c + d)
  EXPECT_EQ(combineTree({3.0f}, {}), 3.0f);
  // The outermost radix is the root: six leaves as three pairs, or two triples.
  std::vector<float> six = {0x1p24f, 0.0f, 1.0f, 1.0f, 1.0f, 1.0f};
  EXPECT_EQ(combineTree(six, {3, 2}), 0x1p24f + 4.0f);
  EXPECT_EQ(combineTree({0x1p24f, 1.0f, 1.0f, 1.0f, 1.0f, 1.0f}, {2, 3}),
            0x1p24f + 4.0f); // 1 + 1 + 1 = 3, and 2^24 + 3 is a tie
}

TEST(OrderedSumsTest, FlushedFmaReadsSubnormalsAsZero) {
  EXPECT_EQ(fmaFlushed(0x1p-127f, 0x1p100f, 1.0f), 1.0f);
  EXPECT_EQ(fmaFlushed(0x1p100f, 0x1p-127f, 1.0f), 1.0f);
  EXPECT_EQ(fmaFlushed(0.0f, 1.0f, 0x1p-127f), 0.0f);
  EXPECT_TRUE(std::signbit(fmaFlushed(-1.0f, 0x1p-140f, -0.0f)));
}

TEST(OrderedSumsTest, FlushedFmaFlushesSubnormalResults) {
  EXPECT_EQ(fmaFlushed(0x1p-100f, 0x1p-30f, 0.0f), 0.0f);
  EXPECT_TRUE(std::signbit(fmaFlushed(-0x1p-100f, 0x1p-30f, 0.0f)));
  EXPECT_EQ(fmaFlushed(0x1p-100f, 0x1p-26f, 0.0f), 0x1p-126f);
  // 2^-126 - 2^-151 is the edge: below it the result rounds, with 24 bits, to a
  // subnormal, though with gradual underflow it would round to 2^-126.
  EXPECT_EQ(fmaFlushed(-0x1p-75f, 0x1p-76f, 0x1p-126f), 0x1p-126f);
  EXPECT_EQ(fmaFlushed(-0x1.8p-75f, 0x1p-76f, 0x1p-126f), 0.0f);
  EXPECT_TRUE(std::isnan(fmaFlushed(NAN, 1.0f, 0.0f)));
}

} // namespace
