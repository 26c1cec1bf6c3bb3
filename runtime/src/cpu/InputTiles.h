//===- InputTiles.h - Activations of a tile of rows ------------*- C++ -*-===//
//
// What interleaved methods read: for each unit of features, the rows of a tile
// side by side, so that a leaf reads one stream. For R rows, in bytes:
//
//   nibble blocks, int8   { [8 w][R][4 k] s8; f32 sa[R]; extra[R] }
//   q8_0, int8            { [8 w][R][4 k] s16 or s8; f32 sa[R]; extra[R] }
//   blocks, as floats     { [32 k][R] f32; f32 sum16[R] }
//   blocks, as pairs      { [16][R][2 k] bf16; f32 sum16[R] }
//   float weights         { [R] f32 }
//   bf16 weights, pairs   { [R][2 k] bf16 }                 odd: one zero k
//   last                  [R] u32: 1 if the row is ordinary
//
// Integers lie in the order k0 k2 k1 k3, but the s8 of q8_0 in that of k. These
// and pairs are of levels with instructions for sums of such products. `extra`
// is the s32 that takes the offset of the weights' q away, -8*sum(qa) or
// -128*sum(qa), or of types with minima the f32 sa*sum(qa). Part of one x86
// level.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_INPUTTILES_H
#define LAMINA_RUNTIME_CPU_INPUTTILES_H

#include "LinearLeaves.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

constexpr int64_t kTileTailBytes = 4;

/// In an ordinary row every activation is zero or at least this. If it is bf16
/// too, it is a multiple of 2^-107, and so are its products with the q of a
/// block and their sums: none is subnormal, and flushed arithmetic is ordinary
/// arithmetic.
constexpr float kLeastOrdinary = 0x1p-100f;

/// True if all rows of a tile are ordinary.
LAMINA_INLINE bool isOrdinary(const uint8_t *tile, int64_t rows,
                              int64_t rowBytes) {
  const uint8_t *tail = tile + rows * (rowBytes - kTileTailBytes);
  uint32_t all = 1;
  for (int64_t r = 0; r < rows; ++r)
    all &= loadAs<uint32_t>(tail + r * kTileTailBytes);
  return all != 0;
}

/// The largest |value| of 32 as bits: magnitudes compare as integers; infinity
/// and NaN are the largest.
LAMINA_INLINE uint32_t getLargest(Floats low, Floats high) {
  return __builtin_reduce_max(__builtin_elementwise_max(
      (Words)low & 0x7fffffff, (Words)high & 0x7fffffff));
}

/// Rounds 32 activations to integers of at most 127 times their scale, which
/// it returns: "int8 activations" of docs/numerics.md.
LAMINA_INLINE float quantise(Floats &low, Floats &high) {
  uint32_t largest = getLargest(low, high);
  float maximum = asFloat(largest);
  if (largest >= 0x7f800000 || maximum < 0x1p-120f) {
    low = high = Floats{};
    return largest >= 0x7f800000 ? __builtin_nanf("") : 0.0f;
  }
  float inverse = 127.0f / maximum;
  low = __builtin_elementwise_roundeven(low * inverse);
  high = __builtin_elementwise_roundeven(high * inverse);
  return maximum / 127.0f;
}

/// The methods of interleaved tiles, where a level has them; else false.
bool getTileMethod(int32_t type, SumOrder order, Method &method);

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_INPUTTILES_H
