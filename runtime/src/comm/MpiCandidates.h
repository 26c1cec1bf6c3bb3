//===- MpiCandidates.h - Where the launcher's MPI library lies -*- C++ -*-===//

#ifndef LAMINA_RUNTIME_COMM_MPICANDIDATES_H
#define LAMINA_RUNTIME_COMM_MPICANDIDATES_H

#include "lamina/Support/Launch.h"

#include <string>
#include <vector>

namespace lamina::runtime {

/// Files or names to look for the MPI library of the launcher, the best first:
/// $LAMINA_MPI alone, or beside an ancestor of this process, or by its name.
std::vector<std::string> getMpiCandidates(const Launch &launch);

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_COMM_MPICANDIDATES_H
