//===- TileBlocks.h - Float sums of blocks ---------------------*- C++ -*-===//
//
// Each q is unpacked in registers right before all rows of the tile use it, and
// a block is scaled as soon as it is summed. A Step says what an instruction of
// a sum takes, one feature or two, and whether it heeds MXCSR.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_TILEBLOCKS_H
#define LAMINA_RUNTIME_CPU_TILEBLOCKS_H

#include "TileLeaves.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

/// Groups of a panel and the tile of R rows that multiplies them: V registers
/// of columns of G groups at once, so that the sums of few rows hide the
/// latency of the FMA.
template <typename F, typename Step, int G, int R, int V>
struct BlockTile {
  // The scaled sums of a group follow each other.
  static_assert(G == 1 || F::subBlocks == 1);
  /// Words of a row in a group: its features, and their sum.
  static constexpr int64_t kFeatureWords = kGroup / Step::features;
  static constexpr int64_t kRowWords = kFeatureWords + 1;
  /// Lines of a group in 16V columns, and those to ask for at each of its
  /// words.
  static constexpr int64_t kLines =
      F::packedBytes / F::groups * V * kLanes / kPanelColumns / 64;
  static constexpr int64_t kWordLines = kLines / 8;

  /// Where sums take all registers, a word of nibbles is loaded again for each
  /// step instead of being kept.
  static constexpr bool kReloads =
      !kHasWideTiles && R > 4 &&
      (Step::needsMode || F::groupBytes < 8 * 4 * kPanelColumns);

  using Sums = Floats[G][R][V];

  /// The sums of sub-block Sub of the groups from feature k of the panel on,
  /// for the columns from `column` on. `input` is [G][kRowWords][R].
  template <int Sub>
  LAMINA_INLINE void sumSubBlock(const uint8_t *panel, int64_t k,
                                 int64_t column, const float *input,
                                 Prefetch &prefetch, Sums &sums) {
    constexpr int kWords = 8 / F::subBlocks;
    const uint8_t *groups[G];
    for (int g = 0; g < G; ++g) {
      groups[g] = F::getGroup(panel, k + g * kGroup);
      for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v)
          sums[g][r][v] = Floats{};
    }
    // By halves of a group, in which the shifts of nibbles are constant.
#pragma clang loop unroll(full)
    for (int first = 0; first < kWords; first += 4) {
#pragma clang loop unroll(disable)
      for (int64_t i = 0; i < 4; ++i) {
        askFor<G * kWordLines, R>(prefetch);
        for (int j = 0; j < 4 / Step::features; ++j)
          addStep(groups, column, Sub * kWords + first + i, j, input, sums);
      }
    }
  }

  /// acc[r][v] += the sub-blocks, scaled, less their minima.
  template <int Sub>
  LAMINA_INLINE void addSubBlock(bool isFlushed, const uint8_t *panel,
                                 int64_t k, int64_t column, const float *input,
                                 Prefetch &prefetch, Floats (&acc)[R][V]) {
    Sums sums;
    if constexpr (Step::needsMode) {
      FlushScope flush(isFlushed);
      sumSubBlock<Sub>(panel, k, column, input, prefetch, sums);
      for (auto &rows : sums)
        for (auto &row : rows)
          for (Floats &sum : row)
            flush.keepInside(sum);
    } else {
      sumSubBlock<Sub>(panel, k, column, input, prefetch, sums);
    }
    for (int g = 0; g < G; ++g, k += kGroup, input += kRowWords * R) {
      for (int v = 0; v < V; ++v) {
        Floats scale = F::getScale(panel, k, Sub, column + v * kLanes);
        for (int r = 0; r < R; ++r)
          acc[r][v] = fma(sums[g][r][v], scale, acc[r][v]);
      }
      if constexpr (F::hasMinimum)
        for (int v = 0; v < V; ++v) {
          Floats negated = F::getNegatedMinimum(panel, k, column + v * kLanes);
          for (int r = 0; r < R; ++r)
            acc[r][v] =
                fma(negated, splat(input[kFeatureWords * R + r]), acc[r][v]);
        }
    }
  }

  LAMINA_INLINE void add(bool isFlushed, const uint8_t *panel, int64_t k,
                         int64_t column, const float *input, Prefetch &prefetch,
                         Floats (&acc)[R][V]) {
    addSubBlock<0>(isFlushed, panel, k, column, input, prefetch, acc);
    if constexpr (F::subBlocks == 2)
      addSubBlock<1>(isFlushed, panel, k, column, input, prefetch, acc);
    askFor<G *(kLines - 8 * kWordLines), R>(prefetch);
  }

private:
  /// Step j of word w.
  LAMINA_INLINE void addStep(const uint8_t *(&groups)[G], int64_t column,
                             int64_t w, int j, const float *input, Sums &sums) {
    int step = Step::getStep(j);
    for (int g = 0; g < G; ++g) {
      if constexpr (kReloads)
        asm("" : "+r"(groups[g]));
      Floats q[V];
      for (int v = 0; v < V; ++v)
        q[v] =
            Step::template unpack<F>(groups[g], column + v * kLanes, w, step);
      const float *a =
          input + (g * kRowWords + 4 / Step::features * w + step) * R;
      for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v)
          sums[g][r][v] = Step::multiplyAdd(q[v], a + r, sums[g][r][v]);
    }
  }
};

template <typename F, typename Step, int R, int V>
LAMINA_INLINE void addGroups(const LeafTask &task, const uint8_t *panel,
                             int64_t column, float *result) {
  constexpr int G = kHasWideTiles && R == 1 && F::subBlocks == 1 ? 2 : 1;
  using Several = BlockTile<F, Step, G, R, V>;
  using One = BlockTile<F, Step, 1, R, V>;
  Floats acc[R][V] = {};
  const float *input = task.getRows();
  Prefetch prefetch = *task.prefetch;
  bool isFlushed = !task.isOrdinary;
  int64_t k = task.k, end = k + task.n;
  for (; k + G * kGroup <= end; k += G * kGroup) {
    Several::add(isFlushed, panel, k, column, input, prefetch, acc);
    input += G * Several::kRowWords * R;
  }
  if constexpr (G > 1)
    if (k < end)
      One::add(isFlushed, panel, k, column, input, prefetch, acc);
  *task.prefetch = prefetch;
  storeTile(acc, result, column);
}

template <typename F, typename Step, int R>
void addPanels(const LeafTask &task) {
  // As many sums as hide the latency of the FMA and fit into registers.
  constexpr int V = kHasWideTiles || R <= 2 ? 2 : 1;
  for (int64_t p = 0; p < task.panels; ++p)
    for (int64_t c = 0; c < kPanelColumns; c += V * kLanes)
      addGroups<F, Step, R, V>(task, task.panel + p * task.panelBytes, c,
                               task.sums + p * R * kPanelColumns);
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_TILEBLOCKS_H
