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

/// Rows of the largest tile of the portable loops, and registers of 16 columns
/// beside each other: as many accumulators as the registers of the level hold.
/// kMostRows is that of any method.
#if defined(__AVX512F__)
constexpr int kTileRows = 8;
constexpr int kTileVectors = 2;
constexpr int kMostRows = 12;
#elif defined(__AVX2__)
constexpr int kTileRows = 6;
constexpr int kTileVectors = 1;
constexpr int kMostRows = 6;
#else
constexpr int kTileRows = 1;
constexpr int kTileVectors = 1;
constexpr int kMostRows = 1;
#endif

/// Panels that share what a leaf makes of the activations.
constexpr int64_t kStripPanels = 4;

/// Weights to ask for while others are read, a line for each line: a burst of
/// requests would hold up the loads behind it. The end is that of what this
/// tile asks for, give or take a few lines; nothing of it is read here.
struct Prefetch {
  const uint8_t *next;
  const uint8_t *end;

  template <int64_t Lines, bool IsNear>
  void askFor() {
    for (int64_t i = 0; i < Lines; ++i) {
      if constexpr (IsNear)
        __builtin_prefetch(next + 64 * i);
      else // to the second-level cache
        __builtin_prefetch(next + 64 * i, 0, 2);
    }
    next += next < end ? 64 * Lines : 0;
  }
};

struct LeafTask {
  const uint8_t *panel; ///< the first of `panels`
  int64_t panelBytes;
  int64_t panels;
  int64_t k; ///< first feature, of the logical weight
  int64_t n;
  /// The tile at feature k, in the form of the method.
  const uint8_t *input;
  int64_t inputFeature; ///< first feature, of the prepared rows
  int64_t inputStride;  ///< floats from row to row, if these are apart
  bool isOrdinary;      ///< of the method: see InputTiles.h
  Prefetch *prefetch;   ///< goes on from leaf to leaf
  float *sums;          ///< result, [panels][rows][32]

  const float *getRows() const {
    return reinterpret_cast<const float *>(input);
  }
};

using Leaf = void (*)(const LeafTask &task);

/// How a level computes the products of one type and order: the leaves, and the
/// form in which they read the activations.
struct Method {
  Leaf (*getLeaf)(int32_t type, SumOrder order, int64_t rows);
  /// Height of the tile that begins at `row` of `rows`.
  int64_t (*getTileRows)(int64_t row, int64_t rows);
  /// Writes the tile of `height` rows at `row` of the task.
  void (*prepareTile)(const InputTask &task, int64_t row, int64_t height,
                      uint8_t *tile);
  /// Bytes of one row.
  int64_t (*getRowBytes)(int64_t features);
  /// A row is units of `unit` features. The rows of a tile lie side by side in
  /// each unit if they are interleaved, else one behind another.
  int64_t unit;
  int64_t unitBytes;
  bool isInterleaved;
};

/// The loops of docs/numerics.md, on rows of f32.
Method getPortableMethod(int32_t type);
/// That, or what is faster at this level.
Method getMethod(int32_t type, SumOrder order);

/// The portable leaf of tiles of `rows` rows: 1, 2, 4 or kTileRows.
Leaf getFloatLeaf(int32_t type, SumOrder order, int64_t rows);
Leaf getBlockLeaf(int32_t type, SumOrder order, int64_t rows);

/// acc[r] += w * a[r], rows `stride` apart.
template <bool Flushed, int R, int V>
LAMINA_INLINE void multiplyAdd(Floats (&acc)[R][V], const Floats (&w)[V],
                               const float *a, int64_t stride) {
  for (int r = 0; r < R; ++r) {
    Floats x = splat(a[r * stride]);
    for (int v = 0; v < V; ++v)
      acc[r][v] =
          Flushed ? fmaFlushed(w[v], x, acc[r][v]) : fma(w[v], x, acc[r][v]);
  }
}

/// Stores a tile at `column` of sums[R][32].
template <int R, int V>
LAMINA_INLINE void storeTile(const Floats (&acc)[R][V], float *sums,
                             int64_t column) {
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
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
