//===- Sampler.h - From logits to a token id -------------------*- C++ -*-===//
//
// docs/numerics.md, "Sampling". The same logits, options, sequence and position
// give the same id on every machine.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_PROGRAM_SAMPLER_H
#define LAMINA_RUNTIME_PROGRAM_SAMPLER_H

#include "cpu/Kernels.h"

#include <cstdint>
#include <vector>

namespace lamina::program {

struct SamplingOptions {
  float temperature = 0; ///< 0: the highest logit
  int32_t topK = 0;      ///< 0: all
  float topP = 1;
  float minP = 0;
  uint64_t seed = 0;
};

/// The key of a draw: `mix` of docs/numerics.md.
uint64_t mixBits(uint64_t x);

class Sampler {
public:
  Sampler(const SamplingOptions &options, int64_t vocabulary);

  /// Draws the id at `position` of `sequence`. The logits are finite.
  int32_t sample(const float *logits, uint64_t sequence, uint64_t position);

private:
  void sortIds(const float *logits, size_t count);
  size_t selectIds(size_t count);
  size_t keepIds(size_t kept);

  SamplingOptions options;
  int64_t vocabulary;
  const cpu::Kernels *kernels; ///< the bits are those of any level
  // Ids and their keys in the order of the page, and scratch for sorting.
  struct Entry {
    uint32_t key; ///< ascending where logits descend
    int32_t id;
  };
  std::vector<Entry> entries, sorted;
  std::vector<float> weights, sums;
};

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_SAMPLER_H
