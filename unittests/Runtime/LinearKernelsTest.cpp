//===- LinearKernelsTest.cpp - Products against scalar code ---------------===//

#include "KernelsRecord.h"
#include "KernelsReference.h"

#include "gtest/gtest.h"

using namespace lamina;
using namespace lamina::reference;

namespace {

const int32_t allTypes[] = {LAMRT_F32,  LAMRT_F16,  LAMRT_BF16, LAMRT_Q8_0,
                            LAMRT_Q4_0, LAMRT_Q4_1, LAMRT_Q5_0, LAMRT_Q5_1,
                            LAMRT_Q4_K, LAMRT_Q5_K, LAMRT_Q6_K};

std::vector<uint8_t> packAll(const cpu::Kernels &kernels, int32_t type,
                             int64_t out, int64_t in,
                             const std::vector<uint8_t> &source) {
  int64_t panels = (out + cpu::kPanelColumns - 1) / cpu::kPanelColumns;
  std::vector<uint8_t> packed(
      static_cast<size_t>(panels * cpu::getPanelBytes(type, in)), 0xee);
  // In two parts, as two threads would.
  kernels.pack({type, out, in, source.data(), packed.data(), 0, panels / 2});
  kernels.pack(
      {type, out, in, source.data(), packed.data(), panels / 2, panels});
  return packed;
}

/// A product, its parts drawn from a generator.
struct Product {
  int32_t type;
  int64_t out, in, rows;
  bool activationsAreBf16 = false;
  bool isInt8 = false;
  std::vector<int32_t> radices = {};
  int32_t outputType = LAMRT_F32;
  bool hasBias = false;
  Values values = Values::Ordinary;

  std::vector<uint8_t> weight = {};
  std::vector<float> input = {};
  std::vector<float> bias = {};

  /// A weight that is there stays.
  void draw(Generator &generator) {
    if (weight.empty())
      weight = makeWeight(type, out, in, values, generator);
    input = makeValues(static_cast<size_t>(rows * in), values, generator);
    if (activationsAreBf16)
      for (float &x : input)
        // Subnormals of bf16 are inputs too: cut off, do not round.
        x = widenBf16(static_cast<uint16_t>(getBits(x) >> 16));
    bias = makeValues(static_cast<size_t>(out), Values::Ordinary, generator);
  }

  std::vector<float> getExpected() const {
    return remember(getName(), [this] { return compute(); });
  }

  std::vector<float> compute() const {
    std::vector<float> sums;
    for (int64_t t = 0; t < rows; ++t)
      for (int64_t o = 0; o < out; ++o) {
        std::vector<float> a(input.begin() + t * in,
                             input.begin() + (t + 1) * in);
        float s = multiply(type, weight.data() + o * getRowBytes(type, in), 0,
                           a, radices, activationsAreBf16, isInt8);
        sums.push_back(hasBias ? s + bias[static_cast<size_t>(o)] : s);
      }
    return Buffer(outputType, rows, out, sums).read();
  }

  cpu::SumOrder getOrder() const {
    if (isInt8)
      return cpu::SumOrder::Int8;
    return activationsAreBf16 ? cpu::SumOrder::Paired
                              : cpu::SumOrder::Ascending;
  }

  /// The features [begin, end) of all rows, in two calls as of two threads.
  std::vector<uint8_t> prepare(const cpu::Kernels &kernels, int64_t begin,
                               int64_t end, int64_t firstRow,
                               int64_t count) const {
    int64_t rowBytes = kernels.getInputBytes(type, getOrder(), end - begin);
    EXPECT_LE(rowBytes, cpu::getMaxInputBytes(end - begin));
    std::vector<uint8_t> prepared(static_cast<size_t>(count * rowBytes), 0xee);
    auto *data = const_cast<float *>(input.data() + firstRow * in + begin);
    cpu::InputTask task = {};
    task.weightType = type;
    task.order = getOrder();
    task.input = {reinterpret_cast<uint8_t *>(data), in * 4, LAMRT_F32};
    task.features = end - begin;
    task.rows = count;
    task.prepared = prepared.data();
    for (int64_t half = 0; half < 2; ++half) {
      task.rowBegin = half * (count / 2);
      task.rowEnd = half ? count : count / 2;
      kernels.prepareInput(task);
    }
    return prepared;
  }
  std::vector<uint8_t> prepare(const cpu::Kernels &kernels) const {
    return prepare(kernels, 0, in, 0, rows);
  }

  cpu::LinearTask getTask(const std::vector<uint8_t> &packed,
                          const std::vector<uint8_t> &prepared,
                          Buffer &output) const {
    cpu::LinearTask task = {};
    task.type = type;
    task.out = out;
    task.in = in;
    task.packed = packed.data();
    task.kEnd = in;
    task.input = prepared.data();
    task.rows = rows;
    task.order = getOrder();
    task.radices = radices.data();
    task.numRadices = static_cast<int32_t>(radices.size());
    task.bias = hasBias ? bias.data() : nullptr;
    task.columnEnd = task.workEnd = out;
    task.output = output.get();
    return task;
  }

  std::string getName() const {
    return "type " + std::to_string(type) + " out " + std::to_string(out) +
           " in " + std::to_string(in) + " rows " + std::to_string(rows) +
           (activationsAreBf16 ? " bf16" : "") + (isInt8 ? " int8" : "");
  }

  static uint32_t getBits(float value) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof(bits));
    return bits;
  }
};

void check(Product &product, Generator &generator) {
  product.draw(generator);
  std::vector<float> expected = product.getExpected();
  forEachLevel([&](const cpu::Kernels &kernels) {
    std::vector<uint8_t> packed =
        packAll(kernels, product.type, product.out, product.in, product.weight);
    Buffer output(product.outputType, product.rows, product.out);
    kernels.linear(product.getTask(packed, product.prepare(kernels), output));
    EXPECT_EQ(compareBits(output.read(), expected), "")
        << kernels.level << ": " << product.getName();
    EXPECT_TRUE(output.isIntact()) << kernels.level << product.getName();
  });
}

/// Every shape of a type: columns, features and rows that are no multiple of
/// anything.
void checkShapes(int32_t type, bool activationsAreBf16, bool isInt8) {
  Generator generator(static_cast<uint32_t>(type) + 1);
  for (int64_t in : {1, 2, 3, 32, 64, 172, 256, 576, 768}) {
    if (in % cpu::getBlockElements(type))
      continue;
    for (int64_t out : {1, 31, 33, 100}) {
      std::vector<uint8_t> weight =
          makeWeight(type, out, in, Values::Ordinary, generator);
      for (int64_t rows : {1, 2, 3, 7, 33}) {
        if (rows == 33 && out == 100 && in > 256)
          continue; // The slowest, and like its neighbours.
        Product product = {type, out, in, rows};
        product.activationsAreBf16 = activationsAreBf16;
        product.isInt8 = isInt8;
        product.weight = weight;
        check(product, generator);
        if (::testing::Test::HasFailure())
          return;
      }
    }
  }
}

/// Tiles of every height, full and not.
void checkHeights(int32_t type, bool activationsAreBf16, bool isInt8) {
  Generator generator(static_cast<uint32_t>(type) + 101);
  std::vector<uint8_t> weight =
      makeWeight(type, 33, 256, Values::Ordinary, generator);
  for (int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 31, 512}) {
    Product product = {type, rows == 512 ? 1 : 33, 256, rows};
    product.activationsAreBf16 = activationsAreBf16;
    product.isInt8 = isInt8;
    product.weight = weight;
    check(product, generator);
  }
}

class LinearKernelsTest : public ::testing::TestWithParam<int32_t> {};
INSTANTIATE_TEST_SUITE_P(Types, LinearKernelsTest,
                         ::testing::ValuesIn(allTypes));

TEST_P(LinearKernelsTest, ShapesWithF32Activations) {
  checkShapes(GetParam(), false, false);
  checkHeights(GetParam(), false, false);
}

TEST_P(LinearKernelsTest, ShapesWithBf16Activations) {
  checkShapes(GetParam(), true, false);
  checkHeights(GetParam(), true, false);
}

TEST_P(LinearKernelsTest, ShapesWithInt8Activations) {
  if (cpu::getBlockElements(GetParam()) == 1)
    return;
  checkShapes(GetParam(), false, true);
  checkHeights(GetParam(), false, true);
}

/// The form of the activations is that of the loops that read them.
TEST_P(LinearKernelsTest, FormsAreOfTheLevel) {
  using cpu::SumOrder;
  int32_t type = GetParam();
  bool isBlock = cpu::getBlockElements(type) > 1;
  forEachLevel([&](const cpu::Kernels &kernels) {
    std::string level = kernels.level;
    bool hasTiles = level != "v2", hasPairs = level == "bf16";
    auto getBytes = [&](SumOrder order) {
      return kernels.getInputBytes(type, order, 256);
    };
    // Of portable loops: rows of f32. Tiles have a word of their own.
    int64_t floats = 4 * 256, sums = isBlock ? 4 * 8 : 0;
    int64_t tiled = hasTiles ? sums + 4 : 0;
    EXPECT_EQ(getBytes(SumOrder::Ascending), floats + tiled) << level;
    bool isPairs = hasPairs && (isBlock || type == LAMRT_BF16);
    EXPECT_EQ(getBytes(SumOrder::Paired),
              (isPairs ? floats / 2 : floats) + tiled)
        << level;
    if (!isBlock)
      return;
    bool isNibbles = type == LAMRT_Q4_0 || type == LAMRT_Q4_1;
    int64_t integers = isNibbles || hasPairs ? 256 : 512;
    bool isInt8 = hasTiles && (isNibbles || type == LAMRT_Q8_0);
    EXPECT_EQ(getBytes(SumOrder::Int8), isInt8 ? integers + 8 * 8 + 4 : floats)
        << level;
  });
}

TEST_P(LinearKernelsTest, PackedPanelsAreAsLargeAsTheSource) {
  int64_t in = 2 * cpu::getBlockElements(GetParam());
  EXPECT_EQ(cpu::getPanelBytes(GetParam(), in),
            cpu::kPanelColumns * getRowBytes(GetParam(), in));
}

TEST_P(LinearKernelsTest, BiasRoundingAndTrees) {
  Generator generator(7);
  for (int32_t outputType : {LAMRT_F32, LAMRT_F16, LAMRT_BF16})
    for (std::vector<int32_t> radices :
         {std::vector<int32_t>{2, 2}, {4}, {2, 1, 2, 2}, {3}, {2, 3}, {3, 2}})
      for (bool isBf16 : {false, true}) {
        Product product = {GetParam(), 37, 768, 5};
        product.activationsAreBf16 = isBf16;
        product.radices = radices;
        product.outputType = outputType;
        product.hasBias = true;
        check(product, generator);
      }
}

TEST_P(LinearKernelsTest, SubnormalsInfinitiesAndNaN) {
  Generator generator(11);
  for (Values values : {Values::Tiny, Values::Lowest, Values::Special})
    for (bool isBf16 : {false, true})
      for (bool isInt8 : {false, true}) {
        if (isInt8 && cpu::getBlockElements(GetParam()) == 1)
          continue;
        Product product = {GetParam(), 64, 256, 9};
        product.activationsAreBf16 = isBf16;
        product.isInt8 = isInt8;
        product.radices = {2};
        product.values = values;
        check(product, generator);
      }
}

/// Any split of the columns gives the same bytes, and writes no other.
TEST_P(LinearKernelsTest, SplitsOfTheColumns) {
  Generator generator(13);
  Product product = {GetParam(), 300, 256, 3};
  product.hasBias = true;
  product.draw(generator);
  std::vector<float> expected = product.getExpected();
  forEachLevel([&](const cpu::Kernels &kernels) {
    std::vector<uint8_t> packed =
        packAll(kernels, product.type, product.out, product.in, product.weight);
    int64_t begin = 45, end = 287;
    Buffer output(LAMRT_F32, product.rows, end - begin);
    std::vector<uint8_t> prepared = product.prepare(kernels);
    const int64_t cuts[] = {begin, 46, 64, 64, 101, 250, end};
    for (int i = 0; i < 6; ++i) {
      cpu::LinearTask task = product.getTask(packed, prepared, output);
      task.columnBegin = begin;
      task.columnEnd = end;
      task.workBegin = cuts[i];
      task.workEnd = cuts[i + 1];
      kernels.linear(task);
    }
    std::vector<float> part;
    for (int64_t t = 0; t < product.rows; ++t)
      part.insert(part.end(), expected.begin() + t * product.out + begin,
                  expected.begin() + t * product.out + end);
    EXPECT_EQ(compareBits(output.read(), part), "") << kernels.level;
    EXPECT_TRUE(output.isIntact()) << kernels.level;
  });
}

/// Ranks that sum the subtrees of their features, and add up in order, have the
/// sum of one rank.
TEST_P(LinearKernelsTest, SplitsOfTheFeatures) {
  Generator generator(17);
  for (bool isBf16 : {false, true}) {
    Product product = {GetParam(), 70, 768, 2};
    product.activationsAreBf16 = isBf16;
    product.radices = {3, 2};
    product.draw(generator);
    std::vector<float> expected = product.getExpected();
    forEachLevel([&](const cpu::Kernels &kernels) {
      std::vector<uint8_t> packed = packAll(kernels, product.type, product.out,
                                            product.in, product.weight);
      std::vector<float> sum;
      for (int64_t rank = 0; rank < 3; ++rank) {
        Buffer output(LAMRT_F32, product.rows, product.out);
        std::vector<uint8_t> prepared = product.prepare(
            kernels, rank * 256, (rank + 1) * 256, 0, product.rows);
        cpu::LinearTask task = product.getTask(packed, prepared, output);
        task.kBegin = rank * 256;
        task.kEnd = task.kBegin + 256;
        task.radices += 1;
        task.numRadices = 1;
        kernels.linear(task);
        std::vector<float> part = output.read();
        for (size_t i = 0; i < part.size(); ++i)
          part[i] = rank == 0 ? part[i] : sum[i] + part[i];
        sum = part;
      }
      EXPECT_EQ(compareBits(sum, expected), "") << kernels.level;
    });
  }
}

/// Leaves of an odd number of features: the padding is part of the order, and
/// every second leaf begins within a packed pair.
TEST(LinearKernelsOrderTest, OddLeaves) {
  Generator generator(19);
  for (int32_t type : {LAMRT_F32, LAMRT_F16, LAMRT_BF16})
    for (bool isBf16 : {false, true})
      for (int64_t in : {4, 12, 172, 300})
        for (Values values : {Values::Ordinary, Values::Tiny}) {
          Product product = {type, 33, in, 7};
          product.activationsAreBf16 = isBf16;
          product.radices = {2, 2};
          product.values = values;
          check(product, generator);
        }
}

/// Without the zero that fills up the last pair, the sum of products that are
/// -0.0 would be -0.0.
TEST(LinearKernelsOrderTest, PaddingTurnsTheSignOfZero) {
  Product product = {LAMRT_BF16, 1, 3, 1};
  product.activationsAreBf16 = true;
  product.weight = round(LAMRT_BF16, {-0.0f, -0x1p-100f, -0.0f});
  product.input = {1.0f, 0x1p-100f, 1.0f};
  EXPECT_EQ(compareBits(product.getExpected(), {0.0f}), "");
  forEachLevel([&](const cpu::Kernels &kernels) {
    std::vector<uint8_t> packed =
        packAll(kernels, LAMRT_BF16, 1, 3, product.weight);
    Buffer output(LAMRT_F32, 1, 1);
    kernels.linear(product.getTask(packed, product.prepare(kernels), output));
    EXPECT_EQ(compareBits(output.read(), {0.0f}), "") << kernels.level;
  });
}

/// The last bit of a dot product depends on the rows of a tile in no way.
TEST(LinearKernelsOrderTest, RowsDoNotDependOnTheBatch) {
  Generator generator(23);
  Product product = {LAMRT_Q4_1, 64, 576, 33};
  product.radices = {2};
  product.draw(generator);
  forEachLevel([&](const cpu::Kernels &kernels) {
    std::vector<uint8_t> packed =
        packAll(kernels, product.type, product.out, product.in, product.weight);
    Buffer together(LAMRT_F32, product.rows, product.out);
    kernels.linear(product.getTask(packed, product.prepare(kernels), together));
    Buffer alone(LAMRT_F32, product.rows, product.out);
    for (int64_t t = 0; t < product.rows; ++t) {
      std::vector<uint8_t> row = product.prepare(kernels, 0, product.in, t, 1);
      cpu::LinearTask task = product.getTask(packed, row, alone);
      task.output.data += t * alone.rowBytes;
      task.rows = 1;
      kernels.linear(task);
    }
    EXPECT_EQ(together.bytes, alone.bytes) << kernels.level;
  });
}

} // namespace
