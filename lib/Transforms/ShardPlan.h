//===- ShardPlan.h - How a module is split over the ranks -----------------===//

#ifndef LAMINA_LIB_TRANSFORMS_SHARDPLAN_H
#define LAMINA_LIB_TRANSFORMS_SHARDPLAN_H

#include "lamina/IR/LlamaOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/MapVector.h"

namespace lamina {

/// One reason why a module cannot be split.
struct ShardProblem {
  std::string subject; // a weight or an op
  std::string reason;
};

/// How weights and activations are split. Weights and values that are not named
/// are whole on every rank.
struct ShardPlan {
  int64_t ranks = 1;
  // By llama.weight; null where some op reads the weight whole.
  llvm::MapVector<mlir::Operation *, SplitAttr> splits;
  llvm::DenseMap<mlir::Value, ColumnsAttr> columns; // by activation
  llvm::SmallVector<ShardProblem> problems;
};

/// Plans the split of a module of the `import` stage over `ranks` ranks;
/// changes nothing. The plan holds only if it has no problems.
ShardPlan planSharding(mlir::ModuleOp module, int64_t ranks);

/// Prints a split as a user would say it: `whole`, `rows in units of 8`.
std::string describeSplit(SplitAttr split);

/// The most ranks that `findPossibleRanks` tries.
inline constexpr int64_t kMostRanksTried = 128;

/// Returns the numbers of ranks, up to kMostRanksTried, that the module can be
/// split over.
llvm::SmallVector<int64_t> findPossibleRanks(mlir::ModuleOp module);

/// True if the results of `linear` are returned and read by nothing else, from
/// a function of one block that nothing calls: then they are split, and
/// gathered on rank 0.
bool isGatheredAtRoot(LinearOp linear);

} // namespace lamina

#endif // LAMINA_LIB_TRANSFORMS_SHARDPLAN_H
