//===- LinearKernel.cpp - Products with a weight --------------------------===//

#include "Kernels.h"
#include "Portability.h"
#include <cmath>
#include <limits>

using namespace lamina;

namespace {

/// Features that have one scale when they are rounded to 8 bits.
constexpr int64_t kInt8Block = 32;

/// The inner dimension of one output: activations and the weight's row, from
/// the first feature of the slice on.
struct Row {
  const float *a;
  const float *w; // values, or q of a block format
  const float *scales = nullptr;
  const float *minimums = nullptr;
  int64_t subBlock = 1;
  const float *inputScales = nullptr; // a holds integers, a block's scale each
};

__attribute__((always_inline)) inline float
ascending(const float *a, const float *w, int64_t n) {
  float sum = 0.0f;
  for (int64_t k = 0; k < n; ++k)
    sum = std::fma(w[k], a[k], sum);
  return sum;
}

/// Pairs of k, the odd one first.
__attribute__((always_inline)) inline float paired(const float *a,
                                                   const float *w, int64_t n) {
  float sum = 0.0f;
  for (int64_t k = 0; k < n; k += 2) {
    bool isPadded = k + 1 == n;
    sum = detail::fmaFlushedInline(isPadded ? 0.0f : w[k + 1],
                                   isPadded ? 0.0f : a[k + 1], sum);
    sum = detail::fmaFlushedInline(w[k], a[k], sum);
  }
  return sum;
}

} // namespace

namespace lamina::detail {

/// A leaf of n features with plain weights.
LAMINA_FMA_CLONES
float sumLeaf(const float *a, const float *w, int64_t n, bool isPaired) {
  return isPaired ? paired(a, w, n) : ascending(a, w, n);
}

} // namespace lamina::detail

/// Rounds activations to integers times the scale of their block of 32.
static void roundToInt8(llvm::MutableArrayRef<float> a,
                        llvm::MutableArrayRef<float> scales) {
  for (auto [i, scale] : llvm::enumerate(scales)) {
    auto block = a.slice(i * kInt8Block, kInt8Block);
    float largest = 0.0f;
    bool isFinite = true;
    for (float value : block) {
      isFinite &= std::isfinite(value);
      largest = std::max(largest, std::fabs(value));
    }
    if (!isFinite || largest < 0x1p-120f) {
      scale = isFinite ? 0.0f : std::numeric_limits<float>::quiet_NaN();
      std::fill(block.begin(), block.end(), 0.0f);
      continue;
    }
    float inverse = 127.0f / largest;
    for (float &value : block)
      value = std::nearbyint(value * inverse);
    scale = largest / 127.0f;
  }
}

/// A leaf of a block format with activations of 8 bits: features
/// [begin, begin + n) of the row.
static float sumInt8Leaf(const Row &row, int64_t begin, int64_t n) {
  float acc = 0.0f;
  for (int64_t k = begin; k < begin + n; k += row.subBlock) {
    int64_t b = k / row.subBlock;
    float inputScale = row.inputScales[k / kInt8Block];
    int32_t products = 0, inputs = 0;
    for (int64_t i = k; i < k + row.subBlock; ++i) {
      products += int32_t(row.w[i]) * int32_t(row.a[i]);
      inputs += int32_t(row.a[i]);
    }
    acc = std::fma(float(products) * row.scales[b], inputScale, acc);
    if (row.minimums)
      acc = std::fma(-row.minimums[b], inputScale * float(inputs), acc);
  }
  return acc;
}

/// A leaf of a block format: features [begin, begin + n) of the row.
static float sumBlockLeaf(const Row &row, int64_t begin, int64_t n,
                          bool isPaired) {
  float acc = 0.0f;
  for (int64_t k = begin; k < begin + n; k += row.subBlock) {
    int64_t b = k / row.subBlock;
    float s = detail::sumLeaf(row.a + k, row.w + k, row.subBlock, isPaired);
    acc = std::fma(s, row.scales[b], acc);
    if (row.minimums) {
      float sumA = sum16(llvm::ArrayRef<float>(row.a + k, row.subBlock));
      acc = std::fma(-row.minimums[b], sumA, acc);
    }
  }
  return acc;
}

/// Returns the row of output `o`, without activations.
static Row getWeightRow(const WeightSlice &slice, int64_t o) {
  const WeightValues &weight = *slice.weight;
  int64_t first = o * weight.columns + slice.in.begin;
  Row row;
  row.subBlock = weight.subBlock;
  if (std::holds_alternative<Element>(weight.storage)) {
    row.w = weight.values.data() + first;
    return row;
  }
  row.w = weight.q.data() + first;
  row.scales = weight.scales.data() + first / weight.subBlock;
  if (!weight.minimums.empty())
    row.minimums = weight.minimums.data() + first / weight.subBlock;
  return row;
}

static float dotStated(const Row &row, int64_t features, bool isPaired,
                       llvm::ArrayRef<int64_t> leaves,
                       llvm::MutableArrayRef<float> sums) {
  int64_t n = features / static_cast<int64_t>(sums.size());
  for (auto [l, sum] : llvm::enumerate(sums)) {
    int64_t begin = static_cast<int64_t>(l) * n;
    if (row.inputScales)
      sum = sumInt8Leaf(row, begin, n);
    else if (row.scales)
      sum = sumBlockLeaf(row, begin, n, isPaired);
    else
      sum = detail::sumLeaf(row.a + begin, row.w + begin, n, isPaired);
  }
  return combineTree(sums, leaves);
}

static double dotExact(const Row &row, const double *a, int64_t features) {
  double sum = 0.0;
  for (int64_t k = 0; k < features; ++k) {
    double w = row.w[k];
    if (row.scales)
      w *= row.scales[k / row.subBlock];
    if (row.minimums)
      w -= row.minimums[k / row.subBlock];
    sum += a[k] * w;
  }
  return sum;
}

Tensor lamina::linear(Arithmetic arithmetic, const Tensor &a,
                      const WeightSlice &slice, llvm::ArrayRef<float> bias,
                      llvm::ArrayRef<int64_t> leaves, bool isInt8,
                      Element element) {
  Tensor product(element, {a.rows(), slice.out.size()});
  const Storage &storage = slice.weight->storage;
  bool isBlock = std::holds_alternative<QuantFormat>(storage);
  bool isPaired = a.element == Element::bf16 &&
                  (isBlock || std::get<Element>(storage) == Element::bf16);
  std::vector<float> activations(a.data.begin(), a.data.end());
  int64_t blocks = isInt8 ? a.columns() / kInt8Block : 0;
  std::vector<float> inputScales(a.rows() * blocks);
  if (isInt8 && arithmetic == Arithmetic::stated)
    roundToInt8(activations, inputScales);
  std::vector<float> sums(Tensor::getCount(leaves));
  for (int64_t o = 0; o < slice.out.size(); ++o) {
    Row row = getWeightRow(slice, slice.out.begin + o);
    for (int64_t t = 0; t < a.rows(); ++t) {
      double &y = product.row(t)[o];
      if (arithmetic == Arithmetic::f64) {
        y = dotExact(row, a.row(t), a.columns());
        y = bias.empty() ? y : y + bias[o];
        continue;
      }
      row.a = activations.data() + t * a.columns();
      if (isInt8)
        row.inputScales = inputScales.data() + t * blocks;
      float sum = dotStated(row, a.columns(), isPaired, leaves, sums);
      y = roundTo(element, bias.empty() ? sum : sum + bias[o]);
    }
  }
  return product;
}
