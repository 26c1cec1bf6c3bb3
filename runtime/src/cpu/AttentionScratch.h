//===- AttentionScratch.h - Sizes of attention's scratch -------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CPU_ATTENTIONSCRATCH_H
#define LAMINA_RUNTIME_CPU_ATTENTIONSCRATCH_H

#include <cstdint>

namespace lamina::cpu {

/// Positions of a segment, and queries that pass through it together.
constexpr int64_t kAttentionSegment = 256;
constexpr int64_t kAttentionBlock = 4;

/// Static, for each x86 level has its own: see Level.h.
__attribute__((unused)) static inline int64_t roundUpToLanes(int64_t n) {
  return (n + 15) / 16 * 16;
}

} // namespace lamina::cpu

#endif // LAMINA_RUNTIME_CPU_ATTENTIONSCRATCH_H
