//===- LinearBlocks.cpp - Leaves of block-quantised weights ---------------===//
//
// A leaf runs in chunks of 256 features, in two steps: the sums of the
// sub-blocks, which may need flushed arithmetic, and their scaled sum, which
// must not have it.
//
//===----------------------------------------------------------------------===//

#include "InputTiles.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Groups of a chunk.
constexpr int64_t kChunk = 8;

/// What a chunk needs of the activations of R rows.
template <int R>
struct Activations {
  /// Row 0, rows `stride` apart.
  const float *values;
  int64_t stride;
  /// The sums that minima multiply.
  float groupSums[kChunk][R];
  /// With int8 activations, the scales and the values divided by them.
  float scales[kChunk][R];
  float quantised[R][kChunk * kGroup];
};

/// sums[groups * sub-blocks][R][32] of the chunk at feature k.
template <typename F, bool Flushed, int R>
LAMINA_NOINLINE void addSubBlocks(const uint8_t *panel, int64_t k,
                                  int64_t groups, const float *input,
                                  int64_t stride, float *sums) {
  constexpr int64_t kWords = 8 / F::subBlocks;
  for (int64_t g = 0; g < groups; ++g) {
    const uint8_t *group = F::getGroup(panel, k + g * kGroup);
    for (int64_t s = 0; s < F::subBlocks; ++s)
      for (int64_t c = 0; c < kPanelColumns; c += kTileVectors * kLanes) {
        Floats acc[R][kTileVectors] = {};
        for (int64_t w = s * kWords; w < (s + 1) * kWords; ++w) {
          Floats q[kTileVectors][4];
          for (int v = 0; v < kTileVectors; ++v)
            F::unpack(group, c + v * kLanes, w, q[v]);
          const float *a = input + g * kGroup + 4 * w;
          for (int j = 0; j < 4; ++j) {
            // The paired order begins with the odd feature.
            int feature = Flushed ? j ^ 1 : j;
            Floats weights[kTileVectors];
            for (int v = 0; v < kTileVectors; ++v)
              weights[v] = q[v][feature];
            multiplyAdd<Flushed>(acc, weights, a + feature, stride);
          }
        }
        storeTile(acc, sums + (g * F::subBlocks + s) * R * kPanelColumns, c);
      }
  }
}

/// acc[R][32] += the sub-blocks of the chunk, scaled, less their minima.
template <typename F, bool IsInt8, int R>
LAMINA_NOINLINE void addScaled(const uint8_t *panel, int64_t k, int64_t groups,
                               const Activations<R> &activations,
                               const float *sums, float *accumulators) {
  for (int64_t c = 0; c < kPanelColumns; c += kLanes) {
    Floats acc[R];
    for (int r = 0; r < R; ++r)
      acc[r] = load(accumulators + r * kPanelColumns + c);
    for (int64_t g = 0; g < groups; ++g) {
      int64_t at = k + g * kGroup;
      for (int s = 0; s < F::subBlocks; ++s) {
        Floats scale = F::getScale(panel, at, s, c);
        const float *sum =
            sums + (g * F::subBlocks + s) * R * kPanelColumns + c;
        for (int r = 0; r < R; ++r) {
          Floats value = load(sum + r * kPanelColumns);
          acc[r] = IsInt8 ? fma(value * scale, splat(activations.scales[g][r]),
                                acc[r])
                          : fma(value, scale, acc[r]);
        }
      }
      if constexpr (F::hasMinimum) {
        Floats negated = F::getNegatedMinimum(panel, at, c);
        for (int r = 0; r < R; ++r)
          acc[r] = fma(negated, splat(activations.groupSums[g][r]), acc[r]);
      }
    }
    for (int r = 0; r < R; ++r)
      store(accumulators + r * kPanelColumns + c, acc[r]);
  }
}

/// Fills in what the chunk at `input` needs.
template <typename F, bool IsInt8, int R>
LAMINA_NOINLINE void prepare(const float *input, int64_t stride, int64_t groups,
                             Activations<R> &activations) {
  for (int r = 0; r < R; ++r)
    for (int64_t g = 0; g < groups; ++g) {
      const float *values = input + r * stride + g * kGroup;
      float *scale = &activations.scales[g][r];
      if constexpr (IsInt8) {
        float *quantised = activations.quantised[r] + g * kGroup;
        Floats low = load(values), high = load(values + kLanes);
        *scale = quantise(low, high);
        store(quantised, low);
        store(quantised + kLanes, high);
        values = quantised;
      }
      if constexpr (F::hasMinimum) {
        float sum = sum16(values, kGroup);
        activations.groupSums[g][r] = IsInt8 ? *scale * sum : sum;
      }
    }
  activations.values = IsInt8 ? activations.quantised[0] : input;
  activations.stride = IsInt8 ? kChunk * kGroup : stride;
}

template <typename F, SumOrder Sums, int R>
void blockLeaf(const LeafTask &task) {
  constexpr bool kIsInt8 = Sums == SumOrder::Int8;
  constexpr bool kFlushed = Sums == SumOrder::Paired;
  Activations<R> activations;
  float sums[kChunk * F::subBlocks * R * kPanelColumns];
  __builtin_memset(task.sums, 0,
                   static_cast<size_t>(task.panels) * R * kPanelColumns *
                       sizeof(float));
  for (int64_t i = 0; i < task.n; i += kChunk * kGroup) {
    int64_t k = task.k + i;
    int64_t groups = smaller(kChunk, (task.n - i) / kGroup);
    prepare<F, kIsInt8>(task.getRows() + i, task.inputStride, groups,
                        activations);
    for (int64_t p = 0; p < task.panels; ++p) {
      const uint8_t *panel = task.panel + p * task.panelBytes;
      if constexpr (kFlushed) {
        FlushScope flush;
        addSubBlocks<F, true, R>(panel, k, groups, activations.values,
                                 activations.stride, sums);
      } else {
        addSubBlocks<F, false, R>(panel, k, groups, activations.values,
                                  activations.stride, sums);
      }
      addScaled<F, kIsInt8>(panel, k, groups, activations, sums,
                            task.sums + p * R * kPanelColumns);
    }
  }
}

template <typename F, SumOrder Sums>
struct Picker {
  template <int R>
  Leaf pick() const {
    return blockLeaf<F, Sums, R>;
  }
};

template <typename F>
Leaf pickOrder(SumOrder order, int64_t rows) {
  switch (order) {
  case SumOrder::Ascending:
    return pickRows(rows, Picker<F, SumOrder::Ascending>());
  case SumOrder::Paired:
    return pickRows(rows, Picker<F, SumOrder::Paired>());
  case SumOrder::Int8:
    return pickRows(rows, Picker<F, SumOrder::Int8>());
  }
  return nullptr;
}

} // namespace

Leaf getBlockLeaf(int32_t type, SumOrder order, int64_t rows) {
  Leaf leaf = nullptr;
  visitFormat(type, [&](auto format) {
    leaf = pickOrder<decltype(format)>(order, rows);
  });
  return leaf;
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
