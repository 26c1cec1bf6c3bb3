//===- ConversionsTest.cpp - f32 to and from bf16 and f16 -----------------===//

#include "lamina/Interpreter/Numerics.h"
#include "llvm/ADT/bit.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace lamina;

namespace {

/// A 16-bit format with `mantissaBits` bits behind the point and an exponent
/// bias, written from the definition and not from bit tricks.
struct SmallFormat {
  int mantissaBits;
  int bias;

  double decode(uint16_t bits) const {
    int exponentBits = 15 - mantissaBits;
    int exponent = bits >> mantissaBits & ((1 << exponentBits) - 1);
    double mantissa = bits & ((1 << mantissaBits) - 1);
    double sign = bits & 0x8000 ? -1.0 : 1.0;
    if (exponent == (1 << exponentBits) - 1)
      return mantissa == 0 ? sign * INFINITY : NAN;
    if (exponent == 0)
      return sign * std::ldexp(mantissa, 1 - bias - mantissaBits);
    return sign * std::ldexp(mantissa + std::ldexp(1.0, mantissaBits),
                             exponent - bias - mantissaBits);
  }
};

constexpr SmallFormat kBf16{7, 127};
constexpr SmallFormat kF16{10, 15};

TEST(ConversionsTest, WidenEveryPattern) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    double bf16 = kBf16.decode(bits), f16 = kF16.decode(bits);
    float gotBf16 = f32FromBf16(bits), gotF16 = f32FromF16(bits);
    EXPECT_TRUE(std::isnan(bf16) ? std::isnan(gotBf16) : bf16 == gotBf16)
        << bits;
    EXPECT_TRUE(std::isnan(f16) ? std::isnan(gotF16) : f16 == gotF16) << bits;
    EXPECT_EQ(std::signbit(gotBf16), bits >> 15);
    EXPECT_EQ(std::signbit(gotF16), bits >> 15);
  }
}

TEST(ConversionsTest, RoundTripOfEveryPattern) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    if (!std::isnan(kF16.decode(bits))) {
      EXPECT_EQ(f16FromF32(f32FromF16(bits)), bits);
    }
    double bf16 = kBf16.decode(bits);
    if (std::isnan(bf16))
      continue;
    bool isSubnormal = std::fabs(bf16) < 0x1p-126;
    EXPECT_EQ(bf16FromF32(f32FromBf16(bits)),
              isSubnormal ? bits & 0x8000 : bits);
  }
}

TEST(ConversionsTest, NanIsKeptQuiet) {
  EXPECT_EQ(bf16FromF32(llvm::bit_cast<float>(0x7F800001u)), 0x7FC0);
  EXPECT_EQ(bf16FromF32(llvm::bit_cast<float>(0xFFC00000u)), 0xFFC0);
  EXPECT_EQ(f16FromF32(llvm::bit_cast<float>(0x7F800001u)), 0x7E00);
  EXPECT_EQ(f16FromF32(llvm::bit_cast<float>(0xFFFFFFFFu)), 0xFFFF);
}

/// Checks that the values between two neighbours of a format round to the
/// nearer one, and ties to the even one.
template <typename Convert>
void checkBetween(const SmallFormat &format, uint16_t low, Convert convert) {
  double a = format.decode(low), b = format.decode(low + 1);
  if (!std::isfinite(b))
    b = 2 * a - format.decode(low - 1); // what follows the largest number
  float middle = static_cast<float>((a + b) / 2);
  ASSERT_EQ(static_cast<double>(middle), (a + b) / 2);
  EXPECT_EQ(convert(middle), low + (low & 1)) << low;
  EXPECT_EQ(convert(std::nextafter(middle, 0.0f)), low) << low;
  EXPECT_EQ(convert(std::nextafter(middle, INFINITY)), low + 1) << low;
  EXPECT_EQ(convert(-middle), 0x8000 | (low + (low & 1))) << low;
}

TEST(ConversionsTest, RoundsToNearestEven) {
  for (uint16_t low = 0x0080; low < 0x7F80; ++low)
    checkBetween(kBf16, low, bf16FromF32);
  for (uint16_t low = 0; low < 0x7C00; ++low)
    checkBetween(kF16, low, f16FromF32);
}

TEST(ConversionsTest, Bf16FlushesSubnormals) {
  EXPECT_EQ(bf16FromF32(0x1.fffffcp-127f), 0);
  EXPECT_EQ(bf16FromF32(-0x1p-149f), 0x8000);
  EXPECT_EQ(bf16FromF32(0x1p-126f), 0x0080);
}

} // namespace
