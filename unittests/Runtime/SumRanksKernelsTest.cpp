//===- SumRanksKernelsTest.cpp - Sums over ranks against scalar code ------===//

#include "KernelsReference.h"

#include "gtest/gtest.h"

using namespace lamina;
using namespace lamina::reference;

namespace {

/// "tree" of docs/numerics.md over the `count` addends from `first` on.
float add(const std::vector<std::vector<float>> &addends, size_t feature,
          size_t first, size_t count, const int32_t *radices) {
  if (count == 1)
    return addends[first][feature];
  size_t step = count / static_cast<size_t>(*radices);
  float sum = add(addends, feature, first, step, radices + 1);
  for (size_t i = step; i < count; i += step)
    sum = sum + add(addends, feature, first + i, step, radices + 1);
  return sum;
}

struct Sum {
  std::vector<int32_t> radices;
  int64_t features;
  int32_t type;
  bool hasBias;
  Values values;
};

void check(const Sum &sum, Generator &generator) {
  size_t ranks = 1, n = static_cast<size_t>(sum.features);
  for (int32_t radix : sum.radices)
    ranks *= static_cast<size_t>(radix);
  std::vector<std::vector<float>> addends;
  std::vector<const float *> rows;
  for (size_t r = 0; r < ranks; ++r)
    addends.push_back(makeValues(n, sum.values, generator));
  for (const std::vector<float> &row : addends)
    rows.push_back(row.data());
  std::vector<float> bias = makeValues(n, Values::Ordinary, generator);
  std::vector<float> expected;
  for (size_t i = 0; i < n; ++i) {
    float s = add(addends, i, 0, ranks, sum.radices.data());
    expected.push_back(sum.hasBias ? s + bias[i] : s);
  }
  expected = Buffer(sum.type, 1, sum.features, expected).read();
  forEachLevel([&](const cpu::Kernels &kernels) {
    Buffer out(sum.type, 1, sum.features);
    kernels.sumRanks(rows.data(), static_cast<int32_t>(ranks),
                     sum.radices.data(),
                     static_cast<int32_t>(sum.radices.size()),
                     sum.hasBias ? bias.data() : nullptr, sum.features,
                     sum.type, out.bytes.data());
    EXPECT_EQ(compareBits(out.read(), expected), "")
        << kernels.level << ": " << ranks << " ranks, " << sum.features
        << " features, type " << sum.type;
    EXPECT_TRUE(out.isIntact()) << kernels.level;
  });
}

TEST(SumRanksKernelsTest, TreesAndTypes) {
  Generator generator(51);
  for (const std::vector<int32_t> &radices :
       {std::vector<int32_t>{}, {2}, {3}, {2, 2}, {2, 3}, {3, 2}, {2, 2, 2}})
    for (int64_t features : {1, 15, 16, 17, 100})
      for (int32_t type : {LAMRT_F32, LAMRT_F16, LAMRT_BF16})
        for (bool hasBias : {false, true})
          for (Values values :
               {Values::Ordinary, Values::Tiny, Values::Special})
            check({radices, features, type, hasBias, values}, generator);
}

} // namespace
