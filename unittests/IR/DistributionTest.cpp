//===- DistributionTest.cpp - Shares of ranks, and sizes of storage types -===//

#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaWeights.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace lamina;

namespace {

class Distribution : public testing::Test {
protected:
  Distribution() { context.loadDialect<LlamaDialect>(); }
  ColumnsAttr columns(int64_t unit) { return ColumnsAttr::get(&context, unit); }
  MLIRContext context{MLIRContext::Threading::DISABLED};
};

constexpr int64_t kRankCounts[] = {1, 2, 3, 4, 5, 7, 8, 16, 1024};

//===----------------------------------------------------------------------===//
// Ranges
//===----------------------------------------------------------------------===//

TEST_F(Distribution, RangesCoverTheUnitsInOrder) {
  for (int64_t ranks : kRankCounts)
    for (int64_t units = ranks; units < ranks + 70; ++units) {
      int64_t end = 0;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        Range range = getUnitRange(units, rank, ranks);
        ASSERT_EQ(range.begin, end) << units << " units on " << ranks;
        ASSERT_EQ(range.begin, rank * units / ranks);
        end = range.end;
        // Shares differ by one unit at most.
        ASSERT_GE(range.size(), units / ranks);
        ASSERT_LE(range.size(), (units + ranks - 1) / ranks);
      }
      ASSERT_EQ(end, units);
    }
}

TEST_F(Distribution, FewerUnitsAreCopiedEvenly) {
  for (int64_t units : {1, 2, 3, 4, 8})
    for (int64_t copies : {2, 3, 8}) {
      int64_t ranks = units * copies;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        Range range = getUnitRange(units, rank, ranks);
        EXPECT_EQ(range.begin, rank / copies);
        EXPECT_EQ(range.size(), 1);
      }
    }
}

TEST_F(Distribution, AnUnevenSplitAsInTheExample) {
  Range first = getUnitRange(23, 0, 2), second = getUnitRange(23, 1, 2);
  EXPECT_EQ(first.size(), 11);
  EXPECT_EQ(second.size(), 12);
}

TEST_F(Distribution, HugeNumbersOfUnitsDoNotOverflow) {
  int64_t units = INT64_MAX;
  EXPECT_EQ(getUnitRange(units, 1023, 1024).end, units);
  EXPECT_EQ(getUnitRange(units, 512, 1024).begin, units / 2);
  EXPECT_EQ(getUnitRange(int64_t(1) << 62, 1, 3).begin, (int64_t(1) << 62) / 3);
}

TEST_F(Distribution, ColumnsAreWholeUnits) {
  for (int64_t ranks : {2, 3, 4})
    for (int64_t unit : {1, 4, 32}) {
      int64_t features = unit * 13, end = 0;
      for (int64_t rank = 0; rank < ranks; ++rank) {
        Range range = getColumnRange(features, columns(unit), rank, ranks);
        EXPECT_EQ(range.begin, end);
        EXPECT_EQ(range.begin % unit, 0);
        EXPECT_EQ(range.size() % unit, 0);
        end = range.end;
      }
      EXPECT_EQ(end, features);
    }
}

TEST_F(Distribution, OtherEncodingsAreWhole) {
  for (Attribute encoding : {Attribute(), Attribute(PartialAttr::get(&context)),
                             Attribute(RootAttr::get(&context))}) {
    Range range = getColumnRange(64, encoding, 1, 2);
    EXPECT_EQ(range.begin, 0);
    EXPECT_EQ(range.end, 64);
  }
}

TEST_F(Distribution, CopiesAreForFewerUnitsThanRanks) {
  EXPECT_FALSE(hasCopies(64, 8, 8));
  EXPECT_TRUE(hasCopies(64, 8, 9));
  EXPECT_TRUE(hasCopies(64, 64, 2));
  EXPECT_FALSE(hasCopies(64, 64, 1));
}

//===----------------------------------------------------------------------===//
// Heads
//===----------------------------------------------------------------------===//

/// The definition, head by head.
bool ownsHeadByHead(int64_t heads, int64_t kvHeads, int64_t queryUnit,
                    int64_t keyUnit, int64_t ranks) {
  for (int64_t rank = 0; rank < ranks; ++rank) {
    Range query = getUnitRange(heads / queryUnit, rank, ranks);
    Range key = getUnitRange(kvHeads / keyUnit, rank, ranks);
    for (int64_t head = query.begin * queryUnit; head < query.end * queryUnit;
         ++head) {
      int64_t read = head / (heads / kvHeads);
      if (read < key.begin * keyUnit || read >= key.end * keyUnit)
        return false;
    }
  }
  return true;
}

TEST_F(Distribution, RanksOwnTheirHeads) {
  constexpr int64_t headDim = 4;
  int64_t owned = 0, checked = 0;
  for (int64_t kvHeads : {1, 2, 3, 4, 8})
    for (int64_t group : {1, 2, 3, 4})
      for (int64_t queryUnit : {int64_t(1), int64_t(2), group})
        for (int64_t ranks : {1, 2, 3, 4, 8}) {
          int64_t heads = kvHeads * group;
          if (heads % queryUnit || heads / queryUnit < ranks)
            continue;
          bool expected = ownsHeadByHead(heads, kvHeads, queryUnit, 1, ranks);
          EXPECT_EQ(ranksOwnTheirHeads(heads, kvHeads, headDim,
                                       columns(queryUnit * headDim),
                                       columns(headDim), ranks),
                    expected)
              << heads << " heads in units of " << queryUnit << ", " << kvHeads
              << " key-value heads, " << ranks << " ranks";
          owned += expected;
          ++checked;
        }
  EXPECT_GT(owned, 20);
  EXPECT_GT(checked - owned, 20);
}

TEST_F(Distribution, QueriesThatGoWithTheirKeysAreOwned) {
  EXPECT_TRUE(ranksOwnTheirHeads(6, 3, 4, columns(8), columns(4), 2));
  EXPECT_FALSE(ranksOwnTheirHeads(6, 3, 4, columns(4), columns(4), 2));
}

//===----------------------------------------------------------------------===//
// Storage
//===----------------------------------------------------------------------===//

// QK_*, QK_K and the sizes that ggml-common.h asserts of its blocks, where
// ggml_half is 2 bytes and K_SCALE_SIZE is 12.
TEST_F(Distribution, BlocksAreThoseOfGgml) {
  constexpr int64_t half = 2, qkK = 256, scales = 12;
  struct {
    BlockFormat format;
    int64_t size, bytes;
  } formats[] = {
      {BlockFormat::q8_0, 32, half + 32},
      {BlockFormat::q4_0, 32, half + 32 / 2},
      {BlockFormat::q4_1, 32, 2 * half + 32 / 2},
      {BlockFormat::q5_0, 32, half + 4 + 32 / 2},
      {BlockFormat::q5_1, 32, 2 * half + 4 + 32 / 2},
      {BlockFormat::q4_k, qkK, 2 * half + scales + qkK / 2},
      {BlockFormat::q5_k, qkK, 2 * half + scales + qkK / 2 + qkK / 8},
      {BlockFormat::q6_k, qkK, half + qkK / 16 + 3 * qkK / 4},
  };
  // As numbers, so that a slip in a formula above is seen.
  int64_t bytes[] = {34, 18, 20, 22, 24, 144, 176, 210};
  ASSERT_EQ(std::size(formats), getMaxEnumValForBlockFormat() + 1u);
  for (auto [i, expected] : llvm::enumerate(formats)) {
    auto type = BlockType::get(&context, expected.format);
    EXPECT_EQ(type.getBlockSize(), expected.size);
    EXPECT_EQ(type.getBlockBytes(), expected.bytes);
    EXPECT_EQ(type.getBlockBytes(), bytes[i]);
    EXPECT_EQ(getBlockSize(type), expected.size);
    EXPECT_EQ(getStorageBytes(type, 7 * expected.size), 7 * expected.bytes);
    EXPECT_EQ(getStorageBytes(type, 0), 0);
  }
}

TEST_F(Distribution, FloatsAreTheirBytes) {
  Builder builder(&context);
  EXPECT_EQ(getBlockSize(builder.getF32Type()), 1);
  EXPECT_EQ(getStorageBytes(builder.getF32Type(), 7), 28);
  EXPECT_EQ(getStorageBytes(builder.getF16Type(), 7), 14);
  EXPECT_EQ(getStorageBytes(builder.getBF16Type(), 7), 14);
}

TEST_F(Distribution, BytesThatOverflowAreNothing) {
  Builder builder(&context);
  EXPECT_EQ(getStorageBytes(builder.getF32Type(), INT64_MAX / 4),
            INT64_MAX / 4 * 4);
  EXPECT_EQ(getStorageBytes(builder.getF32Type(), INT64_MAX / 4 + 1),
            std::nullopt);
  EXPECT_EQ(getStorageBytes(builder.getBF16Type(), int64_t(1) << 62),
            std::nullopt);
  // 34 bytes for 32 elements overflow, 18 do not.
  int64_t elements = INT64_MAX / 32 * 32;
  EXPECT_EQ(
      getStorageBytes(BlockType::get(&context, BlockFormat::q8_0), elements),
      std::nullopt);
  EXPECT_EQ(
      getStorageBytes(BlockType::get(&context, BlockFormat::q4_0), elements),
      elements / 32 * 18);
}

} // namespace
