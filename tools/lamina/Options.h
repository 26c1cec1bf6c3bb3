//===- Options.h - The command line of lamina -------------------*- C++ -*-===//

#ifndef LAMINA_TOOLS_LAMINA_OPTIONS_H
#define LAMINA_TOOLS_LAMINA_OPTIONS_H

#include "lamina/Support/Diagnostics.h"
#include "llvm/Option/ArgList.h"
#include "llvm/Option/OptTable.h"

#include <optional>

namespace lamina {

/// Numbers of the options, as Options.td has them.
enum OptionId : unsigned {
  OPT_INVALID = 0,
#define OPTION(...) LLVM_MAKE_OPT_ID(__VA_ARGS__),
#include "Options.inc"
#undef OPTION
};

/// The table of Options.td.
const llvm::opt::OptTable &getOptionTable();

/// A command line that has been read: a command, its options, and what is no
/// option.
struct CommandLine {
  std::string command;
  llvm::opt::InputArgList options;
  std::vector<std::string> operands;
};

/// Reads `arguments`, those behind the name of the command. Prints what is
/// wrong and returns nothing: an option that is unknown, not for this command,
/// without its value, or given twice.
std::optional<CommandLine>
parseCommandLine(llvm::StringRef command,
                 const std::vector<std::string> &arguments);

/// An option as the user wrote it, without its value.
std::string getSpelling(const llvm::opt::Arg &argument);

/// Reads `value` of `option` as an integer from `min` to `max`. Prints what is
/// wrong and returns nothing.
std::optional<int64_t> parseInteger(const CommandLine &line,
                                    llvm::StringRef option,
                                    llvm::StringRef value, int64_t min,
                                    int64_t max);

/// Whether `argument` is an option of `command` and not `--help`: one that is
/// given to the program is the program's.
bool isOptionOf(llvm::StringRef command, llvm::StringRef argument);

/// Whether `argument` is an option of `command` whose value comes behind it.
bool takesNextArgument(llvm::StringRef command, llvm::StringRef argument);

/// Prints one `error:` line, and a `help:` line if `help` is not empty; returns
/// the code.
int fail(ExitCode code, llvm::StringRef message, llvm::StringRef help = "");
/// Prints the errors and returns their code.
int fail(const InputErrors &errors);
/// A usage error of `command`, which may be empty.
int failUsage(llvm::StringRef command, llvm::StringRef message);

/// The text of `lamina --help`, and of `lamina COMMAND --help`.
std::string getHelp();
std::string getHelp(llvm::StringRef command);

/// Prints `text` to standard output; a failure to do so is an I/O error.
int printAnswer(llvm::StringRef text);

} // namespace lamina

#endif // LAMINA_TOOLS_LAMINA_OPTIONS_H
