//===- AttentionKernelsTest.cpp - Attention against scalar code -----------===//

#include "KernelsRecord.h"
#include "KernelsReference.h"

#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace lamina;
using namespace lamina::reference;

namespace {

using Vector = std::vector<float>;

/// A sequence of which a step has some rows.
struct Sequence {
  int64_t headDim;
  int64_t heads, kvHeads;
  int64_t groupSize;
  int64_t firstGroupOffset;
  int64_t firstPosition, rows;
  int32_t queryType, cacheType, outputType;
  float scale = 0.125f;
  Values values = Values::Ordinary;

  std::vector<Vector> keys = {};      ///< [position * kvHeads + head][headDim]
  std::vector<Vector> rowValues = {}; ///< the same
  std::vector<uint8_t> keyPages = {}, valuePages = {};
  std::vector<int32_t> pages = {};
  std::vector<int32_t> positions = {};
  Vector query = {};

  int64_t getElementBytes() const { return cacheType == LAMRT_F32 ? 4 : 2; }
  int64_t getPositionBytes() const { return headDim * getElementBytes(); }
  int64_t getHeadBytes() const {
    return LAMRT_PAGE_POSITIONS * getPositionBytes();
  }
  int64_t getPageBytes() const { return kvHeads * getHeadBytes(); }

  /// Fills the pages with NaN and, where a position was written, with values.
  void draw(Generator &generator) {
    int64_t length = firstPosition + rows;
    int64_t count = (length + LAMRT_PAGE_POSITIONS - 1) / LAMRT_PAGE_POSITIONS;
    pages.resize(static_cast<size_t>(count));
    std::iota(pages.begin(), pages.end(), 1);
    std::shuffle(pages.begin(), pages.end(), generator);
    auto bytes = static_cast<size_t>((count + 2) * getPageBytes());
    // 0xff bytes are a NaN of each type.
    keyPages.assign(bytes, 0xff);
    valuePages.assign(bytes, 0xff);
    for (int64_t p = 0; p < length; ++p)
      for (int64_t g = 0; g < kvHeads; ++g) {
        keys.push_back(write(keyPages, p, g, generator));
        rowValues.push_back(write(valuePages, p, g, generator));
      }
    for (int64_t t = 0; t < rows; ++t)
      positions.push_back(static_cast<int32_t>(firstPosition + t));
    query = Buffer(queryType, rows, heads * headDim,
                   makeValues(static_cast<size_t>(rows * heads * headDim),
                              values, generator))
                .read();
    for (float &x : query)
      x *= 4.0f;
  }

  Vector write(std::vector<uint8_t> &memory, int64_t position, int64_t head,
               Generator &generator) {
    std::vector<uint8_t> row = reference::round(
        cacheType, makeValues(static_cast<size_t>(headDim), values, generator));
    int64_t page = pages[static_cast<size_t>(position / LAMRT_PAGE_POSITIONS)];
    std::copy(row.begin(), row.end(),
              memory.begin() + page * getPageBytes() + head * getHeadBytes() +
                  position % LAMRT_PAGE_POSITIONS * getPositionBytes());
    Vector widened;
    for (int64_t i = 0; i < headDim; ++i)
      widened.push_back(reference::widen(cacheType, row.data(), i));
    return widened;
  }

  std::string getName() const {
    return "head_dim " + std::to_string(headDim) + " position " +
           std::to_string(firstPosition) + " rows " + std::to_string(rows);
  }

  Vector attendOne(int64_t row, int64_t head) const;
  Vector getExpected() const {
    return remember(getName(), [this] { return compute(); });
  }
  Vector compute() const {
    Vector result;
    for (int64_t t = 0; t < rows; ++t)
      for (int64_t h = 0; h < heads; ++h) {
        Vector y = attendOne(t, h);
        result.insert(result.end(), y.begin(), y.end());
      }
    return Buffer(outputType, rows, heads * headDim, result).read();
  }
};

/// One segment: its largest score, the sum of the exponentials, the output.
struct Segment {
  float m = -INFINITY;
  float l = 0.0f;
  Vector o;
};

Segment attendSegment(const Vector &q, const std::vector<Vector> &keys,
                      const std::vector<Vector> &values, float scale) {
  Segment segment;
  Vector s, e;
  for (const Vector &key : keys)
    s.push_back(dot16(q, key) * scale);
  for (float x : s)
    segment.m = x > segment.m ? x : segment.m;
  for (float x : s)
    e.push_back(reference::exp(x - segment.m));
  segment.l = sum16(e);
  segment.o.assign(q.size(), 0.0f);
  for (size_t c = 0; c < q.size(); ++c)
    for (size_t j = 0; j < e.size(); ++j)
      segment.o[c] = std::fma(e[j], values[j][c], segment.o[c]);
  return segment;
}

Vector Sequence::attendOne(int64_t row, int64_t head) const {
  int64_t group = (head + firstGroupOffset) / groupSize;
  auto begin = query.begin() + (row * heads + head) * headDim;
  Vector q(begin, begin + headDim);
  std::vector<Segment> segments;
  int64_t length = firstPosition + row + 1;
  for (int64_t first = 0; first < length; first += 256) {
    std::vector<Vector> k, v;
    for (int64_t p = first; p < std::min(length, first + 256); ++p) {
      auto at = static_cast<size_t>(p * kvHeads + group);
      k.push_back(keys[at]);
      v.push_back(rowValues[at]);
    }
    segments.push_back(attendSegment(q, k, v, scale));
  }
  float m = -INFINITY, l = 0.0f;
  for (const Segment &segment : segments)
    m = segment.m > m ? segment.m : m;
  Vector o(q.size(), 0.0f);
  for (const Segment &segment : segments) {
    float f = reference::exp(segment.m - m);
    l = std::fma(segment.l, f, l);
    for (size_t c = 0; c < o.size(); ++c)
      o[c] = std::fma(segment.o[c], f, o[c]);
  }
  for (float &x : o)
    x = x / l;
  return o;
}

/// Rows and heads in the parts [cuts[i], cuts[i + 1]).
void run(const cpu::Kernels &kernels, const Sequence &sequence, Buffer &query,
         Buffer &output, const std::vector<int64_t> &rowCuts,
         const std::vector<int64_t> &headCuts) {
  int64_t context = sequence.firstPosition + sequence.rows;
  // Behind the scratch lies what must not change.
  auto size =
      static_cast<size_t>(cpu::getAttentionScratch(sequence.headDim, context));
  std::vector<float> scratch(size + 16, 7.0f);
  std::fill_n(scratch.begin(), size, NAN);
  for (size_t r = 0; r + 1 < rowCuts.size(); ++r)
    for (size_t h = 0; h + 1 < headCuts.size(); ++h)
      kernels.attention({query.get(), output.get(), sequence.positions.data(),
                         rowCuts[r], rowCuts[r + 1], headCuts[h],
                         headCuts[h + 1], sequence.headDim, sequence.groupSize,
                         sequence.firstGroupOffset, sequence.scale,
                         sequence.keyPages.data(), sequence.valuePages.data(),
                         sequence.pages.data(), sequence.getPageBytes(),
                         sequence.getHeadBytes(), sequence.getPositionBytes(),
                         sequence.cacheType, scratch.data()});
  for (size_t i = size; i < scratch.size(); ++i)
    EXPECT_EQ(scratch[i], 7.0f);
}

void check(Sequence &sequence) {
  Generator generator(static_cast<uint32_t>(sequence.headDim));
  sequence.draw(generator);
  int64_t features = sequence.heads * sequence.headDim;
  Buffer query(sequence.queryType, sequence.rows, features, sequence.query);
  Vector expected = sequence.getExpected();
  forEachLevel([&](const cpu::Kernels &kernels) {
    Buffer whole(sequence.outputType, sequence.rows, features);
    run(kernels, sequence, query, whole, {0, sequence.rows},
        {0, sequence.heads});
    EXPECT_EQ(compareBits(whole.read(), expected), "")
        << kernels.level << ' ' << sequence.getName();
    EXPECT_TRUE(whole.isIntact()) << kernels.level;
    Buffer parts(sequence.outputType, sequence.rows, features);
    run(kernels, sequence, query, parts, {0, sequence.rows / 3, sequence.rows},
        {0, 1, sequence.heads / 2, sequence.heads});
    EXPECT_EQ(parts.bytes, whole.bytes) << kernels.level << " in parts";
  });
}

TEST(AttentionKernelsTest, HeadsAndPositions) {
  for (int64_t headDim : {8, 20, 64, 80, 128})
    for (int64_t position : {0, 62, 255, 256, 600})
      for (int64_t rows : {1, 2, 9}) {
        Sequence sequence = {headDim,  4,    2,         2,         0,
                             position, rows, LAMRT_F32, LAMRT_F32, LAMRT_F32};
        check(sequence);
      }
}

TEST(AttentionKernelsTest, Types) {
  for (int32_t query : {LAMRT_F32, LAMRT_F16, LAMRT_BF16})
    for (int32_t cache : {LAMRT_F32, LAMRT_F16, LAMRT_BF16})
      for (int32_t output : {LAMRT_F32, LAMRT_F16, LAMRT_BF16}) {
        Sequence sequence = {40, 3, 1, 3, 0, 250, 17, query, cache, output};
        check(sequence);
      }
}

/// A rank whose first query head is not the first of its KV head.
TEST(AttentionKernelsTest, HeadsOfARank) {
  Sequence within = {16, 2, 1, 4, 2, 70, 5, LAMRT_F32, LAMRT_BF16, LAMRT_F32};
  check(within);
  Sequence across = {16, 4, 3, 2, 1, 70, 5, LAMRT_F32, LAMRT_BF16, LAMRT_F32};
  check(across);
  Sequence single = {64, 1, 1, 1, 0, 300, 3, LAMRT_F32, LAMRT_F32, LAMRT_F32};
  check(single);
}

TEST(AttentionKernelsTest, SubnormalsInfinitiesAndNaN) {
  for (Values values : {Values::Tiny, Values::Special})
    for (int32_t cache : {LAMRT_F32, LAMRT_F16, LAMRT_BF16}) {
      Sequence sequence = {32,  4,  2,         2,     0,
                           500, 21, LAMRT_F32, cache, LAMRT_F32};
      sequence.values = values;
      check(sequence);
    }
}

/// Rows of the output take so much memory that a block has 31, 7 or 4 queries.
TEST(AttentionKernelsTest, WideHeads) {
  for (int64_t headDim : {16384, 70000, 270000}) {
    Sequence sequence = {headDim, 2, 1,          2,         0,
                         0,       9, LAMRT_BF16, LAMRT_F16, LAMRT_F32};
    sequence.rows = headDim == 16384 ? 17 : 5;
    check(sequence);
  }
}

/// A prefill of many rows: every length of the last segment.
TEST(AttentionKernelsTest, LongPrefill) {
  Sequence sequence = {16, 2, 1, 2, 0, 0, 300, LAMRT_F32, LAMRT_F32, LAMRT_F32};
  check(sequence);
}

} // namespace
