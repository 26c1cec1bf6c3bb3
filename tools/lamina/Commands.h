//===- Commands.h - The commands of lamina ----------------------*- C++ -*-===//

#ifndef LAMINA_TOOLS_LAMINA_COMMANDS_H
#define LAMINA_TOOLS_LAMINA_COMMANDS_H

#include <string>
#include <vector>

namespace lamina {

/// Each takes the arguments behind the command's name, prints what it has to
/// say, and returns the exit code.
int runCompile(const std::vector<std::string> &arguments);
int runIr(const std::vector<std::string> &arguments);
int runInspect(const std::vector<std::string> &arguments);
int runTokenize(const std::vector<std::string> &arguments);
int runCompare(const std::vector<std::string> &arguments);
/// `run` and `chat`: end in the program, which replaces this process.
int runProgram(const std::string &command,
               const std::vector<std::string> &arguments);

} // namespace lamina

#endif // LAMINA_TOOLS_LAMINA_COMMANDS_H
