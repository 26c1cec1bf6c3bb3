//===- OutputFiles.cpp - Where a command writes to ------------------------===//

#include "OutputFiles.h"

#include "Options.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Signals.h"

using namespace lamina;
using llvm::StringRef;

int lamina::checkOutput(StringRef command, const std::string &output,
                        llvm::ArrayRef<std::string> inputs) {
  if (output == "-")
    return 0;
  for (const std::string &input : inputs) {
    bool isSame = false;
    if (!llvm::sys::fs::equivalent(output, input, isSame) && isSame)
      return failUsage(command, "-o: " + output + ": the same file as " +
                                    input + ", expected another file");
  }
  return 0;
}

TemporaryFile::TemporaryFile(StringRef suffix) {
  llvm::SmallString<128> name;
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("lamina", suffix, name)) {
    fail(ExitCode::InputOutput, "temporary file: " + code.message(),
         "set TMPDIR to a folder that can be written");
    return;
  }
  path = name.str().str();
  llvm::sys::RemoveFileOnSignal(path);
}

TemporaryFile::TemporaryFile(Name name) : path(std::move(name.path)) {
  llvm::sys::RemoveFileOnSignal(path);
}

TemporaryFile TemporaryFile::beside(const std::string &output) {
  return TemporaryFile(Name{
      output + ".new." + std::to_string(llvm::sys::Process::getProcessId())});
}

TemporaryFile::~TemporaryFile() {
  if (path.empty())
    return;
  llvm::sys::fs::remove(path);
  llvm::sys::DontRemoveFileOnSignal(path);
}

UnfinishedOutput::UnfinishedOutput(const std::string &output)
    : path(output + ".tmp." +
           std::to_string(llvm::sys::Process::getProcessId())) {
  llvm::sys::RemoveFileOnSignal(path);
}

UnfinishedOutput::~UnfinishedOutput() {
  llvm::sys::DontRemoveFileOnSignal(path);
}
