//===- CheckBackEnd.cpp - Modules of the stage llvm from outside ----------===//
//
// LLVM's dialect and its back end trust a module: a damaged one (an index
// behind the fields of a struct, an array larger than its initialiser) crashes
// them, or does not end. So a child goes all the way first, unless an array
// alone would take minutes to write.
//
//===----------------------------------------------------------------------===//

#include "Compilation.h"

#include "lamina/Support/CheckedMath.h"
#include "lamina/Target/ObjectFile.h"
#include "lamina/Tools/BytecodeGuard.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/SourceMgr.h"

using namespace lamina;
using mlir::LLVM::LLVMArrayType;
using mlir::LLVM::LLVMStructType;

/// Bytes of the largest array, and of all globals of a module. Programs hold a
/// tokenizer and tables of tensors: a few MiB; weights are files of their own.
static constexpr uint64_t kMaxBytes = uint64_t(1) << 28;

/// Bytes of a value of `type` without padding, or nothing if they do not fit 64
/// bits. A pointer has 8 bytes.
static std::optional<uint64_t> getBytes(mlir::Type type) {
  if (auto array = llvm::dyn_cast<LLVMArrayType>(type)) {
    std::optional<uint64_t> element = getBytes(array.getElementType());
    return element ? checkedMul(*element, uint64_t(array.getNumElements()))
                   : std::nullopt;
  }
  if (auto structure = llvm::dyn_cast<LLVMStructType>(type)) {
    std::optional<uint64_t> sum = 0;
    for (mlir::Type field : structure.getBody()) {
      std::optional<uint64_t> bytes = getBytes(field);
      sum = sum && bytes ? checkedAdd(*sum, *bytes) : std::nullopt;
    }
    return sum;
  }
  if (auto vector = llvm::dyn_cast<mlir::VectorType>(type)) {
    auto count = checkedProduct<int64_t>(vector.getShape());
    std::optional<uint64_t> element = getBytes(vector.getElementType());
    return count && element ? checkedMul(uint64_t(*count), *element)
                            : std::nullopt;
  }
  if (type.isIntOrFloat())
    return (uint64_t(type.getIntOrFloatBitWidth()) + 7) / 8;
  return 8;
}

static std::string describeBytes(std::optional<uint64_t> bytes) {
  return bytes ? std::to_string(*bytes) + " bytes" : "2^64 bytes or more";
}

/// Whether nothing in `module` is too large to become code. Says what is.
static bool fits(mlir::ModuleOp module, llvm::MemoryBufferRef file,
                 llvm::raw_ostream &messages) {
  auto refuse = [&](std::string field, std::string found, const char *where) {
    messages << toString(InputError{
                    ExitCode::Malformed, file.getBufferIdentifier().str(), "",
                    std::move(field), std::move(found),
                    "at most " + std::to_string(kMaxBytes) + where, ""})
             << "\n";
    return false;
  };
  uint64_t total = 0;
  for (auto global : module.getOps<mlir::LLVM::GlobalOp>()) {
    std::optional<uint64_t> bytes = getBytes(global.getGlobalType());
    std::optional<uint64_t> sum =
        bytes ? checkedAdd(total, *bytes) : std::nullopt;
    if (!sum || *sum > kMaxBytes)
      return refuse("@" + global.getSymName().str(), describeBytes(bytes),
                    " in all globals of a module");
    total = *sum;
  }
  LLVMArrayType large;
  mlir::AttrTypeWalker walker;
  walker.addWalk([&](LLVMArrayType array) {
    std::optional<uint64_t> bytes = getBytes(array);
    if (bytes && *bytes <= kMaxBytes)
      return mlir::WalkResult::advance();
    large = array;
    return mlir::WalkResult::interrupt();
  });
  module.walk([&](mlir::Operation *op) {
    walker.walk(op->getAttrDictionary());
    for (mlir::Type type : op->getResultTypes())
      walker.walk(type);
    return mlir::WalkResult(large ? mlir::WalkResult::interrupt()
                                  : mlir::WalkResult::advance());
  });
  return !large ||
         refuse("array", describeBytes(getBytes(large)), " in an array");
}

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
  return module && fits(*module, file, messages) &&
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
