//===- Launch.h - What started this process --------------------*- C++ -*-===//

#ifndef LAMINA_SUPPORT_LAUNCH_H
#define LAMINA_SUPPORT_LAUNCH_H

#include <cstdint>
#include <string>

namespace lamina {

/// How mpirun or srun started this process, as the environment has it.
struct Launch {
  /// Processes that were started together; 1 without a launcher.
  int32_t size = 1;
  int32_t rank = 0;
  int32_t localSize = 1; ///< of them, those on this host
  /// The variable that `size` is from.
  const char *variable = "";
  /// Variables of Open MPI are there.
  bool isOpenMpi = false;

  /// True if rank 0, on the same host, finds the same wrong before the ranks
  /// meet, and says so.
  bool isSpokenFor() const { return rank > 0 && localSize == size; }
};

/// Reads the variables of Open MPI, of MPICH's PMI, and of srun. Returns a line
/// that says what is wrong if they make no sense, or if they are torchrun's:
/// that starts processes for GPUs only; else nothing.
std::string readLaunch(Launch &launch);

} // namespace lamina

#endif // LAMINA_SUPPORT_LAUNCH_H
