//===- ReduceTest.cpp - Sums over ranks, alone and with residual and norm -===//
//
// Each operation by itself on 1, 2, 4 and 8 ranks. What is expected is computed
// in f64 from docs/numerics.md; the bounds are those of its last section.
//
//===----------------------------------------------------------------------===//

#include "GroupOfRanks.h"

#include <cmath>

using namespace lamina;
using namespace lamina::cuda;

namespace {

constexpr double kUnit = 0x1p-24; ///< half a unit in the last place of f32
constexpr double kEps = 1e-5;
constexpr int32_t kFiller = 0x5a;
constexpr int64_t kMostFeatures = 8200;

/// Slots of the arena.
enum { kPartial, kResidual, kNext, kNormed, kBias, kWeight };

struct Case {
  int64_t features, rows;
  bool isFused, hasBias, isInPlace;
  /// Partial sums and bias are such that their sum is exact: then the bits of
  /// sum and residual are given, else they are within bounds.
  bool isExact;
  int32_t type;         ///< of the sum, or the normed rows
  int32_t residualType; ///< of the residual
  int32_t norm;
  int32_t algorithm;

  std::string name() const {
    return std::string(isFused ? "fused, " : "sum, ") + "algorithm " +
           std::to_string(algorithm) + ", " + std::to_string(rows) + " x " +
           std::to_string(features) + " of type " + std::to_string(type) +
           ", residual " + std::to_string(residualType) + ", norm " +
           std::to_string(norm) + (hasBias ? ", bias" : "") +
           (isExact ? ", exact" : "") + (isInPlace ? ", in place" : "");
  }
};

/// All kinds of a case have their turn, whatever its size.
Case makeCase(int64_t features, int64_t rows, bool isFused, uint32_t turn) {
  constexpr int32_t norms[] = {LAMRT_NORM_HF, LAMRT_NORM_SINGLE,
                               LAMRT_NORM_ZERO_CENTERED};
  Case made = {};
  made.features = features;
  made.rows = rows;
  made.isFused = isFused;
  made.type = kGroupTypes[turn % 3];
  made.norm = norms[turn / 3 % 3];
  made.hasBias = turn / 9 % 2;
  made.isExact = turn / 18 % 2;
  made.residualType = turn / 36 % 2 ? LAMRT_F32 : made.type;
  made.isInPlace = turn / 72 % 2;
  return made;
}
constexpr uint32_t kTurns = 144;

/// Multiples of 2^-6 from -1 to 1: nine of them have an exact sum in f32, and
/// values of every type are among them.
Values makeGrid(int64_t count, uint32_t seed) {
  std::mt19937 engine(seed);
  Values values(static_cast<size_t>(count));
  for (double &value : values)
    value = (static_cast<int32_t>(engine() % 129) - 64) / 64.0;
  return values;
}

/// What all ranks have, and what each adds.
struct Inputs {
  std::vector<Values> partials;
  Values bias, residual, weight;
};

Inputs makeInputs(const Case &tested, int32_t ranks, uint32_t seed) {
  Inputs made;
  int64_t count = tested.rows * tested.features;
  for (int32_t r = 0; r < ranks; ++r)
    made.partials.push_back(tested.isExact
                                ? makeGrid(count, ++seed)
                                : makeValues(count, LAMRT_F32, ++seed));
  if (tested.hasBias)
    made.bias = tested.isExact ? makeGrid(tested.features, ++seed)
                               : makeValues(tested.features, LAMRT_F32, ++seed);
  made.residual = makeValues(count, tested.residualType, ++seed, 2);
  made.weight = makeValues(tested.features, LAMRT_F32, ++seed);
  return made;
}

/// What a rank has written.
struct Outputs {
  Values next, normed; ///< of a sum alone, `normed` is the sum
};

/// The sum over ranks, unrounded, and its bound before it is rounded.
void sumRanks(const Case &tested, const Inputs &in, Values &sum,
              Values &bounds) {
  auto terms = static_cast<double>(in.partials.size() + tested.hasBias);
  double gamma = terms * kUnit / (1 - terms * kUnit);
  for (size_t i = 0; i < in.partials[0].size(); ++i) {
    double value = 0, magnitude = 0;
    for (const Values &partial : in.partials) {
      value += partial[i];
      magnitude += std::fabs(partial[i]);
    }
    if (tested.hasBias) {
      double bias = in.bias[i % static_cast<size_t>(tested.features)];
      value += bias;
      magnitude += std::fabs(bias);
    }
    sum.push_back(value);
    bounds.push_back(tested.isExact ? 0 : gamma * magnitude);
  }
}

void checkSum(const Case &tested, const Inputs &in, const Values &found,
              const std::string &what) {
  Values sum, bounds;
  sumRanks(tested, in, sum, bounds);
  for (size_t i = 0; i < sum.size(); ++i) {
    if (!tested.isExact)
      bounds[i] += getUlp(tested.type, sum[i]);
    sum[i] = roundToType(tested.type, sum[i]);
  }
  expectNear(found, sum, bounds, what);
}

void checkResidual(const Case &tested, const Inputs &in, const Values &found,
                   const std::string &what) {
  Values sum, bounds;
  sumRanks(tested, in, sum, bounds);
  for (size_t i = 0; i < sum.size(); ++i) {
    double s = roundToType(tested.residualType, sum[i]);
    double r = roundToType(tested.residualType, in.residual[i] + s);
    if (!tested.isExact)
      bounds[i] += getUlp(tested.residualType, s) +
                   getUlp(tested.residualType, in.residual[i] + s);
    sum[i] = r;
  }
  expectNear(found, sum, bounds, what + ", residual");
}

/// The norm of the residual that was stored.
void checkNorm(const Case &tested, const Inputs &in, const Values &r,
               const Values &found, const std::string &what) {
  Values expected, bounds;
  auto features = static_cast<size_t>(tested.features);
  double relative = (std::ceil(static_cast<double>(features) / 16) / 2 + 8);
  for (size_t row = 0; row < static_cast<size_t>(tested.rows); ++row) {
    double squares = 0;
    for (size_t i = 0; i < features; ++i)
      squares += r[row * features + i] * r[row * features + i];
    double q = 1 / std::sqrt(squares / static_cast<double>(features) + kEps);
    for (size_t i = 0; i < features; ++i) {
      double w = in.weight[i], x = r[row * features + i] * q;
      bool isCentered = tested.norm == LAMRT_NORM_ZERO_CENTERED;
      double y = x * (isCentered ? 1 + w : w);
      double magnitude =
          std::fabs(x) * (isCentered ? 1 + std::fabs(w) : std::fabs(w));
      // hf rounds the value before it is scaled, too.
      double ulps = getUlp(tested.type, y);
      if (tested.norm == LAMRT_NORM_HF)
        ulps += getUlp(tested.type, x) * std::fabs(w);
      expected.push_back(y);
      bounds.push_back(relative * kUnit * magnitude + ulps);
    }
  }
  expectNear(found, expected, bounds, what + ", norm");
}

class ReduceTest : public testing::Test {
protected:
  /// Does the operation on all ranks of the group.
  std::vector<Outputs> reduce(const Case &tested, const Inputs &in,
                              const std::string &what);
  void check(const Case &tested, const Inputs &in,
             const std::vector<Outputs> &all, const std::string &what);
  /// One size by each of the algorithms.
  void checkAlgorithms(Case tested, uint32_t seed, const std::string &where);
  /// All sizes on the ranks of one group, so that meetings are counted on from
  /// operation to operation.
  void checkAll(const DeviceChoice &devices, uint32_t turn);

  GroupOfRanks *group = nullptr;
};

std::vector<Outputs> ReduceTest::reduce(const Case &tested, const Inputs &in,
                                        const std::string &what) {
  std::vector<Outputs> all(static_cast<size_t>(group->size()));
  group->run([&](TestRank &rank, int32_t number) {
    auto slot = [&](int32_t index, int32_t type) {
      return rank.slot(index, tested.features, type);
    };
    cpu::Rows partial = slot(kPartial, LAMRT_F32);
    cpu::Rows residual = slot(kResidual, tested.residualType);
    cpu::Rows next =
        tested.isInPlace ? residual : slot(kNext, tested.residualType);
    cpu::Rows normed = slot(kNormed, tested.type);
    for (const cpu::Rows &rows : {partial, residual, next, normed})
      rank.fill(rows, kFiller, kRoom);
    if (tested.rows > 0) {
      rank.write(partial, in.partials[static_cast<size_t>(number)],
                 tested.features);
      rank.write(residual, in.residual, tested.features);
    }
    const float *bias =
        tested.hasBias ? rank.writeVector(kBias, in.bias) : nullptr;
    runtime::NormWork norm = {partial,
                              bias,
                              1,
                              residual,
                              next,
                              normed,
                              rank.writeVector(kWeight, in.weight),
                              static_cast<float>(kEps),
                              tested.norm,
                              tested.features,
                              tested.rows};
    runtime::ReduceWork work = {
        partial,          bias,
        normed,           tested.features,
        tested.rows,      tested.isFused ? &norm : nullptr,
        tested.algorithm, 0};
    auto rows = static_cast<int32_t>(tested.rows);
    rank.begin(rows ? std::vector<int32_t>{rows} : std::vector<int32_t>{},
               rows ? std::vector<int32_t>{0} : std::vector<int32_t>{});
    EXPECT_EQ(rank.table->reduce(rank.rank, &work), LAMRT_OK);
    rank.end();
    Outputs &out = all[static_cast<size_t>(number)];
    if (tested.isFused)
      out.next = takeRows(rank.readBytes(next, kRoom), next, tested.features,
                          tested.rows, kFiller, what + ", residual");
    out.normed = takeRows(rank.readBytes(normed, kRoom), normed,
                          tested.features, tested.rows, kFiller, what);
  });
  return all;
}

void ReduceTest::check(const Case &tested, const Inputs &in,
                       const std::vector<Outputs> &all,
                       const std::string &what) {
  // Every rank goes on with the same bits.
  for (size_t r = 1; r < all.size(); ++r) {
    EXPECT_EQ(all[r].next, all[0].next) << what << ", rank " << r;
    EXPECT_EQ(all[r].normed, all[0].normed) << what << ", rank " << r;
  }
  if (!tested.isFused)
    return checkSum(tested, in, all[0].normed, what);
  checkResidual(tested, in, all[0].next, what);
  checkNorm(tested, in, all[0].next, all[0].normed, what);
}

void ReduceTest::checkAlgorithms(Case tested, uint32_t seed,
                                 const std::string &where) {
  Inputs in = makeInputs(tested, group->size(), seed);
  std::vector<Outputs> oneShot;
  for (int32_t algorithm : {LAMRT_ONE_SHOT, LAMRT_TWO_SHOT, LAMRT_SEPARATE}) {
    tested.algorithm = algorithm;
    std::string what = where + tested.name();
    std::vector<Outputs> all = reduce(tested, in, what);
    check(tested, in, all, what);
    if (algorithm == LAMRT_ONE_SHOT)
      oneShot = all;
    // Both sum in rank order.
    if (algorithm == LAMRT_TWO_SHOT) {
      EXPECT_EQ(all[0].next, oneShot[0].next) << what;
      EXPECT_EQ(all[0].normed, oneShot[0].normed) << what;
    }
  }
}

void ReduceTest::checkAll(const DeviceChoice &devices, uint32_t turn) {
  GroupOfRanks made;
  if (!made.create(devices, kMostFeatures))
    GTEST_SKIP() << devices.devices << " devices are not there";
  group = &made;
  for (int64_t features : kGroupFeatures)
    for (int64_t rows : kGroupRows)
      for (bool isFused : {true, false}) {
        Case tested = makeCase(features, rows, isFused, turn * 5 % kTurns);
        checkAlgorithms(tested, 1000 * ++turn,
                        std::to_string(devices.devices) + " ranks" +
                            (devices.peers ? ", " : " that are no peers, ") +
                            "seed " + std::to_string(devices.seed) + ", ");
        if (HasFailure())
          return;
      }
}

TEST_F(ReduceTest, ranks_that_are_peers) {
  uint32_t turn = 0;
  for (int32_t ranks : kGroupRanks)
    for (uint64_t seed : {1, 2})
      checkAll({ranks, seed, true}, turn += 41);
}

TEST_F(ReduceTest, ranks_that_are_no_peers) {
  uint32_t turn = 7;
  for (int32_t ranks : kGroupRanks)
    checkAll({ranks, 4, false}, turn += 41);
}

} // namespace
