//===- Peak.cpp - What the CPU can do at most -----------------------------===//

#include "LevelKernels.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

#ifdef __FMA__
#ifdef __AVX512F__
typedef float Register __attribute__((vector_size(64)));
#else
typedef float Register __attribute__((vector_size(32)));
#endif

/// Chains that hide the latency of the instruction: 2 a cycle, 4 cycles each.
constexpr int64_t kChains = 10;

double multiplyAdd(int64_t rounds) {
  Register chains[kChains] = {};
  Register factor = chains[0] + 0.5f;
  asm volatile("" : "+x"(factor));
  for (int64_t round = 0; round < rounds; ++round) {
#pragma clang loop unroll(full)
    for (int64_t i = 0; i < kChains; ++i)
      chains[i] = __builtin_elementwise_fma(chains[i], factor, factor);
  }
  for (Register &chain : chains)
    asm volatile("" : : "x"(chain));
  return double(rounds) * kChains * (sizeof(Register) / sizeof(float)) * 2;
}
#else
double multiplyAdd(int64_t) { return 0; }
#endif

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
