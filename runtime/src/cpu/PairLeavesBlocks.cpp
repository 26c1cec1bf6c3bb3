//===- PairLeavesBlocks.cpp - Float sums of blocks, by pairs --------------===//
//
// The q of a block are small integers, exact in bf16.
//
//===----------------------------------------------------------------------===//

#include "Pairs.h"
#include "TileBlocks.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Nibbles as bf16, less Offset. Both halves are equal, since the index of a
/// lookup has five bits and a nibble four.
template <int Offset>
struct NibbleTable {
  constexpr NibbleTable() {
    for (int i = 0; i < 32; ++i)
      values[i] = round(i % 16 - Offset);
  }
  uint16_t values[32] = {};

private:
  /// An integer of up to 4 bits has no more in its mantissa.
  static constexpr uint16_t round(int value) {
    if (value == 0)
      return 0;
    int magnitude = value < 0 ? -value : value, exponent = 0;
    while (magnitude >> (exponent + 1))
      ++exponent;
    int mantissa = (magnitude << 7 >> exponent) & 0x7f;
    return static_cast<uint16_t>((value < 0 ? 0x8000 : 0) |
                                 (127 + exponent) << 7 | mantissa);
  }
};

/// A pair of features at a time, as bf16.
struct TwoFeatures {
  static constexpr int features = 2;
  static constexpr bool needsMode = false;

  static constexpr int getStep(int j) { return j; }

  template <typename F>
  LAMINA_INLINE Floats unpack(const uint8_t *group, int64_t column, int64_t w,
                              int step) {
    if constexpr (F::type == LAMRT_Q4_0 || F::type == LAMRT_Q4_1 ||
                  F::type == LAMRT_Q4_K) {
      static constexpr NibbleTable<F::type == LAMRT_Q4_0 ? 8 : 0> table;
      // Feature 2*step is in the lower half of a word, the next one in the
      // upper half, at the same bits.
      Words index =
          F::loadNibbles(group, column, w) >> F::getShift(w, 2 * step);
      return (Floats)_mm512_permutexvar_epi16((__m512i)index,
                                              loadAs<__m512i>(table.values));
    } else {
      Words even = (Words)F::unpackFeature(group, column, w, 2 * step);
      Words odd = (Words)F::unpackFeature(group, column, w, 2 * step + 1);
      return (Floats)(even >> 16 | odd);
    }
  }
  LAMINA_INLINE Floats multiplyAdd(Floats q, const float *a, Floats sum) {
    return addPairs(sum, (Words)q,
                    splatPair(reinterpret_cast<const uint8_t *>(a)));
  }
};

template <typename F>
struct Picker {
  template <int R>
  Leaf pick() const {
    return addPanels<F, TwoFeatures, R>;
  }
};

} // namespace

Leaf getBlockPairLeaf(int32_t type, SumOrder, int64_t rows) {
  Leaf leaf = nullptr;
  visitFormat(type, [&](auto format) {
    using F = decltype(format);
    leaf = pickHeight<kBlockRows<F>>(rows, Picker<F>());
  });
  return leaf;
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
