//===- Conversions.h - Widening and rounding of elements -------*- C++ -*-===//
//
// Section "Types and rounding" of docs/numerics.md. Part of one x86 level.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_CONVERSIONS_H
#define LAMINA_RUNTIME_CPU_CONVERSIONS_H

#include "Level.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

/// Bytes of an element of LAMRT_F32, LAMRT_F16 or LAMRT_BF16.
LAMINA_INLINE int64_t getElementBytes(int32_t type) {
  return type == LAMRT_F32 ? 4 : 2;
}

//===----------------------------------------------------------------------===//
// To f32: exact
//===----------------------------------------------------------------------===//

LAMINA_INLINE Words widenHalves(Halves halves) {
  return __builtin_convertvector(halves, Words);
}

LAMINA_INLINE Floats widenBf16(Halves halves) {
  return (Floats)(widenHalves(halves) << 16);
}
LAMINA_INLINE float widenBf16(uint16_t half) {
  return asFloat(static_cast<uint32_t>(half) << 16);
}

#if defined(__AVX512F__)
LAMINA_INLINE Floats widenF16(Halves halves) {
  return (Floats)_mm512_cvtph_ps((__m256i)halves);
}
#elif defined(__F16C__)
LAMINA_INLINE Floats widenF16(Halves halves) {
  __m256i bits = (__m256i)halves;
  __m256 low = _mm256_cvtph_ps(_mm256_castsi256_si128(bits));
  __m256 high = _mm256_cvtph_ps(_mm256_extracti128_si256(bits, 1));
  return __builtin_shufflevector(low, high, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
                                 11, 12, 13, 14, 15);
}
#else
/// The exponent moves from bias 15 to 127 by a product, which is exact and
/// makes f16 subnormals normal.
LAMINA_INLINE Floats widenF16(Halves halves) {
  Words wide = widenHalves(halves);
  Words bits = (Words)((Floats)((wide & 0x7fff) << 13) * 0x1p112f);
  Words special = (Words)((wide & 0x7c00) == 0x7c00);
  Words quiet = (Words)((wide & 0x7fff) > 0x7c00);
  bits = bits | (special & 0x7f800000) | (quiet & 0x00400000);
  return (Floats)(bits | (wide & 0x8000) << 16);
}
#endif
LAMINA_INLINE float widenF16(uint16_t half) {
  return widenF16(half - Halves{})[0];
}

/// Sixteen elements of `type` from element `i` of `data` on.
LAMINA_INLINE Floats widen(int32_t type, const uint8_t *data, int64_t i) {
  if (type == LAMRT_F32)
    return loadAs<Floats>(data + 4 * i);
  Halves halves = loadAs<Halves>(data + 2 * i);
  return type == LAMRT_BF16 ? widenBf16(halves) : widenF16(halves);
}

/// Elements [i, i + n), n < 16, then +0.0.
LAMINA_INLINE Floats widenPart(int32_t type, const uint8_t *data, int64_t i,
                               int64_t n) {
  uint8_t lanes[kLanes * sizeof(float)] = {};
  int64_t bytes = getElementBytes(type);
  __builtin_memcpy(lanes, data + i * bytes, static_cast<size_t>(n * bytes));
  return widen(type, lanes, 0);
}

//===----------------------------------------------------------------------===//
// From f32: one rounding
//===----------------------------------------------------------------------===//

LAMINA_INLINE Halves narrow(Words words) {
  return __builtin_convertvector(words, Halves);
}

/// Nearest even; f32 subnormals become zeros of their sign.
#ifdef __AVX512BF16__
LAMINA_INLINE Halves roundToBf16(Floats value) {
  return (Halves)_mm512_cvtneps_pbh((__m512)value);
}
#else
LAMINA_INLINE Halves roundToBf16(Floats value) {
  Words bits = (Words)value;
  Words high = bits >> 16;
  Words magnitude = bits & 0x7fffffff;
  Words rounded = (bits + 0x7fff + (high & 1)) >> 16;
  Words isNan = (Words)(magnitude > 0x7f800000);
  Words isTiny = (Words)(magnitude < 0x00800000);
  rounded = (isNan & (high | 0x40)) | (~isNan & rounded);
  rounded = (isTiny & high & 0x8000) | (~isTiny & rounded);
  return narrow(rounded);
}
#endif

#if defined(__AVX512F__)
LAMINA_INLINE Halves roundToF16(Floats value) {
  return (Halves)_mm512_cvtps_ph((__m512)value, _MM_FROUND_TO_NEAREST_INT);
}
#elif defined(__F16C__)
LAMINA_INLINE Halves roundToF16(Floats value) {
  __m256 low = __builtin_shufflevector(value, value, 0, 1, 2, 3, 4, 5, 6, 7);
  __m256 high =
      __builtin_shufflevector(value, value, 8, 9, 10, 11, 12, 13, 14, 15);
  return (Halves)_mm256_set_m128i(
      _mm256_cvtps_ph(high, _MM_FROUND_TO_NEAREST_INT),
      _mm256_cvtps_ph(low, _MM_FROUND_TO_NEAREST_INT));
}
#else
LAMINA_INLINE Halves roundToF16(Floats value) {
  Words bits = (Words)value;
  Words sign = (bits >> 16) & 0x8000;
  Words magnitude = bits & 0x7fffffff;
  Words normal = (magnitude + 0xfff + ((magnitude >> 13) & 1)) >> 13;
  normal = normal - (112 << 10);
  // The last bit of |value| + 0.5 is worth 2^-24, as that of an f16 subnormal.
  Words subnormal = (Words)((Floats)magnitude + 0.5f) - 0x3f000000;
  Words nan = (magnitude >> 13 & 0x3ff) | 0x7e00;
  Words isSubnormal = (Words)(magnitude < 0x38800000);
  Words isInfinite = (Words)(magnitude >= 0x477ff000);
  Words isNan = (Words)(magnitude > 0x7f800000);
  Words result = (isSubnormal & subnormal) | (~isSubnormal & normal);
  result = (isInfinite & 0x7c00) | (~isInfinite & result);
  result = (isNan & nan) | (~isNan & result);
  return narrow(result | sign);
}
#endif

/// Rounds 16 values to `type` and widens them again.
LAMINA_INLINE Floats roundThrough(int32_t type, Floats value) {
  if (type == LAMRT_BF16)
    return widenBf16(roundToBf16(value));
  return type == LAMRT_F16 ? widenF16(roundToF16(value)) : value;
}

/// Elements [i, i + 16) of `data` = rnd(value).
LAMINA_INLINE void roundTo(int32_t type, uint8_t *data, int64_t i,
                           Floats value) {
  if (type == LAMRT_F32) {
    __builtin_memcpy(data + 4 * i, &value, sizeof(value));
    return;
  }
  Halves halves = type == LAMRT_BF16 ? roundToBf16(value) : roundToF16(value);
  __builtin_memcpy(data + 2 * i, &halves, sizeof(halves));
}

/// The same for [i, i + n), n < 16.
LAMINA_INLINE void roundPartTo(int32_t type, uint8_t *data, int64_t i,
                               int64_t n, Floats value) {
  uint8_t lanes[kLanes * sizeof(float)];
  int64_t bytes = getElementBytes(type);
  roundTo(type, lanes, 0, value);
  __builtin_memcpy(data + i * bytes, lanes, static_cast<size_t>(n * bytes));
}

//===----------------------------------------------------------------------===//
// Rows
//===----------------------------------------------------------------------===//

LAMINA_INLINE uint8_t *getRow(const Rows &rows, int64_t t) {
  return rows.data + t * rows.rowBytes;
}

/// Lanes [i, i + 16) of a row of n elements; +0.0 behind its end.
LAMINA_INLINE Floats widenAt(int32_t type, const uint8_t *row, int64_t i,
                             int64_t n) {
  return i + kLanes <= n ? widen(type, row, i) : widenPart(type, row, i, n - i);
}

/// Stores the lanes [i, i + 16) that lie within a row of n elements.
LAMINA_INLINE void roundAt(int32_t type, uint8_t *row, int64_t i, int64_t n,
                           Floats value) {
  if (i + kLanes <= n)
    roundTo(type, row, i, value);
  else
    roundPartTo(type, row, i, n - i, value);
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_CONVERSIONS_H
