//===- MergeVariants.h - Several numbers of ranks in one module -----------===//

#ifndef LAMINA_CONVERSION_MERGEVARIANTS_H
#define LAMINA_CONVERSION_MERGEVARIANTS_H

#include "mlir/IR/BuiltinOps.h"

namespace lamina {

/// Moves the steps of `other` to `module`: both are of the stage `runtime`,
/// made of one model for different numbers of ranks. Emits an error if the
/// modules differ in what all variants of a program share.
mlir::LogicalResult mergeVariants(mlir::ModuleOp module, mlir::ModuleOp other);

} // namespace lamina

#endif // LAMINA_CONVERSION_MERGEVARIANTS_H
