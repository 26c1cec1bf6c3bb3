//===- ChildProcess.h - A program that runs for a command -------*- C++ -*-===//

#ifndef LAMINA_TOOLS_LAMINA_CHILDPROCESS_H
#define LAMINA_TOOLS_LAMINA_CHILDPROCESS_H

#include <string>
#include <vector>

namespace lamina {

/// Runs `program`, with the descriptor `answer` for its standard output if
/// there is one, and waits for it. It ends with this process, after it: a file
/// that the program named by itself could appear when those of this process
/// have been removed, so it gets files that are there. Returns its exit code,
/// or prints what is wrong and returns the code of that.
int runAndWait(const std::string &program, std::vector<std::string> arguments,
               int answer = -1);

} // namespace lamina

#endif // LAMINA_TOOLS_LAMINA_CHILDPROCESS_H
