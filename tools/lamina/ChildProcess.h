//===- ChildProcess.h - A program that runs for a command -------*- C++ -*-===//

#ifndef LAMINA_TOOLS_LAMINA_CHILDPROCESS_H
#define LAMINA_TOOLS_LAMINA_CHILDPROCESS_H

#include <string>
#include <vector>

namespace lamina {

/// Runs `program`, which writes `output` whole or not at all, by way of
/// `<output>.tmp.<pid>`, and waits for it. It ends with this process, and no
/// file of it stays behind then. Returns its exit code, or prints what is wrong
/// and returns the code of that.
int runAndWait(const std::string &program, std::vector<std::string> arguments,
               const std::string &output);

} // namespace lamina

#endif // LAMINA_TOOLS_LAMINA_CHILDPROCESS_H
