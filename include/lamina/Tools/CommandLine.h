//===- CommandLine.h - LLVM's command line in this project's form ---------===//
//
// LLVM's option parser writes its errors in several lines and forms. What is
// wrong with a command line is one line here, as every other error is:
// `error: --ranks: "0", expected a number of ranks from 1 to 1024`.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TOOLS_COMMANDLINE_H
#define LAMINA_TOOLS_COMMANDLINE_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include <string>
#include <vector>

namespace lamina {

/// Returns what `action` writes to standard error.
std::string captureStandardError(llvm::function_ref<void()> action);

/// Returns what LLVM's option parser said, in one line without `error:`, and
/// after it, where there is one, a line `help: did you mean '--x'?`. `prefix`
/// stands before the names of options: `--`, or `pass option `.
std::string describeUsageError(llvm::StringRef said,
                               llvm::StringRef prefix = "--");

/// Prints `error: <message>` and the help line `help: <usage>` (unless the
/// message brings its own), and returns the exit code of a usage error.
int failUsage(llvm::StringRef message, llvm::StringRef usage);

/// Parses the command line. Prints what is wrong with it and returns false.
/// `overview` is the text that `--help` begins with.
bool parseCommandLine(int argc, char **argv, llvm::StringRef overview,
                      llvm::StringRef usage);

/// A command line that another library's main function is going to parse.
struct ForeignCommandLine {
  /// Arguments that are no options and no values of options.
  std::vector<std::string> files;
  bool isHelp = false;    // --help or -h
  bool isVersion = false; // --version
  /// What is wrong with it; empty if nothing is.
  std::string error;
};

/// Looks at a command line before another main function does, which exits with
/// a code of its own where it does not like it. Known are the options named in
/// `flags` and, with a value, in `values`; those that are registered; and the
/// registered passes and pipelines.
ForeignCommandLine
readForeignCommandLine(llvm::ArrayRef<char *> arguments,
                       llvm::ArrayRef<llvm::StringRef> flags,
                       llvm::ArrayRef<llvm::StringRef> values);

/// Prints `text` to standard output. Returns 0, or the code of an I/O error.
int printAnswer(llvm::StringRef text);

/// Moves the options that the libraries have defined so far, such as those of
/// LLVM's backends, from `--help` to `--help-hidden`.
void hideOptionsDefinedSoFar();

/// Returns `<tool> <version of Lamina> (LLVM <version>)` and a newline.
std::string getVersionLine(llvm::StringRef tool);

/// Makes `--version` print `getVersionLine(tool)`.
void setVersion(llvm::StringRef tool);

} // namespace lamina

#endif // LAMINA_TOOLS_COMMANDLINE_H
