//===- Program.h - The main of every compiled program ----------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_PROGRAM_PROGRAM_H
#define LAMINA_RUNTIME_PROGRAM_PROGRAM_H

#include "lamina/runtime.h"

namespace lamina::program {

/// Does what the command line asks of `program`; returns what the process
/// returns.
int runProgram(const lamina_program &program, int argc, char **argv);

} // namespace lamina::program

/// The same for the program that this executable is linked with.
extern "C" int lamina_program_main(int argc, char **argv);

#endif // LAMINA_RUNTIME_PROGRAM_PROGRAM_H
