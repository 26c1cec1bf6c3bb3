//===- lamina-reduce.cpp - Makes a failing module smaller -----------------===//

#include "lamina/Registration.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"

int main(int argc, char **argv) {
  lamina::registerPasses();
  mlir::DialectRegistry registry;
  lamina::registerDialects(registry);
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context));
}
