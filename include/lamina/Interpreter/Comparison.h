//===- Comparison.h - Comparing the results of two programs ---------------===//

#ifndef LAMINA_INTERPRETER_COMPARISON_H
#define LAMINA_INTERPRETER_COMPARISON_H

#include "lamina/Interpreter/Interpreter.h"

namespace lamina {

/// How one result of a program differs from the reference's.
struct Difference {
  /// Same shape, and the same bits in every element (a NaN equals a NaN).
  bool isBitEqual = false;
  /// Shapes and element types agree.
  bool isComparable = false;
  /// Largest |delta|; infinity where only one side is a number.
  double maximum = 0.0;
};

/// Returns the types of the arguments of `function` as they are drawn, in
/// parentheses: dynamic dimensions are `tokens`, and encodings are left out but
/// for partial sums, which are drawn for each rank anew. Two functions of which
/// this is the same are given the same values.
std::string describeArguments(mlir::func::FuncOp function, int64_t tokens);

/// Compares two tensors element by element.
Difference compareTensors(const Tensor &reference, const Tensor &other);

/// Returns the largest |delta| that is taken for rounding (docs/numerics.md,
/// "Bounds"), from what `--arith=stated` and `--arith=f64` make of the
/// reference program and the unit roundoff of its coarsest activations.
double getStatedBound(const Tensor &stated, const Tensor &exact,
                      double unitRoundoff);

/// The same for two runs with `--arith=f64`.
double getExactBound(const Tensor &exact);

/// Returns the unit roundoff of the coarsest activation type in `function` and
/// the functions of its module: 2^-24, 2^-11 or 2^-8.
double getCoarsestUnitRoundoff(mlir::func::FuncOp function);

} // namespace lamina

#endif // LAMINA_INTERPRETER_COMPARISON_H
