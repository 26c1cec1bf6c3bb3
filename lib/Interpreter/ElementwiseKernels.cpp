//===- ElementwiseKernels.cpp - Norms, RoPE, SiLU, sums over ranks --------===//

#include "Kernels.h"
#include "Portability.h"
#include <cmath>

using namespace lamina;

double lamina::store(Arithmetic arithmetic, Element from, Element to,
                     double value) {
  if (arithmetic == Arithmetic::f64 || from == to)
    return value;
  return roundTo(to, static_cast<float>(value));
}

/// Rounds a computed f32 value to `element`.
static double round(Element element, float value) {
  return roundTo(element, value);
}

Tensor lamina::add(Arithmetic arithmetic, const Tensor &x, const Tensor &y) {
  Tensor sum(x.element, x.shape);
  for (size_t i = 0; i < sum.data.size(); ++i)
    sum.data[i] = arithmetic == Arithmetic::f64
                      ? x.data[i] + y.data[i]
                      : round(x.element, static_cast<float>(x.data[i]) +
                                             static_cast<float>(y.data[i]));
  return sum;
}

Tensor lamina::siluMul(Arithmetic arithmetic, const Tensor &gate,
                       const Tensor &up) {
  Tensor gated(gate.element, gate.shape);
  for (size_t i = 0; i < gated.data.size(); ++i) {
    if (arithmetic == Arithmetic::f64) {
      double g = gate.data[i];
      gated.data[i] = g / (1.0 + std::exp(-g)) * up.data[i];
      continue;
    }
    float g = static_cast<float>(gate.data[i]);
    float silu = g / (1.0f + expF32(-g));
    gated.data[i] = round(gate.element, silu * static_cast<float>(up.data[i]));
  }
  return gated;
}

//===----------------------------------------------------------------------===//
// RMS norm
//===----------------------------------------------------------------------===//

static float normalize(float value, float q, float weight, NormMode mode,
                       Element element) {
  switch (mode) {
  case NormMode::hf:
    return roundTo(element, value * q) * weight;
  case NormMode::single:
    return value * q * weight;
  case NormMode::zero_centered:
    return value * q * (1.0f + weight);
  }
  return 0.0f;
}

static void normRowStated(const double *x, llvm::ArrayRef<float> weight,
                          float eps, NormMode mode, Element element,
                          double *y) {
  std::vector<float> row(x, x + weight.size());
  float mean = dot16(row, row) / static_cast<float>(row.size());
  float q = 1.0f / std::sqrt(mean + eps);
  for (size_t i = 0; i < row.size(); ++i)
    y[i] = round(element, normalize(row[i], q, weight[i], mode, element));
}

static void normRowExact(const double *x, llvm::ArrayRef<float> weight,
                         double eps, NormMode mode, double *y) {
  double squares = 0.0;
  for (size_t i = 0; i < weight.size(); ++i)
    squares += x[i] * x[i];
  double q = 1.0 / std::sqrt(squares / weight.size() + eps);
  double offset = mode == NormMode::zero_centered ? 1.0 : 0.0;
  for (size_t i = 0; i < weight.size(); ++i)
    y[i] = x[i] * q * (offset + weight[i]);
}

Tensor lamina::rmsNorm(Arithmetic arithmetic, const Tensor &x,
                       llvm::ArrayRef<float> weight, double eps, NormMode mode,
                       Element element) {
  Tensor normed(element, x.shape);
  for (int64_t t = 0; t < x.rows(); ++t) {
    if (arithmetic == Arithmetic::f64)
      normRowExact(x.row(t), weight, eps, mode, normed.row(t));
    else
      normRowStated(x.row(t), weight, static_cast<float>(eps), mode, element,
                    normed.row(t));
  }
  return normed;
}

//===----------------------------------------------------------------------===//
// RoPE
//===----------------------------------------------------------------------===//

/// Rotates the pair (a, b) by `angle`.
static void rotate(Arithmetic arithmetic, Element element, double angle,
                   double &a, double &b) {
  if (arithmetic == Arithmetic::f64) {
    double c = std::cos(angle), s = std::sin(angle);
    double rotated = a * c - b * s;
    b = a * s + b * c;
    a = rotated;
    return;
  }
  float c = static_cast<float>(cosF64(angle));
  float s = static_cast<float>(sinF64(angle));
  float x = static_cast<float>(a), y = static_cast<float>(b);
  a = round(element, std::fma(x, c, -(y * s)));
  b = round(element, std::fma(y, c, x * s));
}

Tensor lamina::rope(Arithmetic arithmetic, const Tensor &x,
                    const Tensor &positions, llvm::ArrayRef<double> frequencies,
                    RopePairing pairing) {
  Tensor rotated = x;
  int64_t pairs = static_cast<int64_t>(frequencies.size());
  bool isHalves = pairing == RopePairing::halves;
  for (int64_t t = 0; t < x.rows(); ++t)
    for (int64_t head = 0; head < x.columns(); head += 2 * pairs)
      for (int64_t i = 0; i < pairs; ++i) {
        double *columns = rotated.row(t) + head;
        double &a = columns[isHalves ? i : 2 * i];
        double &b = columns[isHalves ? i + pairs : 2 * i + 1];
        rotate(arithmetic, x.element, positions.data[t] * frequencies[i], a, b);
      }
  return rotated;
}

//===----------------------------------------------------------------------===//
// Sums over ranks
//===----------------------------------------------------------------------===//

/// One element of the sum; `p` holds the ranks' addends. `bias` may be null.
static double reduceElement(llvm::ArrayRef<float> p, const float *bias,
                            SumMode mode, llvm::ArrayRef<int64_t> tree,
                            Element element) {
  if (mode == SumMode::f32) {
    float sum = combineTree(p, tree);
    return round(element, bias ? sum + *bias : sum);
  }
  float sum = p[0];
  for (float addend : p.drop_front())
    sum = roundTo(element, sum + addend);
  return bias ? roundTo(element, sum + *bias) : sum;
}

Tensor lamina::allReduce(Arithmetic arithmetic,
                         llvm::ArrayRef<TensorRef> partials,
                         llvm::ArrayRef<float> bias, SumMode mode,
                         llvm::ArrayRef<int64_t> tree, Element element) {
  Tensor sum(element, partials[0]->shape);
  std::vector<float> addends(partials.size());
  for (size_t i = 0; i < sum.data.size(); ++i) {
    const float *b =
        bias.empty() ? nullptr : &bias[i % static_cast<size_t>(sum.columns())];
    if (arithmetic == Arithmetic::f64) {
      double total = 0.0;
      for (const TensorRef &partial : partials)
        total += partial->data[i];
      sum.data[i] = b ? total + *b : total;
      continue;
    }
    for (size_t r = 0; r < partials.size(); ++r)
      addends[r] = static_cast<float>(partials[r]->data[i]);
    sum.data[i] = reduceElement(addends, b, mode, tree, element);
  }
  return sum;
}
