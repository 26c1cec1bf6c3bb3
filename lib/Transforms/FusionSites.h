//===- FusionSites.h - Where residual, all-reduce and norm can fuse -------===//
//
// The matcher that the fusion, its remarks and `--llama-require-fusion` share.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_LIB_TRANSFORMS_FUSIONSITES_H
#define LAMINA_LIB_TRANSFORMS_FUSIONSITES_H

#include "lamina/IR/LlamaOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <variant>

namespace lamina {

/// Ops that can become one fused op.
struct FusionMatch {
  RmsNormOp norm;
  AddOp add;
  mlir::Operation *sum =
      nullptr;        // all_reduce or reduce_scatter; one rank: null
  AllGatherOp gather; // of normed rows; null if they are whole
  mlir::Value residual;
  mlir::Value update; // the operand of the fused op: partial or whole
};

/// Why a site did not match, and what to change.
struct FusionMiss {
  llvm::StringRef name;
  llvm::StringRef reason;
  llvm::StringRef suggestion;
};

using FusionResult = std::variant<FusionMatch, FusionMiss>;

/// True if `norm` is a site: its input is a residual add and, with several
/// ranks or a residual in rows, the add has a sum over ranks. The add may be
/// inside a fused op; casts and reshapes may stand in between. Code that cannot
/// be reached has no sites.
bool isFusionSite(RmsNormOp norm, int64_t ranks);

/// Checks every condition of the fusion at a site; changes nothing.
FusionResult matchFusionSite(RmsNormOp norm, int64_t ranks);

/// How often `op` runs in one step: the product of the counts of the
/// `llama.layers` around it, or the largest int64_t where it does not fit.
int64_t getExecutionCount(mlir::Operation *op);

/// What a rewrite saves in one step: `before` less `after`, each time it runs.
Cost getSavings(const Cost &before, const Cost &after, int64_t executions);

/// Returns the name of the function around `op`, for remarks.
llvm::StringRef getFunctionName(mlir::Operation *op);

} // namespace lamina

#endif // LAMINA_LIB_TRANSFORMS_FUSIONSITES_H
