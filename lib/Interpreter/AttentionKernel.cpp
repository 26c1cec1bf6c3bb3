//===- AttentionKernel.cpp - Attention through the KV cache ---------------===//

#include "Kernels.h"
#include <cmath>
#include <limits>
#include <set>

using namespace lamina;

/// Positions beyond this are refused, so that a wild position asks for no
/// memory.
static constexpr int64_t kMaxPosition = int64_t(1) << 20;

/// Keys of one segment, aligned to the absolute position.
static constexpr int64_t kSegment = 256;

/// Returns row t of `source` in the storage type of the cache.
static std::vector<double>
toCacheRow(Arithmetic arithmetic, const Tensor &source, int64_t t, Element kv) {
  std::vector<double> row(source.row(t), source.row(t) + source.columns());
  for (double &value : row)
    value = store(arithmetic, source.element, kv, value);
  return row;
}

std::string lamina::writeCache(Arithmetic arithmetic,
                               const AttentionInputs &inputs,
                               const AttentionParameters &parameters,
                               RankCache &cache) {
  std::set<std::pair<int64_t, int64_t>> written;
  for (int64_t t = 0; t < inputs.key.rows(); ++t) {
    int64_t position = static_cast<int64_t>(inputs.positions.data[t]);
    int64_t sequence = static_cast<int64_t>(inputs.sequences.data[t]);
    if (position < 0 || position > kMaxPosition)
      return "position " + std::to_string(position) + " of row " +
             std::to_string(t) + ", expected 0 to " +
             std::to_string(kMaxPosition);
    if (!written.insert({sequence, position}).second)
      return "row " + std::to_string(t) +
             " has the sequence and position of an earlier row, expected each "
             "position once a step";
    SequenceCache &rows = cache[{parameters.layer, sequence}];
    auto cached = std::find_if(rows.keys.begin(), rows.keys.end(),
                               [](const auto &row) { return !row.empty(); });
    if (cached != rows.keys.end() &&
        cached->size() != static_cast<size_t>(inputs.key.columns()))
      return "key-value rows of " + std::to_string(inputs.key.columns()) +
             " columns in a cache with rows of " +
             std::to_string(cached->size()) + ", expected one width a layer";
    size_t size = std::max<size_t>(rows.keys.size(), position + 1);
    rows.keys.resize(size);
    rows.values.resize(size);
    rows.keys[position] = toCacheRow(arithmetic, inputs.key, t, parameters.kv);
    rows.values[position] =
        toCacheRow(arithmetic, inputs.value, t, parameters.kv);
  }
  return "";
}

namespace {

/// One query head of one row, against the positions 0 to `last`.
template <typename Real>
struct HeadAttention {
  const SequenceCache &cache;
  const double *query;
  int64_t kvColumn; // first column of the head in a cached row
  int64_t headDim;
  int64_t last;
  Real scale;

  struct Segment {
    Real maximum = -std::numeric_limits<Real>::infinity();
    Real sum = 0;
    std::vector<Real> output;
  };

  static float exponential(float x) { return expF32(x); }
  static double exponential(double x) { return std::exp(x); }

  static float multiplyAdd(float a, float b, float c) {
    return std::fma(a, b, c);
  }
  static double multiplyAdd(double a, double b, double c) { return a * b + c; }

  static float dot(llvm::ArrayRef<float> a, llvm::ArrayRef<float> b) {
    return dot16(a, b);
  }
  static double dot(llvm::ArrayRef<double> a, llvm::ArrayRef<double> b) {
    double sum = 0.0;
    for (auto [x, y] : llvm::zip_equal(a, b))
      sum += x * y;
    return sum;
  }

  static float sum(llvm::ArrayRef<float> a) { return sum16(a); }
  static double sum(llvm::ArrayRef<double> a) {
    double total = 0.0;
    for (double x : a)
      total += x;
    return total;
  }

  std::vector<Real> getHead(const std::vector<double> &row) const {
    return std::vector<Real>(row.begin() + kvColumn,
                             row.begin() + kvColumn + headDim);
  }

  Segment attendSegment(int64_t begin, int64_t end) const {
    Segment segment;
    std::vector<Real> q(query, query + headDim), weights;
    for (int64_t j = begin; j < end; ++j) {
      std::vector<Real> key = getHead(cache.keys[j]);
      weights.push_back(dot(q, key) * scale);
    }
    for (Real score : weights)
      segment.maximum = score > segment.maximum ? score : segment.maximum;
    for (Real &weight : weights)
      weight = exponential(weight - segment.maximum);
    segment.sum = sum(weights);
    segment.output.assign(headDim, Real(0));
    for (int64_t j = begin; j < end; ++j) {
      std::vector<Real> value = getHead(cache.values[j]);
      for (int64_t c = 0; c < headDim; ++c)
        segment.output[c] =
            multiplyAdd(weights[j - begin], value[c], segment.output[c]);
    }
    return segment;
  }

  std::vector<Real> attend() const {
    std::vector<Segment> segments;
    Real maximum = -std::numeric_limits<Real>::infinity();
    for (int64_t begin = 0; begin <= last; begin += kSegment) {
      segments.push_back(
          attendSegment(begin, std::min(begin + kSegment, last + 1)));
      Real m = segments.back().maximum;
      maximum = m > maximum ? m : maximum;
    }
    Real total = 0;
    std::vector<Real> output(headDim, Real(0));
    for (const Segment &segment : segments) {
      Real factor = exponential(segment.maximum - maximum);
      total = multiplyAdd(segment.sum, factor, total);
      for (int64_t c = 0; c < headDim; ++c)
        output[c] = multiplyAdd(segment.output[c], factor, output[c]);
    }
    for (Real &value : output)
      value = value / total;
    return output;
  }
};

} // namespace

/// Attends one head and stores it, in the type of `attended`, from `out` on.
static void attendHead(Arithmetic arithmetic, const SequenceCache &cache,
                       const double *query, int64_t kvColumn, int64_t last,
                       const AttentionParameters &parameters, Element element,
                       double *out) {
  int64_t d = parameters.headDim;
  if (arithmetic == Arithmetic::f64) {
    HeadAttention<double> head{cache, query, kvColumn,
                               d,     last,  parameters.scale};
    llvm::copy(head.attend(), out);
    return;
  }
  HeadAttention<float> head{cache, query, kvColumn,
                            d,     last,  static_cast<float>(parameters.scale)};
  for (auto [c, value] : llvm::enumerate(head.attend()))
    out[c] = roundTo(element, value);
}

std::string lamina::attend(Arithmetic arithmetic, const AttentionInputs &inputs,
                           const AttentionParameters &parameters,
                           const RankCache &cache, Tensor &attended) {
  attended = Tensor(inputs.query.element, inputs.query.shape);
  int64_t d = parameters.headDim;
  for (int64_t t = 0; t < attended.rows(); ++t) {
    int64_t last = static_cast<int64_t>(inputs.positions.data[t]);
    int64_t sequence = static_cast<int64_t>(inputs.sequences.data[t]);
    const SequenceCache &rows =
        cache.find({parameters.layer, sequence})->second;
    for (int64_t j = 0; j <= last; ++j)
      if (rows.keys[j].empty())
        return "row " + std::to_string(t) + " at position " +
               std::to_string(last) + " reads position " + std::to_string(j) +
               " of its sequence, which was never written";
    for (int64_t h = 0; h < parameters.heads.size(); ++h) {
      int64_t kvHead = (parameters.heads.begin + h) / parameters.group;
      attendHead(arithmetic, rows, inputs.query.row(t) + h * d,
                 (kvHead - parameters.kvHeads.begin) * d, last, parameters,
                 attended.element, attended.row(t) + h * d);
    }
  }
  return "";
}
