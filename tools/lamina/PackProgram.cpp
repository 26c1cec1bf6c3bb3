//===- PackProgram.cpp - A program and its packed weights -----------------===//

#include "ChildProcess.h"
#include "Compilation.h"
#include "OutputFiles.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"

using namespace lamina;

/// The program packs its weights itself, with the code that reads them. Both
/// files get their names when both are whole.
int Compilation::writePackedProgram(const std::string &output) {
  std::string weights = output + kPackedSuffix.str();
  for (const std::string &path : {output, weights})
    if (llvm::sys::fs::exists(path) && !llvm::sys::fs::is_regular_file(path))
      return fail(ExitCode::InputOutput,
                  path + ": output: not a regular file, expected a file");
  TemporaryFile newProgram = TemporaryFile::beside(output),
                newWeights = TemporaryFile::beside(weights);
  if (int code = linkTo(newProgram.get()))
    return code;
  // The child fills this file. A name that it made itself could appear after a
  // signal has removed the files of this process.
  int descriptor = -1;
  if (std::error_code code = llvm::sys::fs::openFileForWrite(
          newWeights.get(), descriptor, llvm::sys::fs::CD_CreateNew))
    return fail(ExitCode::InputOutput, weights + ": " + code.message());
  llvm::sys::Process::SafelyCloseFileDescriptor(descriptor);
  if (int code =
          runAndWait(newProgram.get(),
                     {"--fill-packed", "--write-packed", newWeights.get()}))
    return code; // the program has said why
  note("packed " + weights);
  std::error_code error = llvm::sys::fs::rename(newWeights.get(), weights);
  if (!error) {
    error = llvm::sys::fs::rename(newProgram.get(), output);
    if (error)
      llvm::sys::fs::remove(weights);
  }
  return error ? fail(ExitCode::InputOutput, output + ": " + error.message())
               : 0;
}
