//===- ModuleFile.h - Module files from outside ---------------------------===//

#ifndef LAMINA_TOOLS_MODULEFILE_H
#define LAMINA_TOOLS_MODULEFILE_H

#include "lamina/Tools/BytecodeGuard.h"

namespace lamina {

/// A file that MLIR's parsers may be given: text or bytecode.
struct ModuleFile {
  /// `Success`, `InputOutput`, or why the file is refused.
  ExitCode code = ExitCode::Success;
  /// What to print, whole lines; empty on success.
  std::string messages;
  /// The content, with the file's name; null on failure.
  std::unique_ptr<llvm::MemoryBuffer> buffer;
};

/// Reads the file `path`, or standard input for `-`. Text that nests too deep
/// to be parsed is refused, and bytecode goes through `guardBytecode`. To be
/// called before this process starts threads.
ModuleFile readModuleFile(const std::string &path,
                          const mlir::DialectRegistry &registry,
                          const BytecodeGuardOptions &options = {});

} // namespace lamina

#endif // LAMINA_TOOLS_MODULEFILE_H
