//===- ElementwiseKernelsTest.cpp - Row operations against scalar code ----===//

#include "KernelsReference.h"

#include "gtest/gtest.h"
#include <cmath>

using namespace lamina;
using namespace lamina::reference;

namespace {

const int32_t floatTypes[] = {LAMRT_F32, LAMRT_F16, LAMRT_BF16};
const int64_t widths[] = {1, 15, 16, 17, 64, 100};

/// Values around every threshold of the conversions, and random bit patterns.
std::vector<float> makeBitPatterns() {
  std::vector<float> values = {0.0f,     -0.0f,     INFINITY,   -INFINITY,
                               NAN,      65504.0f,  65519.99f,  65520.0f,
                               -65520.f, 0x1p-14f,  0x1p-24f,   0x1p-25f,
                               0x3p-26f, 0x1p-126f, -0x1p-127f, 0x1p-149f,
                               1.0f,     0x1.01p0f, 0x1.03p0f,  3.4e38f};
  values.push_back(std::nextafter(0x1p-25f, 1.0f));
  values.push_back(std::nextafter(0x1p-14f, 0.0f));
  values.push_back(std::nextafter(0x1p-126f, 0.0f));
  Generator generator(3);
  for (int i = 0; i < 20000; ++i) {
    uint32_t bits = generator();
    // Half of them in the range of f16.
    if (i % 2)
      bits = (bits & 0x80ffffff) | (0x32 + generator() % 22) << 24;
    float value;
    std::memcpy(&value, &bits, sizeof(value));
    values.push_back(value);
  }
  return values;
}

TEST(ElementwiseKernelsTest, Rounding) {
  std::vector<float> values = makeBitPatterns();
  auto n = static_cast<int64_t>(values.size());
  for (int32_t type : floatTypes) {
    Buffer expected(type, 1, n, values);
    forEachLevel([&](const cpu::Kernels &kernels) {
      Buffer rounded(type, 1, n);
      kernels.roundRow(values.data(), n, type, rounded.bytes.data());
      EXPECT_EQ(compareBits(rounded.read(), expected.read()), "")
          << kernels.level << " type " << type;
      EXPECT_TRUE(rounded.isIntact());
    });
  }
}

TEST(ElementwiseKernelsTest, Exponentials) {
  constexpr float kShift = 3, kDivisor = 0.5f;
  std::vector<float> inputs = {kShift, -1e30f, 1e30f, -50.5f};
  for (float x = -40.0f; x < 46.0f; x += 0.0371f)
    inputs.push_back(x);
  std::vector<float> expected;
  for (float x : inputs)
    expected.push_back(reference::exp((x - kShift) / kDivisor));
  forEachLevel([&](const cpu::Kernels &kernels) {
    std::vector<float> values = inputs;
    // The last one is not a whole vector.
    values.push_back(77.0f);
    kernels.exponentials(values.data(), static_cast<int64_t>(inputs.size()),
                         kShift, kDivisor);
    EXPECT_EQ(values.back(), 77.0f);
    values.pop_back();
    EXPECT_EQ(values[0], 1.0f);
    EXPECT_EQ(values[1], 0.0f);
    for (size_t i = 4; i < inputs.size(); ++i) {
      // Rounded as the kernel rounds it.
      float argument = (inputs[i] - kShift) / kDivisor;
      EXPECT_NEAR(values[i] / std::exp(static_cast<double>(argument)), 1.0,
                  2e-7)
          << inputs[i];
    }
    EXPECT_EQ(compareBits(values, expected), "") << kernels.level;
  });
}

TEST(ElementwiseKernelsTest, WideningOfAllHalves) {
  for (int32_t type : {LAMRT_F16, LAMRT_BF16}) {
    Buffer in(type, 1, 65536);
    for (size_t i = 0; i < 65536; ++i) {
      in.bytes[2 * i] = static_cast<uint8_t>(i);
      in.bytes[2 * i + 1] = static_cast<uint8_t>(i >> 8);
    }
    forEachLevel([&](const cpu::Kernels &kernels) {
      std::vector<float> out(65536);
      kernels.widenRows(in.get(), 65536, out.data(), 65536, 0, 1);
      EXPECT_EQ(compareBits(out, in.read()), "") << kernels.level << type;
    });
  }
}

TEST(ElementwiseKernelsTest, WidenedRowsLieApart) {
  Generator generator(5);
  for (int32_t type : floatTypes)
    for (int64_t n : widths) {
      Buffer in(
          type, 3, n,
          makeValues(static_cast<size_t>(3 * n), Values::Tiny, generator));
      forEachLevel([&](const cpu::Kernels &kernels) {
        std::vector<float> out(static_cast<size_t>(3 * (n + 5)), 7.0f);
        kernels.widenRows(in.get(), n, out.data(), n + 5, 1, 3);
        std::vector<float> expected(static_cast<size_t>(3 * (n + 5)), 7.0f);
        for (int64_t t = 1; t < 3; ++t)
          for (int64_t i = 0; i < n; ++i)
            expected[static_cast<size_t>(t * (n + 5) + i)] =
                in.read()[static_cast<size_t>(t * n + i)];
        EXPECT_EQ(compareBits(out, expected), "") << kernels.level;
      });
    }
}

/// Calls `test` with inputs and outputs of every width and pair of types.
void forEachPair(
    const std::function<void(Buffer &, Buffer &, int32_t, int64_t)> &test) {
  Generator generator(9);
  for (Values values : {Values::Ordinary, Values::Tiny, Values::Special})
    for (int32_t a : floatTypes)
      for (int32_t b : floatTypes)
        for (int64_t n : widths) {
          auto size = static_cast<size_t>(4 * n);
          Buffer x(a, 4, n, makeValues(size, values, generator));
          Buffer y(b, 4, n, makeValues(size, values, generator));
          for (int32_t out : floatTypes)
            test(x, y, out, n);
        }
}

/// Runs a kernel on the rows [0, 1) and [1, 4) and compares.
void expectRows(const std::vector<float> &values, int32_t type, int64_t n,
                const std::function<void(const cpu::Kernels &, cpu::Rows,
                                         int64_t, int64_t)> &run) {
  std::vector<float> expected = Buffer(type, 4, n, values).read();
  forEachLevel([&](const cpu::Kernels &kernels) {
    Buffer out(type, 4, n);
    run(kernels, out.get(), 0, 1);
    run(kernels, out.get(), 1, 4);
    EXPECT_EQ(compareBits(out.read(), expected), "")
        << kernels.level << " type " << type << " features " << n;
    EXPECT_TRUE(out.isIntact()) << kernels.level;
  });
}

TEST(ElementwiseKernelsTest, Add) {
  forEachPair([](Buffer &x, Buffer &y, int32_t type, int64_t n) {
    std::vector<float> a = x.read(), b = y.read(), sums;
    for (size_t i = 0; i < a.size(); ++i)
      sums.push_back(a[i] + b[i]);
    expectRows(sums, type, n,
               [&](const cpu::Kernels &kernels, cpu::Rows out, int64_t begin,
                   int64_t end) {
                 kernels.add(x.get(), y.get(), out, n, begin, end);
               });
  });
}

TEST(ElementwiseKernelsTest, SiluMul) {
  forEachPair([](Buffer &x, Buffer &y, int32_t type, int64_t n) {
    std::vector<float> g = x.read(), u = y.read(), values;
    for (size_t i = 0; i < g.size(); ++i)
      values.push_back((g[i] / (1.0f + reference::exp(-g[i]))) * u[i]);
    expectRows(values, type, n,
               [&](const cpu::Kernels &kernels, cpu::Rows out, int64_t begin,
                   int64_t end) {
                 kernels.siluMul(x.get(), y.get(), out, n, begin, end);
               });
  });
}

/// exp over its whole range, by way of SiLU: u is 1.
TEST(ElementwiseKernelsTest, ExponentialOfManyValues) {
  std::vector<float> g, expected;
  for (int i = -2000; i < 24000; ++i)
    g.push_back(static_cast<float>(i) * -0.0061f);
  g.insert(g.end(), {INFINITY, -INFINITY, NAN, 0x1p-149f, 89.0f, 104.0f});
  for (float x : g)
    expected.push_back((x / (1.0f + reference::exp(-x))) * 1.0f);
  auto n = static_cast<int64_t>(g.size());
  Buffer gate(LAMRT_F32, 1, n, g);
  Buffer up(LAMRT_F32, 1, n, std::vector<float>(g.size(), 1.0f));
  forEachLevel([&](const cpu::Kernels &kernels) {
    Buffer out(LAMRT_F32, 1, n);
    kernels.siluMul(gate.get(), up.get(), out.get(), n, 0, 1);
    EXPECT_EQ(compareBits(out.read(), expected), "") << kernels.level;
  });
}

std::vector<float> normalise(const std::vector<float> &x,
                             const std::vector<float> &w, int32_t norm,
                             int32_t type) {
  size_t n = w.size();
  std::vector<float> result;
  for (size_t t = 0; t < x.size() / n; ++t) {
    std::vector<float> row(x.begin() + static_cast<int64_t>(t * n),
                           x.begin() + static_cast<int64_t>((t + 1) * n));
    float q = 1.0f / std::sqrt(dot16(row, row) / static_cast<float>(n) + 1e-5f);
    for (size_t i = 0; i < n; ++i) {
      float y = row[i] * q;
      if (norm == LAMRT_NORM_HF)
        y = reference::widen(type, reference::round(type, {y}).data(), 0);
      result.push_back(y *
                       (norm == LAMRT_NORM_ZERO_CENTERED ? 1.0f + w[i] : w[i]));
    }
  }
  return result;
}

TEST(ElementwiseKernelsTest, RmsNorm) {
  forEachPair([](Buffer &x, Buffer &y, int32_t type, int64_t n) {
    std::vector<float> w = y.read();
    w.resize(static_cast<size_t>(n));
    for (int32_t norm :
         {LAMRT_NORM_HF, LAMRT_NORM_SINGLE, LAMRT_NORM_ZERO_CENTERED})
      expectRows(normalise(x.read(), w, norm, type), type, n,
                 [&](const cpu::Kernels &kernels, cpu::Rows out, int64_t begin,
                     int64_t end) {
                   kernels.rmsNorm(x.get(), w.data(), 1e-5f, norm, out, n,
                                   begin, end);
                 });
  });
}

TEST(ElementwiseKernelsTest, NormInPlace) {
  Generator generator(21);
  std::vector<float> x = makeValues(400, Values::Ordinary, generator);
  std::vector<float> w = makeValues(100, Values::Ordinary, generator);
  forEachLevel([&](const cpu::Kernels &kernels) {
    for (int32_t type : floatTypes) {
      Buffer rows(type, 4, 100, x);
      std::vector<float> expected =
          Buffer(type, 4, 100, normalise(rows.read(), w, LAMRT_NORM_HF, type))
              .read();
      kernels.rmsNorm(rows.get(), w.data(), 1e-5f, LAMRT_NORM_HF, rows.get(),
                      100, 0, 4);
      EXPECT_EQ(compareBits(rows.read(), expected), "") << kernels.level;
    }
  });
}

class EmbedKernelsTest : public ::testing::TestWithParam<int32_t> {};
INSTANTIATE_TEST_SUITE_P(Types, EmbedKernelsTest,
                         ::testing::Range(int32_t(LAMRT_F32),
                                          int32_t(LAMRT_Q6_K) + 1));

TEST_P(EmbedKernelsTest, RowsOfATable) {
  int32_t type = GetParam();
  Generator generator(31);
  int64_t n =
      cpu::getBlockElements(type) == 1 ? 100 : 3 * cpu::getBlockElements(type);
  std::vector<uint8_t> table = makeWeight(type, 10, n, Values::Tiny, generator);
  const int32_t ids[] = {9, 0, 3, 3};
  std::vector<float> values;
  for (int32_t id : ids)
    for (int64_t i = 0; i < n; ++i) {
      const uint8_t *row = table.data() + id * getRowBytes(type, n);
      if (cpu::getBlockElements(type) == 1) {
        values.push_back(reference::widen(type, row, i));
        continue;
      }
      Element e = getElement(type, row, i);
      float product = e.scale * static_cast<float>(e.q);
      values.push_back(hasMinimum(type) ? product - e.minimum : product);
    }
  for (int32_t out : floatTypes)
    expectRows(values, out, n,
               [&](const cpu::Kernels &kernels, cpu::Rows rows, int64_t begin,
                   int64_t end) {
                 kernels.embed(type, table.data(), n, ids, rows, begin, end);
               });
}

TEST(RopeKernelsTest, Angles) {
  const std::vector<int32_t> positions = {0, 1, 7, 4095, 131071, 1048575};
  std::vector<double> frequencies = {2.0, 1.0, 0.1, 1e-4, 1e300, INFINITY};
  for (int i = 0; i < 59; ++i)
    frequencies.push_back(std::pow(10000.0, -i / 59.0));
  auto pairs = static_cast<int64_t>(frequencies.size());
  std::vector<float> cosines, sines;
  for (int32_t position : positions)
    for (double frequency : frequencies) {
      double angle = static_cast<double>(position) * frequency;
      cosines.push_back(static_cast<float>(reference::cos(angle)));
      sines.push_back(static_cast<float>(reference::sin(angle)));
    }
  forEachLevel([&](const cpu::Kernels &kernels) {
    std::vector<float> c(cosines.size()), s(sines.size());
    kernels.angles(positions.data(), frequencies.data(), pairs, c.data(),
                   s.data(), 0, 2);
    kernels.angles(positions.data(), frequencies.data(), pairs, c.data(),
                   s.data(), 2, 6);
    EXPECT_EQ(compareBits(c, cosines), "") << kernels.level;
    EXPECT_EQ(compareBits(s, sines), "") << kernels.level;
  });
  // The reference is an approximation too: of the functions that it names.
  for (size_t i = 0; i < 4; ++i) {
    double angle = 4095.0 * frequencies[i];
    size_t at = 3 * frequencies.size() + i;
    EXPECT_FLOAT_EQ(cosines[at], static_cast<float>(std::cos(angle)));
    EXPECT_FLOAT_EQ(sines[at], static_cast<float>(std::sin(angle)));
  }
}

/// All heads of 4 rows, rotated.
std::vector<float> rotate(const std::vector<float> &x,
                          const std::vector<float> &cosines,
                          const std::vector<float> &sines, size_t pairs,
                          size_t heads, bool isAdjacent) {
  std::vector<float> y = x;
  for (size_t t = 0; t < 4; ++t)
    for (size_t head = 0; head < heads; ++head)
      for (size_t i = 0; i < pairs; ++i) {
        size_t first = (t * heads + head) * 2 * pairs;
        size_t ia = first + (isAdjacent ? 2 * i : i);
        size_t ib = first + (isAdjacent ? 2 * i + 1 : i + pairs);
        float a = x[ia], b = x[ib];
        float c = cosines[t * pairs + i], s = sines[t * pairs + i];
        y[ia] = std::fma(a, c, -(b * s));
        y[ib] = std::fma(b, c, a * s);
      }
  return y;
}

TEST(RopeKernelsTest, Rotation) {
  Generator generator(41);
  for (size_t pairs : {1, 2, 4, 7, 16, 20, 32, 64})
    for (bool isAdjacent : {false, true})
      for (int32_t in : floatTypes)
        for (int32_t out : floatTypes) {
          size_t n = 3 * 2 * pairs;
          auto features = static_cast<int64_t>(n);
          Buffer x(in, 4, features,
                   makeValues(4 * n, Values::Ordinary, generator));
          std::vector<float> c =
              makeValues(4 * pairs, Values::Ordinary, generator);
          std::vector<float> s =
              makeValues(4 * pairs, Values::Ordinary, generator);
          int32_t pairing =
              isAdjacent ? LAMRT_PAIRING_ADJACENT : LAMRT_PAIRING_HALVES;
          auto run = [&](const cpu::Kernels &kernels, cpu::Rows from,
                         cpu::Rows to, int64_t begin, int64_t end) {
            kernels.rope(from, c.data(), s.data(), static_cast<int64_t>(pairs),
                         features, pairing, to, begin, end);
          };
          std::vector<float> y = rotate(x.read(), c, s, pairs, 3, isAdjacent);
          expectRows(
              y, out, features,
              [&](const cpu::Kernels &kernels, cpu::Rows to, int64_t begin,
                  int64_t end) { run(kernels, x.get(), to, begin, end); });
          if (in != out)
            continue;
          forEachLevel([&](const cpu::Kernels &kernels) {
            Buffer rows = x;
            run(kernels, rows.get(), rows.get(), 0, 4);
            EXPECT_EQ(
                compareBits(rows.read(), Buffer(out, 4, features, y).read()),
                "")
                << kernels.level << " in place";
          });
        }
}

} // namespace
