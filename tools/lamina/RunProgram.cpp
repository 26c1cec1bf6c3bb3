//===- RunProgram.cpp - lamina run, chat and bench ------------------------===//
//
// Compiles if need be, then becomes the program. The program has a command line
// of its own; what is no option of lamina goes to it as it is.
//
//===----------------------------------------------------------------------===//

#include "Commands.h"
#include "ProgramCache.h"
#include "llvm/Option/Option.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"

#include <cerrno>
#include <cstring>
#include <unistd.h>

using namespace lamina;
using llvm::StringRef;

namespace {

/// A command line of `run`, cut in two.
struct SplitArguments {
  std::vector<std::string> own;       ///< the model and lamina's options
  std::vector<std::string> forwarded; ///< the program's
};

/// Options of lamina stand anywhere before `--`; each is one argument. The
/// model is the first argument that is none of them.
SplitArguments split(const std::vector<std::string> &arguments,
                     StringRef command) {
  SplitArguments result;
  bool hasModel = false, isOver = false;
  for (const std::string &argument : arguments) {
    if (!isOver && argument == "--") {
      isOver = true;
    } else if (!isOver && isOptionOf(command, argument)) {
      result.own.push_back(argument);
    } else if (!hasModel && !StringRef(argument).starts_with("-")) {
      result.own.push_back(argument);
      hasModel = true;
    } else {
      result.forwarded.push_back(argument);
    }
  }
  return result;
}

/// Replaces this process; returns only if that fails.
int become(const std::string &program, std::vector<std::string> arguments) {
  std::vector<char *> pointers;
  std::string name = program;
  pointers.push_back(name.data());
  for (std::string &argument : arguments)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  execv(program.c_str(), pointers.data());
  return fail(ExitCode::InputOutput, program + ": " + std::strerror(errno));
}

/// Runs the program and waits: for one that is removed afterwards.
int runAndWait(const std::string &program,
               const std::vector<std::string> &arguments) {
  std::vector<StringRef> references{program};
  references.insert(references.end(), arguments.begin(), arguments.end());
  std::string reason;
  int code = llvm::sys::ExecuteAndWait(program, references, std::nullopt, {}, 0,
                                       0, &reason);
  if (code < 0)
    return fail(ExitCode::InternalError, program + ": " + reason);
  return code;
}

} // namespace

int lamina::runProgram(const std::string &command,
                       const std::vector<std::string> &arguments) {
  SplitArguments parts = split(arguments, command);
  std::optional<CommandLine> line = parseCommandLine(command, parts.own);
  if (!line)
    return int(ExitCode::Usage);
  std::optional<CompileRequest> request = CompileRequest::create(*line);
  if (!request)
    return int(ExitCode::Usage);
  bool isPrivate = line->options.hasArg(OPT_no_cache);
  std::string program;
  if (int code = findProgram(*request, isPrivate, program))
    return code;
  // The program's modes have the names of the commands.
  if (command != "run")
    parts.forwarded.insert(parts.forwarded.begin(), "--" + command);
  return isPrivate ? runAndWait(program, parts.forwarded)
                   : become(program, std::move(parts.forwarded));
}
