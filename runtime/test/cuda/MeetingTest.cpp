//===- MeetingTest.cpp - Kernels in which ranks meet, step after step -----===//

#include "GroupOfRanks.h"

#include <cmath>

using namespace lamina;
using namespace lamina::cuda;

namespace {

constexpr int64_t kFeatures = 37;
/// More than an emulated device has blocks: some do several rows.
constexpr int32_t kManyRows = 17;

/// Whole numbers, so that sums are exact.
Values makeWhole(int64_t count, uint32_t seed) {
  std::mt19937 engine(seed);
  Values values(static_cast<size_t>(count));
  for (double &value : values)
    value = static_cast<int32_t>(engine() % 65) - 32;
  return values;
}

/// What one step does on a rank: three sums by kernels of different shapes, one
/// of which goes on with the residual of the step before.
void runStep(TestRank &rank, const Values &partial, int32_t rows,
             const float *weight) {
  cpu::Rows addends = rank.slot(0, kFeatures, LAMRT_F32);
  cpu::Rows residual = rank.slot(1, kFeatures, LAMRT_F32);
  cpu::Rows normed = rank.slot(2, kFeatures, LAMRT_F32);
  rank.write(addends, partial, kFeatures);
  // One row a sequence: the third step of the same size is a graph.
  bool isDecode = rows <= rank.options.maxSequences;
  std::vector<int32_t> lengths(isDecode ? static_cast<size_t>(rows) : 1,
                               isDecode ? 1 : rows);
  rank.begin(lengths, std::vector<int32_t>(lengths.size(), 0));
  runtime::NormWork norm = {addends,       nullptr,   1,      residual,
                            residual,      normed,    weight, 1e-5f,
                            LAMRT_NORM_HF, kFeatures, rows};
  runtime::ReduceWork fused = {addends, nullptr,        {}, kFeatures, rows,
                               &norm,   LAMRT_TWO_SHOT, 0};
  EXPECT_EQ(rank.table->reduce(rank.rank, &fused), LAMRT_OK);
  for (int32_t algorithm : {LAMRT_ONE_SHOT, LAMRT_TWO_SHOT}) {
    runtime::ReduceWork sum = {
        addends,   nullptr, rank.slot(2 + algorithm, kFeatures, LAMRT_F32),
        kFeatures, rows,    nullptr,
        algorithm, 0};
    EXPECT_EQ(rank.table->reduce(rank.rank, &sum), LAMRT_OK);
  }
  rank.end();
}

/// What all ranks add in a step, and what comes out of it.
struct Step {
  std::vector<Values> partials;
  Values sum, residual;
};

std::vector<Step> makeSteps(int32_t ranks, int64_t count, uint32_t seed) {
  std::vector<Step> steps;
  Values residual(static_cast<size_t>(count), 0);
  for (int number = 0; number < 6; ++number) {
    Step step;
    step.sum.resize(residual.size());
    for (int32_t r = 0; r < ranks; ++r) {
      step.partials.push_back(makeWhole(count, ++seed));
      for (size_t i = 0; i < residual.size(); ++i)
        step.sum[i] += step.partials.back()[i];
    }
    for (size_t i = 0; i < residual.size(); ++i)
      residual[i] += step.sum[i];
    step.residual = residual;
    steps.push_back(step);
  }
  return steps;
}

/// Steps of `rows` rows, each as soon as the rank is ready: the numbers of
/// meetings go on over kernels, steps, and replays of a graph. A rank that went
/// ahead would read what is not there yet, or write what is still read.
void checkSteps(GroupOfRanks &group, int32_t rows, uint32_t seed) {
  std::vector<Step> steps = makeSteps(group.size(), rows * kFeatures, seed);
  group.run([&](TestRank &rank, int32_t number) {
    const float *weight =
        rank.writeVector(5, Values(static_cast<size_t>(kFeatures), 1));
    auto readSlot = [&](int32_t slot) {
      return rank.read(rank.slot(slot, kFeatures, LAMRT_F32), kFeatures, rows);
    };
    rank.write(rank.slot(1, kFeatures, LAMRT_F32),
               Values(static_cast<size_t>(rows * kFeatures), 0), kFeatures);
    for (size_t i = 0; i < steps.size(); ++i) {
      const Step &step = steps[i];
      runStep(rank, step.partials[static_cast<size_t>(number)], rows, weight);
      std::string what = std::to_string(group.size()) + " ranks, " +
                         std::to_string(rows) + " rows, step " +
                         std::to_string(i) + ", rank " + std::to_string(number);
      EXPECT_EQ(readSlot(1), step.residual) << what;
      EXPECT_EQ(readSlot(2 + LAMRT_ONE_SHOT), step.sum) << what;
      EXPECT_EQ(readSlot(2 + LAMRT_TWO_SHOT), step.sum) << what;
    }
  });
}

TEST(MeetingTest, numbers_go_on_from_step_to_step) {
  for (int32_t ranks : {2, 3, 5, 8})
    for (uint64_t seed : {1, 2, 3}) {
      GroupOfRanks group;
      if (!group.create(
              {ranks, seed, true}, kFeatures,
              [](TestRank &rank, int32_t) { rank.options.canCapture = 1; }))
        GTEST_SKIP() << ranks << " devices are not there";
      for (int32_t rows : {1, 3, kManyRows})
        checkSteps(group, rows, static_cast<uint32_t>(100 * seed));
    }
}

TEST(MeetingTest, ranks_that_choose_otherwise_do_not_start) {
  GroupOfRanks group;
  if (!group.create({4, 1, true}, kFeatures, [](TestRank &rank, int32_t r) {
        rank.options.choicesHash = r == 2 ? 7 : 5;
      }))
    GTEST_SKIP() << "4 devices are not there";
  group.run([](TestRank &rank, int32_t) {
    runtime::BackendStep step = {};
    const int32_t begin = 0;
    step.rowBegin = &begin;
    EXPECT_EQ(rank.table->beginStep(rank.rank, &step), LAMRT_DEVICE);
    EXPECT_EQ(getLastMessage(), "cuda: rank 2 chooses algorithms by another "
                                "table than rank 0");
  });
}

} // namespace
