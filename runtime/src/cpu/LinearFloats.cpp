//===- LinearFloats.cpp - Leaves of f32, f16 and bf16 weights -------------===//

#include "LinearLeaves.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Feature k of a panel, kTileVectors registers from `column` on. `IsOdd` is
/// k's parity (bf16 only).
template <int32_t Type, bool IsOdd>
LAMINA_INLINE void loadWeights(const uint8_t *panel, int64_t k, int64_t column,
                               Floats (&w)[kTileVectors]) {
  for (int v = 0; v < kTileVectors; ++v) {
    int64_t c = column + v * kLanes;
    if constexpr (Type == LAMRT_F32) {
      w[v] = loadAs<Floats>(panel + (k * kPanelColumns + c) * 4);
    } else if constexpr (Type == LAMRT_F16) {
      w[v] = widenF16(loadAs<Halves>(panel + (k * kPanelColumns + c) * 2));
    } else {
      Words pair = loadAs<Words>(panel + (k / 2 * kPanelColumns + c) * 4);
      w[v] = (Floats)(IsOdd ? pair & 0xffff0000u : pair << 16);
    }
  }
}

/// Calls the loop for each panel and each group of registers of it.
template <int R, typename Loop>
LAMINA_INLINE void forEachTile(const LeafTask &task, const Loop &loop) {
  for (int64_t p = 0; p < task.panels; ++p)
    for (int64_t c = 0; c < kPanelColumns; c += kTileVectors * kLanes) {
      Floats acc[R][kTileVectors] = {};
      loop(acc, task.panel + p * task.panelBytes, c);
      storeTile(acc, task.sums + p * R * kPanelColumns, c);
    }
}

template <int32_t Type, int R>
LAMINA_NOINLINE void ascendingLeaf(const LeafTask &task) {
  forEachTile<R>(task, [&](auto &acc, const uint8_t *panel,
                           int64_t c) __attribute__((always_inline)) {
    Floats w[kTileVectors];
    int64_t k = 0;
    // Pairs of features at even places, so that both halves of a pair of bf16
    // come from one load.
    if (task.k % 2 == 1 && task.n > 0) {
      loadWeights<Type, true>(panel, task.k, c, w);
      multiplyAdd<false>(acc, w, task.getRows(), task.inputStride);
      k = 1;
    }
    for (; k + 2 <= task.n; k += 2) {
      loadWeights<Type, false>(panel, task.k + k, c, w);
      multiplyAdd<false>(acc, w, task.getRows() + k, task.inputStride);
      loadWeights<Type, true>(panel, task.k + k + 1, c, w);
      multiplyAdd<false>(acc, w, task.getRows() + k + 1, task.inputStride);
    }
    if (k < task.n) {
      loadWeights<Type, false>(panel, task.k + k, c, w);
      multiplyAdd<false>(acc, w, task.getRows() + k, task.inputStride);
    }
  });
}

/// `StartsOdd`: the leaf's first feature is the second of a packed pair.
template <bool StartsOdd, int R>
LAMINA_NOINLINE void pairedLoop(const LeafTask &task) {
  forEachTile<R>(task, [&](auto &acc, const uint8_t *panel,
                           int64_t c) __attribute__((always_inline)) {
    Floats w[kTileVectors];
    int64_t k = 0;
    for (; k + 2 <= task.n; k += 2) {
      loadWeights<LAMRT_BF16, !StartsOdd>(panel, task.k + k + 1, c, w);
      multiplyAdd<true>(acc, w, task.getRows() + k + 1, task.inputStride);
      loadWeights<LAMRT_BF16, StartsOdd>(panel, task.k + k, c, w);
      multiplyAdd<true>(acc, w, task.getRows() + k, task.inputStride);
    }
    if (k < task.n) {
      const float zero = 0.0f;
      const Floats zeros[kTileVectors] = {};
      multiplyAdd<true>(acc, zeros, &zero, 0);
      loadWeights<LAMRT_BF16, StartsOdd>(panel, task.k + k, c, w);
      multiplyAdd<true>(acc, w, task.getRows() + k, task.inputStride);
    }
  });
}

template <int R>
void pairedLeaf(const LeafTask &task) {
  FlushScope flush;
  if (task.k % 2 == 1)
    pairedLoop<true, R>(task);
  else
    pairedLoop<false, R>(task);
}

template <int32_t Type>
struct AscendingPicker {
  template <int R>
  Leaf pick() const {
    return ascendingLeaf<Type, R>;
  }
};
struct PairedPicker {
  template <int R>
  Leaf pick() const {
    return pairedLeaf<R>;
  }
};

} // namespace

Leaf getFloatLeaf(int32_t type, SumOrder order, int64_t rows) {
  if (type == LAMRT_F32)
    return pickRows(rows, AscendingPicker<LAMRT_F32>());
  if (type == LAMRT_F16)
    return pickRows(rows, AscendingPicker<LAMRT_F16>());
  if (order == SumOrder::Paired)
    return pickRows(rows, PairedPicker());
  return pickRows(rows, AscendingPicker<LAMRT_BF16>());
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
