//===- PairLeavesFloats.cpp - Leaves of bf16 weights, by pairs ------------===//

#include "Pairs.h"
#include "TileLeaves.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Registers of 16 columns of a panel.
constexpr int kVectors = 2;
constexpr int64_t kPairBytes = 4 * kPanelColumns;

/// acc[r][v] += a pair of features.
template <int R>
LAMINA_INLINE void addPair(const Words (&w)[kVectors], const uint8_t *input,
                           Floats (&acc)[R][kVectors]) {
  for (int r = 0; r < R; ++r) {
    Words a = splatPair(input + 4 * r);
    for (int v = 0; v < kVectors; ++v)
      acc[r][v] = addPairs(acc[r][v], w[v], a);
  }
}

/// Leaves whose pairs lie in words of the weights and of the activations.
template <int R>
LAMINA_INLINE void addWords(const LeafTask &task, const uint8_t *panel,
                            Floats (&acc)[R][kVectors]) {
  const uint8_t *weights = panel + task.k / 2 * kPairBytes;
  const uint8_t *input = task.input;
  Prefetch prefetch = *task.prefetch;
  for (int64_t i = 0; i < task.n / 2; ++i) {
    askFor<kVectors, R>(prefetch);
    Words w[kVectors];
    for (int v = 0; v < kVectors; ++v)
      w[v] = loadAs<Words>(weights + 64 * v);
    addPair(w, input, acc);
    weights += kPairBytes;
    input += 4 * R;
  }
  *task.prefetch = prefetch;
}

/// Feature k in the lower half of a word, of 16 columns or of a row.
LAMINA_INLINE Words getWeight(const uint8_t *panel, int64_t k, int v) {
  Words pair = loadAs<Words>(panel + k / 2 * kPairBytes + 64 * v);
  return k % 2 ? pair >> 16 : pair & 0xffff;
}
LAMINA_INLINE uint32_t getActivation(const uint8_t *tile, int64_t k, int64_t r,
                                     int64_t rows) {
  return loadAs<uint16_t>(tile + (k / 2 * rows + r) * 4 + k % 2 * 2);
}

/// Any other leaf: it begins or ends within a word, and its last pair may lack
/// the odd feature.
template <int R>
LAMINA_NOINLINE void addHalves(const LeafTask &task, const uint8_t *panel,
                               Floats (&acc)[R][kVectors]) {
  int64_t first = task.inputFeature % 2;
  for (int64_t i = 0; i < task.n; i += 2) {
    bool isWhole = i + 1 < task.n;
    Words w[kVectors];
    for (int v = 0; v < kVectors; ++v) {
      w[v] = getWeight(panel, task.k + i, v);
      if (isWhole)
        w[v] = w[v] | getWeight(panel, task.k + i + 1, v) << 16;
    }
    uint32_t a[R];
    for (int r = 0; r < R; ++r) {
      a[r] = getActivation(task.input, first + i, r, R);
      if (isWhole)
        a[r] |= getActivation(task.input, first + i + 1, r, R) << 16;
    }
    addPair(w, reinterpret_cast<const uint8_t *>(a), acc);
  }
}

template <int R>
void floatPairLeaf(const LeafTask &task) {
  bool isWords = task.k % 2 + task.inputFeature % 2 + task.n % 2 == 0;
  for (int64_t p = 0; p < task.panels; ++p) {
    const uint8_t *panel = task.panel + p * task.panelBytes;
    Floats acc[R][kVectors] = {};
    if (isWords)
      addWords(task, panel, acc);
    else
      addHalves(task, panel, acc);
    storeTile(acc, task.sums + p * R * kPanelColumns, 0);
  }
}

struct Picker {
  template <int R>
  Leaf pick() const {
    return floatPairLeaf<R>;
  }
};

} // namespace

Leaf getFloatPairLeaf(int32_t, SumOrder, int64_t rows) {
  return pickHeight<kFloatRows>(rows, Picker());
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
