//===- ModuleFile.cpp - Module files from outside -------------------------===//

#include "lamina/Tools/ModuleFile.h"

#include "lamina/Support/Nesting.h"
#include "mlir/Bytecode/BytecodeReader.h"

using namespace lamina;

static ModuleFile fail(const InputError &error) {
  return {error.code, toString(error) + "\n", nullptr};
}

ModuleFile lamina::readModuleFile(const std::string &path,
                                  const mlir::DialectRegistry &registry,
                                  const BytecodeGuardOptions &options) {
  auto buffer = llvm::MemoryBuffer::getFileOrSTDIN(path);
  if (std::error_code error = buffer.getError())
    return fail({ExitCode::InputOutput, path, "", "file", error.message(),
                 "a readable file", ""});
  llvm::MemoryBufferRef content = (*buffer)->getMemBufferRef();
  if (mlir::isBytecode(content)) {
    GuardedBytecode guarded = guardBytecode(content, registry, options);
    return {guarded.code, std::move(guarded.messages),
            std::move(guarded.buffer)};
  }
  llvm::StringRef text = content.getBuffer();
  if (std::optional<InputError> error =
          findDeepNesting(content.getBufferIdentifier().str(),
                          std::string_view(text.data(), text.size())))
    return fail(*error);
  return {ExitCode::Success, "", std::move(*buffer)};
}
