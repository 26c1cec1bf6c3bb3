//===- AttentionBlock.h - Queries that pass a cache together ---*- C++ -*-===//
//
// Part of one x86 level.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_ATTENTIONBLOCK_H
#define LAMINA_RUNTIME_CPU_ATTENTIONBLOCK_H

#include "AttentionScratch.h"
#include "Conversions.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

constexpr int64_t kSegment = kAttentionSegment;
constexpr int64_t kBlock = kAttentionBlock;

/// Queries whose scores with a tile of keys are computed at once.
#if defined(__AVX512F__)
constexpr int kQueryTile = 8;
#else
constexpr int kQueryTile = 6;
#endif
static_assert(kBlock % kQueryTile == 0);

/// Queries that read one KV head, and their scratch.
struct QueryBlock {
  int64_t count;
  int64_t row[kBlock];
  int64_t head[kBlock];
  int64_t keys[kBlock]; ///< that each attends: its position + 1
  int64_t mostKeys;
  int64_t width;    ///< head_dim rounded up to 16
  int64_t segments; ///< of mostKeys
  float *queries;   ///< [count][width], then zeros to a multiple of kQueryTile
  float *scores;    ///< [count][256], then their exponentials
  float *keyTile;   ///< [width][16]
  float *maxima;    ///< [count][segments]
  float *sums;      ///< [count][segments]
  float *outputs;   ///< [count][segments][width]

  /// The most and the least keys of the queries [i, i + n).
  int64_t getMostKeys(int64_t i, int64_t n) const {
    int64_t most = 0;
    for (int64_t q = i; q < i + n; ++q)
      most = keys[q] > most ? keys[q] : most;
    return most;
  }
  int64_t getLeastKeys(int64_t i, int64_t n) const {
    int64_t least = mostKeys;
    for (int64_t q = i; q < i + n; ++q)
      least = keys[q] < least ? keys[q] : least;
    return least;
  }
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

/// Scores of the segment at `first`, of up to `n` keys, for every query of the
/// block. Those of keys behind the ones that a query attends are undefined.
void scoreSegment(const Cache &keys, const QueryBlock &block, int64_t first,
                  int64_t n);

/// Adds the values of the segment g, weighted by `scores`, to `outputs`.
void addSegment(const Cache &values, const QueryBlock &block, int64_t g);

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_ATTENTIONBLOCK_H
