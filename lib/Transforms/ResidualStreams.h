//===- ResidualStreams.h - Where fused ops hand the residual on -----------===//

#ifndef LAMINA_LIB_TRANSFORMS_RESIDUALSTREAMS_H
#define LAMINA_LIB_TRANSFORMS_RESIDUALSTREAMS_H

#include "lamina/IR/LlamaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace lamina {

/// A whole residual that fused ops and loops hand on to each other.
struct ResidualStream {
  /// In program order; at least one.
  llvm::SmallVector<AllReduceResidualRmsNormOp> sites;
  /// Loops and the number of the iteration value that carries the stream.
  llvm::SmallVector<std::pair<LayersOp, unsigned>> loops;
  /// How often the sites run in a step; the largest int64_t where it does not
  /// fit.
  int64_t sitesRun = 0;
  /// How often a value is made in a step that an op outside the stream reads,
  /// and one such op.
  int64_t gathersRun = 0;
  mlir::Operation *reader = nullptr;
};

/// Returns the streams of `function`, by their first site. A residual that is
/// in rows already belongs to none. Iteration values that yield what a fused op
/// of the stream made, or another iteration value of it, carry the stream; the
/// value that comes into it from elsewhere does not belong to it.
llvm::SmallVector<ResidualStream>
findResidualStreams(mlir::func::FuncOp function);

} // namespace lamina

#endif // LAMINA_LIB_TRANSFORMS_RESIDUALSTREAMS_H
