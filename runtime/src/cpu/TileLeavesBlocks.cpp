//===- TileLeavesBlocks.cpp - Float sums of blocks ------------------------===//
//
// Each q is unpacked in registers right before all rows of the tile use it, and
// a block is scaled as soon as it is summed.
//
//===----------------------------------------------------------------------===//

#include "TileLeaves.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// sums[r][v] of the sub-block Sub of a group, for the 16V columns from
/// `column` on. `input` is [32][R].
template <typename F, bool IsPaired, int Sub, int R, int V>
LAMINA_INLINE void sumSubBlock(const uint8_t *group, int64_t column,
                               const float *input, Floats (&sums)[R][V]) {
  constexpr int kWords = 8 / F::subBlocks;
  constexpr int64_t kFirst = Sub * kWords;
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      sums[r][v] = Floats{};
  // By halves of a group, in which the shifts of nibbles are constant.
#pragma clang loop unroll(full)
  for (int first = 0; first < kWords; first += 4) {
#pragma clang loop unroll(disable)
    for (int64_t i = 0; i < 4; ++i) {
      int64_t w = kFirst + first + i;
      for (int j = 0; j < 4; ++j) {
        // The paired order begins with the odd feature.
        int feature = IsPaired ? j ^ 1 : j;
        // Where sums take all registers, a word of nibbles is loaded again for
        // each feature instead of being kept.
        if constexpr (R > 4 && F::groupBytes < 8 * 4 * kPanelColumns)
          asm("" : "+r"(group));
        Floats q[V];
        for (int v = 0; v < V; ++v)
          q[v] = F::unpackFeature(group, column + v * kLanes, w, feature);
        const float *a = input + (4 * w + feature) * R;
        for (int r = 0; r < R; ++r)
          for (int v = 0; v < V; ++v)
            sums[r][v] = fma(q[v], splat(a[r]), sums[r][v]);
      }
    }
  }
}

/// The same with subnormals as zeros: see FlushScope.
template <typename F, int Sub, int R, int V>
LAMINA_NOINLINE void sumSubBlockInMode(const uint8_t *group, int64_t column,
                                       const float *input,
                                       Floats (&sums)[R][V]) {
  sumSubBlock<F, true, Sub>(group, column, input, sums);
}

/// acc[r][v] += the scaled sum of a sub-block of the group at feature k.
template <typename F, bool IsPaired, bool IsFlushed, int Sub, int R, int V>
LAMINA_INLINE void addSubBlock(const uint8_t *panel, int64_t k, int64_t column,
                               const float *input, Floats (&acc)[R][V]) {
  const uint8_t *group = F::getGroup(panel, k);
  Floats sums[R][V];
  if constexpr (IsFlushed) {
    FlushScope flush;
    sumSubBlockInMode<F, Sub>(group, column, input, sums);
  } else {
    sumSubBlock<F, IsPaired, Sub>(group, column, input, sums);
  }
  for (int v = 0; v < V; ++v) {
    Floats scale = F::getScale(panel, k, Sub, column + v * kLanes);
    for (int r = 0; r < R; ++r)
      acc[r][v] = fma(sums[r][v], scale, acc[r][v]);
  }
}

template <typename F, bool IsPaired, bool IsFlushed, int R, int V>
LAMINA_INLINE void addGroups(const LeafTask &task, const uint8_t *panel,
                             int64_t column, float *result) {
  Floats acc[R][V] = {};
  const float *input = task.getRows();
  constexpr int64_t kBytes = F::packedBytes / F::groups;
  for (int64_t k = task.k; k < task.k + task.n; k += kGroup) {
    if constexpr (R == 1)
      prefetchWeights(panel + k / kGroup * kBytes, kBytes);
    addSubBlock<F, IsPaired, IsFlushed, 0>(panel, k, column, input, acc);
    if constexpr (F::subBlocks == 2)
      addSubBlock<F, IsPaired, IsFlushed, 1>(panel, k, column, input, acc);
    if constexpr (F::hasMinimum)
      for (int v = 0; v < V; ++v) {
        Floats negated = F::getNegatedMinimum(panel, k, column + v * kLanes);
        for (int r = 0; r < R; ++r)
          acc[r][v] = fma(negated, splat(input[kGroup * R + r]), acc[r][v]);
      }
    input += (kGroup + 1) * R;
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      store(result + r * kPanelColumns + column + v * kLanes, acc[r][v]);
}

template <typename F, bool IsPaired, bool IsFlushed, int R>
LAMINA_NOINLINE void addPanels(const LeafTask &task) {
  // As many sums as hide the latency of the FMA and fit into registers.
  constexpr int V = R > 2 ? 1 : 2;
  for (int64_t p = 0; p < task.panels; ++p)
    for (int64_t c = 0; c < kPanelColumns; c += V * kLanes)
      addGroups<F, IsPaired, IsFlushed, R, V>(
          task, task.panel + p * task.panelBytes, c,
          task.sums + p * R * kPanelColumns);
}

template <typename F, bool IsPaired, int R>
void blockTileLeaf(const LeafTask &task) {
  if (IsPaired && !task.isOrdinary)
    addPanels<F, true, true, R>(task);
  else
    addPanels<F, IsPaired, false, R>(task);
}

template <typename F, bool IsPaired>
Leaf pickHeight(int64_t rows) {
  constexpr Leaf leaves[kFloatRows] = {
      blockTileLeaf<F, IsPaired, 1>, blockTileLeaf<F, IsPaired, 2>,
      blockTileLeaf<F, IsPaired, 3>, blockTileLeaf<F, IsPaired, 4>,
      blockTileLeaf<F, IsPaired, 5>, blockTileLeaf<F, IsPaired, 6>};
  return leaves[rows - 1];
}

} // namespace

Leaf getBlockTileLeaf(int32_t type, SumOrder order, int64_t rows) {
  Leaf leaf = nullptr;
  visitFormat(type, [&](auto format) {
    using F = decltype(format);
    leaf = order == SumOrder::Paired ? pickHeight<F, true>(rows)
                                     : pickHeight<F, false>(rows);
  });
  return leaf;
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
