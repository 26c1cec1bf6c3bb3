//===- AttentionScores.cpp - Products of queries and keys -----------------===//
//
// Many queries share a tile of keys that is transposed, so that a lane is a key
// and the 16 accumulators of a score follow each other. A few queries read the
// keys as they lie, and a lane is an accumulator.
//
//===----------------------------------------------------------------------===//

#include "AttentionBlock.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Queries from which on a transposed tile is worth its cost.
constexpr int64_t kLeastTransposed = 6;

//===----------------------------------------------------------------------===//
// Keys as they lie
//===----------------------------------------------------------------------===//

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

/// Products of Q queries with N keys from `key` on, summed to 16 lanes each:
/// lanes[q][16][16].
template <int32_t Type, int Q, int N>
LAMINA_INLINE void multiplyKeys(const float *queries, int64_t width,
                                const uint8_t *key, int64_t stride, int64_t d,
                                float *lanes) {
  Floats acc[Q][N] = {};
  for (int64_t c = 0; c < d; c += kLanes)
    for (int j = 0; j < N; ++j) {
      Floats k = widenAt(Type, key + j * stride, c, d);
      for (int q = 0; q < Q; ++q)
        acc[q][j] = fma(load(queries + q * width + c), k, acc[q][j]);
    }
  for (int q = 0; q < Q; ++q)
    for (int j = 0; j < N; ++j)
      store(lanes + (q * kLanes + j) * kLanes, acc[q][j]);
}

/// Scores of Q queries with n <= 16 keys.
template <int32_t Type, int Q>
LAMINA_NOINLINE void scoreKeys(const AttentionTask &task, const float *queries,
                               int64_t width, const uint8_t *key, int64_t n,
                               float *scores) {
  constexpr int kKeys = Q == 1 ? 4 : 2;
  float lanes[Q * kLanes * kLanes];
  int64_t j = 0, stride = task.positionBytes;
  for (; j + kKeys <= n; j += kKeys)
    multiplyKeys<Type, Q, kKeys>(queries, width, key + j * stride, stride,
                                 task.headDim, lanes + j * kLanes);
  for (; j < n; ++j)
    multiplyKeys<Type, Q, 1>(queries, width, key + j * stride, stride,
                             task.headDim, lanes + j * kLanes);
  for (int q = 0; q < Q; ++q) {
    float *sums = lanes + q * kLanes * kLanes;
    for (j = n; j < kLanes; ++j)
      store(sums + j * kLanes, Floats{});
    store(scores + q * kSegment, addLanesOfEach(sums) * task.scale);
  }
}

template <int32_t Type>
void scoreFew(const Cache &keys, const QueryBlock &block, int64_t first,
              int64_t n) {
  for (int64_t j = 0; j < n; j += kLanes) {
    const uint8_t *key = keys.at(first + j);
    for (int64_t i = 0, q; i < block.count; i += q) {
      q = smaller(3, block.count - i);
      int64_t wanted = smaller(kLanes, block.getMostKeys(i, q) - first - j);
      if (wanted <= 0)
        continue;
      auto score = q == 3   ? scoreKeys<Type, 3>
                   : q == 2 ? scoreKeys<Type, 2>
                            : scoreKeys<Type, 1>;
      score(keys.task, block.queries + i * block.width, block.width, key,
            wanted, block.scores + i * kSegment + j);
    }
  }
}

//===----------------------------------------------------------------------===//
// Tiles of transposed keys
//===----------------------------------------------------------------------===//

typedef float Eight __attribute__((vector_size(32)));

/// Element j of row i becomes element i of row j.
LAMINA_INLINE void transpose(Eight (&rows)[8]) {
  Eight pairs[8], fours[8];
  for (int i = 0; i < 8; i += 2) {
    pairs[i] =
        __builtin_shufflevector(rows[i], rows[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    pairs[i + 1] = __builtin_shufflevector(rows[i], rows[i + 1], 2, 10, 3, 11,
                                           6, 14, 7, 15);
  }
  // Of the columns {0, 4}, {1, 5}, {2, 6}, {3, 7} of four rows.
  for (int i = 0; i < 8; i += 4)
    for (int j = 0; j < 2; ++j) {
      Eight a = pairs[i + j], b = pairs[i + j + 2];
      fours[i + 2 * j] =
          __builtin_shufflevector(a, b, 0, 1, 8, 9, 4, 5, 12, 13);
      fours[i + 2 * j + 1] =
          __builtin_shufflevector(a, b, 2, 3, 10, 11, 6, 7, 14, 15);
    }
  for (int i = 0; i < 4; ++i) {
    rows[i] = __builtin_shufflevector(fours[i], fours[i + 4], 0, 1, 2, 3, 8, 9,
                                      10, 11);
    rows[i + 4] = __builtin_shufflevector(fours[i], fours[i + 4], 4, 5, 6, 7,
                                          12, 13, 14, 15);
  }
}

/// tile[c][j] = column c of key j, for n <= 16 keys; +0.0 behind them.
template <int32_t Type>
LAMINA_NOINLINE void transposeKeys(const AttentionTask &task,
                                   const uint8_t *key, int64_t n, float *tile) {
  for (int64_t j = 0; j < kLanes; j += 8)
    for (int64_t c = 0; c < task.headDim; c += kLanes) {
      Eight low[8] = {}, high[8] = {};
      for (int i = 0; i < 8 && j + i < n; ++i) {
        Floats wide =
            widenAt(Type, key + (j + i) * task.positionBytes, c, task.headDim);
        low[i] = __builtin_shufflevector(wide, wide, 0, 1, 2, 3, 4, 5, 6, 7);
        high[i] =
            __builtin_shufflevector(wide, wide, 8, 9, 10, 11, 12, 13, 14, 15);
      }
      transpose(low);
      transpose(high);
      for (int i = 0; i < 8; ++i) {
        float *to = tile + (c + i) * kLanes + j;
        __builtin_memcpy(to, &low[i], sizeof(Eight));
        __builtin_memcpy(to + 8 * kLanes, &high[i], sizeof(Eight));
      }
    }
}

/// sums[q] = accumulator `lane` of the scores of a query with 16 keys.
LAMINA_INLINE void multiplyLane(const float *queries, int64_t width,
                                const float *tile, int64_t lane,
                                Floats (&sums)[kQueryTile]) {
  for (int q = 0; q < kQueryTile; ++q)
    sums[q] = Floats{};
  int64_t c = lane;
  do {
    Floats key = load(tile + c * kLanes);
    for (int q = 0; q < kQueryTile; ++q)
      sums[q] = fma(splat(queries[q * width + c]), key, sums[q]);
    c += kLanes;
  } while (c < width);
}

/// Scores of kQueryTile queries with the 16 keys of a tile. The tree of dot16
/// in docs/numerics.md is added depth first, so that few sums live at once.
LAMINA_NOINLINE void scoreTile(const float *queries, int64_t width,
                               const float *tile, float scale, float *scores) {
  constexpr uint8_t kOrder[kLanes] = {0, 8, 4, 12, 2, 10, 6, 14,
                                      1, 9, 5, 13, 3, 11, 7, 15};
  Floats nodes[4][kQueryTile];
  Floats sums[kQueryTile];
  for (int i = 0; i < kLanes; ++i) {
    multiplyLane(queries, width, tile, kOrder[i], sums);
    // As many nodes are whole now as i ends with ones.
    int depth = 0;
    for (; i >> depth & 1; ++depth)
      for (int q = 0; q < kQueryTile; ++q)
        sums[q] = nodes[depth][q] + sums[q];
    if (depth < 4)
      for (int q = 0; q < kQueryTile; ++q)
        nodes[depth][q] = sums[q];
  }
  for (int q = 0; q < kQueryTile; ++q)
    store(scores + q * kSegment, sums[q] * scale);
}

template <int32_t Type>
void scoreMany(const Cache &keys, const QueryBlock &block, int64_t first,
               int64_t n) {
  for (int64_t j = 0; j < n; j += kLanes) {
    transposeKeys<Type>(keys.task, keys.at(first + j), smaller(kLanes, n - j),
                        block.keyTile);
    for (int64_t i = 0; i < block.count; i += kQueryTile) {
      int64_t queries = smaller(kQueryTile, block.count - i);
      if (block.getMostKeys(i, queries) > first + j)
        scoreTile(block.queries + i * block.width, block.width, block.keyTile,
                  keys.task.scale, block.scores + i * kSegment + j);
    }
  }
}

template <int32_t Type>
void score(const Cache &keys, const QueryBlock &block, int64_t first,
           int64_t n) {
  if (block.count < kLeastTransposed)
    scoreFew<Type>(keys, block, first, n);
  else
    scoreMany<Type>(keys, block, first, n);
}

} // namespace

void scoreSegment(const Cache &keys, const QueryBlock &block, int64_t first,
                  int64_t n) {
  if (keys.task.cacheType == LAMRT_F32)
    score<LAMRT_F32>(keys, block, first, n);
  else if (keys.task.cacheType == LAMRT_F16)
    score<LAMRT_F16>(keys, block, first, n);
  else
    score<LAMRT_BF16>(keys, block, first, n);
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
