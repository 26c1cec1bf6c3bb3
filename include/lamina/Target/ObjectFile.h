//===- ObjectFile.h - From the llvm stage to machine code -----------------===//

#ifndef LAMINA_TARGET_OBJECTFILE_H
#define LAMINA_TARGET_OBJECTFILE_H

#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/raw_ostream.h"

#include <string>

namespace lamina {

struct TargetOptions {
  /// Empty: the host.
  std::string triple;
  /// Empty: `x86-64-v2` on x86-64, else the triple's baseline. A step only
  /// calls, so a newer level would gain nothing.
  std::string cpu;
};

/// Makes the translations to LLVM IR known; the tools' registry needs them
/// before `emitObject` and `emitLLVMIR`.
void registerTargetTranslations(mlir::DialectRegistry &registry);

/// Writes a module of the stage `llvm` as LLVM IR in text form. The same module
/// gives the same bytes. Emits an error if it cannot be translated.
mlir::LogicalResult emitLLVMIR(mlir::ModuleOp module,
                               const TargetOptions &options,
                               llvm::raw_ostream &os);

/// Writes a module of the stage `llvm` as a position-independent object file.
/// The same module gives the same bytes.
mlir::LogicalResult emitObject(mlir::ModuleOp module,
                               const TargetOptions &options,
                               llvm::raw_pwrite_stream &os);

} // namespace lamina

#endif // LAMINA_TARGET_OBJECTFILE_H
