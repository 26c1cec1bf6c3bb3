//===- InverseFrequenciesTest.cpp - Tests of InverseFrequencies.h ---------===//
//
// Expected values are from mpmath with 400 bits, rounded once to f64.
//
//===----------------------------------------------------------------------===//

#include "lamina/Import/InverseFrequencies.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace lamina;

TEST(InverseFrequencies, PowersAreCorrectlyRounded) {
  struct Case {
    double theta;
    int64_t index, count;
    double expected;
  };
  const Case cases[] = {
      {10000.0, 1, 4, 0x1.999999999999ap-4},
      {10000.0, 2, 4, 0x1.47ae147ae147bp-7},
      {10000.0, 3, 4, 0x1.0624dd2f1a9fcp-10},
      {10000.0, 1, 64, 0x1.bb5fad00ab22cp-1},
      {10000.0, 17, 64, 0x1.62b2f0cd55b56p-4},
      {10000.0, 63, 64, 0x1.e459c57e28a47p-14},
      {100000.0, 1, 32, 0x1.654a0ce83e4cbp-1},
      {100000.0, 15, 32, 0x1.28fb5b85c8148p-8},
      {100000.0, 31, 32, 0x1.e0d6d7acaba7bp-17},
      {500000.0, 1, 64, 0x1.a115829457fbep-1},
      {500000.0, 32, 64, 0x1.72ba43fff3717p-10},
      {500000.0, 63, 64, 0x1.4985fec80a8cbp-19},
      {1000000.0, 7, 48, 0x1.111aedafb9a9dp-3},
      {1000000.0, 47, 48, 0x1.65f6e520fb379p-20},
      {10000.5, 1, 50, 0x1.a9dcd4fd272b0p-1},
      {10000.5, 33, 50, 0x1.2c4239ef936dep-9},
      {1000000000000000.0, 1, 2048, 0x1.f7700daf26ba4p-1},
      {1000000000000000.0, 2047, 2048, 0x1.2521eb50413b0p-50},
  };
  for (const Case &c : cases) {
    RoundedPower power = computeInversePower(c.theta, c.index, c.count);
    EXPECT_EQ(power.value, c.expected)
        << c.theta << "^-(" << c.index << "/" << c.count << ")";
    EXPECT_TRUE(power.isCorrectlyRounded);
  }
}

TEST(InverseFrequencies, ExactPowers) {
  EXPECT_EQ(computeInversePower(1, 5, 7).value, 1.0);
  EXPECT_EQ(computeInversePower(16, 1, 2).value, 0.25);
  EXPECT_EQ(computeInversePower(1024, 3, 10).value, 0.125);
  EXPECT_EQ(computeInversePower(777, 0, 9).value, 1.0);
}

// No base and head size in use comes near a tie between two doubles, so for all
// of them the constants are the nearest doubles.
TEST(InverseFrequencies, NoModelComesNearATie) {
  for (double theta : {10000.0, 100000.0, 130000.0, 273768.0, 500000.0, 1e6,
                       2e6, 5e6, 1e7, 1e8, 1e9})
    for (int64_t count : {2, 4, 8, 16, 24, 32, 40, 48, 50, 64, 80, 96, 128})
      for (int64_t index = 0; index < count; ++index)
        EXPECT_TRUE(computeInversePower(theta, index, count).isCorrectlyRounded)
            << theta << " " << index << "/" << count;
}

TEST(InverseFrequencies, Linear) {
  RopeScaling scaling;
  scaling.kind = RopeScaling::Kind::Linear;
  scaling.factor = 4;
  auto plain = computeInverseFrequencies(10000, 8, RopeScaling());
  auto scaled = computeInverseFrequencies(10000, 8, scaling);
  ASSERT_EQ(plain.size(), 4u);
  ASSERT_EQ(scaled.size(), 4u);
  for (size_t i = 0; i < 4; ++i)
    EXPECT_EQ(scaled[i], plain[i] / 4);
}

/// A relative difference of a few f64 roundings.
static void expectClose(double actual, double expected) {
  EXPECT_NEAR(actual, expected, std::fabs(expected) * 0x1p-50);
}

// The three ranges: below index 29 unchanged, 29 to 34 between, then divided.
TEST(InverseFrequencies, Llama31) {
  RopeScaling scaling{RopeScaling::Kind::Llama3, 8, 1, 4, 8192};
  auto frequencies = computeInverseFrequencies(500000, 128, scaling);
  ASSERT_EQ(frequencies.size(), 64u);
  EXPECT_EQ(frequencies[0], 1.0);
  EXPECT_EQ(frequencies[28], 0x1.a4ee3f0a6907bp-9);
  expectClose(frequencies[29], 0.0021665707635033586093);
  expectClose(frequencies[31], 0.00085675141291963208107);
  expectClose(frequencies[34], 0.00017850781276799641852);
  EXPECT_EQ(frequencies[35], 0x1.90d10c806f8c1p-14);
  EXPECT_EQ(frequencies[63], 0x1.4985fec80a8cbp-22);
}

TEST(InverseFrequencies, Llama32) {
  RopeScaling scaling{RopeScaling::Kind::Llama3, 32, 1, 4, 8192};
  auto frequencies = computeInverseFrequencies(500000, 64, scaling);
  ASSERT_EQ(frequencies.size(), 32u);
  expectClose(frequencies[14], 0.0032114459947525910185);
  expectClose(frequencies[15], 0.0012905479282092638184);
  expectClose(frequencies[17], 0.000097082878026276722608);
  expectClose(frequencies[18], 0.000019461638184831124361);
}
