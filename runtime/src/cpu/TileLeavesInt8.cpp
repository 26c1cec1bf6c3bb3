//===- TileLeavesInt8.cpp - Integer sums of blocks ------------------------===//
//
// A lane is a column. The q of a block, made unsigned, times signed activations
// sum up exactly in s16 or s32; the offset of q goes away by `extra`.
//
//===----------------------------------------------------------------------===//

#include "Int8Registers.h"
#include "TileLeaves.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// V registers of word w of each column from `words` on.
template <int V>
LAMINA_INLINE void loadWords(const uint8_t *words, int64_t w, Lanes (&q)[V]) {
  for (int v = 0; v < V; ++v)
    q[v] = loadLanes(words + (w * kPanelColumns + kWide * v) * 4);
}

/// Lines of V registers.
template <int V>
constexpr int64_t kLines = V * kWide * 4 / 64;

/// Sums of a block of nibbles: sums[r][v] in s32.
template <int R, int V>
LAMINA_INLINE void sumNibbles(const uint8_t *words, const uint8_t *input,
                              Prefetch &prefetch, Lanes (&sums)[R][V]) {
#pragma clang loop unroll(disable)
  for (int w = 0; w < 4; ++w) {
    Lanes bytes[V];
    askFor<kLines<V>, R>(prefetch);
    loadWords(words, w, bytes);
    for (int half = 0; half < 2; ++half) {
      Lanes q[V];
      for (int v = 0; v < V; ++v)
        q[v] = (half ? shiftShorts(bytes[v], 4) : bytes[v]) & 0x0f0f0f0f;
      for (int r = 0; r < R; ++r) {
        Lanes a = broadcastWord(input + ((w + 4 * half) * R + r) * 4);
        for (int v = 0; v < V; ++v)
          sums[r][v] = addNibbles(sums[r][v], q[v], a);
      }
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      sums[r][v] = getNibbleSum(sums[r][v]);
}

/// The same of a block of bytes.
template <int R, int V>
LAMINA_INLINE void sumBytes(const uint8_t *words, const uint8_t *input,
                            Prefetch &prefetch, Lanes (&sums)[R][V]) {
#pragma clang loop unroll(disable)
  for (int w = 0; w < 8; ++w) {
    Lanes bytes[V];
    askFor<kLines<V>, R>(prefetch);
    loadWords(words, w, bytes);
    for (int part = 0; part < kByteParts; ++part) {
      Lanes q[V];
      for (int v = 0; v < V; ++v)
        q[v] = getBytePart(bytes[v], part);
      for (int r = 0; r < R; ++r) {
        Lanes a = broadcastWord(input + ((w * R + r) * kByteParts + part) * 4);
        for (int v = 0; v < V; ++v)
          sums[r][v] = addBytes(sums[r][v], q[v], a);
      }
    }
  }
}

/// Bytes of the integers of a block of one row.
template <int32_t Type>
constexpr int64_t kIntegers = Type == LAMRT_Q8_0 ? kByteParts * kGroup : kGroup;

/// acc[r][v] += the block, whose tile is `input`, in the columns from `column`.
template <int32_t Type, int R, int V>
LAMINA_INLINE void addBlock(const uint8_t *block, const uint8_t *input,
                            int64_t column, Prefetch &prefetch,
                            FloatLanes (&acc)[R][V]) {
  using F = Facts<Type>;
  constexpr bool kIsBytes = Type == LAMRT_Q8_0;
  constexpr bool kStartsAtExtra = kHasDotProducts && !F::hasMinimum;
  const uint8_t *tail = input + kIntegers<Type> * R, *extra = tail + 4 * R;
  Lanes sums[R][V] = {};
  if constexpr (kStartsAtExtra)
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v)
        sums[r][v] = broadcastWord(extra + 4 * r);
  if constexpr (kIsBytes)
    sumBytes(block + 4 * column, input, prefetch, sums);
  else
    sumNibbles(block + 4 * column, input, prefetch, sums);
  constexpr int64_t kAsked = (kIsBytes ? 8 : 4) * kLines<V>;
  askFor<F::packedBytes * V * kWide / kPanelColumns / 64 - kAsked, R>(prefetch);
  const uint8_t *scales = block + F::scaleOffset + 2 * column;
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) {
      Lanes s = sums[r][v];
      if constexpr (!F::hasMinimum && !kStartsAtExtra)
        s = s + broadcastWord(extra + 4 * r);
      FloatLanes scaled = __builtin_convertvector(s, FloatLanes) *
                          loadHalves(scales + 2 * kWide * v);
      acc[r][v] = __builtin_elementwise_fma(
          scaled, broadcastFloat(tail + 4 * r), acc[r][v]);
      if constexpr (F::hasMinimum)
        acc[r][v] = __builtin_elementwise_fma(
            loadHalves(scales + 2 * (kPanelColumns + kWide * v)),
            broadcastFloat(extra + 4 * r), acc[r][v]);
    }
}

/// The columns [column, column + kWide*V) of a panel, all blocks of a leaf.
template <int32_t Type, int R, int V>
LAMINA_INLINE void addBlocks(const uint8_t *block, const LeafTask &task,
                             int64_t column, float *sums) {
  FloatLanes acc[R][V] = {};
  const uint8_t *input = task.input;
  Prefetch prefetch = *task.prefetch;
  for (int64_t b = 0; b < task.n / kGroup; ++b) {
    addBlock<Type>(block, input, column, prefetch, acc);
    block += Facts<Type>::packedBytes;
    input += (kIntegers<Type> + 8) * R;
  }
  *task.prefetch = prefetch;
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      __builtin_memcpy(sums + r * kPanelColumns + column + kWide * v,
                       &acc[r][v], sizeof(acc[r][v]));
}

template <int32_t Type, int R>
void int8Leaf(const LeafTask &task) {
  constexpr int V = kHasWideTiles || R > 2 ? 2 : 4;
  for (int64_t p = 0; p < task.panels; ++p) {
    const uint8_t *first = task.panel + p * task.panelBytes +
                           task.k / kGroup * Facts<Type>::packedBytes;
    for (int64_t c = 0; c < kPanelColumns; c += V * kWide)
      addBlocks<Type, R, V>(first, task, c, task.sums + p * R * kPanelColumns);
  }
}

template <int32_t Type>
struct Picker {
  template <int R>
  Leaf pick() const {
    return int8Leaf<Type, R>;
  }
};

} // namespace

Leaf getInt8Leaf(int32_t type, SumOrder, int64_t rows) {
  if (type == LAMRT_Q8_0)
    return pickHeight<kInt8Rows>(rows, Picker<LAMRT_Q8_0>());
  if (type == LAMRT_Q4_0)
    return pickHeight<kInt8Rows>(rows, Picker<LAMRT_Q4_0>());
  return pickHeight<kInt8Rows>(rows, Picker<LAMRT_Q4_1>());
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
