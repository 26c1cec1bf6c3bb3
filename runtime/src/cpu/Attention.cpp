//===- Attention.cpp - Causal attention over a paged cache ----------------===//
//
// Blocks of queries that read one KV head go through the segments of its cache
// together. All segments are kept until the largest score is known.
//
//===----------------------------------------------------------------------===//

#include "AttentionBlock.h"
#include "Elementary.h"
#include "LevelKernels.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// The largest of n scores; a NaN is no score.
LAMINA_INLINE float getMaximum(const float *scores, int64_t n) {
  Floats maxima = splat(-__builtin_inff());
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    Floats x = load(scores + j);
    maxima = x > maxima ? x : maxima;
  }
  float maximum = __builtin_reduce_max(maxima);
  for (; j < n; ++j)
    maximum = scores[j] > maximum ? scores[j] : maximum;
  return maximum;
}

/// Turns the n scores of a query into exponentials; returns their largest.
LAMINA_NOINLINE float exponentiate(float *scores, int64_t n, float &sum) {
  float maximum = getMaximum(scores, n);
  for (int64_t j = 0; j < n; j += kLanes)
    store(scores + j, exp(load(scores + j) - maximum));
  sum = sum16(scores, n);
  return maximum;
}

/// Segment g of every query of the block that reaches it.
void runSegment(const Cache &keys, const Cache &values, const QueryBlock &block,
                int64_t g) {
  int64_t first = g * kSegment;
  scoreSegment(keys, block, first, smaller(kSegment, block.mostKeys - first));
  for (int64_t i = 0; i < block.count; ++i) {
    int64_t n = smaller(kSegment, block.keys[i] - first);
    if (n <= 0)
      continue;
    int64_t at = i * block.segments + g;
    block.maxima[at] =
        exponentiate(block.scores + i * kSegment, n, block.sums[at]);
    __builtin_memset(block.outputs + at * block.width, 0,
                     static_cast<size_t>(block.width) * sizeof(float));
  }
  addSegment(values, block, g);
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

/// Fills the block with up to `most` queries of the heads [head, headEnd),
/// query `next` of them first.
void fillBlock(const AttentionTask &task, int64_t head, int64_t headEnd,
               int64_t next, int64_t most, QueryBlock &block) {
  int64_t heads = headEnd - head;
  int64_t all = (task.rowEnd - task.rowBegin) * heads;
  block.count = smaller(most, all - next);
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
  for (int64_t i = block.count; i % kQueryTile != 0; ++i)
    __builtin_memset(block.queries + i * block.width, 0,
                     static_cast<size_t>(block.width) * sizeof(float));
  block.segments = getSegments(block.mostKeys);
  block.scores = block.queries + kBlock * block.width;
  block.keyTile = block.scores + kBlock * kSegment;
  block.maxima = block.keyTile + block.width * kLanes;
  block.sums = block.maxima + most * block.segments;
  block.outputs = block.sums + most * block.segments;
}

/// Queries of a block of the task.
int64_t getMostQueries(const AttentionTask &task) {
  int64_t keys = 0;
  for (int64_t row = task.rowBegin; row < task.rowEnd; ++row)
    keys = larger(keys, static_cast<int64_t>(task.positions[row]) + 1);
  return getBlockQueries(roundUpToLanes(task.headDim), getSegments(keys));
}

} // namespace

void attention(const AttentionTask &task) {
  int64_t most = getMostQueries(task);
  for (int64_t head = task.headBegin; head < task.headEnd;) {
    int64_t kvHead = (head + task.firstGroupOffset) / task.groupSize;
    int64_t next = (kvHead + 1) * task.groupSize - task.firstGroupOffset;
    int64_t headEnd = smaller(task.headEnd, next);
    int64_t queries = (task.rowEnd - task.rowBegin) * (headEnd - head);
    Cache keys = {task.keys + kvHead * task.headBytes, task};
    Cache values = {task.values + kvHead * task.headBytes, task};
    for (int64_t i = 0; i < queries; i += most) {
      QueryBlock block;
      fillBlock(task, head, headEnd, i, most, block);
      for (int64_t g = 0; g < block.segments; ++g)
        runSegment(keys, values, block, g);
      for (int64_t q = 0; q < block.count; ++q)
        storeQuery(task, block, q);
    }
    head = headEnd;
  }
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
