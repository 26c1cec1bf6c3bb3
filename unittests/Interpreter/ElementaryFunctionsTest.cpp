//===- ElementaryFunctionsTest.cpp - exp, log, sin, cos -------------------===//

#include "lamina/Interpreter/Numerics.h"
#include "llvm/ADT/bit.h"
#include "gtest/gtest.h"
#include <cmath>
#include <limits>

using namespace lamina;

namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

/// Distance of `got` from `exact` in units of the last place of an f32.
double ulpsF32(float got, long double exact) {
  int exponent;
  std::frexp(std::fabs(static_cast<double>(exact)), &exponent);
  int unit = std::max(exponent - 24, -149);
  return std::fabs(static_cast<double>(got - exact)) / std::ldexp(1.0, unit);
}

TEST(ElementaryFunctionsTest, ExpIsWithinOneUlp) {
  for (uint64_t bits = 0; bits < (uint64_t(1) << 32); bits += 4099) {
    float x = llvm::bit_cast<float>(static_cast<uint32_t>(bits));
    if (!(x > -103.0f && x < 88.7f))
      continue;
    EXPECT_LE(ulpsF32(expF32(x), expl(x)), 1.01) << x;
  }
}

TEST(ElementaryFunctionsTest, ExpAtTheEdges) {
  EXPECT_EQ(expF32(0.0f), 1.0f);
  EXPECT_EQ(expF32(-0.0f), 1.0f);
  EXPECT_EQ(expF32(kInfinity), kInfinity);
  EXPECT_EQ(expF32(-kInfinity), 0.0f);
  EXPECT_EQ(expF32(88.73f), kInfinity);
  EXPECT_TRUE(std::isfinite(expF32(88.72f)));
  EXPECT_EQ(expF32(-103.9f), 0x1p-149f * (expl(-103.9L) > 0x1p-150L));
  EXPECT_EQ(expF32(-105.0f), 0.0f);
  EXPECT_EQ(expF32(-100.0f), static_cast<float>(expl(-100.0L))); // subnormal
  EXPECT_TRUE(std::isnan(expF32(NAN)));
}

TEST(ElementaryFunctionsTest, LogIsWithinOneUlp) {
  for (uint64_t bits = 1; bits < 0x7F800000; bits += 2039) {
    float x = llvm::bit_cast<float>(static_cast<uint32_t>(bits));
    EXPECT_LE(ulpsF32(logF32(x), logl(x)), 1.0) << x;
  }
}

TEST(ElementaryFunctionsTest, LogAtTheEdges) {
  EXPECT_EQ(logF32(1.0f), 0.0f);
  EXPECT_EQ(logF32(0.0f), -kInfinity);
  EXPECT_EQ(logF32(-0.0f), -kInfinity);
  EXPECT_EQ(logF32(kInfinity), kInfinity);
  EXPECT_TRUE(std::isnan(logF32(-1.0f)));
  EXPECT_TRUE(std::isnan(logF32(NAN)));
}

/// Distance in units of the last place of an f64.
double ulpsF64(double got, long double exact) {
  int exponent;
  std::frexp(std::fabs(static_cast<double>(exact)), &exponent);
  return static_cast<double>(std::fabs(got - exact) /
                             ldexpl(1.0L, exponent - 53));
}

TEST(ElementaryFunctionsTest, SinAndCosOfRopeAngles) {
  // Positions to 2^20 with the frequencies of a head of 128 columns. The 64-bit
  // significand of long double leaves 2^-11 of an f64 unit of doubt, more where
  // the exact value is small: there the absolute error is checked.
  for (int64_t position = 0; position <= 1 << 20; position += 4093)
    for (int i = 0; i < 64; i += 3) {
      double angle = position * std::pow(500000.0, -i / 64.0);
      EXPECT_LE(ulpsF64(sinF64(angle), sinl(angle)), 2.6) << angle;
      EXPECT_LE(ulpsF64(cosF64(angle), cosl(angle)), 2.6) << angle;
    }
}

TEST(ElementaryFunctionsTest, SinAndCosOfKnownAngles) {
  EXPECT_EQ(sinF64(0.0), 0.0);
  EXPECT_EQ(cosF64(0.0), 1.0);
  // The f64 nearest to pi/2 is 6.123233995736766e-17 below it.
  EXPECT_NEAR(cosF64(0x1.921fb54442d18p+0), 6.123233995736766e-17, 1e-32);
  EXPECT_NEAR(sinF64(1.0), 0.8414709848078965, 1e-16);
  EXPECT_NEAR(cosF64(-3.0), -0.9899924966004454, 1e-16);
  EXPECT_TRUE(std::isnan(sinF64(INFINITY)));
  EXPECT_TRUE(std::isnan(cosF64(NAN)));
}

} // namespace
