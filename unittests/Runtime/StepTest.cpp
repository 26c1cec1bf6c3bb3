//===- StepTest.cpp - Steps that contradict themselves --------------------===//

#include "TestRank.h"

#include <gmock/gmock.h>

#include <functional>

namespace lamina::test {

namespace {

using testing::HasSubstr;

/// A valid step of two sequences, of 3 and 2 rows, that owns its arrays.
struct OwnedStep {
  std::vector<int32_t> ids = {1, 403, 407, 1, 261};
  std::vector<int32_t> positions = {0, 1, 2, 0, 1};
  std::vector<int32_t> sequences = {0, 0, 0, 1, 1};
  std::vector<int32_t> rowBegin = {0, 3, 5};
  std::vector<int32_t> lengths = {3, 2};
  std::vector<int32_t> pages = {0, 1, 2, 3};
  std::vector<int32_t> wanted = {2, 4};
  lamrt_step step = {};

  lamrt_step *get() {
    step.struct_size = step.struct_size ? step.struct_size : sizeof(step);
    step.num_tokens = static_cast<int32_t>(ids.size());
    step.num_sequences = static_cast<int32_t>(lengths.size());
    step.num_logit_rows = static_cast<int32_t>(wanted.size());
    step.max_pages = 2;
    step.token_ids = ids.data();
    step.positions = positions.data();
    step.sequence_of_row = sequences.data();
    step.row_begin = rowBegin.data();
    step.kv_length = lengths.data();
    step.page_table = pages.data();
    step.logit_rows = wanted.data();
    return &step;
  }
};

class Step : public testing::Test {
protected:
  Step() : rank(createRank(stories, getRankOptions(2, 1))) {}

  lamrt_status run(OwnedStep &step) {
    const float *logits = nullptr;
    return lamrt_rank_step(rank.get(), step.get(), &logits);
  }

  StoriesProgram stories;
  RankPointer rank;
};

struct Damage {
  const char *message;
  lamrt_status status;
  std::function<void(OwnedStep &)> apply;
};

TEST_F(Step, DamagedOnesAreRefused) {
  const Damage damages[] = {
      {"bytes, expected", LAMRT_USAGE,
       [](OwnedStep &s) { s.step.struct_size = 8; }},
      {"row 1: token id 512, the vocabulary has 512", LAMRT_LIMIT,
       [](OwnedStep &s) { s.ids[1] = 512; }},
      {"row 0: token id -1", LAMRT_LIMIT, [](OwnedStep &s) { s.ids[0] = -1; }},
      {"row 2: position 3, expected 2", LAMRT_USAGE,
       [](OwnedStep &s) { s.positions[2] = 3; }},
      {"row 3: position -1", LAMRT_USAGE,
       [](OwnedStep &s) { s.positions[3] = -1; }},
      {"row 4: sequence 0, expected 1", LAMRT_USAGE,
       [](OwnedStep &s) { s.sequences[4] = 0; }},
      {"do not cover", LAMRT_USAGE, [](OwnedStep &s) { s.rowBegin[2] = 4; }},
      {"do not cover", LAMRT_USAGE, [](OwnedStep &s) { s.rowBegin[0] = 1; }},
      {"sequence 0: rows 0 to 9", LAMRT_USAGE,
       [](OwnedStep &s) { s.rowBegin[1] = 9; }},
      {"sequence 0: rows 0 to -1", LAMRT_USAGE,
       [](OwnedStep &s) { s.rowBegin[1] = -1; }},
      {"sequence 1: 513 positions, the context has 512", LAMRT_LIMIT,
       [](OwnedStep &s) { s.lengths[1] = 513; }},
      {"sequence 1: -2147483648 positions", LAMRT_LIMIT,
       [](OwnedStep &s) { s.lengths[1] = INT32_MIN; }},
      {"sequence 0: 3 rows, 2 positions", LAMRT_USAGE,
       [](OwnedStep &s) { s.lengths[0] = 2; }},
      {"sequence 0: 129 positions on 2 pages", LAMRT_USAGE,
       [](OwnedStep &s) { s.lengths[0] = 129; }},
      {"sequence 1: page 16, the cache has 16", LAMRT_USAGE,
       [](OwnedStep &s) { s.pages[2] = 16; }},
      {"sequence 0: page -1", LAMRT_USAGE,
       [](OwnedStep &s) { s.pages[0] = -1; }},
      {"page 0 is written for sequence", LAMRT_USAGE,
       [](OwnedStep &s) { s.pages[2] = 0; }},
      {"3 after 4", LAMRT_USAGE, [](OwnedStep &s) { s.wanted = {4, 3}; }},
      {"2 after 2", LAMRT_USAGE, [](OwnedStep &s) { s.wanted = {2, 2}; }},
      {"5 after -1, of 5 rows", LAMRT_USAGE,
       [](OwnedStep &s) { s.wanted = {5}; }},
      {"padded to 4 rows, it has 5", LAMRT_USAGE,
       [](OwnedStep &s) { s.step.bucket_tokens = 4; }},
      {"position 0 was never written", LAMRT_USAGE,
       [](OwnedStep &s) {
         s.positions = {5, 6, 7, 0, 1};
         s.lengths[0] = 8;
       }},
      {"600 rows, the rank was made for 512", LAMRT_LIMIT,
       [](OwnedStep &s) { s.ids.resize(600, 1); }},
      {"3 sequences, the rank was made for 2", LAMRT_LIMIT,
       [](OwnedStep &s) { s.lengths.push_back(1); }},
  };
  for (const Damage &damage : damages) {
    OwnedStep step;
    damage.apply(step);
    EXPECT_EQ(run(step), damage.status) << damage.message;
    EXPECT_THAT(lamrt_last_error(), HasSubstr(damage.message));
    // The rank is as good as before.
    OwnedStep valid;
    EXPECT_EQ(run(valid), LAMRT_OK) << lamrt_last_error();
    rank = createRank(stories, getRankOptions(2, 1));
  }
}

TEST_F(Step, EmptyOnesAreFine) {
  OwnedStep step;
  step.ids = step.positions = step.sequences = step.lengths = step.wanted = {};
  step.rowBegin = {0};
  EXPECT_EQ(run(step), LAMRT_OK) << lamrt_last_error();
  // Rows without logits, and a sequence without rows.
  step = OwnedStep();
  step.wanted = {};
  step.rowBegin = {0, 3, 3};
  step.ids.resize(3);
  step.lengths[1] = 0;
  EXPECT_EQ(run(step), LAMRT_OK) << lamrt_last_error();
}

TEST_F(Step, PagesThatAreOnlyReadMayBeShared) {
  // Both sequences have the 64 positions of page 0 in common.
  OwnedStep first;
  first.ids.assign(64, 1);
  first.positions.resize(64);
  first.sequences.assign(64, 0);
  for (int32_t i = 0; i < 64; ++i)
    first.positions[static_cast<size_t>(i)] = i;
  first.rowBegin = {0, 64};
  first.lengths = {64};
  first.wanted = {63};
  ASSERT_EQ(run(first), LAMRT_OK) << lamrt_last_error();
  OwnedStep second;
  second.ids = {5, 6};
  second.positions = {64, 64};
  second.sequences = {0, 1};
  second.rowBegin = {0, 1, 2};
  second.lengths = {65, 65};
  second.pages = {0, 1, 0, 2};
  second.wanted = {0, 1};
  EXPECT_EQ(run(second), LAMRT_OK) << lamrt_last_error();
  second.pages = {0, 1, 0, 1};
  EXPECT_EQ(run(second), LAMRT_USAGE);
}

TEST_F(Step, NullPointersAreRefused) {
  OwnedStep owned;
  const float *logits = nullptr;
  EXPECT_EQ(lamrt_rank_step(nullptr, owned.get(), &logits), LAMRT_USAGE);
  EXPECT_EQ(lamrt_rank_step(rank.get(), nullptr, &logits), LAMRT_USAGE);
  EXPECT_EQ(lamrt_rank_step(rank.get(), owned.get(), nullptr), LAMRT_USAGE);
  lamrt_step *step = owned.get();
  step->token_ids = nullptr;
  EXPECT_EQ(lamrt_rank_step(rank.get(), step, &logits), LAMRT_USAGE);
  lamrt_step_begin(nullptr, step);
  lamrt_embed(nullptr, 0, 0);
  EXPECT_EQ(lamrt_step_end(nullptr), LAMRT_USAGE);
  lamrt_rank_destroy(nullptr);
}

} // namespace

} // namespace lamina::test
