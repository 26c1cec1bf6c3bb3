//===- CollectOps.h - The ops that a module pass works on -----------------===//

#ifndef LAMINA_LIB_TRANSFORMS_COLLECTOPS_H
#define LAMINA_LIB_TRANSFORMS_COLLECTOPS_H

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/SymbolTable.h"

namespace lamina {

/// Returns the ops of type `OpT` in `function` in program order, an op behind
/// those in its regions. Leaves out nested modules: their symbols are other
/// ones, and a pass that runs on them is given them as its module.
template <typename OpT>
llvm::SmallVector<OpT> collectOps(mlir::func::FuncOp function) {
  llvm::SmallVector<OpT> ops;
  mlir::Operation *module = function->getParentOp();
  function->walk([&](OpT op) {
    if (mlir::SymbolTable::getNearestSymbolTable(op) == module)
      ops.push_back(op);
  });
  return ops;
}

/// Returns those of all functions of `module`.
template <typename OpT>
llvm::SmallVector<OpT> collectOps(mlir::ModuleOp module) {
  llvm::SmallVector<OpT> ops;
  for (auto function : module.getOps<mlir::func::FuncOp>())
    llvm::append_range(ops, collectOps<OpT>(function));
  return ops;
}

} // namespace lamina

#endif // LAMINA_LIB_TRANSFORMS_COLLECTOPS_H
