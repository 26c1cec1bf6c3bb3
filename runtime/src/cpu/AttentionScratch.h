//===- AttentionScratch.h - Sizes of attention's scratch -------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CPU_ATTENTIONSCRATCH_H
#define LAMINA_RUNTIME_CPU_ATTENTIONSCRATCH_H

#include <cstdint>

namespace lamina::cpu {

/// Positions of a segment, and the most queries that pass through it together.
constexpr int64_t kAttentionSegment = 256;
constexpr int64_t kAttentionBlock = 48;

/// Floats that the segments of a block may take if it has more queries than
/// these.
constexpr int64_t kAttentionFloats = int64_t(512) << 10;
constexpr int64_t kLeastAttentionBlock = 4;

/// Static, for each x86 level has its own: see Level.h.
__attribute__((unused)) static inline int64_t roundUpToLanes(int64_t n) {
  return (n + 15) / 16 * 16;
}

/// Segments of `keys` positions.
__attribute__((unused)) static inline int64_t getSegments(int64_t keys) {
  return (keys + kAttentionSegment - 1) / kAttentionSegment;
}

/// Floats of a query: of each segment an output row, a maximum and a sum.
__attribute__((unused)) static inline int64_t
getSegmentFloats(int64_t width, int64_t segments) {
  return segments * (width + 2);
}

/// Queries of a block that attend at most `segments` segments.
__attribute__((unused)) static inline int64_t
getBlockQueries(int64_t width, int64_t segments) {
  int64_t floats = getSegmentFloats(width, segments);
  if (floats * kAttentionBlock <= kAttentionFloats)
    return kAttentionBlock;
  int64_t queries = kAttentionFloats / floats;
  return queries < kLeastAttentionBlock ? kLeastAttentionBlock : queries;
}

} // namespace lamina::cpu

#endif // LAMINA_RUNTIME_CPU_ATTENTIONSCRATCH_H
