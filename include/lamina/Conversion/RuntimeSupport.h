//===- RuntimeSupport.h - What the runtime can do -------------------------===//

#ifndef LAMINA_CONVERSION_RUNTIMESUPPORT_H
#define LAMINA_CONVERSION_RUNTIMESUPPORT_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

namespace lamina {

/// Returns the entry of a module of the tensor stages, `@step`, or null.
mlir::func::FuncOp findStep(mlir::ModuleOp module);

/// Checks that the runtime can do all of `module`, of the stages `sharded` to
/// `planned`. Emits every reason why not, at its op. A module that verifies and
/// fails here is valid and unsupported.
mlir::LogicalResult checkRuntimeSupport(mlir::ModuleOp module);

} // namespace lamina

#endif // LAMINA_CONVERSION_RUNTIMESUPPORT_H
