//===- Registration.cpp - What every tool knows ---------------------------===//

#include "lamina/Registration.h"

#include "lamina/Conversion/Passes.h"
#include "lamina/IR/LlamaDialect.h"
#include "lamina/Pipelines.h"
#include "lamina/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Func/Extensions/AllExtensions.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Transforms/Passes.h"

void lamina::registerDialects(mlir::DialectRegistry &registry) {
  registry
      .insert<LlamaDialect, mlir::func::FuncDialect, mlir::arith::ArithDialect,
              mlir::tensor::TensorDialect, mlir::scf::SCFDialect,
              mlir::cf::ControlFlowDialect, mlir::LLVM::LLVMDialect>();
  // Without it, `--inline` does nothing.
  mlir::func::registerAllExtensions(registry);
}

void lamina::registerPasses() {
  mlir::registerTransformsPasses();
  registerLaminaTransformsPasses();
  registerLaminaConversionPasses();
  registerPipelines();
}
