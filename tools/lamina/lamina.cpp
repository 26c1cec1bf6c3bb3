//===- lamina.cpp - From a model to an answer -----------------------------===//
//
// The commands; each is a file. Flags only: imports, rewrites and the lowering
// are in lib.
//
//===----------------------------------------------------------------------===//

#include "Commands.h"
#include "Options.h"
#include "llvm/Config/llvm-config.h"

#include <csignal>

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

bool isHelp(llvm::StringRef argument) {
  return argument == "--help" || argument == "-help" || argument == "-h";
}

} // namespace

int main(int argc, char **argv) {
  std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (arguments.empty())
    return failUsage("", "no command, expected run, chat, bench, compile, "
                         "inspect, ir, tokenize or compare");
  std::string name = arguments.front();
  if (isHelp(name) || (name == "help" && arguments.size() == 1))
    return printAnswer(getHelp());
  if (name == "--version")
    return printAnswer(kVersion);
  arguments.erase(arguments.begin());
  for (const Command &command : commands) {
    if (name != command.name)
      continue;
    if (arguments.size() == 1 && isHelp(arguments.front()))
      return printAnswer(getHelp(name));
    return command.run(arguments);
  }
  return failUsage("", quoted(name) +
                           ": no command, expected run, chat, "
                           "bench, compile, inspect, ir, tokenize or "
                           "compare");
}
