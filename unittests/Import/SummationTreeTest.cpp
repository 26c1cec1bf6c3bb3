//===- SummationTreeTest.cpp - Tests of SummationTree.h -------------------===//

#include "lamina/Import/SummationTree.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace lamina;
using testing::ElementsAre;
using testing::IsEmpty;

namespace {

/// A model's sizes and the units of its two row-split weights.
struct Model {
  int64_t heads, kvHeads, attention, intermediate, unitO = 1, unitDown = 1;
  int64_t ways() const {
    return getRowSplitWays(heads, kvHeads,
                           {{attention, unitO}, {intermediate, unitDown}});
  }
};

} // namespace

TEST(SummationTree, Stories260KF32) {
  Model model{8, 4, 64, 172};
  EXPECT_EQ(model.ways(), 4); // 172 is no multiple of 8
  EXPECT_THAT(getLeaves(4, 64, 1), ElementsAre(2, 2, 2));
  EXPECT_THAT(getLeaves(4, 172, 1), ElementsAre(2, 2));
  EXPECT_THAT(getLeaves(1, 64, 1), ElementsAre(2, 2, 2));
}

// GGUF keeps down_proj as f16, since 172 is no multiple of 32.
TEST(SummationTree, Stories260KQ80) {
  Model model{8, 4, 64, 172, 32, 1};
  EXPECT_EQ(model.ways(), 2); // o_proj has two blocks
  EXPECT_THAT(getLeaves(2, 64, 32), ElementsAre(2));
  EXPECT_THAT(getLeaves(2, 172, 1), ElementsAre(2, 2));
  EXPECT_THAT(getLeaves(1, 64, 32), ElementsAre(2));
}

TEST(SummationTree, SmolLM2) {
  Model model{9, 3, 576, 1536};
  EXPECT_EQ(model.ways(), 3);
  EXPECT_THAT(getLeaves(3, 576, 1), ElementsAre(3, 2));
  EXPECT_THAT(getLeaves(3, 1536, 1), ElementsAre(3, 2));
  EXPECT_THAT(getLeaves(1, 576, 1), ElementsAre(2, 2, 2));
}

TEST(SummationTree, SmolLM2Blocks) {
  Model model{9, 3, 576, 1536, 32, 32};
  EXPECT_EQ(model.ways(), 3); // 18 and 48 blocks
  EXPECT_THAT(getLeaves(3, 576, 32), ElementsAre(3, 2));
  EXPECT_THAT(getLeaves(3, 1536, 32), ElementsAre(3, 2));
  EXPECT_THAT(getLeaves(1, 576, 32), ElementsAre(2)); // 9 blocks a leaf
}

TEST(SummationTree, TinyLlama) {
  Model model{32, 4, 2048, 5632};
  EXPECT_EQ(model.ways(), 8); // twice the KV heads
  EXPECT_THAT(getLeaves(8, 2048, 1), ElementsAre(2, 2, 2));
  EXPECT_THAT(getLeaves(8, 5632, 1), ElementsAre(2, 2, 2));
  Model blocks{32, 4, 2048, 5632, 32, 32};
  EXPECT_EQ(blocks.ways(), 8); // 64 and 176 blocks
  Model superBlocks{32, 4, 2048, 5632, 256, 256};
  EXPECT_EQ(superBlocks.ways(), 2); // 8 and 22 blocks
  EXPECT_THAT(getLeaves(2, 5632, 256), ElementsAre(2));
  EXPECT_THAT(getLeaves(2, 2048, 256), ElementsAre(2, 2, 2));
}

TEST(SummationTree, Llama3) {
  for (Model model : {Model{32, 8, 4096, 14336}, Model{64, 8, 8192, 28672},
                      Model{128, 8, 16384, 53248}}) {
    EXPECT_EQ(model.ways(), 8);
    EXPECT_THAT(getLeaves(8, model.attention, 1), ElementsAre(2, 2, 2));
    EXPECT_THAT(getLeaves(8, model.intermediate, 1), ElementsAre(2, 2, 2));
  }
  // Llama-3-8B in k formats: 16 and 56 blocks; 405B: 64 and 208.
  EXPECT_EQ((Model{32, 8, 4096, 14336, 256, 256}.ways()), 8);
  EXPECT_EQ((Model{128, 8, 16384, 53248, 256, 256}.ways()), 8);
}

TEST(SummationTree, HeadsDecide) {
  EXPECT_EQ((Model{6, 3, 96, 96}.ways()), 3);
  EXPECT_EQ((Model{12, 3, 96, 96}.ways()), 3); // 4 does not go with 3 heads
  EXPECT_EQ((Model{12, 1, 96, 96}.ways()), 4); // one head is copied
  EXPECT_EQ((Model{5, 5, 80, 80}.ways()), 1);
}

TEST(SummationTree, OddInnerDimension) {
  EXPECT_EQ((Model{2, 2, 14, 23}.ways()), 1);
  EXPECT_THAT(getLeaves(1, 23, 1), IsEmpty());
  EXPECT_THAT(getLeaves(1, 14, 1), ElementsAre(2)); // 7 columns a leaf
  EXPECT_THAT(getLeaves(3, 9, 1), ElementsAre(3));
  EXPECT_THAT(getLeaves(1, 1, 1), IsEmpty());
}
