//===- Arguments.h - Arguments drawn from a seed ----------------*- C++ -*-===//

#ifndef LAMINA_LIB_INTERPRETER_ARGUMENTS_H
#define LAMINA_LIB_INTERPRETER_ARGUMENTS_H

#include "RankEvaluator.h"

namespace lamina {

/// Draws the arguments of `function` for every rank (docs/numerics.md, "Seeded
/// values"); the first index is the rank. Sets `error` and `outcome` and
/// returns nothing if an argument has a type without values (unsupported) or
/// too many elements (limit).
std::vector<llvm::SmallVector<RuntimeValue>>
drawArguments(mlir::func::FuncOp function, const InterpreterOptions &options,
              int64_t ranks, const WeightTable &weights,
              const mlir::SymbolTable &symbols, std::string &error,
              Outcome &outcome);

} // namespace lamina

#endif // LAMINA_LIB_INTERPRETER_ARGUMENTS_H
