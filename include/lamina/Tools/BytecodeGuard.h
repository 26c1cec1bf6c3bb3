//===- BytecodeGuard.h - Reads bytecode in a child process ----------------===//
//
// MLIR 22's bytecode reader trusts the counts and the indices of a file: with
// damaged ones it writes behind its tables, follows attributes that refer to
// themselves for ever, reserves any amount of memory, or gives up without a
// word. So bytecode from outside is read by a child first; this process reads
// only what the child has written anew.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TOOLS_BYTECODEGUARD_H
#define LAMINA_TOOLS_BYTECODEGUARD_H

#include "lamina/Support/Diagnostics.h"
#include "mlir/IR/DialectRegistry.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <memory>
#include <string>

namespace lamina {

struct BytecodeGuardOptions {
  /// Whether the child runs the verifiers.
  bool verify = true;
  /// Whether ops and attributes of unknown dialects may stand in the file.
  bool allowUnregistered = false;
  /// Whether a module is put around what is no module.
  bool implicitModule = true;
  /// Processor time of the child in milliseconds; 0 is `getReadingTime`.
  int64_t milliseconds = 0;
};

/// What became of a file.
struct GuardedBytecode {
  /// `Success`; `Malformed`; `Unsupported` for a newer version of the dialect;
  /// `Limit` if there can be no child.
  ExitCode code = ExitCode::Success;
  /// What the reader and the verifiers said, or one `error:` line for a reader
  /// that died, did not end or was silent. Whole lines; empty on success.
  std::string messages;
  /// The module as bytecode of this version, with the file's name; null on
  /// failure.
  std::unique_ptr<llvm::MemoryBuffer> buffer;
};

/// Returns the processor time in milliseconds within which a child has to read
/// `bytes` bytes of bytecode: 5 s, and 1 s for each MiB.
int64_t getReadingTime(size_t bytes);

/// Reads `file` in a child, and writes it anew there. To be called before this
/// process starts threads. The child has half of this process's stack, so that
/// what it can read can be read here, and at most 2 GiB and 64 times the size
/// of the file of memory.
GuardedBytecode guardBytecode(llvm::MemoryBufferRef file,
                              const mlir::DialectRegistry &registry,
                              const BytecodeGuardOptions &options = {});

/// Runs `check` in such a child, for code that trusts the module of `file`;
/// `subject` says whose code that is. `check` returns whether `file` is right,
/// and may write messages. The result has no buffer.
GuardedBytecode
guardCheck(llvm::MemoryBufferRef file, llvm::StringRef subject,
           llvm::function_ref<bool(llvm::raw_ostream &messages)> check);

} // namespace lamina

#endif // LAMINA_TOOLS_BYTECODEGUARD_H
