//===- TileLeaves.h - Leaves that read interleaved tiles -------*- C++ -*-===//
//
// Part of the levels with LAMINA_LEVEL_HAS_TILES.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_TILELEAVES_H
#define LAMINA_RUNTIME_CPU_TILELEAVES_H

#include "InputTiles.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

constexpr bool kHasWideTiles = kTileVectors == 2;

/// An instruction adds two products of bf16: the level has the leaves of pairs.
#ifdef __AVX512BF16__
constexpr bool kHasPairs = true;
#else
constexpr bool kHasPairs = false;
#endif

/// Rows of the largest tiles.
constexpr int64_t kFloatRows = kMostRows;
constexpr int64_t kInt8Rows = kHasWideTiles ? 8 : 4;
/// Of sums of a block type. Upper bits take registers to unpack.
template <typename F>
constexpr int64_t kBlockRows =
    kHasWideTiles && F::hasUpperBits ? 8 : kFloatRows;

/// A tile that reads each weight once, panel after panel, is faster than what
/// the processor fetches by itself, and asks for what lies this far behind.
constexpr int64_t kPrefetchDistance = kHasWideTiles ? 8192 : 4096;

/// Asks for `Lines` lines in tiles of R rows.
template <int64_t Lines, int R>
LAMINA_INLINE void askFor(Prefetch &prefetch) {
  if constexpr (Lines > 0 && (R == 1 || kHasWideTiles))
    prefetch.askFor<Lines, R == 1>();
}

/// Calls pick<rows>() of the picker, for up to Most rows.
template <int Most, typename Picker>
LAMINA_INLINE Leaf pickHeight(int64_t rows, const Picker &picker) {
  if constexpr (Most > 1)
    if (rows < Most)
      return pickHeight<Most - 1>(rows, picker);
  return picker.template pick<Most>();
}

/// Block types with activations as floats, in both orders.
Leaf getBlockTileLeaf(int32_t type, SumOrder order, int64_t rows);

/// f32, f16 and bf16 weights.
Leaf getFloatTileLeaf(int32_t type, SumOrder order, int64_t rows);

/// q4_0, q4_1, q8_0 with int8 activations.
Leaf getInt8Leaf(int32_t type, SumOrder order, int64_t rows);

/// Block types and bf16 weights with pairs of bf16 activations.
Leaf getBlockPairLeaf(int32_t type, SumOrder order, int64_t rows);
Leaf getFloatPairLeaf(int32_t type, SumOrder order, int64_t rows);

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_TILELEAVES_H
