//===- CheckBackEnd.cpp - Modules of the stage llvm from outside ----------===//
//
// LLVM's dialect and its back end trust a module: a damaged one (an index
// behind the fields of a struct, an array larger than its initialiser) crashes
// them, or does not end. So a child goes all the way first.
//
//===----------------------------------------------------------------------===//

#include "Compilation.h"

#include "lamina/Target/ObjectFile.h"
#include "lamina/Tools/BytecodeGuard.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/SourceMgr.h"

using namespace lamina;

/// Makes an object of the module in `file`, and drops it.
static bool makesObject(llvm::MemoryBufferRef file,
                        const mlir::DialectRegistry &registry,
                        llvm::raw_ostream &messages) {
  mlir::MLIRContext context(registry, mlir::MLIRContext::Threading::DISABLED);
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(
      llvm::MemoryBuffer::getMemBuffer(file, /*RequiresNullTerminator=*/false),
      llvm::SMLoc());
  mlir::SourceMgrDiagnosticHandler printer(sources, &context, messages);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(sources, &context);
  llvm::raw_null_ostream nowhere;
  return module &&
         mlir::succeeded(emitObject(*module, TargetOptions(), nowhere));
}

int lamina::checkBackEnd(llvm::MemoryBufferRef file,
                         const mlir::DialectRegistry &registry) {
  GuardedBytecode result =
      guardCheck(file, "LLVM's back end", [&](llvm::raw_ostream &messages) {
        return makesObject(file, registry, messages);
      });
  llvm::errs() << result.messages;
  return int(result.code);
}
