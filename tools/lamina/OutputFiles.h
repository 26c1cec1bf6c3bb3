//===- OutputFiles.h - Where a command writes to ----------------*- C++ -*-===//

#ifndef LAMINA_TOOLS_LAMINA_OUTPUTFILES_H
#define LAMINA_TOOLS_LAMINA_OUTPUTFILES_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <string>

namespace lamina {

/// Fails with a usage error of `command` if `output` is one of the files in
/// `inputs`, under whatever name: a mistaken `-o` must not cost the model.
/// Returns the exit code.
int checkOutput(llvm::StringRef command, const std::string &output,
                llvm::ArrayRef<std::string> inputs);

/// While this lives, a signal that ends the process removes the file; its end
/// removes it too.
class TemporaryFile {
public:
  /// Makes an empty file in the folder for temporary files. `get` is empty if
  /// that failed, which has been printed.
  explicit TemporaryFile(llvm::StringRef suffix);
  /// A name for what is to become `output`; there is no file of it yet.
  static TemporaryFile beside(const std::string &output);
  TemporaryFile(const TemporaryFile &) = delete;
  TemporaryFile &operator=(const TemporaryFile &) = delete;
  ~TemporaryFile();

  const std::string &get() const { return path; }

private:
  struct Name {
    std::string path;
  };
  explicit TemporaryFile(Name name);

  std::string path;
};

/// While this lives, a signal that ends the process removes what has been
/// written of `output`: `<output>.tmp.<pid>`, as `writeOutput` and
/// `linkProgram` call it.
class UnfinishedOutput {
public:
  explicit UnfinishedOutput(const std::string &output);
  UnfinishedOutput(const UnfinishedOutput &) = delete;
  UnfinishedOutput &operator=(const UnfinishedOutput &) = delete;
  ~UnfinishedOutput();

private:
  std::string path;
};

} // namespace lamina

#endif // LAMINA_TOOLS_LAMINA_OUTPUTFILES_H
