//===- lamina.cpp - From a model to an answer -----------------------------===//
//
// The commands; each is a file. Flags only: imports, rewrites and the lowering
// are in lib.
//
//===----------------------------------------------------------------------===//

#include "Commands.h"
#include "MutedErrors.h"
#include "Options.h"
#include "lamina/Support/FatalErrors.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <csignal>
#include <fcntl.h>
#include <unistd.h>

using namespace lamina;

namespace {

constexpr llvm::StringLiteral kVersion =
    "lamina " LAMINA_VERSION " (LLVM " LLVM_VERSION_STRING ")\n";

struct Command {
  llvm::StringRef name;
  int (*run)(const std::vector<std::string> &arguments);
};

int runModel(const std::vector<std::string> &arguments) {
  return runProgram("run", arguments);
}
int runChat(const std::vector<std::string> &arguments) {
  return runProgram("chat", arguments);
}

int runBench(const std::vector<std::string> &arguments) {
  return runProgram("bench", arguments);
}

constexpr Command commands[] = {
    {"run", runModel},         {"chat", runChat},       {"bench", runBench},
    {"compile", runCompile},   {"inspect", runInspect}, {"ir", runIr},
    {"tokenize", runTokenize}, {"compare", runCompare},
};

/// Commands whose options are the program's too.
bool endsInProgram(llvm::StringRef command) {
  return command == "run" || command == "chat" || command == "bench";
}

const Command *findCommand(llvm::StringRef name) {
  auto command = llvm::find_if(
      commands, [&](const Command &other) { return other.name == name; });
  return command == std::end(commands) ? nullptr : command;
}

constexpr llvm::StringLiteral kExpected =
    "no command, expected run, chat, bench, compile, inspect, ir, tokenize or "
    "compare";

int failUnknown(const std::string &name) {
  std::string message = quoted(name) + ": " + kExpected.str();
  const Command *nearest = nullptr;
  unsigned least = 3;
  for (const Command &command : commands) {
    // Two edits make a name of two letters any other one.
    unsigned distance = command.name.edit_distance(name);
    if (distance < least && distance <= command.name.size() / 2) {
      least = distance;
      nearest = &command;
    }
  }
  if (nearest)
    message += "; did you mean " + nearest->name.str() + "?";
  return failUsage("", message);
}

bool isHelp(llvm::StringRef argument) {
  return argument == "--help" || argument == "-help" || argument == "-h";
}

/// Whether the arguments of `command` ask for its help. Behind a model they may
/// ask for the program's.
bool wantsHelp(llvm::StringRef command,
               const std::vector<std::string> &arguments) {
  auto end = llvm::find(arguments, "--");
  auto found = std::find_if(arguments.begin(), end, isHelp);
  auto isOperand = [](llvm::StringRef argument) {
    return !argument.starts_with("-");
  };
  return found != end && (!endsInProgram(command) ||
                          std::none_of(arguments.begin(), found, isOperand));
}

/// `lamina help`, `lamina --help` and the like: of everything, or of a command.
int printHelp(const std::vector<std::string> &names) {
  if (names.empty() || isHelp(names.front()) || names.front() == "help")
    return printAnswer(getHelp());
  if (names.size() > 1)
    return failUsage("", quoted(names[1]) + ": behind a command, expected "
                                            "nothing");
  if (!findCommand(names.front()))
    return failUnknown(names.front());
  return printAnswer(getHelp(names.front()));
}

/// Fills closed descriptors, so that no file gets the number of a standard
/// stream. Fails without a standard output.
bool prepareStandardStreams() {
  bool hasOutput = fcntl(STDOUT_FILENO, F_GETFD) != -1;
  // open returns the lowest free number.
  for (int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (fcntl(descriptor, F_GETFD) == -1 && open("/dev/null", O_RDWR) < 0)
      break;
  return hasOutput;
}

/// What LLVM allocates without `new` fails as `new` does.
void reportAllFatalErrors() {
  reportFatalErrors(llvm::sys::RunInterruptHandlers);
  llvm::install_bad_alloc_error_handler(
      [](void *, const char *, bool) { failWithoutMemory(); });
}

int runCommand(std::vector<std::string> arguments) {
  if (arguments.empty())
    return failUsage("", kExpected);
  std::string name = arguments.front();
  arguments.erase(arguments.begin());
  if (isHelp(name) || name == "help")
    return printHelp(arguments);
  if (name == "--version")
    return printAnswer(kVersion);
  const Command *command = findCommand(name);
  if (!command)
    return failUnknown(name);
  if (wantsHelp(name, arguments))
    return printAnswer(getHelp(name));
  return command->run(arguments);
}

} // namespace

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_DFL);
  reportAllFatalErrors();
  if (!prepareStandardStreams())
    return fail(ExitCode::InputOutput, "standard output: closed");
  muteErrors();
  int code = runCommand({argv + std::min(argc, 1), argv + argc});
  // A message that could not be written does not change what has happened.
  llvm::errs().clear_error();
  return code;
}
