//===- AttentionTest.cpp - Attention over the paged cache -----------------===//

#include "CudaTest.h"

#include <cmath>
#include <map>

using namespace lamina;
using namespace lamina::cuda;

namespace {

struct Shape {
  int32_t heads, kvHeads, headDim, type, cacheType;
};

class AttentionTest : public CudaTest {
protected:
  void createFor(const Shape &made) {
    shape = made;
    options = {};
    options.pagesPerSequence = 6;
    options.numPages = 24;
    options.numLayers = 2;
    options.kvHeads = options.keyHeads = shape.kvHeads;
    options.heads = shape.heads;
    options.headDim = shape.headDim;
    options.cacheType = shape.cacheType;
    create(shape.heads * shape.headDim);
    // Pages of a sequence lie anywhere; two sequences have none in common.
    pageTable.clear();
    for (int32_t s = 0; s < 4; ++s)
      for (int32_t i = 0; i < 6; ++i)
        pageTable.push_back((s * 6 + i) * 7 % 24);
    keys.clear();
    values.clear();
  }

  /// A step of sequences with so many new rows each, at layer 1.
  void attend(const std::vector<int32_t> &lengths,
              const std::vector<int32_t> &starts, uint32_t seed) {
    int64_t width = shape.heads * shape.headDim;
    int64_t kvWidth = shape.kvHeads * shape.headDim;
    begin(lengths, starts);
    auto rows = static_cast<int64_t>(positions.size());
    Values q = makeValues(rows * width, shape.type, seed, 2);
    Values k = makeValues(rows * kvWidth, shape.type, seed + 1, 2);
    Values v = makeValues(rows * kvWidth, shape.type, seed + 2, 2);
    runtime::AttentionWork work = {};
    work.query = slot(0, width, shape.type);
    work.key = slot(1, kvWidth, shape.type);
    work.value = slot(2, kvWidth, shape.type);
    work.out = slot(3, width, shape.type);
    work.layer = 1;
    work.heads = shape.heads;
    work.keyHeads = shape.kvHeads;
    work.groupSize = shape.heads / shape.kvHeads;
    work.scale = 0.3f;
    work.rows = rows;
    write(work.query, q, width);
    write(work.key, k, kvWidth);
    write(work.value, v, kvWidth);
    ASSERT_EQ(table->attention(rank, &work), LAMRT_OK);
    end();
    remember(k, v, kvWidth);
    check(q, read(work.out, width, rows));
  }

private:
  void remember(const Values &k, const Values &v, int64_t width) {
    for (size_t row = 0; row < positions.size(); ++row)
      for (int64_t i = 0; i < width; ++i) {
        size_t from = row * static_cast<size_t>(width) + static_cast<size_t>(i);
        auto place = std::make_pair(sequenceOfRow[row], positions[row]);
        keys[place].push_back(roundToType(shape.cacheType, k[from]));
        values[place].push_back(roundToType(shape.cacheType, v[from]));
      }
  }

  void check(const Values &q, const Values &actual) {
    Values expected, bounds;
    int32_t dim = shape.headDim;
    for (size_t row = 0; row < positions.size(); ++row)
      for (int32_t h = 0; h < shape.heads; ++h) {
        auto first =
            static_cast<size_t>(h / (shape.heads / shape.kvHeads) * dim);
        size_t query =
            (row * static_cast<size_t>(shape.heads) + static_cast<size_t>(h)) *
            static_cast<size_t>(dim);
        std::vector<double> weights;
        double total = 0;
        for (int32_t p = 0; p <= positions[row]; ++p) {
          const Values &key = keys[{sequenceOfRow[row], p}];
          double score = 0;
          for (size_t c = 0; c < static_cast<size_t>(dim); ++c)
            score += q[query + c] * key[first + c];
          weights.push_back(std::exp(score * double(0.3f)));
          total += weights.back();
        }
        for (size_t c = 0; c < static_cast<size_t>(dim); ++c) {
          double sum = 0;
          for (int32_t p = 0; p <= positions[row]; ++p)
            sum += weights[static_cast<size_t>(p)] *
                   values[{sequenceOfRow[row], p}][first + c];
          expected.push_back(sum / total);
          // Scores up to 0.3*4*dim, with an error that exp makes relative.
          bounds.push_back(getUlp(shape.type, sum / total) +
                           2 * (1.2 * dim * (dim + 8) + 512) * 0x1p-24);
        }
      }
    expectNear(actual, expected, bounds,
               std::to_string(shape.heads) + "/" +
                   std::to_string(shape.kvHeads) + " heads of " +
                   std::to_string(dim));
  }

  Shape shape = {};
  std::map<std::pair<int32_t, int32_t>, Values> keys, values;
};

const Shape kShapes[] = {{8, 4, 8, LAMRT_F32, LAMRT_F32},
                         {4, 1, 64, LAMRT_BF16, LAMRT_BF16},
                         {3, 3, 37, LAMRT_F32, LAMRT_F16},
                         {8, 1, 128, LAMRT_F16, LAMRT_BF16},
                         {2, 1, 256, LAMRT_F32, LAMRT_F32}};

// Rows of several sequences in one block, longer than a page; then one row a
// sequence, whose keys are split; then both in one step.
TEST_F(AttentionTest, prefill_then_decode) {
  uint32_t seed = 1;
  for (const Shape &shape : kShapes) {
    createFor(shape);
    attend({17, 1, 20}, {0, 0, 0}, seed += 10);
    attend({5, 40 - 6, 1}, {17, 1, 20}, seed += 10);
    attend({1, 1, 1}, {22, 35, 21}, seed += 10);
    for (int32_t start = 36; start < 36 + 3 * 38; start += 38)
      attend({0, 38, 1}, {23, start, 22 + (start - 36) / 38}, seed += 10);
    attend({1, 1, 1}, {23, 150, 25}, seed += 10);
    attend({2, 1, 0}, {24, 151, 26}, seed += 10);
    TearDown();
  }
}

} // namespace
