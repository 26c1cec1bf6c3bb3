//===- Launcher.h - What started this process ------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_COMM_LAUNCHER_H
#define LAMINA_RUNTIME_COMM_LAUNCHER_H

#include "lamina/runtime.h"

#include <string>
#include <vector>

namespace lamina::runtime {

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
};

/// Reads the variables of Open MPI, of MPICH's PMI, and of srun. Fails with
/// LAMRT_USAGE if they make no sense, or if they are torchrun's: that starts
/// processes for GPUs only.
lamrt_status readLaunch(Launch &launch);

/// Where the MPI library of the launcher may lie, the best place first:
/// $LAMINA_MPI alone, or beside an ancestor of this process, or by its name.
std::vector<std::string> getMpiCandidates(const Launch &launch);

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_COMM_LAUNCHER_H
