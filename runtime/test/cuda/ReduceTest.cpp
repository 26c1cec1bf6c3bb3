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
  /// Ranks keep their own rows of the residual, or of a sum alone.
  bool keepsOwn;
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
           (isExact ? ", exact" : "") + (isInPlace ? ", in place" : "") +
           (keepsOwn ? ", own rows" : "");
  }
};

/// All kinds of a case have their turn, whatever its size.
Case makeCase(int64_t features, int64_t rows, bool isFused, uint32_t number) {
  uint32_t turn = number * 5 % 144;
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
  made.keepsOwn = number % 2;
  return made;
}

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
  Outputs reduceOn(TestRank &rank, int32_t number, const Case &tested,
                   const Inputs &in, const std::string &what);
  void check(const Case &tested, const Inputs &in,
             const std::vector<Outputs> &all, const std::string &what);
  /// One size by each of the algorithms.
  void checkAlgorithms(Case tested, uint32_t seed, const std::string &where);
  /// All sizes on the ranks of one group, so that meetings are counted on from
  /// operation to operation.
  void checkAll(const DeviceChoice &devices, uint32_t turn);

  GroupOfRanks *group = nullptr;
};

/// The values of the rows [begin, end).
Values takePart(const Values &values, int64_t features, int64_t begin,
                int64_t end) {
  return Values(values.begin() + begin * features,
                values.begin() + end * features);
}

/// The rows that a rank keeps.
struct Part {
  int64_t begin, end;
};
Part getPart(const Case &tested, int32_t ranks, int32_t rank) {
  if (!tested.keepsOwn)
    return {0, tested.rows};
  int64_t each = (tested.rows + ranks - 1) / ranks;
  return {std::min(tested.rows, rank * each),
          std::min(tested.rows, (rank + 1) * each)};
}

/// Gives all ranks the values that each has a part of.
void joinParts(std::vector<Outputs> &all, Values Outputs::*member) {
  Values joined;
  for (const Outputs &one : all)
    joined.insert(joined.end(), (one.*member).begin(), (one.*member).end());
  for (Outputs &one : all)
    one.*member = joined;
}

/// Where a rank has what it reads and writes.
struct Places {
  cpu::Rows partial, residual, next, normed;
};

Places getPlaces(const TestRank &rank, const Case &tested) {
  int32_t keeping = tested.keepsOwn ? int32_t(LAMRT_ROWS_OWN_TOKENS)
                                    : int32_t(LAMRT_ROWS_TOKENS);
  int32_t giving = tested.isFused ? int32_t(LAMRT_ROWS_TOKENS) : keeping;
  int64_t features = tested.features;
  return {rank.slot(kPartial, features, LAMRT_F32),
          rank.slot(kResidual, features, tested.residualType, keeping),
          rank.slot(tested.isInPlace ? kResidual : kNext, features,
                    tested.residualType, keeping),
          rank.slot(kNormed, features, tested.type, giving)};
}

Outputs ReduceTest::reduceOn(TestRank &rank, int32_t number, const Case &tested,
                             const Inputs &in, const std::string &what) {
  int64_t features = tested.features;
  Places at = getPlaces(rank, tested);
  for (const cpu::Rows &rows : {at.partial, at.residual, at.next, at.normed})
    rank.fill(rows, kFiller, kRoom);
  Part part = getPart(tested, group->size(), number);
  if (tested.rows > 0)
    rank.write(at.partial, in.partials[static_cast<size_t>(number)], features);
  if (part.end > part.begin)
    rank.write(at.residual,
               takePart(in.residual, features, part.begin, part.end), features);
  const float *bias =
      tested.hasBias ? rank.writeVector(kBias, in.bias) : nullptr;
  runtime::NormWork norm = {at.partial,
                            bias,
                            1,
                            at.residual,
                            at.next,
                            at.normed,
                            rank.writeVector(kWeight, in.weight),
                            static_cast<float>(kEps),
                            tested.norm,
                            features,
                            tested.rows};
  runtime::ReduceWork work = {
      at.partial,       bias,           at.normed,
      features,         tested.rows,    tested.isFused ? &norm : nullptr,
      tested.algorithm, tested.keepsOwn};
  std::vector<int32_t> lengths;
  if (tested.rows > 0)
    lengths.push_back(static_cast<int32_t>(tested.rows));
  rank.begin(lengths, std::vector<int32_t>(lengths.size(), 0));
  EXPECT_EQ(rank.table->reduce(rank.rank, &work), LAMRT_OK);
  rank.end();
  int64_t kept = part.end - part.begin;
  Outputs out;
  if (tested.isFused)
    out.next = takeRows(rank.readBytes(at.next, kRoom), at.next, features, kept,
                        kFiller, what + ", residual");
  out.normed = takeRows(rank.readBytes(at.normed, kRoom), at.normed, features,
                        tested.isFused ? tested.rows : kept, kFiller, what);
  return out;
}

std::vector<Outputs> ReduceTest::reduce(const Case &tested, const Inputs &in,
                                        const std::string &what) {
  std::vector<Outputs> all(static_cast<size_t>(group->size()));
  group->run([&](TestRank &rank, int32_t number) {
    all[static_cast<size_t>(number)] = reduceOn(rank, number, tested, in, what);
  });
  if (tested.keepsOwn)
    joinParts(all, tested.isFused ? &Outputs::next : &Outputs::normed);
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
        Case tested = makeCase(features, rows, isFused, turn);
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
