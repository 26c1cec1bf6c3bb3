//===- SelectKernelsTest.cpp - Which kernels a processor gets -------------===//

#include "KernelsReference.h"

#include "gtest/gtest.h"

using namespace lamina;
using namespace lamina::reference;

namespace {

TEST(SelectKernelsTest, UnknownLevelsHaveNoKernels) {
  EXPECT_EQ(cpu::selectKernels("v5"), nullptr);
  EXPECT_EQ(cpu::selectKernels(""), nullptr);
  const cpu::Kernels *best = cpu::selectKernels(nullptr);
  ASSERT_NE(best, nullptr);
  EXPECT_EQ(best, cpu::selectKernels(best->level));
}

/// What a level took from another one would agree with it, and show nothing.
TEST(SelectKernelsTest, LevelsShareNoFunction) {
  std::vector<const cpu::Kernels *> tables = getLevels();
  for (size_t i = 0; i < tables.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      const cpu::Kernels &a = *tables[i], &b = *tables[j];
      SCOPED_TRACE(std::string(a.level) + " and " + b.level);
      EXPECT_STRNE(a.level, b.level);
      EXPECT_NE(a.multiplyAdd, b.multiplyAdd);
      EXPECT_NE(a.pack, b.pack);
      EXPECT_NE(a.getInputBytes, b.getInputBytes);
      EXPECT_NE(a.prepareInput, b.prepareInput);
      EXPECT_NE(a.linear, b.linear);
      EXPECT_NE(a.attention, b.attention);
      EXPECT_NE(a.widenRows, b.widenRows);
      EXPECT_NE(a.roundRow, b.roundRow);
      EXPECT_NE(a.embed, b.embed);
      EXPECT_NE(a.add, b.add);
      EXPECT_NE(a.rmsNorm, b.rmsNorm);
      EXPECT_NE(a.sumRanks, b.sumRanks);
      EXPECT_NE(a.siluMul, b.siluMul);
      EXPECT_NE(a.exponentials, b.exponentials);
      EXPECT_NE(a.angles, b.angles);
      EXPECT_NE(a.rope, b.rope);
    }
}

/// A later level does more operations in a round: its registers are wider.
TEST(SelectKernelsTest, PeaksOfTheLevels) {
  for (const cpu::Kernels *kernels : getLevels()) {
    double operations = kernels->multiplyAdd(3);
    if (std::strcmp(kernels->level, "v2") == 0)
      EXPECT_EQ(operations, 0.0);
    else if (std::strcmp(kernels->level, "v3") == 0)
      EXPECT_EQ(operations, 3 * 10 * 8 * 2.0);
    else
      EXPECT_EQ(operations, 3 * 10 * 16 * 2.0) << kernels->level;
  }
}

} // namespace
