//===- LinearLeaves.h - The leaves of a product ----------------*- C++ -*-===//
//
// A leaf of docs/numerics.md for a tile: a few rows of activations and the 32
// columns of each of a few panels. Part of one x86 level.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_LINEARLEAVES_H
#define LAMINA_RUNTIME_CPU_LINEARLEAVES_H

#include "Formats.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

/// Rows of the largest tile, and registers of 16 columns beside each other: as
/// many accumulators as the registers of the level hold.
#if defined(__AVX512F__)
constexpr int kTileRows = 8;
constexpr int kTileVectors = 2;
#elif defined(__AVX2__)
constexpr int kTileRows = 6;
constexpr int kTileVectors = 1;
#else
constexpr int kTileRows = 1;
constexpr int kTileVectors = 1;
#endif

/// Panels that share what a leaf makes of the activations.
constexpr int64_t kStripPanels = 4;

struct LeafTask {
  const uint8_t *panel; ///< the first of `panels`
  int64_t panelBytes;
  int64_t panels;
  int64_t k; ///< first feature, of the logical weight
  int64_t n;
  const float *input; ///< row 0 of the tile at feature k
  int64_t inputStride;
  float *sums; ///< result, [panels][rows][32]
};

using Leaf = void (*)(const LeafTask &task);

/// How the sums within a leaf run.
enum class Order { Ascending, Paired, Int8 };

/// The leaf of tiles of `rows` rows: 1, 2, 4 or kTileRows.
Leaf getFloatLeaf(int32_t type, Order order, int64_t rows);
Leaf getBlockLeaf(int32_t type, Order order, int64_t rows);

/// acc[r] += w * a[r], rows `stride` apart.
template <bool Flushed, int R>
LAMINA_INLINE void multiplyAdd(Floats (&acc)[R][kTileVectors],
                               const Floats (&w)[kTileVectors], const float *a,
                               int64_t stride) {
  for (int r = 0; r < R; ++r) {
    Floats x = splat(a[r * stride]);
    for (int v = 0; v < kTileVectors; ++v)
      acc[r][v] =
          Flushed ? fmaFlushed(w[v], x, acc[r][v]) : fma(w[v], x, acc[r][v]);
  }
}

/// Stores a tile at `column` of sums[R][32].
template <int R>
LAMINA_INLINE void storeTile(const Floats (&acc)[R][kTileVectors], float *sums,
                             int64_t column) {
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < kTileVectors; ++v)
      store(sums + r * kPanelColumns + column + v * kLanes, acc[r][v]);
}

/// Calls pick<R>() of the largest tile with at most `rows` rows.
template <typename Picker>
LAMINA_INLINE Leaf pickRows(int64_t rows, const Picker &picker) {
  if (rows >= kTileRows)
    return picker.template pick<kTileRows>();
  if constexpr (kTileRows > 4) {
    if (rows >= 4)
      return picker.template pick<4>();
    if (rows >= 2)
      return picker.template pick<2>();
  }
  return picker.template pick<1>();
}

/// The number of rows of that tile.
LAMINA_INLINE int64_t getTileRows(int64_t rows) {
  if (rows >= kTileRows)
    return kTileRows;
  if (kTileRows > 4 && rows >= 2)
    return rows >= 4 ? 4 : 2;
  return 1;
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_LINEARLEAVES_H
