//===- OperandsTest.cpp - Programs with wrong ids -------------------------===//
//
// A program may come from IR that was edited by hand: no id may make the
// runtime touch what is not there.
//
//===----------------------------------------------------------------------===//

#include "TestRank.h"

#include <gmock/gmock.h>

#include <functional>
#include <limits>

namespace lamina::test {

namespace {

std::function<void(lamrt_rank *)> body;

lamrt_status runBody(lamrt_rank *rank, const lamrt_step *step) {
  lamrt_step_begin(rank, step);
  body(rank);
  return lamrt_step_end(rank);
}

lamrt_status runStep(lamrt_rank *rank) {
  const int32_t ids[] = {1, 403};
  program::StepBatch batch(8);
  batch.add(ids, 2, 0, makePages(0), program::WantedLogits::Last);
  lamrt_step step = batch.getStep();
  const float *logits = nullptr;
  return lamrt_rank_step(rank, &step, &logits);
}

TEST(Operands, WrongIdsFailTheStep) {
  StoriesProgram stories;
  stories.variant.step = runBody;
  RankPointer rank = createRank(stories, getRankOptions(1, 1));
  ASSERT_TRUE(rank);
  constexpr int32_t low = std::numeric_limits<int32_t>::min();
  constexpr int32_t high = std::numeric_limits<int32_t>::max();
  for (int32_t bad : {-1, 999, low, high}) {
    const std::function<void(lamrt_rank *)> bodies[] = {
        [=](lamrt_rank *r) { lamrt_embed(r, bad, kResidual); },
        [=](lamrt_rank *r) { lamrt_embed(r, kEmbedding, bad); },
        [=](lamrt_rank *r) { lamrt_select_rows(r, bad, kWanted); },
        [=](lamrt_rank *r) { lamrt_select_rows(r, kNormed, bad); },
        [=](lamrt_rank *r) { lamrt_copy(r, bad, kUpdate); },
        [=](lamrt_rank *r) { lamrt_copy(r, kUpdate, bad); },
        [=](lamrt_rank *r) { lamrt_add(r, bad, kUpdate, kUpdate); },
        [=](lamrt_rank *r) { lamrt_add(r, kUpdate, bad, kUpdate); },
        [=](lamrt_rank *r) { lamrt_add(r, kUpdate, kUpdate, bad); },
        [=](lamrt_rank *r) {
          lamrt_rms_norm(r, kUpdate, bad, 0, 1e-5, 0, kNormed);
        },
        [=](lamrt_rank *r) {
          lamrt_rms_norm(r, kUpdate, kAttentionNorm, bad, 1e-5, 0, kNormed);
        },
        [=](lamrt_rank *r) {
          lamrt_residual_rms_norm(r, kUpdate, kResidual, kNextNorm, bad, 1e-5,
                                  0, kNormed, kResidual);
        },
        [=](lamrt_rank *r) {
          lamrt_linear(r, kNormed, bad, 0, -1, kEightLeaves, kToUpdate, 0);
        },
        [=](lamrt_rank *r) {
          lamrt_linear(r, kNormed, kOutputWeight, bad, -1, kEightLeaves,
                       kToUpdate, 0);
        },
        [=](lamrt_rank *r) {
          lamrt_linear(r, kNormed, kOutputWeight, 0, -1, bad, kToUpdate, 0);
        },
        [=](lamrt_rank *r) {
          lamrt_linear(r, kNormed, kOutputWeight, 0, -1, kEightLeaves, bad, 0);
        },
        [=](lamrt_rank *r) {
          lamrt_linear(r, kNormed, kOutputWeight, 0, bad == -1 ? -2 : bad,
                       kEightLeaves, kToUpdate, 0);
        },
        [=](lamrt_rank *r) {
          lamrt_linear(r, kNormed, kOutputWeight, 0, -1, kEightLeaves,
                       kToUpdate, bad);
        },
        [=](lamrt_rank *r) { lamrt_silu_mul(r, kGate, bad, kGated); },
        [=](lamrt_rank *r) { lamrt_rope(r, kQuery, bad, 0, kQuery); },
        [=](lamrt_rank *r) { lamrt_rope(r, bad, 0, 0, kQuery); },
        [=](lamrt_rank *r) {
          lamrt_attention(r, kQuery, kKey, kValue, bad, 8, 4, 1, kAttended);
        },
        [=](lamrt_rank *r) {
          lamrt_attention(r, kQuery, kKey, kValue, 0, bad, 4, 1, kAttended);
        },
        [=](lamrt_rank *r) {
          lamrt_attention(r, kQuery, kKey, kValue, 0, 8, bad, 1, kAttended);
        },
        [=](lamrt_rank *r) {
          lamrt_attention(r, kQuery, bad, kValue, 0, 8, 4, 1, kAttended);
        },
        [=](lamrt_rank *r) { lamrt_tap(r, bad, 0, kResidual); },
        [=](lamrt_rank *r) { lamrt_result(r, bad); },
    };
    int index = 0;
    for (const auto &next : bodies) {
      body = next;
      EXPECT_EQ(runStep(rank.get()), LAMRT_MALFORMED) << index << " " << bad;
      ++index;
    }
  }
}

TEST(Operands, WrongShapesFailTheStep) {
  StoriesProgram stories;
  stories.variant.step = runBody;
  RankPointer rank = createRank(stories, getRankOptions(1, 1));
  ASSERT_TRUE(rank);
  const std::function<void(lamrt_rank *)> bodies[] = {
      [](lamrt_rank *r) { lamrt_embed(r, kEmbedding, kKey); },
      [](lamrt_rank *r) { lamrt_embed(r, kOutputWeight, kResidual); },
      [](lamrt_rank *r) { lamrt_select_rows(r, kWanted, kNormed); },
      [](lamrt_rank *r) { lamrt_copy(r, kGate, kKey); },
      [](lamrt_rank *r) { lamrt_add(r, kUpdate, kWanted, kUpdate); },
      [](lamrt_rank *r) {
        lamrt_rms_norm(r, kUpdate, kOutputWeight, 0, 1e-5, 0, kNormed);
      },
      [](lamrt_rank *r) {
        lamrt_rms_norm(r, kKey, kAttentionNorm, 0, 1e-5, 0, kKey);
      },
      // In place, of another width, and merged into one slot.
      [](lamrt_rank *r) {
        lamrt_linear(r, kNormed, kOutputWeight, 0, -1, kEightLeaves, 99, 0);
      },
      [](lamrt_rank *r) {
        lamrt_linear(r, kUpdate, kOutputWeight, 0, -1, kEightLeaves, kToUpdate,
                     0);
      },
      [](lamrt_rank *r) {
        lamrt_linear(r, kGate, kOutputWeight, 0, -1, kEightLeaves, kToUpdate,
                     0);
      },
      [](lamrt_rank *r) {
        lamrt_linear(r, kNormed, kGateUp, 0, -1, kEightLeaves, kToUpdate, 0);
      },
      // 172 features do not make eight leaves.
      [](lamrt_rank *r) {
        lamrt_linear(r, kGated, kDownWeight, 0, -1, kEightLeaves, kToUpdate, 0);
      },
      // A matrix as a bias; a list of slots as a tree.
      [](lamrt_rank *r) {
        lamrt_linear(r, kNormed, kOutputWeight, 0, kDownWeight, kEightLeaves,
                     kToUpdate, 0);
      },
      [](lamrt_rank *r) {
        lamrt_linear(r, kNormed, kOutputWeight, 0, -1, kToGateUp, kToUpdate, 0);
      },
      // No block type.
      [](lamrt_rank *r) {
        lamrt_linear(r, kNormed, kOutputWeight, 0, -1, kEightLeaves, kToUpdate,
                     LAMRT_LINEAR_INT8);
      },
      [](lamrt_rank *r) { lamrt_rope(r, kGate, 0, 0, kGate); },
      [](lamrt_rank *r) {
        lamrt_attention(r, kKey, kQuery, kQuery, 0, 8, 4, 1, kKey);
      },
      [](lamrt_rank *r) { lamrt_result(r, kUpdate); },
      [](lamrt_rank *r) { lamrt_result(r, kWanted); },
  };
  int index = 0;
  for (const auto &next : bodies) {
    body = next;
    EXPECT_EQ(runStep(rank.get()), LAMRT_MALFORMED) << index;
    EXPECT_THAT(lamrt_last_error(), testing::HasSubstr("program: ")) << index;
    ++index;
  }
}

TEST(Operands, TheFirstFailureStays) {
  StoriesProgram stories;
  stories.variant.step = runBody;
  RankPointer rank = createRank(stories, getRankOptions(1, 1));
  body = [](lamrt_rank *r) {
    lamrt_embed(r, 77, kResidual);
    lamrt_embed(r, 88, kResidual);
  };
  EXPECT_EQ(runStep(rank.get()), LAMRT_MALFORMED);
  EXPECT_STREQ(lamrt_last_error(), "program: weight 77 of 14");
}

TEST(Operands, CodeThatIsNoStepFails) {
  StoriesProgram stories;
  const std::function<lamrt_status(lamrt_rank *, const lamrt_step *)> none;
  stories.variant.step = [](lamrt_rank *, const lamrt_step *) {
    return lamrt_status(LAMRT_OK);
  };
  EXPECT_EQ(runStep(createRank(stories, getRankOptions(1, 1)).get()),
            LAMRT_INTERNAL);
  stories.variant.step = [](lamrt_rank *rank, const lamrt_step *) {
    lamrt_embed(rank, kEmbedding, kResidual);
    return lamrt_step_end(rank);
  };
  EXPECT_EQ(runStep(createRank(stories, getRankOptions(1, 1)).get()),
            LAMRT_INTERNAL);
  stories.variant.step = [](lamrt_rank *rank, const lamrt_step *step) {
    lamrt_step_begin(rank, step);
    lamrt_step_begin(rank, step);
    return lamrt_step_end(rank);
  };
  EXPECT_EQ(runStep(createRank(stories, getRankOptions(1, 1)).get()),
            LAMRT_INTERNAL);
  // No result.
  stories.variant.step = [](lamrt_rank *rank, const lamrt_step *step) {
    lamrt_step_begin(rank, step);
    return lamrt_step_end(rank);
  };
  EXPECT_EQ(runStep(createRank(stories, getRankOptions(1, 1)).get()),
            LAMRT_INTERNAL);
  EXPECT_STREQ(lamrt_last_error(), "program: its code gave no result");
}

TEST(Operands, LogitsThatAreNotFiniteAreRefused) {
  StoriesProgram stories;
  stories.variant.step = runBody;
  RankPointer rank = createRank(stories, getRankOptions(1, 1));
  ASSERT_TRUE(rank);
  body = [](lamrt_rank *r) {
    lamrt_embed(r, kEmbedding, kResidual);
    // The square root of a negative number.
    lamrt_rms_norm(r, kResidual, kFinalNorm, 0, -1e30, LAMRT_NORM_SINGLE,
                   kNormed);
    lamrt_select_rows(r, kNormed, kWanted);
    lamrt_linear(r, kWanted, kEmbedding, 0, -1, kEightLeaves, kToLogits, 0);
    lamrt_result(r, kLogits);
  };
  EXPECT_EQ(runStep(rank.get()), LAMRT_CHECK_FAILED);
  EXPECT_STREQ(lamrt_last_error(),
               "logits of row 1 are not finite; the first values that are not: "
               "lamrt_rms_norm of model.norm.weight, row 0");
}

TEST(Operands, DamagedTablesAreRefused) {
  auto create = [](const StoriesProgram &stories) {
    lamrt_rank *rank = nullptr;
    lamrt_rank_options options = getRankOptions(1, 1);
    lamrt_status status = lamrt_rank_create(&stories.program, &options, &rank);
    EXPECT_EQ(rank, nullptr);
    return status;
  };
  const std::function<void(StoriesProgram &)> damages[] = {
      [](StoriesProgram &s) { s.weights[kOutputWeight].out = 1 << 20; },
      [](StoriesProgram &s) { s.weights[kOutputWeight].in = INT64_MAX; },
      [](StoriesProgram &s) { s.weights[kOutputWeight].out = -64; },
      [](StoriesProgram &s) { s.weights[kOutputWeight].type = 99; },
      [](StoriesProgram &s) { s.weights[kOutputWeight].type = LAMRT_Q4_K; },
      [](StoriesProgram &s) { s.weights[kOutputWeight].kind = 7; },
      [](StoriesProgram &s) { s.weights[kOutputWeight].num_layers = 0; },
      [](StoriesProgram &s) {
        s.weights[kOutputWeight].uses = LAMRT_USE_VECTOR;
      },
      [](StoriesProgram &s) { s.weights[kFinalNorm].uses = LAMRT_USE_LINEAR; },
      [](StoriesProgram &s) { s.weights[kNextNorm].num_layers = 6; },
      [](StoriesProgram &s) { s.weights[kNextNorm].in = 64; },
      [](StoriesProgram &s) { s.weights[kGateUp].out = 343; },
      [](StoriesProgram &s) { s.slots[kLogits].offset = 1 << 20; },
      [](StoriesProgram &s) { s.slots[kLogits].features = INT64_MAX; },
      [](StoriesProgram &s) { s.slots[kLogits].rows = 2; },
      [](StoriesProgram &s) { s.slots[kLogits].type = LAMRT_Q8_0; },
      [](StoriesProgram &s) { s.variant.arena_bytes[0] = -64; },
      [](StoriesProgram &s) { s.program.cache.head_dim = 0; },
      [](StoriesProgram &s) {
        s.program.cache = {0, INT32_MAX, INT32_MAX, LAMRT_F32};
      },
      [](StoriesProgram &s) { s.file.name = "../model.safetensors"; },
      // With packed weights no file bounds the sizes, and sums could wrap.
      [](StoriesProgram &s) {
        s.program.packed_weights = "absent";
        s.weights[kFinalNorm].type = LAMRT_F16;
        s.weights[kFinalNorm].out = int64_t(1) << 62;
      },
      [](StoriesProgram &s) {
        s.program.packed_weights = "absent";
        s.weights[kEmbedding].type = LAMRT_F16;
        s.weights[kEmbedding].out = INT64_MAX;
        s.weights[kEmbedding].in = 1;
      },
      [](StoriesProgram &s) {
        s.program.packed_weights = "absent";
        s.weights[kEmbedding].out = int64_t(1) << 35;
        s.weights[kEmbedding].in = int64_t(1) << 30;
      },
  };
  int index = 0;
  for (const auto &damage : damages) {
    StoriesProgram stories;
    damage(stories);
    EXPECT_EQ(create(stories), LAMRT_MALFORMED) << index;
    ++index;
  }
  StoriesProgram stories;
  stories.program.abi_version = 99;
  EXPECT_EQ(create(stories), LAMRT_UNSUPPORTED);
  stories.program.abi_version = LAMRT_ABI_VERSION;
  stories.variant.ranks = 2;
  EXPECT_EQ(create(stories), LAMRT_DEVICE);
}

} // namespace

} // namespace lamina::test
