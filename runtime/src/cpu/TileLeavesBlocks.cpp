//===- TileLeavesBlocks.cpp - Float sums of blocks, by features -----------===//

#include "TileBlocks.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// A feature at a time, as f32.
template <bool IsPaired>
struct OneFeature {
  static constexpr int features = 1;
  static constexpr bool needsMode = IsPaired;

  /// The paired order begins with the odd feature.
  static constexpr int getStep(int j) { return IsPaired ? j ^ 1 : j; }

  template <typename F>
  LAMINA_INLINE Floats unpack(const uint8_t *group, int64_t column, int64_t w,
                              int step) {
    return F::unpackFeature(group, column, w, step);
  }
  LAMINA_INLINE Floats multiplyAdd(Floats q, const float *a, Floats sum) {
    return fma(q, splat(*a), sum);
  }
};

template <typename F, bool IsPaired>
struct Picker {
  template <int R>
  Leaf pick() const {
    return addPanels<F, OneFeature<IsPaired>, R>;
  }
};

} // namespace

Leaf getBlockTileLeaf(int32_t type, SumOrder order, int64_t rows) {
  Leaf leaf = nullptr;
  visitFormat(type, [&, order](auto format) {
    using F = decltype(format);
    if constexpr (!kHasPairs)
      if (order == SumOrder::Paired) {
        leaf = pickHeight<kBlockRows<F>>(rows, Picker<F, true>());
        return;
      }
    leaf = pickHeight<kBlockRows<F>>(rows, Picker<F, false>());
  });
  return leaf;
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
