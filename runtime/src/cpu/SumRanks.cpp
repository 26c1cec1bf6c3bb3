//===- SumRanks.cpp - The sum of what the ranks have ----------------------===//

#include "Conversions.h"
#include "LevelKernels.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Radices above one of a tree over less than 2^16 ranks.
constexpr int kMaxDepth = 16;

} // namespace

void sumRanks(const float *const *addends, int32_t ranks,
              const int32_t *radices, int32_t numRadices, const float *bias,
              int64_t features, int32_t type, void *out) {
  for (int64_t i = 0; i < features; i += kLanes) {
    Floats nodes[kMaxDepth], sum = {};
    int32_t children[kMaxDepth] = {};
    for (int32_t r = 0; r < ranks; ++r) {
      sum = widenAt(LAMRT_F32, reinterpret_cast<const uint8_t *>(addends[r]), i,
                    features);
      // The tree of docs/numerics.md: a node is complete with its last child.
      for (int32_t level = numRadices; level-- > 0;) {
        nodes[level] = children[level] == 0 ? sum : nodes[level] + sum;
        if (++children[level] < radices[level])
          break;
        children[level] = 0;
        sum = nodes[level];
      }
    }
    if (bias)
      sum = sum + widenAt(LAMRT_F32, reinterpret_cast<const uint8_t *>(bias), i,
                          features);
    roundAt(type, static_cast<uint8_t *>(out), i, features, sum);
  }
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
