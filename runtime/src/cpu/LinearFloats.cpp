//===- LinearFloats.cpp - Leaves of f32, f16 and bf16 weights -------------===//

#include "TileLeaves.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Where the rows of a tile lie: side by side, or one behind another.
template <bool IsTile, int R>
struct Place {
  const float *input;
  int64_t inputStride;

  const float *at(int64_t k) const { return input + (IsTile ? k * R : k); }
  int64_t stride() const { return IsTile ? 1 : inputStride; }
};

/// Registers of 16 columns. A single row needs more of them to hide the latency
/// of the FMA.
template <bool IsTile, int R>
constexpr int kVectors = IsTile && R == 1 ? 2 : kTileVectors;

/// Feature k of a panel, V registers from `column` on. `IsOdd` is
/// k's parity (bf16 only).
template <int32_t Type, bool IsOdd, int V>
LAMINA_INLINE void loadWeights(const uint8_t *panel, int64_t k, int64_t column,
                               Floats (&w)[V]) {
  for (int v = 0; v < V; ++v) {
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

/// Asks for as much as V registers of two features. f32 weights come at the
/// rate of memory by themselves.
template <int32_t Type, bool IsTile, int R, int V>
LAMINA_INLINE void askForPair(Prefetch &prefetch) {
  if constexpr (IsTile && Type != LAMRT_F32)
    askFor<V, R>(prefetch);
}

/// Calls the loop for each panel and each group of registers of it.
template <int R, int V, typename Loop>
LAMINA_INLINE void forEachTile(const LeafTask &task, const Loop &loop) {
  for (int64_t p = 0; p < task.panels; ++p)
    for (int64_t c = 0; c < kPanelColumns; c += V * kLanes) {
      Floats acc[R][V] = {};
      Prefetch prefetch = *task.prefetch;
      loop(acc, task.panel + p * task.panelBytes, c, prefetch);
      *task.prefetch = prefetch;
      storeTile(acc, task.sums + p * R * kPanelColumns, c);
    }
}

template <int32_t Type, bool IsTile, int R>
LAMINA_NOINLINE void ascendingLeaf(const LeafTask &task) {
  constexpr int V = kVectors<IsTile, R>;
  const Place<IsTile, R> a = {task.getRows(), task.inputStride};
  forEachTile<R, V>(
      task, [&](auto &acc, const uint8_t *panel, int64_t c, Prefetch &prefetch)
                __attribute__((always_inline)) {
                  Floats w[V];
                  int64_t k = 0;
                  // Pairs of features at even places, so that both halves of a
                  // pair of bf16 come from one load.
                  if (task.k % 2 == 1 && task.n > 0) {
                    loadWeights<Type, true>(panel, task.k, c, w);
                    multiplyAdd<false>(acc, w, a.at(0), a.stride());
                    k = 1;
                  }
                  for (; k + 2 <= task.n; k += 2) {
                    askForPair<Type, IsTile, R, V>(prefetch);
                    loadWeights<Type, false>(panel, task.k + k, c, w);
                    multiplyAdd<false>(acc, w, a.at(k), a.stride());
                    loadWeights<Type, true>(panel, task.k + k + 1, c, w);
                    multiplyAdd<false>(acc, w, a.at(k + 1), a.stride());
                  }
                  if (k < task.n) {
                    loadWeights<Type, false>(panel, task.k + k, c, w);
                    multiplyAdd<false>(acc, w, a.at(k), a.stride());
                  }
                });
}

/// `StartsOdd`: the leaf's first feature is the second of a packed pair.
template <bool StartsOdd, bool IsTile, int R>
LAMINA_NOINLINE void pairedLoop(const LeafTask &task) {
  constexpr int V = kVectors<IsTile, R>;
  const Place<IsTile, R> a = {task.getRows(), task.inputStride};
  forEachTile<R, V>(
      task, [&](auto &acc, const uint8_t *panel, int64_t c,
                Prefetch &prefetch) __attribute__((always_inline)) {
        Floats w[V];
        int64_t k = 0;
        for (; k + 2 <= task.n; k += 2) {
          askForPair<LAMRT_BF16, IsTile, R, V>(prefetch);
          loadWeights<LAMRT_BF16, !StartsOdd>(panel, task.k + k + 1, c, w);
          multiplyAdd<true>(acc, w, a.at(k + 1), a.stride());
          loadWeights<LAMRT_BF16, StartsOdd>(panel, task.k + k, c, w);
          multiplyAdd<true>(acc, w, a.at(k), a.stride());
        }
        if (k < task.n) {
          const float zero = 0.0f;
          const Floats zeros[V] = {};
          multiplyAdd<true>(acc, zeros, &zero, 0);
          loadWeights<LAMRT_BF16, StartsOdd>(panel, task.k + k, c, w);
          multiplyAdd<true>(acc, w, a.at(k), a.stride());
        }
      });
}

template <bool IsTile, int R>
void pairedLeaf(const LeafTask &task) {
  FlushScope flush;
  if (task.k % 2 == 1)
    pairedLoop<true, IsTile, R>(task);
  else
    pairedLoop<false, IsTile, R>(task);
}

template <int32_t Type, bool IsTile>
struct AscendingPicker {
  template <int R>
  Leaf pick() const {
    return ascendingLeaf<Type, IsTile, R>;
  }
};
template <bool IsTile>
struct PairedPicker {
  template <int R>
  Leaf pick() const {
    return pairedLeaf<IsTile, R>;
  }
};

/// Calls pick(picker) with what gives the leaves of a type and an order.
template <bool IsTile, typename Pick>
LAMINA_INLINE Leaf pickLeaf(int32_t type, SumOrder order, const Pick &pick) {
  if (type == LAMRT_F32)
    return pick(AscendingPicker<LAMRT_F32, IsTile>());
  if (type == LAMRT_F16)
    return pick(AscendingPicker<LAMRT_F16, IsTile>());
  if constexpr (!IsTile || !kHasPairs)
    if (order == SumOrder::Paired)
      return pick(PairedPicker<IsTile>());
  return pick(AscendingPicker<LAMRT_BF16, IsTile>());
}

} // namespace

Leaf getFloatLeaf(int32_t type, SumOrder order, int64_t rows) {
  return pickLeaf<false>(type, order, [rows](const auto &picker) {
    return pickRows(rows, picker);
  });
}

#ifdef LAMINA_LEVEL_HAS_TILES
Leaf getFloatTileLeaf(int32_t type, SumOrder order, int64_t rows) {
  return pickLeaf<true>(type, order, [rows](const auto &picker) {
    return pickHeight<kFloatRows>(rows, picker);
  });
}
#endif

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
