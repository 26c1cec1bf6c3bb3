//===- Int8Registers.h - Products of 8-bit integers ------------*- C++ -*-===//
//
// A 32-bit lane is a column. Sums of products of four unsigned q and four
// signed activations, as the level can do them best; they are exact at each.
// Part of one x86 level.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_INT8REGISTERS_H
#define LAMINA_RUNTIME_CPU_INT8REGISTERS_H

#include "Level.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

/// Columns of a register.
#ifdef __AVX512BW__
constexpr int64_t kWide = 16;
#else
constexpr int64_t kWide = 8;
#endif

typedef int32_t Lanes __attribute__((vector_size(4 * kWide)));
typedef uint16_t ShortLanes __attribute__((vector_size(4 * kWide)));
typedef float FloatLanes __attribute__((vector_size(4 * kWide)));

LAMINA_INLINE Lanes loadLanes(const uint8_t *address) {
  return loadAs<Lanes>(address);
}
LAMINA_INLINE Lanes broadcastWord(const uint8_t *address) {
  return loadAs<int32_t>(address) - Lanes{};
}
LAMINA_INLINE FloatLanes broadcastFloat(const uint8_t *address) {
  return (FloatLanes)broadcastWord(address);
}
LAMINA_INLINE Lanes shiftShorts(Lanes lanes, int bits) {
  return (Lanes)((ShortLanes)lanes >> static_cast<uint16_t>(bits));
}

#ifdef __AVX512BW__

LAMINA_INLINE FloatLanes loadHalves(const uint8_t *address) {
  return (FloatLanes)_mm512_cvtph_ps(loadAs<__m256i>(address));
}
/// Two s16 a lane: products of u8 and s8, added in pairs.
LAMINA_INLINE Lanes multiplyBytes(Lanes q, Lanes a) {
  return (Lanes)_mm512_maddubs_epi16((__m512i)q, (__m512i)a);
}
/// Products of s16, added in pairs.
LAMINA_INLINE Lanes multiplyShorts(Lanes q, Lanes a) {
  return (Lanes)_mm512_madd_epi16((__m512i)q, (__m512i)a);
}

#else

LAMINA_INLINE FloatLanes loadHalves(const uint8_t *address) {
  return (FloatLanes)_mm256_cvtph_ps(loadAs<__m128i>(address));
}
LAMINA_INLINE Lanes multiplyBytes(Lanes q, Lanes a) {
  return (Lanes)_mm256_maddubs_epi16((__m256i)q, (__m256i)a);
}
LAMINA_INLINE Lanes multiplyShorts(Lanes q, Lanes a) {
  return (Lanes)_mm256_madd_epi16((__m256i)q, (__m256i)a);
}

#endif

#ifdef __AVX512VNNI__

/// An instruction adds four products of bytes to an s32. A sum can then begin
/// with what takes the offset of q away.
constexpr bool kHasDotProducts = true;
/// Registers that a word of bytes is made into before it is multiplied.
constexpr int kByteParts = 1;

LAMINA_INLINE Lanes addProducts(Lanes sum, Lanes q, Lanes a) {
  return (Lanes)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)q, (__m512i)a);
}
LAMINA_INLINE Lanes addNibbles(Lanes sum, Lanes q, Lanes a) {
  return addProducts(sum, q, a);
}
LAMINA_INLINE Lanes getNibbleSum(Lanes sum) { return sum; }
LAMINA_INLINE Lanes getBytePart(Lanes bytes, int) { return bytes; }
LAMINA_INLINE Lanes addBytes(Lanes sum, Lanes q, Lanes a) {
  return addProducts(sum, q, a);
}

#else

constexpr bool kHasDotProducts = false;
constexpr int kByteParts = 2;

/// Keeps the compiler from adding up products before they go to their sum: it
/// would need more registers than there are.
LAMINA_INLINE Lanes pin(Lanes value) {
  asm("" : "+v"(value));
  return value;
}

/// In s16: all eight products of a lane fit, 8 * 2 * 15 * 127 < 2^15.
LAMINA_INLINE Lanes addNibbles(Lanes sum, Lanes q, Lanes a) {
  return pin((Lanes)((ShortLanes)sum + (ShortLanes)multiplyBytes(q, a)));
}
LAMINA_INLINE Lanes getNibbleSum(Lanes sum) {
  return multiplyShorts(sum, (Lanes)(uint16_t(1) - ShortLanes{}));
}
/// Products of bytes are too large for s16. The parts are k0 k2 and k1 k3 of a
/// word, in 16 bits each.
LAMINA_INLINE Lanes getBytePart(Lanes bytes, int part) {
  return part ? shiftShorts(bytes, 8) : (Lanes)((ShortLanes)bytes & 255);
}
LAMINA_INLINE Lanes addBytes(Lanes sum, Lanes q, Lanes a) {
  return pin(sum + multiplyShorts(q, a));
}

#endif

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_INT8REGISTERS_H
