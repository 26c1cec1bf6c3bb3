//===- MutedErrors.h - Errors that another process has too -----*- C++ -*-===//

#ifndef LAMINA_TOOLS_LAMINA_MUTEDERRORS_H
#define LAMINA_TOOLS_LAMINA_MUTEDERRORS_H

namespace lamina {

/// Under mpirun every process runs the same command: what rank 0 says, the
/// others on its host need not. Their standard error goes nowhere until
/// restoreErrors.
void muteErrors();
/// The process goes on as one rank of a program, which has its own to say.
void restoreErrors();

} // namespace lamina

#endif // LAMINA_TOOLS_LAMINA_MUTEDERRORS_H
