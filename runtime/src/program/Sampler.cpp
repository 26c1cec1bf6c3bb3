//===- Sampler.cpp - From logits to a token id ----------------------------===//

#include "program/Sampler.h"

#include <algorithm>
#include <cstring>

namespace lamina::program {

namespace {

constexpr int kDigitBits = 11;
constexpr size_t kDigits = size_t(1) << kDigitBits;

/// A number that ascends where `logit` descends. Zeros of both signs are one
/// number, as they compare equal.
uint32_t getDescendingKey(float logit) {
  float value = logit + 0.0f;
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return ~ascending;
}

} // namespace

uint64_t mixBits(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 27) * 0x94d049bb133111ebull;
  return x ^ x >> 31;
}

Sampler::Sampler(const SamplingOptions &chosen, int64_t size)
    : options(chosen), vocabulary(size), kernels(cpu::selectKernels(nullptr)) {
  if (options.temperature == 0)
    return;
  entries.resize(static_cast<size_t>(size));
  sorted.resize(static_cast<size_t>(size));
  weights.resize(static_cast<size_t>(size));
  sums.resize(static_cast<size_t>(size));
}

/// Leaves those entries that may be among the first `count` ones: all whose
/// highest digit is not above that of the last of them.
size_t Sampler::selectIds(size_t count) {
  size_t numbers[kDigits] = {};
  constexpr int shift = 2 * kDigitBits;
  for (const Entry &entry : entries)
    ++numbers[entry.key >> shift];
  size_t last = 0;
  for (size_t below = numbers[0]; below < count; below += numbers[last])
    ++last;
  auto end =
      std::remove_if(entries.begin(), entries.end(), [&](const Entry &entry) {
        return entry.key >> shift > last;
      });
  return static_cast<size_t>(end - entries.begin());
}

/// Orders ids by (logit descending, id ascending), at least the first `count`:
/// a radix sort of three digits, which keeps the order of equal keys.
void Sampler::sortIds(const float *logits, size_t count) {
  auto size = static_cast<size_t>(vocabulary);
  for (size_t i = 0; i < size; ++i)
    entries[i] = {getDescendingKey(logits[i]), static_cast<int32_t>(i)};
  if (count < size)
    size = selectIds(count);
  for (int shift = 0; shift < 32; shift += kDigitBits) {
    uint32_t begins[kDigits + 1] = {};
    for (size_t i = 0; i < size; ++i)
      ++begins[((entries[i].key >> shift) & (kDigits - 1)) + 1];
    for (size_t i = 1; i <= kDigits; ++i)
      begins[i] += begins[i - 1];
    for (size_t i = 0; i < size; ++i) {
      const Entry &entry = entries[i];
      sorted[begins[(entry.key >> shift) & (kDigits - 1)]++] = entry;
    }
    entries.swap(sorted);
  }
}

/// Of the first `kept` ids, returns how many are kept; their running sums are
/// in `sums`.
size_t Sampler::keepIds(size_t kept) {
  float sum = 0;
  for (size_t i = 0; i < kept; ++i) {
    sum = i == 0 ? weights[i] : sum + weights[i];
    sums[i] = sum;
  }
  if (options.topP < 1) {
    float bound = options.topP * sum;
    size_t i = 0;
    while (i + 1 < kept && sums[i] < bound)
      ++i;
    kept = i + 1;
  }
  if (options.minP > 0) {
    float bound = options.minP * weights[0];
    while (kept > 1 && weights[kept - 1] < bound)
      --kept;
  }
  return kept;
}

int32_t Sampler::sample(const float *logits, uint64_t sequence,
                        uint64_t position) {
  if (options.temperature == 0)
    return static_cast<int32_t>(std::max_element(logits, logits + vocabulary) -
                                logits);
  auto used = static_cast<size_t>(vocabulary);
  if (options.topK > 0)
    used = std::min(used, static_cast<size_t>(options.topK));
  sortIds(logits, used);
  for (size_t i = 0; i < used; ++i)
    weights[i] = logits[entries[i].id];
  kernels->exponentials(weights.data(), static_cast<int64_t>(used), weights[0],
                        options.temperature);
  size_t kept = keepIds(used);
  uint64_t bits = mixBits(mixBits(mixBits(options.seed) ^ sequence) ^ position);
  float bound = static_cast<float>(bits >> 40) * 0x1p-24f * sums[kept - 1];
  for (size_t i = 0; i < kept; ++i)
    if (sums[i] > bound)
      return entries[i].id;
  return entries[kept - 1].id;
}

} // namespace lamina::program
