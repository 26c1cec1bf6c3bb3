//===- GroupTest.cpp - Ranks that work together, and ranks that do not ----===//
//===----------------------------------------------------------------------===//

#include "FaultyProgram.h"
#include "TestRank.h"

#include "core/Group.h"

#include "program/Ranks.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>

namespace lamina::test {

namespace {

/// Calls of taps.
std::atomic<int32_t> numTapped{0};

class GroupTest : public testing::Test {
protected:
  void SetUp() override {
    faults.fault = Fault::None;
    faults.guilty = 1;
    faults.hasFired = faults.isReleased = faults.keepsOwnRows = false;
  }
  void TearDown() override { faults.isReleased = true; }

  std::unique_ptr<program::Ranks>
  createRanks(int32_t ranks, int32_t timeout, int32_t algorithm = 0,
              const std::vector<lamrt_choice> &choices = {}) {
    tables.make(ranks);
    lamrt_rank_options options = getRankOptions(1, ranks);
    options.ranks = ranks;
    options.max_tokens = options.max_logit_rows = 40;
    options.tap = [](void *, const char *, int32_t, const float *, int64_t,
                     int64_t) { ++numTapped; };
    lamrt_status status = LAMRT_OK;
    lamrt_group_options group = {};
    group.timeout_ms = timeout;
    group.algorithm = algorithm;
    group.num_choices = static_cast<int32_t>(choices.size());
    group.choices = choices.empty() ? nullptr : choices.data();
    auto made =
        program::Ranks::create(tables.stories.program, options, group, status);
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
    faults.fault = chosen;
    auto group = createRanks(ranks, kLimit);
    auto begin = std::chrono::steady_clock::now();
    EXPECT_EQ(runStep(*group, 5), expected);
    std::string message = lamrt_last_error();
    auto taken = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(taken, std::chrono::milliseconds(kLimit + 2000));
    EXPECT_TRUE(faults.hasFired);
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
  Faults &faults = getFaults();
  /// Never freed: a rank that was given up goes on with them.
  FaultyProgram &tables = *new FaultyProgram;
};

} // namespace

TEST_F(GroupTest, AllNumbersOfRanksAndAlgorithmsHaveTheSameBits) {
  for (int32_t rows : {1, 5, 40}) {
    std::vector<float> expected, found;
    auto one = createRanks(1, 0);
    ASSERT_EQ(runStep(*one, rows, &expected), LAMRT_OK) << lamrt_last_error();
    for (int32_t ranks : {2, 3, 4, 7}) {
      for (int32_t algorithm :
           {LAMRT_BY_SIZE, LAMRT_ONE_SHOT, LAMRT_TWO_SHOT, LAMRT_SEPARATE}) {
        auto group = createRanks(ranks, 0, algorithm);
        for (bool own : {false, true, false}) {
          faults.keepsOwnRows = own;
          ASSERT_EQ(runStep(*group, rows, &found), LAMRT_OK)
              << lamrt_last_error();
          EXPECT_EQ(found, expected)
              << ranks << " ranks, " << rows << " rows, algorithm " << algorithm
              << (own ? ", own rows" : "");
        }
      }
    }
  }
}

/// A table that takes the separate operations for 5 rows: their bits, too.
TEST_F(GroupTest, AlgorithmsAreChosenByATable) {
  std::vector<lamrt_choice> choices;
  for (int32_t operation :
       {LAMRT_ALL_REDUCE, LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM})
    for (int32_t rows : {1, 5, 40})
      choices.push_back({operation, 3, 64, rows,
                         rows == 1   ? LAMRT_TWO_SHOT
                         : rows == 5 ? LAMRT_ONE_SHOT
                                     : LAMRT_TWO_SHOT});
  choices[4].algorithm = LAMRT_SEPARATE;
  tables.make(3);
  lamrt_group_options options = {
      0, 3, 0, LAMRT_BY_SIZE, LAMRT_LOCAL, 6, choices.data()};
  ASSERT_EQ(createGroup(options), LAMRT_OK);
  auto choose = [&](int32_t operation, int64_t rows) {
    return group->group.chooseAlgorithm(operation, 64, rows, RankDevice::Cpu);
  };
  EXPECT_EQ(choose(LAMRT_ALL_REDUCE, 5), LAMRT_ONE_SHOT);
  EXPECT_EQ(choose(LAMRT_ALL_REDUCE, 40), LAMRT_TWO_SHOT);
  EXPECT_EQ(choose(LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM, 1), LAMRT_TWO_SHOT);
  EXPECT_EQ(choose(LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM, 5), LAMRT_SEPARATE);
  uint64_t hash = group->group.hashDeviceChoices();
  lamrt_group_destroy(group);
  // Ranks on devices compare the hash: one choice less is another one.
  ASSERT_EQ(
      createGroup({0, 3, 0, LAMRT_BY_SIZE, LAMRT_LOCAL, 5, choices.data()}),
      LAMRT_OK);
  EXPECT_NE(group->group.hashDeviceChoices(), hash);
  lamrt_group_destroy(group);
  for (int32_t rows : {1, 5, 40}) {
    std::vector<float> expected, found;
    auto one = createRanks(1, 0);
    ASSERT_EQ(runStep(*one, rows, &expected), LAMRT_OK) << lamrt_last_error();
    auto three = createRanks(3, 0, LAMRT_BY_SIZE, choices);
    ASSERT_EQ(runStep(*three, rows, &found), LAMRT_OK) << lamrt_last_error();
    EXPECT_EQ(found, expected) << rows;
  }
  EXPECT_EQ(createGroup({0, 3, 0, 0, LAMRT_LOCAL, -1, nullptr}), LAMRT_USAGE);
}

/// Devices have a table of their own, in which a sum alone may be NCCL's.
TEST_F(GroupTest, DevicesChooseByTheirTable) {
  tables.make(4);
  ASSERT_EQ(createGroup({0, 4, 0, LAMRT_BY_SIZE, LAMRT_LOCAL, 0, nullptr}),
            LAMRT_OK);
  auto choose = [&](int32_t operation, int64_t rows) {
    return group->group.chooseAlgorithm(operation, 8192, rows,
                                        RankDevice::Cuda);
  };
  for (int32_t operation :
       {LAMRT_ALL_REDUCE, LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM}) {
    EXPECT_EQ(choose(operation, 8), LAMRT_ONE_SHOT);  // 256 KiB
    EXPECT_EQ(choose(operation, 32), LAMRT_TWO_SHOT); // 1 MiB
    EXPECT_EQ(choose(operation, 4096), LAMRT_SEPARATE);
  }
  lamrt_group_destroy(group);
  ASSERT_EQ(createGroup({0, 4, 0, LAMRT_SEPARATE, LAMRT_LOCAL, 0, nullptr}),
            LAMRT_OK);
  EXPECT_EQ(choose(LAMRT_ALL_REDUCE, 1), LAMRT_SEPARATE);
  lamrt_group_destroy(group);
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
  faults.guilty = 0;
  std::string message = fail(Fault::StallsBefore, LAMRT_DEVICE);
  EXPECT_NE(message.find("for rank 0"), message.npos) << message;
  message = fail(Fault::FailsInside, LAMRT_MALFORMED);
  EXPECT_EQ(message, "rank 0: program: weight -5 of 14");
}

/// The caller has freed its step, and what its tap refers to.
TEST_F(GroupTest, ARankThatWasGivenUpDoesNothing) {
  faults.guilty = 0;
  for (Fault late : {Fault::StallsAtTheStart, Fault::StallsBefore}) {
    fail(late, LAMRT_DEVICE);
    numTapped = 0;
    faults.numEnded = 0;
    faults.isReleased = true;
    while (faults.numEnded == 0)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    EXPECT_EQ(numTapped, 0);
    faults.isReleased = false;
  }
}

TEST_F(GroupTest, WithoutATimeLimitTheyWait) {
  faults.fault = Fault::StallsBefore;
  auto group = createRanks(3, 60000);
  std::atomic<bool> isDone{false};
  lamrt_status status = LAMRT_DEVICE;
  std::thread runner([&] {
    status = runStep(*group, 5);
    isDone = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(800));
  EXPECT_TRUE(faults.hasFired);
  EXPECT_FALSE(isDone);
  faults.isReleased = true;
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
  expectBoth(fail(Fault::OtherType, LAMRT_DEVICE));
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
  faults.fault = Fault::None;
  tables.tableUnit = 256;
  EXPECT_EQ(runStep(*createRanks(2, 0), 5), LAMRT_OK) << lamrt_last_error();
  EXPECT_EQ(runStep(*createRanks(3, 0), 5), LAMRT_MALFORMED);
}

TEST_F(GroupTest, OwnRowsAreWhereTheyBelong) {
  EXPECT_EQ(fail(Fault::SharesAddends, LAMRT_MALFORMED),
            "rank 1: program: slot 0: this rank has a part of it only");
  EXPECT_EQ(fail(Fault::SumsToWhole, LAMRT_MALFORMED),
            "rank 1: program: own rows of the sum of slot 0 do not fit slot 1");
  EXPECT_EQ(fail(Fault::JoinsToLogits, LAMRT_MALFORMED),
            "rank 1: program: the rows of slot 8 cannot be joined in slot 3");
  tables.make(3);
  ASSERT_EQ(createGroup({0, 3, 0, 0, LAMRT_LOCAL, 0, nullptr}), LAMRT_OK);
  lamrt_rank_options rank = getRankOptions(1, 1);
  rank.ranks = 3;
  rank.group = group;
  lamrt_rank *made = nullptr;
  for (int32_t slot : {kRest, kOwn}) {
    tables.slots[kRest].distribution = LAMRT_WHOLE;
    tables.slots[static_cast<size_t>(slot)].distribution =
        slot == kRest ? LAMRT_OWN_ROWS : LAMRT_WHOLE;
    EXPECT_EQ(lamrt_rank_create(&tables.stories.program, &rank, &made),
              LAMRT_MALFORMED);
    EXPECT_EQ(lamrt_last_error(), "program: slot " + std::to_string(slot) +
                                      ": lies outside its section");
  }
  lamrt_group_destroy(group);
}

TEST_F(GroupTest, RanksMustBeThoseOfTheProgram) {
  tables.make(3);
  EXPECT_EQ(createGroup({0, 2, 0, 0, LAMRT_LOCAL, 0, nullptr}), LAMRT_DEVICE);
  EXPECT_STREQ(lamrt_last_error(),
               "program: has no code for 2 ranks, expected 3");
  tables.variant.ranks = 1025;
  EXPECT_EQ(createGroup({0, 1025, 0, 0, LAMRT_LOCAL, 0, nullptr}),
            LAMRT_UNSUPPORTED);
  tables.variant.ranks = 3;
  EXPECT_EQ(createGroup({0, 3, -1, 0, LAMRT_LOCAL, 0, nullptr}), LAMRT_USAGE);
  EXPECT_EQ(createGroup({0, 3, 0, 7, LAMRT_LOCAL, 0, nullptr}), LAMRT_USAGE);
  lamrt_rank_options rank = getRankOptions(1, 1);
  rank.ranks = 3;
  lamrt_rank *made = nullptr;
  EXPECT_EQ(lamrt_rank_create(&tables.stories.program, &rank, &made),
            LAMRT_USAGE);
  EXPECT_STREQ(lamrt_last_error(),
               "options: rank 0 of 3 without a group of them");
}

TEST_F(GroupTest, RanksMustBeCreatedAlike) {
  tables.make(3);
  ASSERT_EQ(createGroup({0, 3, 0, 0, LAMRT_LOCAL, 0, nullptr}), LAMRT_OK);
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
  // A rank that was refused may come again, one that is there may not.
  --rank.num_pages;
  ASSERT_EQ(lamrt_rank_create(&tables.stories.program, &rank, &other), LAMRT_OK)
      << lamrt_last_error();
  lamrt_rank *again = nullptr;
  EXPECT_EQ(lamrt_rank_create(&tables.stories.program, &rank, &again),
            LAMRT_USAGE);
  EXPECT_STREQ(lamrt_last_error(), "options: rank 2 is in the group already");
  lamrt_rank_destroy(other);
  EXPECT_EQ(lamrt_rank_create(&tables.stories.program, &rank, &other), LAMRT_OK)
      << lamrt_last_error();
  lamrt_rank_destroy(other);
  lamrt_rank_destroy(first);
  lamrt_group_destroy(group);
}

} // namespace lamina::test
