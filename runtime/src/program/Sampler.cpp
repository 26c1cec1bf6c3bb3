//===- Sampler.cpp - From logits to a token id ----------------------------===//

#include "program/Sampler.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace lamina::program {

namespace {

/// A number that ascends where `logit` descends. Zeros of both signs are one
/// number, as they compare equal.
uint32_t getDescendingKey(float logit) {
  float value = logit + 0.0f;
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return ~ascending;
}

float scaleByPower(float value, int exponent) {
  uint32_t bits = static_cast<uint32_t>(exponent + 127) << 23;
  float power;
  memcpy(&power, &bits, sizeof(power));
  return value * power;
}

} // namespace

uint64_t mixBits(uint64_t x) {
  x += 0x9e3779b97f4a7c15ull;
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ x >> 27) * 0x94d049bb133111ebull;
  return x ^ x >> 31;
}

float statedExp(float x) {
  x = std::clamp(x, -104.0f, 89.0f);
  float n = std::nearbyint(x * 0x1.715476p+0f);
  float r = std::fma(n, -0x1.62e4p-1f, x);
  r = std::fma(n, -0x1.7f7d1cp-20f, r);
  float p = 0x1.6a2434p-10f;
  for (float c :
       {0x1.1239e2p-7f, 0x1.5558f2p-5f, 0x1.555492p-3f, 0x1.fffffcp-2f})
    p = std::fma(p, r, c);
  p = std::fma(p * r, r, r) + 1.0f;
  int whole = static_cast<int>(n);
  int half = whole >> 1;
  return scaleByPower(scaleByPower(p, half), whole - half);
}

Sampler::Sampler(const SamplingOptions &chosen, int64_t size)
    : options(chosen), vocabulary(size) {
  if (options.temperature == 0)
    return;
  entries.resize(static_cast<size_t>(size));
  sorted.resize(static_cast<size_t>(size));
  weights.resize(static_cast<size_t>(size));
  sums.resize(static_cast<size_t>(size));
}

/// Orders all ids by (logit descending, id ascending): a radix sort of three
/// digits, which keeps the order of equal keys.
void Sampler::sortIds(const float *logits) {
  constexpr int kDigitBits = 11;
  constexpr size_t kDigits = size_t(1) << kDigitBits;
  for (int64_t i = 0; i < vocabulary; ++i)
    entries[static_cast<size_t>(i)] = {getDescendingKey(logits[i]),
                                       static_cast<int32_t>(i)};
  for (int shift = 0; shift < 32; shift += kDigitBits) {
    uint32_t begins[kDigits + 1] = {};
    for (const Entry &entry : entries)
      ++begins[((entry.key >> shift) & (kDigits - 1)) + 1];
    for (size_t i = 1; i <= kDigits; ++i)
      begins[i] += begins[i - 1];
    for (const Entry &entry : entries)
      sorted[begins[(entry.key >> shift) & (kDigits - 1)]++] = entry;
    entries.swap(sorted);
  }
}

/// Returns how many ids are kept; their running sums are in `sums`.
int64_t Sampler::keepIds() {
  int64_t kept = options.topK > 0 ? std::min<int64_t>(options.topK, vocabulary)
                                  : vocabulary;
  float sum = 0;
  for (int64_t i = 0; i < kept; ++i) {
    auto index = static_cast<size_t>(i);
    sum = i == 0 ? weights[index] : sum + weights[index];
    sums[index] = sum;
  }
  if (options.topP < 1) {
    float bound = options.topP * sum;
    int64_t i = 0;
    while (i + 1 < kept && sums[static_cast<size_t>(i)] < bound)
      ++i;
    kept = i + 1;
  }
  if (options.minP > 0) {
    float bound = options.minP * weights[0];
    while (kept > 1 && weights[static_cast<size_t>(kept - 1)] < bound)
      --kept;
  }
  return kept;
}

int32_t Sampler::sample(const float *logits, uint64_t sequence,
                        uint64_t position) {
  if (options.temperature == 0)
    return static_cast<int32_t>(std::max_element(logits, logits + vocabulary) -
                                logits);
  sortIds(logits);
  float highest = logits[entries[0].id];
  int64_t used = options.topK > 0 ? std::min<int64_t>(options.topK, vocabulary)
                                  : vocabulary;
  for (int64_t i = 0; i < used; ++i) {
    auto index = static_cast<size_t>(i);
    weights[index] =
        statedExp((logits[entries[index].id] - highest) / options.temperature);
  }
  int64_t kept = keepIds();
  float total = sums[static_cast<size_t>(kept - 1)];
  uint64_t bits = mixBits(mixBits(mixBits(options.seed) ^ sequence) ^ position);
  float bound = static_cast<float>(bits >> 40) * 0x1p-24f * total;
  for (int64_t i = 0; i < kept; ++i)
    if (sums[static_cast<size_t>(i)] > bound)
      return entries[static_cast<size_t>(i)].id;
  return entries[static_cast<size_t>(kept - 1)].id;
}

} // namespace lamina::program
