//===- InverseFrequencies.cpp - Constants of the rotary embedding ---------===//
//
// theta^(-i/m) = 2^(-(i/m) * log2 theta), in 128-bit integers:
//   log2 of a mantissa x in [1, 2), bit after bit: square x; if it is 2 or more
//   the bit is 1 and x is halved. A rounding error in step k weighs 2^-k.
//   2^-f for f in [0, 1) by the Taylor series of exp(-f ln 2).
//
//===----------------------------------------------------------------------===//

#include "lamina/Import/InverseFrequencies.h"

#include <cassert>
#include <cstring>

using namespace lamina;

namespace {

__extension__ typedef unsigned __int128 UInt128;

/// log2 theta has 6 integer bits (theta < 2^50) and this many fraction bits; a
/// product with an index below 2^11 stays below 2^128.
constexpr unsigned kLogBits = 110;
/// Fraction bits of the exponent and of the terms of the series.
constexpr unsigned kExpBits = 126;
/// Error of a power relative to its value: see computeInversePower.
constexpr unsigned kErrorBits = 105;

/// ln 2 * 2^128, rounded down.
constexpr UInt128 kLn2 =
    (UInt128(0xB17217F7D1CF79ABull) << 64) | 0xC9E3B39803F2F6AFull;

/// Returns the high 128 bits of the product.
UInt128 mulHigh(UInt128 a, UInt128 b) {
  uint64_t aLow = uint64_t(a), aHigh = uint64_t(a >> 64);
  uint64_t bLow = uint64_t(b), bHigh = uint64_t(b >> 64);
  UInt128 low = UInt128(aLow) * bLow;
  UInt128 middle = UInt128(aLow) * bHigh;
  UInt128 middle2 = UInt128(aHigh) * bLow;
  UInt128 carry = (low >> 64) + uint64_t(middle) + uint64_t(middle2);
  return UInt128(aHigh) * bHigh + (middle >> 64) + (middle2 >> 64) +
         (carry >> 64);
}

/// Returns log2(theta) * 2^kLogBits, less than one unit too small.
UInt128 computeLog2(double theta) {
  uint64_t bits = 0;
  std::memcpy(&bits, &theta, sizeof(bits));
  unsigned exponent = unsigned(bits >> 52) - 1023;
  uint64_t mantissa = (bits & ((1ull << 52) - 1)) | (1ull << 52);

  UInt128 x = UInt128(mantissa) << 75; // [1, 2) * 2^127
  UInt128 log = exponent;
  for (unsigned bit = 0; bit < kLogBits; ++bit) {
    x = mulHigh(x, x); // [1, 4) * 2^126
    log <<= 1;
    if (x >> 127)
      log |= 1;
    else
      x <<= 1;
  }
  return log;
}

/// Returns 2^(-fraction / 2^kExpBits) * 2^kExpBits for a fraction below 1.
UInt128 computeExp2OfNegative(UInt128 fraction) {
  UInt128 x = mulHigh(fraction, kLn2); // [0, ln 2) * 2^kExpBits
  UInt128 positive = 0, negative = 0;
  UInt128 term = UInt128(1) << kExpBits;
  for (unsigned n = 1; term != 0; ++n) {
    (n % 2 == 1 ? positive : negative) += term;
    term = (mulHigh(term, x) << (128 - kExpBits)) / n;
  }
  return positive - negative;
}

} // namespace

RoundedPower lamina::computeInversePower(double theta, int64_t index,
                                         int64_t count) {
  assert(theta >= kMinRopeTheta && theta <= kMaxRopeTheta);
  assert(index >= 0 && index < count && count <= kMaxHeadDim / 2);

  // Errors: the logarithm is exact to 2^-110 and the quotient to 2^-110, so the
  // exponent to 2^-109; the series has under 40 terms, each exact to 2^-123.
  UInt128 exponent = computeLog2(theta) * UInt128(index) / UInt128(count);
  unsigned whole = unsigned(exponent >> kLogBits);
  UInt128 fraction = (exponent & ((UInt128(1) << kLogBits) - 1))
                     << (kExpBits - kLogBits);
  if (fraction == 0 && index == 0)
    return {1.0, true};
  UInt128 power = computeExp2OfNegative(fraction); // (1/2, 1] * 2^kExpBits

  // Exactly 2^-whole comes out at most a few units away from it.
  unsigned leading = power >> kExpBits ? kExpBits : kExpBits - 1;
  unsigned dropped = leading - 52;
  UInt128 half = UInt128(1) << (dropped - 1);
  UInt128 rest = power & ((UInt128(1) << dropped) - 1);
  UInt128 error = UInt128(1) << (kExpBits - kErrorBits);
  UInt128 distance = rest > half ? rest - half : half - rest;

  uint64_t mantissa = uint64_t(power >> dropped) + (rest >= half ? 1 : 0);
  double value = double(mantissa); // at most 2^53: exact
  // Scaling by powers of two is exact: no result is subnormal.
  for (unsigned shift = whole + kExpBits - dropped; shift > 0;) {
    unsigned step = shift < 60 ? shift : 60;
    value /= double(1ull << step);
    shift -= step;
  }
  return {value, distance > error};
}

/// One frequency of `llama3` scaling: transformers' _compute_llama3_parameters.
static double scaleLlama3(double frequency, const RopeScaling &scaling) {
  constexpr double twoPi = 6.283185307179586476925286766559;
  double length = double(scaling.originalMaxPositions);
  double low = scaling.lowFrequencyFactor;
  double high = scaling.highFrequencyFactor;
  double wavelength = twoPi / frequency;
  if (wavelength < length / high)
    return frequency;
  double scaled = frequency / scaling.factor;
  if (wavelength > length / low)
    return scaled;
  double smooth = (length / wavelength - low) / (high - low);
  return (1 - smooth) * frequency / scaling.factor + smooth * frequency;
}

std::vector<double>
lamina::computeInverseFrequencies(double theta, int64_t headDim,
                                  const RopeScaling &scaling) {
  int64_t count = headDim / 2;
  std::vector<double> frequencies;
  frequencies.reserve(count);
  for (int64_t i = 0; i < count; ++i) {
    double frequency = computeInversePower(theta, i, count).value;
    switch (scaling.kind) {
    case RopeScaling::Kind::None:
      break;
    case RopeScaling::Kind::Linear:
      frequency /= scaling.factor;
      break;
    case RopeScaling::Kind::Llama3:
      frequency = scaleLlama3(frequency, scaling);
      break;
    case RopeScaling::Kind::Factors:
      frequency /= scaling.factors[size_t(i)];
      break;
    }
    frequencies.push_back(frequency);
  }
  return frequencies;
}
