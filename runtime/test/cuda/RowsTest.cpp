//===- RowsTest.cpp - Norms, elements, embeddings, rotations --------------===//

#include "CudaTest.h"

#include <cmath>

using namespace lamina;
using namespace lamina::cuda;

namespace {

constexpr double kUnit = 0x1p-24; ///< half a unit in the last place of f32

struct RowsTest : CudaTest {};

/// Sizes that are no multiple of a vector, a warp, or a block.
const int64_t kFeatures[] = {1, 15, 37, 576, 1536, 4096, 8200};
const int32_t kTypes[] = {LAMRT_F32, LAMRT_BF16, LAMRT_F16};

std::string name(int64_t features, int32_t type) {
  return std::to_string(features) + " features of type " + std::to_string(type);
}

/// One ulp of the result beside what f32 arithmetic adds.
double getBound(int32_t type, double value, double relative) {
  return getUlp(type, value) + std::fabs(value) * relative;
}

struct NormCase {
  int32_t norm;
  bool hasUpdate, hasBias;
};

void checkNorm(const NormCase &tested, int32_t type, int64_t features,
               const Values &residual, const Values &update, const Values &bias,
               const Values &weight, const Values &next, const Values &normed) {
  int64_t rows = static_cast<int64_t>(residual.size()) / features;
  Values r = residual, y(r.size()), bounds(r.size()), exact(r.size());
  for (size_t i = 0; tested.hasUpdate && i < r.size(); ++i) {
    double s = update[i];
    if (tested.hasBias)
      s = roundToType(type, s + bias[i % static_cast<size_t>(features)]);
    r[i] = roundToType(type, residual[i] + s);
    // The sum of two values in f32 may round otherwise at a tie.
    exact[i] = getUlp(type, r[i]) * (tested.hasBias ? 2 : 1);
  }
  if (tested.hasUpdate) {
    expectNear(next, r, exact, "residual, " + name(features, type));
    r = next; // the norm is of what was stored
  }
  for (int64_t row = 0; row < rows; ++row) {
    double squares = 0;
    for (int64_t i = 0; i < features; ++i)
      squares += r[static_cast<size_t>(row * features + i)] *
                 r[static_cast<size_t>(row * features + i)];
    double q = 1 / std::sqrt(squares / static_cast<double>(features) + 1e-5);
    for (int64_t i = 0; i < features; ++i) {
      auto at = static_cast<size_t>(row * features + i);
      double w = weight[static_cast<size_t>(i)];
      double factor = tested.norm == LAMRT_NORM_ZERO_CENTERED ? 1 + w : w;
      y[at] = r[at] * q * factor;
      double first = getUlp(type, r[at] * q) * std::fabs(w);
      bounds[at] = getBound(type, y[at], (features + 16) * kUnit) +
                   (tested.norm == LAMRT_NORM_HF ? first : 0);
    }
  }
  expectNear(normed, y, bounds, "norm, " + name(features, type));
}

TEST_F(RowsTest, norms) {
  create(8200);
  const NormCase cases[] = {{LAMRT_NORM_HF, true, false},
                            {LAMRT_NORM_SINGLE, true, true},
                            {LAMRT_NORM_ZERO_CENTERED, false, false},
                            {LAMRT_NORM_HF, true, true}};
  uint32_t seed = 1;
  for (int64_t features : kFeatures)
    for (int32_t type : kTypes) {
      const NormCase &tested = cases[seed++ % 4];
      const int64_t rows = 3;
      Values residual = makeValues(rows * features, type, seed);
      Values update = makeValues(rows * features, LAMRT_F32, seed + 100);
      if (!tested.hasBias)
        update = makeValues(rows * features, type, seed + 100);
      Values bias = makeValues(features, LAMRT_F32, seed + 200);
      Values weight = makeValues(features, LAMRT_F32, seed + 300);
      cpu::Rows a = slot(0, features, type);
      cpu::Rows b = slot(1, features, tested.hasBias ? LAMRT_F32 : type);
      cpu::Rows normed = slot(2, features, type);
      write(a, residual, features);
      write(b, update, features);
      begin({3}, {0});
      runtime::NormWork work = {};
      if (tested.hasUpdate)
        work.update = b;
      work.bias = tested.hasBias ? loadVector(bias) : nullptr;
      work.residual = work.next = a; // in place
      work.normed = normed;
      work.weight = loadVector(weight);
      work.eps = 1e-5f;
      work.norm = tested.norm;
      work.features = features;
      work.rows = rows;
      ASSERT_EQ(table->norm(rank, &work), LAMRT_OK);
      end();
      checkNorm(tested, type, features, residual, update, bias, weight,
                read(a, features, rows), read(normed, features, rows));
    }
}

TEST_F(RowsTest, add_and_silu_mul) {
  create(8200);
  uint32_t seed = 50;
  for (int64_t features : kFeatures)
    for (int32_t type : kTypes) {
      const int64_t rows = 2;
      auto count = static_cast<size_t>(rows * features);
      Values a = makeValues(rows * features, type, ++seed, 8);
      Values b = makeValues(rows * features, LAMRT_F32, ++seed, 8);
      write(slot(0, features, type), a, features);
      write(slot(1, features, LAMRT_F32), b, features);
      begin({2}, {0});
      runtime::PairWork work = {slot(0, features, type),
                                slot(1, features, LAMRT_F32),
                                slot(2, features, type), features, rows};
      ASSERT_EQ(table->add(rank, &work), LAMRT_OK);
      work.out = slot(3, features, type);
      ASSERT_EQ(table->siluMul(rank, &work), LAMRT_OK);
      end();
      Values sum(count), gated(count), sumBounds(count), gatedBounds(count);
      for (size_t i = 0; i < count; ++i) {
        sum[i] = a[i] + b[i];
        sumBounds[i] = getUlp(type, sum[i]);
        gated[i] = a[i] / (1 + std::exp(-a[i])) * b[i];
        gatedBounds[i] = getBound(type, gated[i], 16 * kUnit);
      }
      expectNear(read(slot(2, features, type), features, rows), sum, sumBounds,
                 "add, " + name(features, type));
      expectNear(read(slot(3, features, type), features, rows), gated,
                 gatedBounds, "silu_mul, " + name(features, type));
    }
}

TEST_F(RowsTest, embed_and_select_rows) {
  create(8200);
  uint32_t seed = 90;
  for (int64_t features : kFeatures)
    for (int32_t type : kTypes) {
      const int64_t vocabulary = 7;
      Values tableValues = makeValues(vocabulary * features, type, ++seed);
      int64_t rowBytes = features * (type == LAMRT_F32 ? 4 : 2);
      const void *weight = load(encode(tableValues, type), type, vocabulary,
                                rowBytes, 0, features, type);
      begin({4}, {0}, {2, 6, 0, 5}, {1, 3});
      // This rank has the ids from 2 to 5.
      runtime::EmbedWork work = {static_cast<const uint8_t *>(weight) +
                                     2 * rowBytes,
                                 type,
                                 2,
                                 6,
                                 features,
                                 slot(0, features, LAMRT_F32),
                                 4};
      ASSERT_EQ(table->embed(rank, &work), LAMRT_OK);
      runtime::PairWork select = {
          slot(0, features, LAMRT_F32),
          {},
          slot(0, features, LAMRT_F32, LAMRT_ROWS_LOGITS),
          features,
          2};
      ASSERT_EQ(table->selectRows(rank, &select), LAMRT_OK);
      end();
      Values got = read(select.a, features, 4);
      for (int64_t i = 0; i < features; ++i) {
        auto at = [&](int64_t row) {
          return got[static_cast<size_t>(row * features + i)];
        };
        ASSERT_EQ(at(0), tableValues[static_cast<size_t>(2 * features + i)]);
        ASSERT_EQ(at(3), tableValues[static_cast<size_t>(5 * features + i)]);
        ASSERT_TRUE(at(1) == 0 && std::signbit(at(1))) << name(features, type);
        ASSERT_TRUE(at(2) == 0 && std::signbit(at(2)));
      }
      Values selected = read(select.out, features, 2);
      for (int64_t i = 0; i < features; ++i) {
        auto column = static_cast<size_t>(i);
        auto width = static_cast<size_t>(features);
        ASSERT_EQ(selected[column], got[width + column]);
        ASSERT_EQ(selected[width + column], got[3 * width + column]);
      }
    }
}

TEST_F(RowsTest, rope) {
  const int64_t pairs = 32, heads = 3, features = 2 * pairs * heads, rows = 4;
  std::vector<double> frequencies;
  for (int64_t i = 0; i < pairs; ++i)
    frequencies.push_back(std::pow(10000.0, -static_cast<double>(i) / pairs));
  lamrt_frequencies list = {static_cast<int32_t>(pairs), frequencies.data()};
  options.numFrequencies = 1;
  options.frequencies = &list;
  create(features);
  uint32_t seed = 130;
  for (int32_t type : kTypes)
    for (int32_t pairing : {LAMRT_PAIRING_HALVES, LAMRT_PAIRING_ADJACENT}) {
      Values in = makeValues(rows * features, type, ++seed);
      cpu::Rows place = slot(0, features, type);
      write(place, in, features);
      begin({3, 1}, {70000, 5});
      runtime::RopeWork work = {place, place,    0,   pairing,
                                pairs, features, rows};
      ASSERT_EQ(table->rope(rank, &work), LAMRT_OK);
      end();
      Values out(in.size()), bounds(in.size());
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t head = 0; head < heads; ++head)
          for (int64_t i = 0; i < pairs; ++i) {
            bool isHalves = pairing == LAMRT_PAIRING_HALVES;
            auto first = static_cast<size_t>(row * features + head * 2 * pairs +
                                             (isHalves ? i : 2 * i));
            size_t second = first + static_cast<size_t>(isHalves ? pairs : 1);
            double angle = positions[static_cast<size_t>(row)] *
                           frequencies[static_cast<size_t>(i)];
            out[first] =
                in[first] * std::cos(angle) - in[second] * std::sin(angle);
            out[second] =
                in[second] * std::cos(angle) + in[first] * std::sin(angle);
            for (size_t at : {first, second})
              bounds[at] = getUlp(type, out[at]) + 8 * kUnit;
          }
      expectNear(read(place, features, rows), out, bounds,
                 "rope " + std::to_string(pairing) + ", " +
                     name(features, type));
    }
}

} // namespace
