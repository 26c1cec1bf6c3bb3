//===- Interpreter.h - The meaning of the tensor-stage ops ----------------===//
//
// Runs a function of the `import`, `sharded` or `fused` stage for all ranks of
// its module in one process, one thread a rank. Safe to call from several
// threads; fast enough to be called thousands of times on small programs.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_INTERPRETER_INTERPRETER_H
#define LAMINA_INTERPRETER_INTERPRETER_H

#include "lamina/Interpreter/SeededValues.h"
#include "lamina/Interpreter/Tensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace lamina {

/// What the ops compute with.
enum class Arithmetic {
  stated, // docs/numerics.md, bit for bit
  f64     // every operation in f64; only weights and arguments are rounded
};

struct InterpreterOptions {
  /// Size of every dynamic dimension of an argument.
  int64_t tokens = 5;
  uint64_t inputSeed = 0;
  uint64_t weightSeed = 0;
  /// The folder of the files that placements name; empty: weights are seeded.
  std::string modelFolder;
  /// Token ids, in place of drawn ones; then `tokens` is their number.
  std::vector<int32_t> ids;
  Arithmetic arithmetic = Arithmetic::stated;
  /// Weights of earlier runs; null draws or reads them anew.
  WeightCache *weights = nullptr;
};

/// How a run ended.
enum class Outcome {
  ok,
  malformed,   // the program reads what is not there (a row, a cached position)
  unsupported, // an op or a type that the interpreter does not evaluate
  inputOutput, // a file of the model cannot be read
  limit,       // more layers, weights or arguments than the interpreter takes
  checkFailed // a dead-lock, other rows on another rank, or a replicated result
              // that differs on a rank
};

struct Interpretation {
  Outcome outcome = Outcome::ok;
  /// One line, empty if `outcome` is `ok`.
  std::string message;
  /// The results: replicated ones as every rank has them, columns joined in
  /// rank order, partial sums added up in rank order, roots from rank 0;
  /// integers as i64 scalars. With `Arithmetic::f64`, floating-point elements
  /// are f64.
  std::vector<Tensor> results;

  bool isOk() const { return outcome == Outcome::ok; }
};

/// Runs `function` for the `llama.ranks` ranks of its module (1 without the
/// attribute). The module has been verified. Arguments are drawn as
/// docs/numerics.md, "Seeded values", says: activations in [-1, 1) in their
/// type (a partial sum gets another addend on each rank); row indices by their
/// use (ids within the vocabulary, positions and wanted rows from 0 on, one
/// sequence); scalars on each rank anew (i1 0 or 1, index and integers 0 to 3).
Interpretation interpret(mlir::func::FuncOp function,
                         const InterpreterOptions &options);

} // namespace lamina

#endif // LAMINA_INTERPRETER_INTERPRETER_H
