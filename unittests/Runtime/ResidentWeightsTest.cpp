//===- ResidentWeightsTest.cpp - A rank touches its part of the weights ---===//
//
// A packed file of one matrix, mapped by a group. The pages of the mapping are
// dropped, one rank does its product while the others do nothing, and what is
// resident then is what that rank has touched.
//
//===----------------------------------------------------------------------===//

#include "core/FileMapping.h"
#include "core/PackedWeights.h"
#include "program/Ranks.h"
#include "program/StepBatch.h"

#include "core/Rank.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sys/mman.h>
#include <unistd.h>

namespace lamina::test {

namespace {

// A panel of 32 columns is 1 MiB, so that a part of it is many pages.
constexpr int64_t kIn = 8192, kOut = 512;
constexpr int64_t kBytes = kIn * kOut * 4;
/// Pages that the kernel maps around one that is touched, at both ends of a
/// range.
constexpr int64_t kAround = 2 * 64 * 1024;

enum Slots { kWhole, kInColumns, kOutColumns, kAddends };
enum Lists { kNoLeaves, kToColumns, kToAddends };

int32_t worker = 0; ///< the rank that does its product

lamrt_status splitColumns(lamrt_rank *rank, const lamrt_step *step) {
  lamrt_step_begin(rank, step);
  if (rank->rank.number() == worker)
    lamrt_linear(rank, kWhole, 0, 0, -1, kNoLeaves, kToColumns, 0);
  return lamrt_step_end(rank);
}

lamrt_status splitRows(lamrt_rank *rank, const lamrt_step *step) {
  lamrt_step_begin(rank, step);
  if (rank->rank.number() == worker)
    lamrt_linear(rank, kInColumns, 0, 0, -1, kNoLeaves, kToAddends, 0);
  return lamrt_step_end(rank);
}

/// A range of this process's memory that maps `path`, and what of it is here.
struct Mapping {
  uint64_t begin = 0, end = 0;
  int64_t residentBytes = -1;
};

Mapping findMapping(const std::string &path) {
  std::ifstream smaps("/proc/self/smaps");
  Mapping found;
  bool isInside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long long begin = 0, end = 0;
    char dash = 0;
    long long kilobytes = 0;
    if (sscanf(line.c_str(), "%llx%c%llx ", &begin, &dash, &end) == 3 &&
        dash == '-')
      isInside =
          line.size() > path.size() &&
          line.compare(line.size() - path.size(), path.size(), path) == 0;
    if (!isInside)
      continue;
    if (dash == '-') {
      found.begin = begin;
      found.end = end;
    } else if (sscanf(line.c_str(), "Rss: %lld kB", &kilobytes) == 1) {
      found.residentBytes = kilobytes * 1024;
    }
  }
  return found;
}

class ResidentWeightsTest : public testing::Test {
protected:
  void SetUp() override {
    // A file system on a disk may keep files in pages of 2 MiB.
    std::string pattern = "/dev/shm/lamina-XXXXXX";
    if (access("/dev/shm", W_OK) != 0)
      GTEST_SKIP() << "no /dev/shm";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    std::string values(kBytes, '\0');
    for (size_t i = 3; i < values.size(); i += 4)
      values[i] = 0x3f; // about 0.5
    std::ofstream(folder + "/source", std::ios::binary) << values;
    const auto *bytes = reinterpret_cast<const uint8_t *>(values.data());
    file.name = "source";
    file.size = values.size();
    file.header_hash = runtime::hashBytes(bytes, 0);
    file.sample_hash = runtime::hashSampledBlocks(bytes, values.size());
    weight.name = "matrix";
    weight.kind = LAMRT_WEIGHT_SOURCE;
    weight.type = LAMRT_F32;
    weight.out = kOut;
    weight.in = kIn;
    weight.num_layers = 1;
    weight.files = &fileIndex;
    weight.offsets = &offset;
    weight.uses = LAMRT_USE_LINEAR;
    addSlot(kIn, LAMRT_WHOLE, 0);
    addSlot(kIn, LAMRT_COLUMNS, 1);
    addSlot(kOut, LAMRT_COLUMNS, 32);
    addSlot(kOut, LAMRT_PARTIAL, 0);
    variant.num_slots = 4;
    variant.slots = slots;
    variant.num_lists = 3;
    variant.lists = lists;
    program.struct_size = sizeof(program);
    program.abi_version = LAMRT_ABI_VERSION;
    program.num_files = program.num_weights = program.num_variants = 1;
    program.files = &file;
    program.weights = &weight;
    program.variants = &variant;
    program.result_features = program.vocabulary = 1;
    program.max_context = 64;
    lamrt_rank_options options = {};
    options.model_path = folder.c_str();
    ASSERT_EQ(runtime::writePackedWeights(program, options, folder + "/packed",
                                          false),
              LAMRT_OK)
        << lamrt_last_error();
    program.packed_weights = "packed";
  }
  void TearDown() override {
    if (!folder.empty())
      std::filesystem::remove_all(folder);
  }

  void addSlot(int64_t features, int32_t distribution, int64_t unit) {
    int64_t &end = variant.arena_bytes[LAMRT_ROWS_TOKENS];
    slots[numSlots++] = {LAMRT_ROWS_TOKENS, LAMRT_F32, features,
                         distribution,      unit,      end};
    end += features * 4;
  }

  /// Bytes of the packed matrix that rank `which` of `ranks` touches.
  int64_t measure(int32_t ranks, int32_t which) {
    variant.ranks = ranks;
    worker = which;
    lamrt_rank_options options = {};
    options.struct_size = sizeof(options);
    options.ranks = ranks;
    options.threads = ranks;
    options.max_tokens = options.max_logit_rows = 1;
    options.max_sequences = options.num_pages = 1;
    options.model_path = folder.c_str();
    lamrt_status status = LAMRT_OK;
    auto group = program::Ranks::create(program, options, {}, status);
    EXPECT_EQ(status, LAMRT_OK) << lamrt_last_error();
    if (!group)
      return -1;
    Mapping mapping = findMapping(folder + "/packed");
    EXPECT_GE(mapping.end - mapping.begin, uint64_t(kBytes));
    EXPECT_EQ(madvise(reinterpret_cast<void *>(mapping.begin),
                      mapping.end - mapping.begin, MADV_DONTNEED),
              0);
    EXPECT_EQ(findMapping(folder + "/packed").residentBytes, 0);
    int32_t id = 0;
    program::StepBatch batch(1);
    batch.add(&id, 1, 0, {0}, program::WantedLogits::None);
    const float *logits = nullptr;
    EXPECT_EQ(group->step(batch.getStep(), &logits), LAMRT_OK)
        << lamrt_last_error();
    return findMapping(folder + "/packed").residentBytes;
  }

  std::string folder;
  lamrt_file file = {};
  int32_t fileIndex = 0;
  uint64_t offset = 0;
  lamrt_weight weight = {};
  size_t numSlots = 0;
  lamrt_slot slots[4] = {};
  int32_t toColumns = kOutColumns, toAddends = kAddends;
  lamrt_list lists[3] = {{0, nullptr}, {1, &toColumns}, {1, &toAddends}};
  lamrt_variant variant = {};
  lamina_program program = {};
};

} // namespace

TEST_F(ResidentWeightsTest, ARankReadsItsColumns) {
  variant.step = splitColumns;
  EXPECT_GE(measure(1, 0), kBytes);
  for (int32_t ranks : {2, 4, 8})
    for (int32_t rank : {0, 1, ranks - 1}) {
      int64_t touched = measure(ranks, rank);
      EXPECT_GE(touched, kBytes / ranks) << ranks << " ranks, rank " << rank;
      EXPECT_LE(touched, kBytes / ranks + kAround)
          << ranks << " ranks, rank " << rank;
    }
}

/// Of each panel a rank has a part.
TEST_F(ResidentWeightsTest, ARankReadsItsRows) {
  variant.step = splitRows;
  EXPECT_GE(measure(1, 0), kBytes);
  for (int32_t ranks : {2, 4})
    for (int32_t rank : {0, 1, ranks - 1}) {
      int64_t touched = measure(ranks, rank);
      EXPECT_GE(touched, kBytes / ranks) << ranks << " ranks, rank " << rank;
      EXPECT_LE(touched, kBytes / ranks + kOut / 32 * kAround)
          << ranks << " ranks, rank " << rank;
    }
}

} // namespace lamina::test
