//===- CoreTest.cpp - A real model on one rank ----------------------------===//

#include "TestRank.h"

#include "core/FloatingPointMode.h"
#include "core/Rank.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <sstream>

namespace lamina::test {

std::vector<int32_t> getGoldenIds() {
  std::ifstream stream(getDataFolder() + "stories260K.golden-ids-n200-t0.txt");
  std::vector<int32_t> ids = {1};
  for (int32_t id = 0; stream >> id;)
    ids.push_back(id);
  EXPECT_EQ(ids.size(), 201u);
  return ids;
}

namespace {

/// A tensor of the golden file, by its place in stories260K.logits.safetensors.
std::vector<float> readGolden(const std::string &name) {
  std::ifstream stream(getDataFolder() + "stories260K.logits.safetensors",
                       std::ios::binary);
  std::stringstream content;
  content << stream.rdbuf();
  std::string bytes = content.str();
  uint64_t length = 0;
  memcpy(&length, bytes.data(), 8);
  std::string header = bytes.substr(8, length);
  size_t place = header.find("\"" + name + "\"");
  EXPECT_NE(place, header.npos) << name;
  place = header.find('[', header.find("data_offsets", place));
  char *rest = nullptr;
  uint64_t begin = strtoull(header.c_str() + place + 1, &rest, 10);
  uint64_t end = strtoull(rest + 1, nullptr, 10);
  std::vector<float> values((end - begin) / 4);
  memcpy(values.data(), bytes.data() + 8 + length + begin, end - begin);
  return values;
}

float getLargestDifference(const std::vector<float> &a,
                           const std::vector<float> &b) {
  EXPECT_EQ(a.size(), b.size());
  float largest = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i)
    largest = std::max(largest, std::fabs(a[i] - b[i]));
  return largest;
}

bool areSameBits(const std::vector<float> &a, const std::vector<float> &b) {
  return a.size() == b.size() &&
         memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

int32_t getBest(const float *logits) {
  return static_cast<int32_t>(std::max_element(logits, logits + 512) - logits);
}

std::vector<int32_t> getGoldenPrompt(size_t size) {
  std::vector<int32_t> ids = getGoldenIds();
  ids.resize(size);
  return ids;
}

TEST(Core, LogitsAndHiddenStatesAreThoseOfTheReference) {
  StoriesProgram stories;
  lamrt_rank_options options = getRankOptions(1, 1);
  std::map<std::string, std::vector<float>> taps;
  options.context = &taps;
  options.tap = [](void *context, const char *name, int32_t layer,
                   const float *values, int64_t rows, int64_t features) {
    std::string key = name;
    if (layer >= 0)
      key += std::to_string(layer);
    (*static_cast<std::map<std::string, std::vector<float>> *>(context))[key]
        .assign(values, values + rows * features);
  };
  RankPointer rank = createRank(stories, options);
  ASSERT_TRUE(rank);
  std::vector<float> logits =
      runChunks(rank.get(), getGoldenPrompt(64), 64, makePages(0));
  EXPECT_LE(getLargestDifference(logits, readGolden("logits")), 1e-4f);
  for (const char *name : {"hidden.L0", "hidden.L1", "hidden.L2", "hidden.L3",
                           "hidden.L4", "hidden.norm"})
    EXPECT_LE(getLargestDifference(taps[name], readGolden(name)), 1e-4f)
        << name;
}

TEST(Core, GreedyIdsAreThoseOfTheReference) {
  StoriesProgram stories;
  RankPointer rank = createRank(stories, getRankOptions(1, 2));
  ASSERT_TRUE(rank);
  std::vector<int32_t> golden = getGoldenIds(), ids = {1};
  program::StepBatch batch(8);
  while (ids.size() < golden.size()) {
    batch.clear();
    auto last = static_cast<int32_t>(ids.size()) - 1;
    batch.add(&ids.back(), 1, last, makePages(0), program::WantedLogits::Last);
    ids.push_back(getBest(runBatch(rank.get(), batch).data()));
  }
  EXPECT_EQ(ids, golden);
}

/// The numeric paths whose bits must not depend on how work is cut.
class CoreBits : public testing::TestWithParam<StoriesOptions> {};

TEST_P(CoreBits, DoNotDependOnThreadsAndChunks) {
  StoriesProgram stories(GetParam());
  std::vector<int32_t> ids = getGoldenPrompt(61);
  std::vector<float> expected;
  for (int32_t threads : {1, 2, 3})
    for (int32_t chunk : {61, 1, 7, 32}) {
      RankPointer rank = createRank(stories, getRankOptions(1, threads));
      ASSERT_TRUE(rank);
      std::vector<float> logits =
          runChunks(rank.get(), ids, chunk, makePages(0));
      if (expected.empty())
        expected = logits;
      EXPECT_TRUE(areSameBits(logits, expected)) << threads << " " << chunk;
    }
}

TEST_P(CoreBits, DoNotDependOnTheBatch) {
  StoriesProgram stories(GetParam());
  constexpr int32_t kSequences = 8;
  RankPointer rank = createRank(stories, getRankOptions(kSequences, 2));
  ASSERT_TRUE(rank);
  // Sequence s is the golden text from id s on, and has s + 1 rows a step.
  std::vector<int32_t> golden = getGoldenIds();
  std::vector<std::vector<int32_t>> ids;
  for (int32_t s = 0; s < kSequences; ++s)
    ids.emplace_back(golden.begin() + s, golden.begin() + s + 4 * (s + 1));
  std::vector<std::vector<float>> together(kSequences);
  program::StepBatch batch(8);
  for (int32_t round = 0; round < 4; ++round) {
    batch.clear();
    for (int32_t s = 0; s < kSequences; ++s)
      batch.add(ids[s].data() + round * (s + 1), s + 1, round * (s + 1),
                makePages(s, kSequences), program::WantedLogits::All);
    std::vector<float> logits = runBatch(rank.get(), batch);
    size_t begin = 0;
    for (int32_t s = 0; s < kSequences; ++s) {
      size_t size = static_cast<size_t>(s + 1) * 512;
      together[s].insert(together[s].end(), logits.begin() + begin,
                         logits.begin() + begin + size);
      begin += size;
    }
  }
  for (int32_t s = 0; s < kSequences; ++s) {
    RankPointer alone = createRank(stories, getRankOptions(1, 1));
    EXPECT_TRUE(areSameBits(together[s],
                            runChunks(alone.get(), ids[s], 1000, makePages(0))))
        << s;
  }
}

TEST_P(CoreBits, DoNotDependOnPagesAndWhatTheyHeld) {
  StoriesProgram stories(GetParam());
  std::vector<int32_t> ids = getGoldenPrompt(150);
  RankPointer rank = createRank(stories, getRankOptions(2, 2));
  ASSERT_TRUE(rank);
  std::vector<float> expected = runChunks(rank.get(), ids, 50, makePages(0));
  // All bits set is a NaN of every element type.
  runtime::Memory &cache = rank->rank.cacheMemory();
  memset(cache.data(), 0xff, cache.size());
  std::vector<int32_t> shuffled = {13, 2, 7, 0, 5, 11, 3, 9};
  EXPECT_TRUE(areSameBits(runChunks(rank.get(), ids, 50, shuffled), expected));
  // Reused without being cleared, in another order.
  std::reverse(shuffled.begin(), shuffled.end());
  EXPECT_TRUE(areSameBits(runChunks(rank.get(), ids, 33, shuffled), expected));
}

std::string getName(const testing::TestParamInfo<StoriesOptions> &info) {
  const char *const names[] = {"f32", "f16", "bf16"};
  return names[info.param.activations];
}

StoriesOptions makeOptions(int32_t type) {
  StoriesOptions options;
  options.activations = options.cache = type;
  return options;
}

INSTANTIATE_TEST_SUITE_P(Types, CoreBits,
                         testing::Values(makeOptions(LAMRT_F32),
                                         makeOptions(LAMRT_BF16),
                                         makeOptions(LAMRT_F16)),
                         getName);

TEST(Core, WeightsAreReadOnceAStep) {
  StoriesProgram stories;
  auto countBytes = [&](int32_t sequences) {
    RankPointer rank = createRank(stories, getRankOptions(8, 2));
    program::StepBatch batch(8);
    const int32_t bos = 1;
    for (int32_t s = 0; s < sequences; ++s)
      batch.add(&bos, 1, 0, makePages(8 * s), program::WantedLogits::Last);
    runBatch(rank.get(), batch);
    lamrt_statistics statistics = {};
    statistics.struct_size = sizeof(statistics);
    lamrt_rank_statistics(rank.get(), &statistics);
    EXPECT_EQ(statistics.steps, 1u);
    EXPECT_EQ(statistics.threads, 2);
    EXPECT_EQ(statistics.weight_bytes_read, statistics.packed_weight_bytes);
    return statistics.weight_bytes_read;
  };
  EXPECT_GT(countBytes(1), 900'000u);
  EXPECT_EQ(countBytes(1), countBytes(8));
}

/// Each row takes the products of the layers, a row that is wanted the last.
TEST(Core, MultiplyAddsAreCounted) {
  constexpr uint64_t kDim = 64, kKeys = 32, kHidden = 172, kLayers = 5,
                     kVocabulary = 512;
  constexpr uint64_t kLayer = kDim * (2 * kDim + 2 * kKeys + 3 * kHidden);
  StoriesProgram stories;
  RankPointer rank = createRank(stories, getRankOptions(8, 2));
  program::StepBatch batch(8);
  const int32_t ids[] = {1, 2, 3};
  batch.add(ids, 3, 0, makePages(0), program::WantedLogits::Last);
  runBatch(rank.get(), batch);
  lamrt_statistics statistics = {};
  statistics.struct_size = sizeof(statistics);
  lamrt_rank_statistics(rank.get(), &statistics);
  EXPECT_EQ(statistics.multiply_adds,
            3 * kLayers * kLayer + kDim * kVocabulary);
}

TEST(Core, ModeOfTheCallerComesBack) {
#if defined(__x86_64__)
  StoriesProgram stories;
  RankPointer rank = createRank(stories, getRankOptions(1, 2));
  std::vector<int32_t> ids = getGoldenPrompt(20);
  std::vector<float> expected = runChunks(rank.get(), ids, 20, makePages(0));
  unsigned saved = _mm_getcsr();
  // Rounding towards zero, with FTZ and DAZ.
  _mm_setcsr(0xffc0);
  lamrt_rank *other = nullptr;
  lamrt_rank_options options = getRankOptions(1, 2);
  lamrt_status status = lamrt_rank_create(&stories.program, &options, &other);
  program::StepBatch batch(8);
  batch.add(ids.data(), 20, 0, makePages(0), program::WantedLogits::All);
  lamrt_step step = batch.getStep();
  const float *logits = nullptr;
  if (!status)
    status = lamrt_rank_step(other, &step, &logits);
  unsigned after = _mm_getcsr();
  _mm_setcsr(saved);
  EXPECT_EQ(status, LAMRT_OK);
  EXPECT_EQ(after & 0xffc0u, 0xffc0u);
  EXPECT_TRUE(
      areSameBits(std::vector<float>(logits, logits + 20 * 512), expected));
  lamrt_rank_destroy(other);
#endif
}

} // namespace

} // namespace lamina::test
