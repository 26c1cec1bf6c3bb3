//===- CheckedMathTest.cpp - Tests of CheckedMath.h -----------------------===//

#include "lamina/Support/CheckedMath.h"

#include <gtest/gtest.h>

#include <vector>

using namespace lamina;

TEST(CheckedMath, AddAtTheLimits) {
  EXPECT_EQ(checkedAdd<uint64_t>(UINT64_MAX - 1, 1), UINT64_MAX);
  EXPECT_EQ(checkedAdd<uint64_t>(UINT64_MAX, 1), std::nullopt);
  EXPECT_EQ(checkedAdd<int64_t>(INT64_MAX, 1), std::nullopt);
  EXPECT_EQ(checkedAdd<int64_t>(INT64_MIN, -1), std::nullopt);
}

TEST(CheckedMath, MulAtTheLimits) {
  EXPECT_EQ(checkedMul<uint64_t>(UINT32_MAX, UINT32_MAX),
            uint64_t(UINT32_MAX) * UINT32_MAX);
  EXPECT_EQ(checkedMul<uint64_t>(1ull << 32, 1ull << 32), std::nullopt);
  EXPECT_EQ(checkedMul<int64_t>(1ll << 31, 1ll << 31), 1ll << 62);
  EXPECT_EQ(checkedMul<int64_t>(1ll << 32, 1ll << 31), std::nullopt);
  EXPECT_EQ(checkedMul<int64_t>(INT64_MIN, -1), std::nullopt);
}

TEST(CheckedMath, ProductOfAShape) {
  using Shape = std::vector<uint64_t>;
  EXPECT_EQ(checkedProduct<uint64_t>(Shape{}), 1u);
  EXPECT_EQ(checkedProduct<uint64_t>(Shape{3, 5, 7}), 105u);
  EXPECT_EQ(checkedProduct<uint64_t>(Shape{2, 0}), 0u);
  // Unchecked, the product would wrap to 2^64 - 4.
  EXPECT_EQ(checkedProduct<uint64_t>(Shape{2, 18446744073709551614ull}),
            std::nullopt);
}

TEST(CheckedMath, AlignUp) {
  EXPECT_EQ(checkedAlignUp(0, 64), 0u);
  EXPECT_EQ(checkedAlignUp(1, 64), 64u);
  EXPECT_EQ(checkedAlignUp(128, 64), 128u);
  EXPECT_EQ(checkedAlignUp(UINT64_MAX - 3, 64), std::nullopt);
}
