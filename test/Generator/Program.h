//===- Program.h - A random program and what is known of it ---------------===//

#ifndef LAMINA_TEST_GENERATOR_PROGRAM_H
#define LAMINA_TEST_GENERATOR_PROGRAM_H

#include "NearMiss.h"
#include "Random.h"
#include "lamina/IR/LlamaOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace lamina::generator {

/// What the fusion must say about a module.
struct FusionForecast {
  /// Sites that fuse, as they run in one step.
  int64_t fused = 0;
  /// (name of the norm, name of the missed remark).
  std::set<std::pair<std::string, std::string>> missed;
  /// (name of the norm); only where each norm is written once.
  std::set<std::string> fusedNorms;
};

enum class Family {
  model,      // the import stage: embedding, layers, logits
  partialSums // partial sums written directly, with `llama.ranks`
};

/// A random program. Its function is `@step`.
struct Program {
  Family family = Family::model;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  int64_t ranks = 1;
  int64_t tokens = 1;
  SumMode sum = SumMode::f32;
  /// True if no near miss changes what the canonical form looks like.
  bool isClean = true;
  /// True if every loop rotates, so that unrolling before and after agree.
  bool everyLoopRotates = true;
  /// What became of the choices, for the counts at the end.
  std::vector<std::string> categories;

  /// True if a number of ranks has a shard plan.
  std::function<bool(int64_t ranks)> canSplit;
  /// True if the sums over that number of ranks are those of one rank.
  std::function<bool(int64_t ranks)> isBitEqual;
  /// The model family: after the `fused` pipeline for `ranks`.
  /// Partial sums: after the fusion, of the canonical module or not.
  std::function<FusionForecast(int64_t ranks, bool isCanonical)> forecast;

  void count(llvm::Twine category) { categories.push_back(category.str()); }
};

/// Makes a model of the import stage.
Program makeModel(mlir::MLIRContext *context, Random &random);

/// Makes a module of partial sums.
Program makePartialSums(mlir::MLIRContext *context, Random &random);

} // namespace lamina::generator

#endif // LAMINA_TEST_GENERATOR_PROGRAM_H
