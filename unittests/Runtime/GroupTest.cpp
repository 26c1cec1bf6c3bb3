//===- GroupTest.cpp - Ranks that work together, and ranks that do not ----===//
//
// A small step over the weights of stories260K, written by hand: an embedding
// that is split over the vocabulary, its sum, the fused sum with residual and
// norm, and logits that are gathered. One rank can be made to do it wrong.
//
//===----------------------------------------------------------------------===//

#include "TestRank.h"

#include "core/Rank.h"
#include "program/Ranks.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

namespace lamina::test {

namespace {

enum class Fault {
  None,
  StallsAtTheStart, // of the step
  StallsBefore,     // a collective
  StallsAtTheEnd,   // of the step
  FailsInside,
  ReturnsError,
  Skips,
  SwapsTwo,
  OtherShape,
  OtherArgument,
  DoesNotEnd,
  AddsTwice,
};

/// What the guilty rank does.
std::atomic<Fault> fault{Fault::None};
std::atomic<int32_t> guilty{1};
std::atomic<bool> hasFired{false};
/// Lets a rank that stalls go on, at the end of a test.
std::atomic<bool> isReleased{false};
std::atomic<int32_t> numTapped{0}, numEnded{0};
void stall() {
  while (!isReleased.load())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

/// True if `rank` is the guilty one and is to do `which` now; then it has.
bool does(lamrt_rank *rank, Fault which) {
  if (rank->rank.number() != guilty.load() || fault.load() != which)
    return false;
  hasFired = true;
  return true;
}

enum Slot {
  kPartial,
  kRest,
  kNorm,
  kRows,
  kColumns,
  kRoot,
  kOneUnit,
  kAddends
};
enum List { kTree, kLeaves, kOuts, kToAddends };

lamrt_status runGroupStep(lamrt_rank *rank, const lamrt_step *step) {
  if (does(rank, Fault::StallsAtTheStart))
    stall();
  lamrt_step_begin(rank, step);
  lamrt_embed(rank, kEmbedding, kPartial);
  if (does(rank, Fault::StallsBefore)) {
    stall();
    lamrt_tap(rank, 0, 0, kRest);
  }
  if (does(rank, Fault::FailsInside))
    lamrt_embed(rank, -5, kPartial);
  if (does(rank, Fault::AddsTwice))
    lamrt_linear(rank, kOneUnit, kEmbedding, 0, -1, kLeaves, kToAddends, 0);
  if (does(rank, Fault::ReturnsError))
    return LAMRT_LIMIT;
  if (does(rank, Fault::SwapsTwo))
    lamrt_all_reduce_residual_rms_norm(rank, kPartial, kRest, kAttentionNorm, 0,
                                       -1, 0, 1e-5, LAMRT_NORM_HF, kTree, kNorm,
                                       kRest);
  if (does(rank, Fault::OtherShape))
    lamrt_gather(rank, kColumns, kRoot);
  else if (!does(rank, Fault::Skips))
    lamrt_all_reduce(rank, kPartial, -1, 0, kTree, kRest);
  lamrt_all_reduce_residual_rms_norm(rank, kPartial, kRest, kAttentionNorm,
                                     does(rank, Fault::OtherArgument) ? 1 : 0,
                                     -1, 0, 1e-5, LAMRT_NORM_HF, kTree, kNorm,
                                     kRest);
  lamrt_select_rows(rank, kNorm, kRows);
  lamrt_linear(rank, kRows, kEmbedding, 0, -1, kLeaves, kOuts, 0);
  lamrt_gather(rank, kColumns, kRoot);
  lamrt_result(rank, kRoot);
  if (does(rank, Fault::StallsAtTheEnd))
    stall();
  if (does(rank, Fault::DoesNotEnd))
    return LAMRT_OK;
  lamrt_status status = lamrt_step_end(rank);
  if (rank->rank.number() == guilty.load())
    ++numEnded;
  return status;
}

/// Never freed: a rank that was given up goes on with them when it is released.
struct Tables {
  StoriesProgram stories;
  lamrt_variant variant = {};
  std::vector<lamrt_slot> slots;
  std::vector<lamrt_list> lists;
  std::vector<int32_t> tree, leaves, outs, toAddends;
  int64_t tableUnit = 1; ///< of the split of the embeddings
};

class GroupTest : public testing::Test {
protected:
  void SetUp() override {
    fault = Fault::None;
    guilty = 1;
    hasFired = isReleased = false;
  }
  void TearDown() override { isReleased = true; }

  /// A program of this number of ranks.
  void makeProgram(int32_t ranks) {
    tables.tree = {ranks};
    if (ranks == 1)
      tables.tree = {};
    if (ranks == 4)
      tables.tree = {2, 2};
    tables.leaves = {2};
    tables.outs = {kColumns};
    tables.toAddends = {kAddends};
    auto toList = [](const std::vector<int32_t> &values) {
      return lamrt_list{static_cast<int32_t>(values.size()), values.data()};
    };
    tables.lists = {toList(tables.tree), toList(tables.leaves),
                    toList(tables.outs), toList(tables.toAddends)};
    tables.slots.clear();
    for (int64_t &bytes : tables.variant.arena_bytes)
      bytes = 0;
    addSlot(LAMRT_ROWS_TOKENS, 64, LAMRT_PARTIAL, 0);
    addSlot(LAMRT_ROWS_TOKENS, 64, LAMRT_WHOLE, 0);
    addSlot(LAMRT_ROWS_TOKENS, 64, LAMRT_WHOLE, 0);
    addSlot(LAMRT_ROWS_LOGITS, 64, LAMRT_WHOLE, 0);
    addSlot(LAMRT_ROWS_LOGITS, 512, LAMRT_COLUMNS, 1);
    addSlot(LAMRT_ROWS_LOGITS, 512, LAMRT_ROOT, 0);
    addSlot(LAMRT_ROWS_LOGITS, 64, LAMRT_COLUMNS, 64);
    addSlot(LAMRT_ROWS_LOGITS, 512, LAMRT_PARTIAL, 0);
    tables.variant.ranks = ranks;
    tables.variant.num_slots = static_cast<int32_t>(tables.slots.size());
    tables.variant.slots = tables.slots.data();
    tables.variant.num_lists = static_cast<int32_t>(tables.lists.size());
    tables.variant.lists = tables.lists.data();
    tables.variant.step = runGroupStep;
    tables.stories.weights[kEmbedding].split = LAMRT_SPLIT_COLUMNS;
    tables.stories.weights[kEmbedding].split_unit = tables.tableUnit;
    tables.stories.program.variants = &tables.variant;
    tables.stories.program.cache = {};
  }

  void addSlot(int32_t rows, int64_t features, int32_t distribution,
               int64_t unit) {
    int64_t &end = tables.variant.arena_bytes[rows];
    tables.slots.push_back(
        {rows, LAMRT_F32, features, distribution, unit, end});
    end += features * 4;
  }

  std::unique_ptr<program::Ranks> createRanks(int32_t ranks, int32_t timeout,
                                              int32_t algorithm = 0) {
    makeProgram(ranks);
    lamrt_rank_options options = getRankOptions(1, ranks);
    options.ranks = ranks;
    options.max_tokens = options.max_logit_rows = 40;
    options.tap = [](void *, const char *, int32_t, const float *, int64_t,
                     int64_t) { ++numTapped; };
    lamrt_status status = LAMRT_OK;
    auto made = program::Ranks::create(tables.stories.program, options, timeout,
                                       algorithm, status);
    EXPECT_EQ(status, LAMRT_OK) << lamrt_last_error();
    return made;
  }

  /// Runs one step of `rows` rows.
  lamrt_status runStep(program::Ranks &ranks, int32_t rows,
                       std::vector<float> *logits = nullptr) {
    std::vector<int32_t> ids;
    for (int32_t i = 0; i < rows; ++i)
      ids.push_back(i * 37 % 512);
    program::StepBatch batch(8);
    batch.add(ids.data(), rows, 0, makePages(0), program::WantedLogits::All);
    lamrt_step step = batch.getStep();
    const float *values = nullptr;
    lamrt_status status = ranks.step(step, &values);
    if (status == LAMRT_OK && logits)
      logits->assign(values, values + int64_t(rows) * 512);
    return status;
  }

  /// Runs a step with a fault and returns what was said of it. The group must
  /// have ended within two seconds of its time limit.
  std::string fail(Fault chosen, lamrt_status expected, int32_t ranks = 3) {
    constexpr int32_t kLimit = 300; // milliseconds
    fault = chosen;
    auto group = createRanks(ranks, kLimit);
    auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(runStep(*group, 5), expected);
    std::string message = lamrt_last_error();
    auto taken = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(taken, std::chrono::milliseconds(kLimit + 2000));
    EXPECT_TRUE(hasFired);
    // The group stays as it is.
    EXPECT_NE(runStep(*group, 5), LAMRT_OK);
    return message;
  }

  /// Makes `group`; the size of the options is filled in.
  lamrt_status createGroup(lamrt_group_options options) {
    options.struct_size = sizeof(options);
    return lamrt_group_create(&tables.stories.program, &options, &group);
  }

  lamrt_group *group = nullptr;
  Tables &tables = *new Tables;
};

} // namespace

TEST_F(GroupTest, AllNumbersOfRanksAndAlgorithmsHaveTheSameBits) {
  for (int32_t rows : {1, 5, 40}) {
    std::vector<float> expected, found;
    auto one = createRanks(1, 0);
    ASSERT_EQ(runStep(*one, rows, &expected), LAMRT_OK) << lamrt_last_error();
    for (int32_t ranks : {2, 3, 4, 7}) {
      for (int32_t algorithm :
           {LAMRT_BY_SIZE, LAMRT_ONE_SHOT, LAMRT_TWO_SHOT}) {
        auto group = createRanks(ranks, 0, algorithm);
        for (int i = 0; i < 3; ++i) {
          ASSERT_EQ(runStep(*group, rows, &found), LAMRT_OK)
              << lamrt_last_error();
          EXPECT_EQ(found, expected) << ranks << " ranks, " << rows
                                     << " rows, algorithm " << algorithm;
        }
      }
    }
  }
}

TEST_F(GroupTest, ARankThatStallsIsNamed) {
  std::string message = fail(Fault::StallsBefore, LAMRT_DEVICE);
  EXPECT_NE(message.find("waited 300 ms in collective 1, all_reduce of 5 x 64 "
                         "f32, for rank 1"),
            message.npos)
      << message;
}

TEST_F(GroupTest, ARankThatStallsAtTheEndIsNamed) {
  std::string message = fail(Fault::StallsAtTheEnd, LAMRT_DEVICE);
  EXPECT_NE(message.find("the end of the step, for rank 1"), message.npos)
      << message;
}

/// No rank is the one that gives up the others.
TEST_F(GroupTest, TheFirstRankMayStallOrFail) {
  guilty = 0;
  std::string message = fail(Fault::StallsBefore, LAMRT_DEVICE);
  EXPECT_NE(message.find("for rank 0"), message.npos) << message;
  message = fail(Fault::FailsInside, LAMRT_MALFORMED);
  EXPECT_EQ(message, "rank 0: program: weight -5 of 14");
}

/// The caller has freed its step, and what its tap refers to.
TEST_F(GroupTest, ARankThatWasGivenUpDoesNothing) {
  guilty = 0;
  for (Fault late : {Fault::StallsAtTheStart, Fault::StallsBefore}) {
    fail(late, LAMRT_DEVICE);
    numTapped = numEnded = 0;
    isReleased = true;
    while (numEnded == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(numTapped, 0);
    isReleased = false;
  }
}

TEST_F(GroupTest, WithoutATimeLimitTheyWait) {
  fault = Fault::StallsBefore;
  auto group = createRanks(3, 60000);
  std::atomic<bool> isDone{false};
  lamrt_status status = LAMRT_DEVICE;
  std::thread runner([&] {
    status = runStep(*group, 5);
    isDone = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(800));
  EXPECT_TRUE(hasFired);
  EXPECT_FALSE(isDone);
  isReleased = true;
  runner.join();
  EXPECT_EQ(status, LAMRT_OK);
}

TEST_F(GroupTest, AFailureOfOneEndsAll) {
  std::string message = fail(Fault::FailsInside, LAMRT_MALFORMED);
  EXPECT_EQ(message, "rank 1: program: weight -5 of 14");
  message = fail(Fault::ReturnsError, LAMRT_LIMIT);
  EXPECT_EQ(message, "rank 1: program: its code ended with status 6");
}

TEST_F(GroupTest, OtherCollectivesAreRefused) {
  auto expectBoth = [](const std::string &message) {
    EXPECT_NE(message.find("rank 1"), message.npos) << message;
    EXPECT_NE(message.find("came to collective"), message.npos) << message;
  };
  expectBoth(fail(Fault::SwapsTwo, LAMRT_DEVICE));
  expectBoth(fail(Fault::OtherShape, LAMRT_DEVICE));
  expectBoth(fail(Fault::Skips, LAMRT_DEVICE));
  std::string message = fail(Fault::OtherArgument, LAMRT_DEVICE);
  expectBoth(message);
  EXPECT_NE(message.find("other arguments"), message.npos) << message;
}

TEST_F(GroupTest, ARankThatDoesNotEndItsStepEndsAll) {
  std::string message = fail(Fault::DoesNotEnd, LAMRT_INTERNAL);
  EXPECT_EQ(message, "rank 1: program: its code did not end the step");
}

/// With fewer units than ranks, some ranks have the same.
TEST_F(GroupTest, NoUnitIsAddedTwice) {
  std::string message = fail(Fault::AddsTwice, LAMRT_MALFORMED);
  EXPECT_EQ(message, "rank 1: program: weight model.embed_tokens.weight: its "
                     "product is split otherwise");
  fault = Fault::None;
  tables.tableUnit = 256;
  EXPECT_EQ(runStep(*createRanks(2, 0), 5), LAMRT_OK) << lamrt_last_error();
  EXPECT_EQ(runStep(*createRanks(3, 0), 5), LAMRT_MALFORMED);
}

TEST_F(GroupTest, RanksMustBeThoseOfTheProgram) {
  makeProgram(3);
  EXPECT_EQ(createGroup({0, 2, 0, 0, LAMRT_LOCAL}), LAMRT_DEVICE);
  EXPECT_STREQ(lamrt_last_error(),
               "program: has no code for 2 ranks, expected 3");
  tables.variant.ranks = 1025;
  EXPECT_EQ(createGroup({0, 1025, 0, 0, LAMRT_LOCAL}), LAMRT_UNSUPPORTED);
  tables.variant.ranks = 3;
  EXPECT_EQ(createGroup({0, 3, -1, 0, LAMRT_LOCAL}), LAMRT_USAGE);
  EXPECT_EQ(createGroup({0, 3, 0, 7, LAMRT_LOCAL}), LAMRT_USAGE);
  lamrt_rank_options rank = getRankOptions(1, 1);
  rank.ranks = 3;
  lamrt_rank *made = nullptr;
  EXPECT_EQ(lamrt_rank_create(&tables.stories.program, &rank, &made),
            LAMRT_USAGE);
  EXPECT_STREQ(lamrt_last_error(),
               "options: rank 0 of 3 without a group of them");
}

TEST_F(GroupTest, RanksMustBeCreatedAlike) {
  makeProgram(3);
  ASSERT_EQ(createGroup({0, 3, 0, 0, LAMRT_LOCAL}), LAMRT_OK);
  lamrt_rank_options rank = getRankOptions(1, 1);
  rank.ranks = 3;
  rank.group = group;
  lamrt_rank *first = nullptr, *other = nullptr;
  ASSERT_EQ(lamrt_rank_create(&tables.stories.program, &rank, &first), LAMRT_OK)
      << lamrt_last_error();
  rank.rank = 2;
  ++rank.num_pages;
  EXPECT_EQ(lamrt_rank_create(&tables.stories.program, &rank, &other),
            LAMRT_USAGE);
  EXPECT_EQ(lamrt_last_error(),
            "options: rank 2 has num_pages " + std::to_string(rank.num_pages) +
                ", rank 0 has " + std::to_string(rank.num_pages - 1));
  lamrt_rank_destroy(first);
  lamrt_group_destroy(group);
}

} // namespace lamina::test
