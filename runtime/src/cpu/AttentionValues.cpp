//===- AttentionValues.cpp - Weighted sums of values ----------------------===//
//
// A page of values stays in the cache while the queries of a block pass; a few
// of them share each value that is widened.
//
//===----------------------------------------------------------------------===//

#include "AttentionBlock.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Queries that share a value, and vectors of 16 columns that are accumulated
/// at once: as many as the registers hold.
constexpr int kSharers = 6;
#if defined(__AVX512F__)
constexpr int kAccumulators = 24;
constexpr bool kHasRoom = true;
#else
constexpr int kAccumulators = 6;
constexpr bool kHasRoom = false;
#endif

/// Some keys of one page and Q queries: pointers to their first.
struct PagePart {
  const uint8_t *value;
  int64_t positionBytes;
  int64_t headDim;
  int64_t n;
  const float *exponentials; ///< rows kSegment apart
  float *outputs;            ///< rows outputStride apart
  int64_t outputStride;
};

/// outputs[q][c .. c + 16V) += exponentials[q][j] * value[j] in the order of j.
template <int32_t Type, int Q, int V, bool IsPart>
LAMINA_INLINE void addColumns(const PagePart &part, int64_t c) {
  Floats acc[Q][V];
  float *outputs = part.outputs + c;
  for (int q = 0; q < Q; ++q)
    for (int v = 0; v < V; ++v)
      acc[q][v] = load(outputs + q * part.outputStride + v * kLanes);
  const uint8_t *value = part.value;
  const float *weights = part.exponentials;
  for (int64_t j = 0; j < part.n; ++j, value += part.positionBytes) {
    for (int v = 0; v < V; ++v) {
      Floats x = IsPart ? widenPart(Type, value, c, part.headDim - c)
                        : widen(Type, value, c + v * kLanes);
      // Where sums take all registers, weights are loaded again.
      if constexpr (V > 1 && Q * V == kAccumulators && !kHasRoom)
        asm("" : "+r"(weights));
      for (int q = 0; q < Q; ++q)
        acc[q][v] = fma(splat(weights[q * kSegment + j]), x, acc[q][v]);
    }
  }
  for (int q = 0; q < Q; ++q)
    for (int v = 0; v < V; ++v)
      store(outputs + q * part.outputStride + v * kLanes, acc[q][v]);
}

template <int32_t Type, int Q>
LAMINA_NOINLINE void addPart(const PagePart &part) {
  constexpr int kMost = kAccumulators / Q;
  constexpr int V = kMost >= 4 ? 4 : kMost >= 2 ? 2 : 1;
  int64_t d = part.headDim, c = 0;
  for (; c + V * kLanes <= d; c += V * kLanes)
    addColumns<Type, Q, V, false>(part, c);
  if constexpr (V > 1)
    for (; c + kLanes <= d; c += kLanes)
      addColumns<Type, Q, 1, false>(part, c);
  if (c < d)
    addColumns<Type, Q, 1, true>(part, c);
}

template <int32_t Type>
void addShared(int64_t queries, const PagePart &part) {
  constexpr void (*add[kSharers])(const PagePart &) = {
      addPart<Type, 1>, addPart<Type, 2>, addPart<Type, 3>,
      addPart<Type, 4>, addPart<Type, 5>, addPart<Type, 6>};
  add[queries - 1](part);
}

/// The keys from position `first` on that are in its page, for the queries
/// [i, i + queries): together as far as all attend them, then one by one.
template <int32_t Type>
void addPage(const Cache &values, const QueryBlock &block, int64_t g,
             int64_t first, int64_t i, int64_t queries) {
  int64_t stride = block.segments * block.width;
  PagePart part = {
      values.at(first),
      values.task.positionBytes,
      values.task.headDim,
      smaller(LAMRT_PAGE_POSITIONS, block.getLeastKeys(i, queries) - first),
      block.scores + i * kSegment + first % kSegment,
      block.outputs + i * stride + g * block.width,
      stride};
  if (part.n > 0)
    addShared<Type>(queries, part);
  int64_t done = larger(0, part.n);
  part.value += done * part.positionBytes;
  part.exponentials += done;
  for (int64_t q = i; q < i + queries; ++q) {
    part.n = smaller(LAMRT_PAGE_POSITIONS, block.keys[q] - first) - done;
    if (part.n > 0)
      addShared<Type>(1, part);
    part.exponentials += kSegment;
    part.outputs += stride;
  }
}

template <int32_t Type>
void addAll(const Cache &values, const QueryBlock &block, int64_t g) {
  int64_t end = smaller(block.mostKeys, (g + 1) * kSegment);
  for (int64_t first = g * kSegment; first < end; first += LAMRT_PAGE_POSITIONS)
    for (int64_t i = 0; i < block.count; i += kSharers)
      addPage<Type>(values, block, g, first, i,
                    smaller(kSharers, block.count - i));
}

} // namespace

void addSegment(const Cache &values, const QueryBlock &block, int64_t g) {
  if (values.task.cacheType == LAMRT_F32)
    addAll<LAMRT_F32>(values, block, g);
  else if (values.task.cacheType == LAMRT_F16)
    addAll<LAMRT_F16>(values, block, g);
  else
    addAll<LAMRT_BF16>(values, block, g);
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
