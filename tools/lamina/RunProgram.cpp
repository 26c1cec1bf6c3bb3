//===- RunProgram.cpp - lamina run, chat and bench ------------------------===//
//
// Compiles if need be, then becomes the program. The program has a command line
// of its own; what is no option of lamina goes to it as it is.
//
//===----------------------------------------------------------------------===//

#include "Commands.h"
#include "MutedErrors.h"
#include "ProgramCache.h"
#include "llvm/Option/Option.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace lamina;
using llvm::StringRef;

namespace {

/// A command line of `run`, cut in two.
struct SplitArguments {
  std::vector<std::string> own;       ///< the model and lamina's options
  std::vector<std::string> forwarded; ///< the program's
};

/// Options of lamina stand anywhere before `--`. The model is the first
/// argument that is no option; it comes before the options of the program,
/// whose values are not known here. Prints what is wrong and returns nothing.
std::optional<SplitArguments> split(const std::vector<std::string> &arguments,
                                    StringRef command) {
  SplitArguments result;
  std::optional<std::string> model;
  bool isOver = false;
  for (auto it = arguments.begin(); it != arguments.end(); ++it) {
    const std::string &argument = *it;
    if (!isOver && argument == "--") {
      isOver = true;
    } else if (!isOver && takesNextArgument(command, argument)) {
      result.own.push_back(argument);
      if (std::next(it) != arguments.end())
        result.own.push_back(*++it);
    } else if (!isOver && isOptionOf(command, argument)) {
      result.own.push_back(argument);
    } else if (model) {
      result.forwarded.push_back(argument);
    } else if (isOver || !StringRef(argument).starts_with("-")) {
      model = argument;
    } else {
      failUsage(command, quoted(argument) + ": before the model, expected the "
                                            "options of the program behind it");
      return std::nullopt;
    }
  }
  if (model)
    result.own.insert(result.own.end(), {"--", *model});
  return result;
}

/// Replaces this process; returns only if that fails. A program that is not
/// kept loses its name before it starts: nothing is left behind, however it
/// ends.
int become(const std::string &program, std::vector<std::string> arguments,
           bool isKept) {
  std::vector<char *> pointers;
  std::string name = program;
  pointers.push_back(name.data());
  for (std::string &argument : arguments)
    pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  restoreErrors();
  if (isKept) {
    execv(program.c_str(), pointers.data());
  } else if (int descriptor = open(program.c_str(), O_RDONLY | O_CLOEXEC);
             descriptor >= 0) {
    unlink(program.c_str());
    fexecve(descriptor, pointers.data(), environ);
  }
  return fail(ExitCode::InputOutput, program + ": " + std::strerror(errno));
}

} // namespace

int lamina::runProgram(const std::string &command,
                       const std::vector<std::string> &arguments) {
  std::optional<SplitArguments> parts = split(arguments, command);
  if (!parts)
    return int(ExitCode::Usage);
  std::optional<CommandLine> line = parseCommandLine(command, parts->own);
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
    parts->forwarded.insert(parts->forwarded.begin(), "--" + command);
  return become(program, std::move(parts->forwarded), !isPrivate);
}
