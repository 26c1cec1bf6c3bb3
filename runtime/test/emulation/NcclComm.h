//===- NcclComm.h - Calls on communicators of NCCL -------------*- C++ -*-===//

#ifndef LAMINA_TEST_EMULATION_NCCLCOMM_H
#define LAMINA_TEST_EMULATION_NCCLCOMM_H

#include "Clique.h"

namespace emulation {

/// Calls between ncclGroupStart and ncclGroupEnd, kept until then.
/// https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/usage/groups.html
struct Group {
  int depth = 0;
  std::vector<std::function<ncclResult_t()>> joins; ///< wait for all ranks
  std::vector<std::pair<ncclComm_t, std::function<ncclResult_t()>>> calls;
};

/// That of the calling thread.
Group &currentGroup();

/// Whether a communicator can be used now; else reports for `function`.
ncclResult_t checkComm(const char *function, ncclComm_t comm);

/// Runs a call, or leaves it to polls of a non-blocking communicator.
ncclResult_t issue(ncclComm_t comm, std::function<ncclResult_t()> call);

} // namespace emulation

#endif // LAMINA_TEST_EMULATION_NCCLCOMM_H
