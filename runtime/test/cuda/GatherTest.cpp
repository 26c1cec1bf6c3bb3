//===- GatherTest.cpp - Columns of the ranks joined to whole rows ---------===//

#include "GroupOfRanks.h"

using namespace lamina;
using namespace lamina::cuda;

namespace {

constexpr int32_t kFiller = 0x5a;

struct GatherTest : testing::Test {
  /// Columns of all ranks, joined on all or, as logits are, on rank 0.
  void check(GroupOfRanks &group, int64_t features, int64_t rows, int32_t type,
             bool toAll);
  /// Rows that ranks keep, joined on all.
  void checkRows(GroupOfRanks &group, int64_t features, int64_t rows,
                 int32_t type);
};

void GatherTest::check(GroupOfRanks &group, int64_t features, int64_t rows,
                       int32_t type, bool toAll) {
  std::string what = std::to_string(group.size()) + " ranks, " +
                     std::to_string(rows) + " x " + std::to_string(features) +
                     " of type " + std::to_string(type) +
                     (toAll ? ", to all" : ", to rank 0");
  std::vector<int64_t> begins;
  int64_t widest = 0;
  for (int32_t r = 0; r <= group.size(); ++r) {
    begins.push_back(r * features / group.size());
    if (r > 0)
      widest = std::max(widest, begins.back() - begins[begins.size() - 2]);
  }
  Values whole = makeValues(rows * features, type,
                            static_cast<uint32_t>(features * 7 + rows));
  int32_t section = toAll ? LAMRT_ROWS_TOKENS : LAMRT_ROWS_LOGITS;
  group.run([&](TestRank &rank, int32_t number) {
    int64_t begin = begins[static_cast<size_t>(number)];
    int64_t end = begins[static_cast<size_t>(number) + 1];
    // Rows are as long on all ranks.
    cpu::Rows in = rank.slot(0, widest, type, section);
    cpu::Rows out = rank.slot(1, features, type, section);
    rank.fill(in, 0xff, kRoom);
    rank.fill(out, kFiller, kRoom);
    Values part;
    for (int64_t row = 0; row < rows; ++row)
      for (int64_t i = 0; i < widest; ++i)
        part.push_back(
            begin + i < end
                ? whole[static_cast<size_t>(row * features + begin + i)]
                : 0);
    if (rows > 0)
      rank.write(in, part, widest);
    runtime::GatherWork work = {in, out, begins.data(), toAll, rows};
    auto count = static_cast<int32_t>(rows);
    rank.begin(rows ? std::vector<int32_t>{count} : std::vector<int32_t>{},
               rows ? std::vector<int32_t>{0} : std::vector<int32_t>{});
    EXPECT_EQ(rank.table->gather(rank.rank, &work), LAMRT_OK);
    rank.end();
    bool receives = toAll || number == 0;
    Values found = takeRows(rank.readBytes(out, kRoom), out, features,
                            receives ? rows : 0, kFiller, what);
    EXPECT_EQ(found, receives ? whole : Values())
        << what << ", rank " << number;
  });
}

void GatherTest::checkRows(GroupOfRanks &group, int64_t features, int64_t rows,
                           int32_t type) {
  std::string what = std::to_string(group.size()) + " ranks, rows of " +
                     std::to_string(rows) + " x " + std::to_string(features) +
                     " of type " + std::to_string(type);
  Values whole = makeValues(rows * features, type,
                            static_cast<uint32_t>(features * 5 + rows));
  int64_t each = (rows + group.size() - 1) / group.size();
  group.run([&](TestRank &rank, int32_t number) {
    cpu::Rows in = rank.slot(0, features, type, LAMRT_ROWS_OWN_TOKENS);
    cpu::Rows out = rank.slot(1, features, type);
    rank.fill(in, kFiller, kRoom);
    rank.fill(out, kFiller, kRoom);
    int64_t begin = std::min(rows, number * each);
    int64_t end = std::min(rows, begin + each);
    if (begin < end)
      rank.write(in,
                 Values(whole.begin() + begin * features,
                        whole.begin() + end * features),
                 features);
    runtime::PairWork work = {in, {}, out, features, rows};
    auto count = static_cast<int32_t>(rows);
    rank.begin(rows ? std::vector<int32_t>{count} : std::vector<int32_t>{},
               rows ? std::vector<int32_t>{0} : std::vector<int32_t>{});
    EXPECT_EQ(rank.table->gatherRows(rank.rank, &work), LAMRT_OK);
    rank.end();
    Values found = takeRows(rank.readBytes(out, kRoom), out, features, rows,
                            kFiller, what);
    EXPECT_EQ(found, whole) << what << ", rank " << number;
  });
}

TEST_F(GatherTest, columns_and_rows) {
  for (int32_t ranks : kGroupRanks)
    for (uint64_t seed : {1, 2}) {
      GroupOfRanks group;
      if (!group.create({ranks, seed, true}, 8200))
        GTEST_SKIP() << ranks << " devices are not there";
      uint32_t turn = static_cast<uint32_t>(seed);
      for (int64_t features : kGroupFeatures)
        for (int64_t rows : kGroupRows) {
          for (bool toAll : {true, false})
            if (features >= ranks && !HasFailure())
              check(group, features, rows, kGroupTypes[turn++ % 3], toAll);
          checkRows(group, features, rows, kGroupTypes[turn++ % 3]);
        }
    }
}

} // namespace
