//===- TileLeavesInt8.cpp - Integer sums of blocks in AVX2 ----------------===//
//
// A lane is a column. The q of a block, made unsigned, times signed activations
// sum up exactly in s16 or s32; the offset of q goes away by `extra`.
//
//===----------------------------------------------------------------------===//

#include "TileLeaves.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Columns of a register.
constexpr int64_t kWide = 8;

LAMINA_INLINE __m256i loadIntegers(const uint8_t *address) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i *>(address));
}
LAMINA_INLINE __m256i broadcastWord(const uint8_t *address) {
  return _mm256_set1_epi32(loadAs<int32_t>(address));
}
LAMINA_INLINE __m256 broadcastFloat(const uint8_t *address) {
  return _mm256_set1_ps(loadAs<float>(address));
}
LAMINA_INLINE __m256 loadHalves(const uint8_t *address) {
  return _mm256_cvtph_ps(
      _mm_loadu_si128(reinterpret_cast<const __m128i *>(address)));
}

/// Keeps the compiler from adding up products before they go to their sum: it
/// would need more registers than there are.
LAMINA_INLINE __m256i pin(__m256i value) {
  asm("" : "+x"(value));
  return value;
}

/// Sums of a block of nibbles: sums[r][v] in s32. All eight products of a lane
/// fit into s16: 8 * 2 * 15 * 127 < 2^15.
template <int R, int V>
LAMINA_INLINE void addNibbles(const uint8_t *words, const uint8_t *input,
                              __m256i (&sums)[R][V]) {
  const __m256i mask = _mm256_set1_epi8(15);
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      sums[r][v] = _mm256_setzero_si256();
#pragma clang loop unroll(disable)
  for (int w = 0; w < 4; ++w) {
    __m256i bytes[V];
    for (int v = 0; v < V; ++v)
      bytes[v] = loadIntegers(words + (w * kPanelColumns + kWide * v) * 4);
    for (int half = 0; half < 2; ++half) {
      __m256i q[V];
      for (int v = 0; v < V; ++v)
        q[v] = _mm256_and_si256(
            half ? _mm256_srli_epi16(bytes[v], 4) : bytes[v], mask);
      for (int r = 0; r < R; ++r) {
        __m256i a = broadcastWord(input + ((w + 4 * half) * R + r) * 4);
        for (int v = 0; v < V; ++v)
          sums[r][v] =
              pin(_mm256_add_epi16(sums[r][v], _mm256_maddubs_epi16(q[v], a)));
      }
    }
  }
  const __m256i ones = _mm256_set1_epi16(1);
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      sums[r][v] = _mm256_madd_epi16(sums[r][v], ones);
}

/// The same of a block of bytes, which are too large for s16.
template <int R, int V>
LAMINA_INLINE void addBytes(const uint8_t *words, const uint8_t *input,
                            __m256i (&sums)[R][V]) {
  const __m256i mask = _mm256_set1_epi16(255);
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      sums[r][v] = _mm256_setzero_si256();
#pragma clang loop unroll(disable)
  for (int w = 0; w < 8; ++w) {
    __m256i bytes[V];
    for (int v = 0; v < V; ++v)
      bytes[v] = loadIntegers(words + (w * kPanelColumns + kWide * v) * 4);
    for (int half = 0; half < 2; ++half) {
      __m256i q[V];
      for (int v = 0; v < V; ++v)
        q[v] = half ? _mm256_srli_epi16(bytes[v], 8)
                    : _mm256_and_si256(bytes[v], mask);
      for (int r = 0; r < R; ++r) {
        __m256i a = broadcastWord(input + ((w * R + r) * 2 + half) * 4);
        for (int v = 0; v < V; ++v)
          sums[r][v] =
              pin(_mm256_add_epi32(sums[r][v], _mm256_madd_epi16(q[v], a)));
      }
    }
  }
}

/// The columns [column, column + 8V) of a panel, all blocks of a leaf.
template <int32_t Type, int R, int V>
LAMINA_INLINE void addBlocks(const uint8_t *block, const uint8_t *input,
                             int64_t blocks, int64_t column, float *sums) {
  using F = Facts<Type>;
  constexpr int64_t kIntegers = Type == LAMRT_Q8_0 ? 2 * kGroup : kGroup;
  __m256 acc[R][V] = {};
  for (int64_t b = 0; b < blocks; ++b) {
    if constexpr (R == 1)
      prefetchWeights(block, F::packedBytes);
    __m256i integers[R][V];
    if constexpr (Type == LAMRT_Q8_0)
      addBytes<R, V>(block + 4 * column, input, integers);
    else
      addNibbles<R, V>(block + 4 * column, input, integers);
    const uint8_t *tail = input + kIntegers * R, *extra = tail + 4 * R;
    const uint8_t *scales = block + F::scaleOffset + 2 * column;
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v) {
        __m256i s = integers[r][v];
        if constexpr (!F::hasMinimum)
          s = _mm256_add_epi32(s, broadcastWord(extra + 4 * r));
        __m256 scaled = _mm256_mul_ps(_mm256_cvtepi32_ps(s),
                                      loadHalves(scales + 2 * kWide * v));
        acc[r][v] =
            _mm256_fmadd_ps(scaled, broadcastFloat(tail + 4 * r), acc[r][v]);
        if constexpr (F::hasMinimum)
          acc[r][v] = _mm256_fmadd_ps(
              loadHalves(scales + 2 * (kPanelColumns + kWide * v)),
              broadcastFloat(extra + 4 * r), acc[r][v]);
      }
    block += F::packedBytes;
    input += (kIntegers + 8) * R;
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v)
      _mm256_storeu_ps(sums + r * kPanelColumns + column + kWide * v,
                       acc[r][v]);
}

template <int32_t Type, int R>
void int8Leaf(const LeafTask &task) {
  using F = Facts<Type>;
  constexpr int V = R > 2 ? 2 : 4;
  for (int64_t p = 0; p < task.panels; ++p) {
    const uint8_t *first =
        task.panel + p * task.panelBytes + task.k / kGroup * F::packedBytes;
    for (int64_t c = 0; c < kPanelColumns; c += V * kWide)
      addBlocks<Type, R, V>(first, task.input, task.n / kGroup, c,
                            task.sums + p * R * kPanelColumns);
  }
}

template <int32_t Type>
Leaf pickLeaf(int64_t rows) {
  constexpr Leaf leaves[kInt8Rows] = {int8Leaf<Type, 1>, int8Leaf<Type, 2>,
                                      int8Leaf<Type, 3>, int8Leaf<Type, 4>};
  return leaves[rows - 1];
}

} // namespace

Leaf getInt8Leaf(int32_t type, SumOrder, int64_t rows) {
  if (type == LAMRT_Q8_0)
    return pickLeaf<LAMRT_Q8_0>(rows);
  return type == LAMRT_Q4_0 ? pickLeaf<LAMRT_Q4_0>(rows)
                            : pickLeaf<LAMRT_Q4_1>(rows);
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
