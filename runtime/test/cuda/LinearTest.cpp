//===- LinearTest.cpp - Products and the expansion of weights -------------===//

#include "CudaTest.h"

#include <cmath>

using namespace lamina;
using namespace lamina::cuda;

namespace {

struct LinearTest : CudaTest {};

/// gamma_n of Higham, for sums in f32 that may truncate.
double getGamma(int64_t n) {
  double u = 0x1p-22 * static_cast<double>(n + 2);
  return u / (1 - u);
}

struct Types {
  int32_t input, weight, out;
};

/// out = input . weight^T + bias with the part [inBegin, inEnd) of the weight.
void checkProduct(const Values &input, const Values &weight, const Values &bias,
                  const Values &out, const Types &types, int64_t in,
                  int64_t outs, int64_t rows) {
  Values expected, bounds;
  for (int64_t t = 0; t < rows; ++t)
    for (int64_t o = 0; o < outs; ++o) {
      double sum = bias.empty() ? 0 : bias[static_cast<size_t>(o)];
      double magnitude = std::fabs(sum);
      for (int64_t k = 0; k < in; ++k) {
        double a = input[static_cast<size_t>(t * in + k)];
        // A block weight is bf16, and so is its input.
        double w = weight[static_cast<size_t>(o * in + k)];
        sum += a * w;
        magnitude += std::fabs(a * w);
      }
      expected.push_back(sum);
      bounds.push_back(getUlp(types.out, sum) + getGamma(in) * magnitude);
    }
  expectNear(
      out, expected, bounds,
      std::to_string(in) + " x " + std::to_string(outs) + ", " +
          std::to_string(rows) + " rows, types " + std::to_string(types.input) +
          " " + std::to_string(types.weight) + " " + std::to_string(types.out));
}

TEST_F(LinearTest, products) {
  create(4096);
  const Types kinds[] = {
      {LAMRT_F32, LAMRT_F32, LAMRT_F32},    {LAMRT_BF16, LAMRT_BF16, LAMRT_F32},
      {LAMRT_BF16, LAMRT_BF16, LAMRT_BF16}, {LAMRT_F16, LAMRT_F16, LAMRT_F16},
      {LAMRT_BF16, LAMRT_F32, LAMRT_F32},   {LAMRT_F32, LAMRT_F32, LAMRT_BF16},
      {LAMRT_BF16, LAMRT_BF16, LAMRT_F16}};
  const int64_t sizes[][3] = {{1, 1, 1},    {15, 37, 2},  {37, 15, 3},
                              {576, 40, 1}, {64, 576, 2}, {1536, 24, 5},
                              {4096, 8, 2}};
  uint32_t seed = 1;
  for (const auto &size : sizes)
    for (const Types &types : kinds)
      for (bool hasBias : {false, true}) {
        int64_t in = size[0], outs = size[1], rows = size[2];
        Values input = makeValues(rows * in, types.input, ++seed);
        // The weight has 16 features more on each side, of other ranks.
        int64_t whole = in + 32;
        Values all = makeValues(outs * whole, types.weight, ++seed), weight;
        for (int64_t o = 0; o < outs; ++o)
          for (int64_t k = 0; k < in; ++k)
            weight.push_back(all[static_cast<size_t>(o * whole + 16 + k)]);
        Values bias = hasBias ? makeValues(outs, LAMRT_F32, ++seed) : Values();
        runtime::LinearWork work = {};
        work.input = slot(0, in, types.input);
        work.weight = load(encode(all, types.weight), types.weight, outs,
                           whole * (types.weight == LAMRT_F32 ? 4 : 2), 16,
                           16 + in, types.weight);
        work.weightType = types.weight;
        work.weightRow = in;
        work.bias = hasBias ? loadVector(bias) : nullptr;
        work.out = slot(1, outs, types.out);
        work.inFeatures = in;
        work.outFeatures = outs;
        work.rows = rows;
        write(work.input, input, in);
        begin({static_cast<int32_t>(rows)}, {0});
        ASSERT_EQ(table->linear(rank, &work), LAMRT_OK);
        end();
        checkProduct(input, weight, bias, read(work.out, outs, rows), types, in,
                     outs, rows);
      }
}

TEST_F(LinearTest, no_rows_and_no_features) {
  create(64);
  begin({}, {});
  runtime::LinearWork work = {};
  work.input = slot(0, 64, LAMRT_F32);
  work.out = slot(1, 64, LAMRT_F32);
  work.inFeatures = work.outFeatures = work.weightRow = 64;
  EXPECT_EQ(table->linear(rank, &work), LAMRT_OK);
  runtime::NormWork norm = {};
  EXPECT_EQ(table->norm(rank, &norm), LAMRT_OK);
  runtime::PairWork pair = {};
  EXPECT_EQ(table->add(rank, &pair), LAMRT_OK);
  runtime::AttentionWork attention = {};
  EXPECT_EQ(table->attention(rank, &attention), LAMRT_OK);
  end();
}

} // namespace
