//===- SamplerTest.cpp - From logits to a token id ------------------------===//

#include "program/Sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace lamina::program {

namespace {

const std::vector<float> kLogits = {0.5f, 2.0f, -1.0f, 2.0f, 1.0f};

SamplingOptions makeOptions(float temperature) {
  SamplingOptions options;
  options.temperature = temperature;
  return options;
}

/// How often each id is drawn over many positions.
std::map<int32_t, int> count(const SamplingOptions &options,
                             const std::vector<float> &logits, int draws) {
  Sampler sampler(options, static_cast<int64_t>(logits.size()));
  std::map<int32_t, int> counts;
  for (int i = 0; i < draws; ++i)
    ++counts[sampler.sample(logits.data(), 0, static_cast<uint64_t>(i))];
  return counts;
}

TEST(Sampler, MixIsThePublishedGenerator) {
  // The first three outputs of splitmix64 with seed 1234567.
  EXPECT_EQ(mixBits(1234567), 6457827717110365317ull);
  EXPECT_EQ(mixBits(1234567 + 0x9e3779b97f4a7c15ull), 3203168211198807973ull);
  EXPECT_EQ(mixBits(1234567 + 2 * 0x9e3779b97f4a7c15ull),
            9817491932198370423ull);
}

TEST(Sampler, GreedyTakesTheLowestOfTheBest) {
  Sampler sampler(makeOptions(0), 5);
  EXPECT_EQ(sampler.sample(kLogits.data(), 3, 4), 1);
  const float zeros[] = {-1.0f, -0.0f, 0.0f};
  Sampler small(makeOptions(0), 3);
  EXPECT_EQ(small.sample(zeros, 0, 0), 1);
}

/// The ids of docs/numerics.md, sorted and added one by one.
int32_t drawPlainly(const SamplingOptions &options,
                    const std::vector<float> &logits, uint64_t position) {
  std::vector<int32_t> ids(logits.size());
  std::iota(ids.begin(), ids.end(), 0);
  auto logit = [&](int32_t id) { return logits[static_cast<size_t>(id)]; };
  std::sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
    return logit(a) != logit(b) ? logit(a) > logit(b) : a < b;
  });
  if (options.topK > 0)
    ids.resize(std::min(ids.size(), static_cast<size_t>(options.topK)));
  std::vector<float> sums;
  for (int32_t id : ids) {
    float weight = logit(id) - logit(ids[0]);
    cpu::selectKernels("v2")->exponentials(&weight, 1, 0, options.temperature);
    sums.push_back(sums.empty() ? weight : sums.back() + weight);
  }
  uint64_t bits = mixBits(mixBits(mixBits(options.seed) ^ 7) ^ position);
  float bound = static_cast<float>(bits >> 40) * 0x1p-24f * sums.back();
  for (size_t i = 0; i < ids.size(); ++i)
    if (sums[i] > bound)
      return ids[i];
  return ids.back();
}

TEST(Sampler, LargeVocabulariesGiveTheStatedIds) {
  std::vector<float> logits(49152);
  for (size_t i = 0; i < logits.size(); ++i)
    // Many that are equal, of both signs, and few that count.
    logits[i] = static_cast<float>(static_cast<int>(mixBits(i) % 401) - 200) *
                (i % 97 == 0 ? 0.11f : 0.05f);
  for (int32_t topK : {0, 1, 2, 40, 1000, 49151, 49152, 100000}) {
    SamplingOptions options = makeOptions(0.8f);
    options.topK = topK;
    Sampler sampler(options, static_cast<int64_t>(logits.size()));
    for (uint64_t position = 0; position < 5; ++position)
      EXPECT_EQ(sampler.sample(logits.data(), 7, position),
                drawPlainly(options, logits, position))
          << topK << ", " << position;
  }
}

TEST(Sampler, DrawsFollowTheDistribution) {
  constexpr int kDraws = 200'000;
  for (float temperature : {0.5f, 1.0f, 2.0f}) {
    std::map<int32_t, int> counts =
        count(makeOptions(temperature), kLogits, kDraws);
    double total = 0;
    for (float logit : kLogits)
      total += std::exp(logit / temperature);
    for (int32_t id = 0; id < 5; ++id) {
      double p =
          std::exp(kLogits[static_cast<size_t>(id)] / temperature) / total;
      // Five standard deviations.
      EXPECT_NEAR(counts[id], p * kDraws,
                  5 * std::sqrt(p * (1 - p) * kDraws) + 1)
          << id;
    }
  }
}

TEST(Sampler, TopKKeepsTheLowestIdsOfEqualLogits) {
  SamplingOptions options = makeOptions(1);
  options.topK = 1;
  EXPECT_EQ(count(options, kLogits, 1000), (std::map<int32_t, int>{{1, 1000}}));
  options.topK = 2;
  EXPECT_EQ(count(options, kLogits, 1000).size(), 2u);
  EXPECT_EQ(count(options, kLogits, 1000).count(3), 1u);
  options.topK = 1000;
  EXPECT_EQ(count(options, kLogits, 10'000).size(), 5u);
  // Zeros of both signs are equal: the lower id is first.
  options.topK = 1;
  EXPECT_EQ(count(options, {-0.0f, 0.0f}, 10).count(0), 1u);
}

TEST(Sampler, TopPKeepsTheShortestPrefix) {
  // Probabilities 0.352, 0.352, 0.129, 0.079, 0.018 in the order 1 3 4 0 2.
  SamplingOptions options = makeOptions(1);
  auto countKept = [&](float topP) {
    options.topP = topP;
    return count(options, kLogits, 20'000).size();
  };
  EXPECT_EQ(countKept(0.3f), 1u);
  EXPECT_EQ(countKept(0.4f), 2u);
  EXPECT_EQ(countKept(0.8f), 3u);
  EXPECT_EQ(countKept(0.9f), 4u);
  EXPECT_EQ(countKept(1.0f), 5u);
  EXPECT_EQ(countKept(1e-6f), 1u);
}

TEST(Sampler, MinPKeepsAShareOfTheBest) {
  SamplingOptions options = makeOptions(1);
  auto countKept = [&](float minP) {
    options.minP = minP;
    return count(options, kLogits, 20'000).size();
  };
  // Ratios to the best: 1, 1, 0.368, 0.223, 0.0498.
  EXPECT_EQ(countKept(1.0f), 2u);
  EXPECT_EQ(countKept(0.4f), 2u);
  EXPECT_EQ(countKept(0.3f), 3u);
  EXPECT_EQ(countKept(0.2f), 4u);
  EXPECT_EQ(countKept(0.04f), 5u);
}

TEST(Sampler, DrawsAreKeyed) {
  Sampler sampler(makeOptions(5), 5), again(makeOptions(5), 5);
  SamplingOptions other = makeOptions(5);
  other.seed = 1;
  Sampler seeded(other, 5);
  int seeds = 0, sequences = 0;
  for (uint64_t i = 0; i < 200; ++i) {
    int32_t id = sampler.sample(kLogits.data(), 0, i);
    EXPECT_EQ(id, again.sample(kLogits.data(), 0, i));
    seeds += id != seeded.sample(kLogits.data(), 0, i);
    sequences += id != again.sample(kLogits.data(), 1, i);
  }
  EXPECT_GT(seeds, 50);
  EXPECT_GT(sequences, 50);
}

TEST(Sampler, SortsManyIds) {
  // A large vocabulary with many equal logits: the order decides what top-k
  // keeps.
  std::vector<float> logits(100'000);
  for (size_t i = 0; i < logits.size(); ++i)
    logits[i] = static_cast<float>(mixBits(i) % 1000) * 0.25f - 100;
  SamplingOptions options = makeOptions(1000);
  options.topK = 50;
  std::vector<std::pair<float, int32_t>> order;
  for (size_t i = 0; i < logits.size(); ++i)
    order.push_back({-logits[i], static_cast<int32_t>(i)});
  std::sort(order.begin(), order.end());
  std::map<int32_t, int> counts = count(options, logits, 3000);
  EXPECT_EQ(counts.size(), 50u);
  for (int i = 0; i < 50; ++i)
    EXPECT_EQ(counts.count(order[static_cast<size_t>(i)].second), 1u);
}

} // namespace

} // namespace lamina::program
