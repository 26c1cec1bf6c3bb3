//===- InverseFrequencies.h - Constants of the rotary embedding -*- C++ -*-===//
//
// Inverse frequencies in f64, the same bits on every machine: powers are
// computed in integers, everything else by IEEE operations of f64 without
// contraction. Needs neither LLVM nor MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IMPORT_INVERSEFREQUENCIES_H
#define LAMINA_IMPORT_INVERSEFREQUENCIES_H

#include <cstdint>
#include <vector>

namespace lamina {

/// How the inverse frequencies are changed for longer contexts; the formulas
/// are those of transformers' `modeling_rope_utils.py`.
struct RopeScaling {
  enum class Kind { None, Linear, Llama3, Factors };
  Kind kind = Kind::None;
  double factor = 1;
  // Llama3 only.
  double lowFrequencyFactor = 1;
  double highFrequencyFactor = 4;
  int64_t originalMaxPositions = 0;
  /// Factors only: what each frequency is divided by, head_dim / 2 of them.
  std::vector<double> factors = {};
};

/// Bases that powers can be taken of.
constexpr double kMinRopeTheta = 1;
constexpr double kMaxRopeTheta = 1e15;
/// Largest head dimension.
constexpr int64_t kMaxHeadDim = 4096;

/// A double and whether it is shown to be the one nearest to the exact value.
struct RoundedPower {
  double value = 0;
  bool isCorrectlyRounded = false;
};

/// Returns `theta^(-index / count)` for 0 <= index < count <= kMaxHeadDim / 2
/// and a theta in [kMinRopeTheta, kMaxRopeTheta]. The error before rounding is
/// less than 2^-105 of the value; `isCorrectlyRounded` says that no tie between
/// two doubles lies within that error.
RoundedPower computeInversePower(double theta, int64_t index, int64_t count);

/// Returns the head_dim / 2 inverse frequencies, in radians per position:
/// ```
/// f[i] = theta^(-2i / head_dim)                                  none
/// f[i] / factor                                                  linear
/// f[i] / factors[i]                                              factors
/// llama3, with L = original_max_positions, w = 2 pi / f[i]:
///   f[i]                         if w < L / high
///   f[i] / factor                if w > L / low
///   (1 - s) * f[i] / factor + s * f[i],  s = (L / w - low) / (high - low)
/// ```
std::vector<double> computeInverseFrequencies(double theta, int64_t headDim,
                                              const RopeScaling &scaling);

} // namespace lamina

#endif // LAMINA_IMPORT_INVERSEFREQUENCIES_H
