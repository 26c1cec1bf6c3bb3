//===- TileLeaves.h - Leaves that read interleaved tiles -------*- C++ -*-===//
//
// Part of the levels with LAMINA_LEVEL_HAS_TILES.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_TILELEAVES_H
#define LAMINA_RUNTIME_CPU_TILELEAVES_H

#include "InputTiles.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

/// Rows of the largest tiles.
constexpr int64_t kInt8Rows = 4;

constexpr int64_t kFloatRows = 6;

/// A single row reads each weight once, panel after panel, and is faster than
/// what the processor fetches by itself: asks for the `bytes` that lie this far
/// behind `weights`. What lies behind the last panel is never read.
constexpr int64_t kPrefetchDistance = 4096;

LAMINA_INLINE void prefetchWeights(const uint8_t *weights, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64)
    __builtin_prefetch(weights + kPrefetchDistance + i);
}

/// Block types with activations as floats, in both orders.
Leaf getBlockTileLeaf(int32_t type, SumOrder order, int64_t rows);

/// f32, f16 and bf16 weights.
Leaf getFloatTileLeaf(int32_t type, SumOrder order, int64_t rows);

/// q4_0, q4_1, q8_0 with int8 activations.
Leaf getInt8Leaf(int32_t type, SumOrder order, int64_t rows);

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_TILELEAVES_H
