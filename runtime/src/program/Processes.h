//===- Processes.h - Ranks that mpirun started -----------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_PROGRAM_PROCESSES_H
#define LAMINA_RUNTIME_PROGRAM_PROCESSES_H

#include "lamina/Support/Launch.h"
#include "program/Messages.h"
#include "program/Options.h"

#include <functional>
#include <string>

namespace lamina::program {

/// Sends a message to the other processes; lamrt_group_broadcast's status.
lamrt_status tell(lamrt_group *processes, const Words &message);

/// On rank 0, before what was computed is written: waits for the other
/// processes, and fails if one of them is lost. Does nothing without any.
lamrt_status meetBeforeOutput(lamrt_group *processes);

/// Ends a process that was started with others and cannot go on, for `message`,
/// with `status`. The others are told, if MPI starts within its time (five
/// limits of `timeout` seconds; 0: of the default): rank 0 says what is wrong,
/// once, and of which rank if not of all.
[[noreturn]] void failTogether(const Launch &launch, int32_t timeout,
                               lamrt_status status, const std::string &message);

/// Makes the group of all processes. On rank 0 runs `mode`, on the others the
/// steps that rank 0 tells of. Returns what the process returns, the same on
/// all ranks; ends all of them at once if one has failed.
int runProcesses(const lamina_program &program, Options &options,
                 const Launch &launch, const std::function<int()> &mode);

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_PROCESSES_H
