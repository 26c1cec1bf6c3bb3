//===- Attention.cpp - Causal attention over a paged cache ----------------===//
//
// Blocks of queries that read one KV head go through the segments of its cache
// together. All segments are kept until the largest score is known.
//
//===----------------------------------------------------------------------===//

#include "AttentionScratch.h"
#include "Conversions.h"
#include "Elementary.h"
#include "LevelKernels.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

constexpr int64_t kSegment = kAttentionSegment;
constexpr int64_t kBlock = kAttentionBlock;

/// Registers of 16 columns that a full block accumulates at once.
#if defined(__AVX512F__)
constexpr int kSharedVectors = 2;
#else
constexpr int kSharedVectors = 1;
#endif

/// Queries that read one KV head, and their scratch.
struct QueryBlock {
  int64_t count;
  int64_t row[kBlock];
  int64_t head[kBlock];
  int64_t keys[kBlock]; ///< that each attends: its position + 1
  int64_t mostKeys;
  int64_t width;    ///< head_dim rounded up to 16
  int64_t segments; ///< of mostKeys
  float *queries;   ///< [kBlock][width]
  float *scores;    ///< [kBlock][256], then their exponentials
  float *maxima;    ///< [kBlock][segments]
  float *sums;      ///< [kBlock][segments]
  float *outputs;   ///< [kBlock][segments][width]
};

/// The keys or the values of one KV head.
struct Cache {
  const uint8_t *data;
  const AttentionTask &task;

  /// Positions up to the next multiple of LAMRT_PAGE_POSITIONS follow.
  const uint8_t *at(int64_t position) const {
    return data + task.pages[position / LAMRT_PAGE_POSITIONS] * task.pageBytes +
           position % LAMRT_PAGE_POSITIONS * task.positionBytes;
  }
};

/// Sums of the lanes of 16 vectors: lane j is addLanes(v[j]).
LAMINA_INLINE Floats addLanesOfEach(const float *lanes) {
  Floats v[kLanes];
  // Halves of two vectors become the two halves of one.
  for (int j = 0; j < 8; ++j) {
    Floats a = load(lanes + 32 * j), b = load(lanes + 32 * j + kLanes);
    v[j] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19,
                                   20, 21, 22, 23) +
           __builtin_shufflevector(a, b, 8, 9, 10, 11, 12, 13, 14, 15, 24, 25,
                                   26, 27, 28, 29, 30, 31);
  }
  for (int j = 0; j < 4; ++j)
    v[j] = __builtin_shufflevector(v[2 * j], v[2 * j + 1], 0, 1, 2, 3, 8, 9, 10,
                                   11, 16, 17, 18, 19, 24, 25, 26, 27) +
           __builtin_shufflevector(v[2 * j], v[2 * j + 1], 4, 5, 6, 7, 12, 13,
                                   14, 15, 20, 21, 22, 23, 28, 29, 30, 31);
  for (int j = 0; j < 2; ++j)
    v[j] = __builtin_shufflevector(v[2 * j], v[2 * j + 1], 0, 1, 4, 5, 8, 9, 12,
                                   13, 16, 17, 20, 21, 24, 25, 28, 29) +
           __builtin_shufflevector(v[2 * j], v[2 * j + 1], 2, 3, 6, 7, 10, 11,
                                   14, 15, 18, 19, 22, 23, 26, 27, 30, 31);
  return __builtin_shufflevector(v[0], v[1], 0, 2, 4, 6, 8, 10, 12, 14, 16, 18,
                                 20, 22, 24, 26, 28, 30) +
         __builtin_shufflevector(v[0], v[1], 1, 3, 5, 7, 9, 11, 13, 15, 17, 19,
                                 21, 23, 25, 27, 29, 31);
}

/// Products of a query with N keys from `key` on, summed to 16 lanes each.
template <int32_t Type, int N>
LAMINA_INLINE void multiplyKeys(const float *query, const uint8_t *key,
                                int64_t stride, int64_t d, float *lanes) {
  Floats acc[N] = {};
  for (int64_t c = 0; c < d; c += kLanes) {
    Floats q = load(query + c);
    for (int j = 0; j < N; ++j)
      acc[j] = fma(q, widenAt(Type, key + j * stride, c, d), acc[j]);
  }
  for (int j = 0; j < N; ++j)
    store(lanes + j * kLanes, acc[j]);
}

/// Scores of query i with n <= 16 keys.
template <int32_t Type>
LAMINA_INLINE void scoreKeys(const AttentionTask &task, const float *query,
                             const uint8_t *key, int64_t n, float *scores) {
  float lanes[kLanes * kLanes];
  int64_t j = 0;
  for (; j + 4 <= n; j += 4)
    multiplyKeys<Type, 4>(query, key + j * task.positionBytes,
                          task.positionBytes, task.headDim, lanes + j * kLanes);
  for (; j < n; ++j)
    multiplyKeys<Type, 1>(query, key + j * task.positionBytes,
                          task.positionBytes, task.headDim, lanes + j * kLanes);
  for (; j < kLanes; ++j)
    store(lanes + j * kLanes, Floats{});
  store(scores, addLanesOfEach(lanes) * task.scale);
}

/// Scores of the segment at `first`, of `n` keys.
template <int32_t Type>
LAMINA_NOINLINE void scoreSegment(const Cache &keys, const QueryBlock &block,
                                  int64_t first, int64_t n) {
  for (int64_t j = 0; j < n; j += kLanes) {
    const uint8_t *key = keys.at(first + j);
    for (int64_t i = 0; i < block.count; ++i) {
      int64_t wanted = smaller(kLanes, block.keys[i] - first - j);
      if (wanted > 0)
        scoreKeys<Type>(keys.task, block.queries + i * block.width, key, wanted,
                        block.scores + i * kSegment + j);
    }
  }
}

/// Turns the n scores of a query into exponentials; returns their largest.
LAMINA_NOINLINE float exponentiate(float *scores, int64_t n, float &sum) {
  float maximum = -__builtin_inff();
  for (int64_t j = 0; j < n; ++j)
    maximum = scores[j] > maximum ? scores[j] : maximum;
  for (int64_t j = 0; j < n; j += kLanes)
    store(scores + j, exp(load(scores + j) - maximum));
  sum = sum16(scores, n);
  return maximum;
}

/// outputs[i + 0 .. Q)[c .. c + 16V) += exponentials * values of the keys
/// [begin, end) of the segment at `first`.
template <int32_t Type, int Q, int V, bool IsPart>
LAMINA_NOINLINE void addValues(const Cache &values, const float *exponentials,
                               float *outputs, int64_t outputStride, int64_t c,
                               int64_t first, int64_t begin, int64_t end) {
  Floats acc[Q][V];
  for (int q = 0; q < Q; ++q)
    for (int v = 0; v < V; ++v)
      acc[q][v] = load(outputs + q * outputStride + c + v * kLanes);
  for (int64_t j = begin; j < end;) {
    const uint8_t *value = values.at(first + j);
    int64_t left = LAMRT_PAGE_POSITIONS - (first + j) % LAMRT_PAGE_POSITIONS;
    int64_t stop = smaller(end, j + left);
    for (; j < stop; ++j, value += values.task.positionBytes)
      for (int v = 0; v < V; ++v) {
        int64_t column = c + v * kLanes;
        Floats x = IsPart ? widenPart(Type, value, column,
                                      values.task.headDim - column)
                          : widen(Type, value, column);
        for (int q = 0; q < Q; ++q)
          acc[q][v] = fma(splat(exponentials[q * kSegment + j]), x, acc[q][v]);
      }
  }
  for (int q = 0; q < Q; ++q)
    for (int v = 0; v < V; ++v)
      store(outputs + q * outputStride + c + v * kLanes, acc[q][v]);
}

/// The same for all columns of Q queries.
template <int32_t Type, int Q>
LAMINA_INLINE void addAllColumns(const Cache &values, const float *exponentials,
                                 float *outputs, int64_t outputStride,
                                 int64_t first, int64_t begin, int64_t end) {
  constexpr int V = Q == 1 ? 4 : kSharedVectors;
  int64_t d = values.task.headDim, c = 0;
  for (; c + V * kLanes <= d; c += V * kLanes)
    addValues<Type, Q, V, false>(values, exponentials, outputs, outputStride, c,
                                 first, begin, end);
  for (; c + kLanes <= d; c += kLanes)
    addValues<Type, Q, 1, false>(values, exponentials, outputs, outputStride, c,
                                 first, begin, end);
  if (c < d)
    addValues<Type, Q, 1, true>(values, exponentials, outputs, outputStride, c,
                                first, begin, end);
}

/// Segment g of every query of the block that reaches it.
template <int32_t Type>
void runSegment(const Cache &keys, const Cache &values, const QueryBlock &block,
                int64_t g) {
  int64_t first = g * kSegment;
  scoreSegment<Type>(keys, block, first,
                     smaller(kSegment, block.mostKeys - first));
  int64_t stride = block.segments * block.width;
  int64_t shared = kSegment;
  for (int64_t i = 0; i < block.count; ++i) {
    int64_t n = smaller(kSegment, block.keys[i] - first);
    shared = smaller(shared, n);
    float *output = block.outputs + i * stride + g * block.width;
    __builtin_memset(output, 0,
                     static_cast<size_t>(block.width) * sizeof(float));
    if (n > 0)
      block.maxima[i * block.segments + g] = exponentiate(
          block.scores + i * kSegment, n, block.sums[i * block.segments + g]);
  }
  // All queries of a full block pass a value together, as far as all attend it.
  int64_t begin = 0;
  if (block.count == kBlock && shared > 0) {
    addAllColumns<Type, kBlock>(values, block.scores,
                                block.outputs + g * block.width, stride, first,
                                0, shared);
    begin = shared;
  }
  for (int64_t i = 0; i < block.count; ++i) {
    int64_t n = smaller(kSegment, block.keys[i] - first);
    if (begin < n)
      addAllColumns<Type, 1>(values, block.scores + i * kSegment,
                             block.outputs + i * stride + g * block.width,
                             stride, first, begin, n);
  }
}

/// Joins the segments of query i and stores its result.
void storeQuery(const AttentionTask &task, const QueryBlock &block, int64_t i) {
  int64_t segments = (block.keys[i] + kSegment - 1) / kSegment;
  const float *maxima = block.maxima + i * block.segments;
  const float *sums = block.sums + i * block.segments;
  const float *outputs = block.outputs + i * block.segments * block.width;
  float maximum = -__builtin_inff();
  for (int64_t g = 0; g < segments; ++g)
    maximum = maxima[g] > maximum ? maxima[g] : maximum;
  // The query has been read; its place takes the result.
  float *joined = block.queries + i * block.width;
  __builtin_memset(joined, 0, static_cast<size_t>(block.width) * sizeof(float));
  float sum = 0.0f;
  for (int64_t g = 0; g < segments; ++g) {
    float factor = exp(maxima[g] - maximum);
    sum = fma(sums[g], factor, sum);
    for (int64_t c = 0; c < block.width; c += kLanes)
      store(joined + c, fma(load(outputs + g * block.width + c), splat(factor),
                            load(joined + c)));
  }
  int64_t begin = block.head[i] * task.headDim, end = begin + task.headDim;
  uint8_t *out = getRow(task.output, block.row[i]);
  for (int64_t c = 0; c < task.headDim; c += kLanes)
    roundAt(task.output.type, out, begin + c, end, load(joined + c) / sum);
}

/// Fills the block with up to kBlock queries of the heads [head, headEnd),
/// query `next` of them first.
void fillBlock(const AttentionTask &task, int64_t head, int64_t headEnd,
               int64_t next, QueryBlock &block) {
  int64_t heads = headEnd - head;
  int64_t all = (task.rowEnd - task.rowBegin) * heads;
  block.count = smaller(kBlock, all - next);
  block.mostKeys = 0;
  block.width = roundUpToLanes(task.headDim);
  block.queries = task.scratch;
  for (int64_t i = 0; i < block.count; ++i) {
    block.row[i] = task.rowBegin + (next + i) / heads;
    block.head[i] = head + (next + i) % heads;
    block.keys[i] = static_cast<int64_t>(task.positions[block.row[i]]) + 1;
    block.mostKeys = larger(block.mostKeys, block.keys[i]);
    int64_t begin = block.head[i] * task.headDim, end = begin + task.headDim;
    const uint8_t *row = getRow(task.query, block.row[i]);
    for (int64_t c = 0; c < task.headDim; c += kLanes)
      store(block.queries + i * block.width + c,
            widenAt(task.query.type, row, begin + c, end));
  }
  block.segments = (block.mostKeys + kSegment - 1) / kSegment;
  block.scores = block.queries + kBlock * block.width;
  block.maxima = block.scores + kBlock * kSegment;
  block.sums = block.maxima + kBlock * block.segments;
  block.outputs = block.sums + kBlock * block.segments;
}

template <int32_t Type>
void attend(const AttentionTask &task) {
  for (int64_t head = task.headBegin; head < task.headEnd;) {
    int64_t kvHead = (head + task.firstGroupOffset) / task.groupSize;
    int64_t next = (kvHead + 1) * task.groupSize - task.firstGroupOffset;
    int64_t headEnd = smaller(task.headEnd, next);
    int64_t queries = (task.rowEnd - task.rowBegin) * (headEnd - head);
    Cache keys = {task.keys + kvHead * task.headBytes, task};
    Cache values = {task.values + kvHead * task.headBytes, task};
    for (int64_t i = 0; i < queries; i += kBlock) {
      QueryBlock block;
      fillBlock(task, head, headEnd, i, block);
      for (int64_t g = 0; g < block.segments; ++g)
        runSegment<Type>(keys, values, block, g);
      for (int64_t q = 0; q < block.count; ++q)
        storeQuery(task, block, q);
    }
    head = headEnd;
  }
}

} // namespace

void attention(const AttentionTask &task) {
  if (task.cacheType == LAMRT_F32)
    attend<LAMRT_F32>(task);
  else if (task.cacheType == LAMRT_F16)
    attend<LAMRT_F16>(task);
  else
    attend<LAMRT_BF16>(task);
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
