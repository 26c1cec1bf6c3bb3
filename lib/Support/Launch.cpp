//===- Launch.cpp - What started this process -----------------------------===//

#include "lamina/Support/Launch.h"

#include <charconv>
#include <cstdlib>
#include <cstring>

namespace lamina {

namespace {

/// The variables of one launcher.
struct Variables {
  const char *size, *rank, *localSize;
};

/// In the order of trust: under srun with PMI-2 the first of Slurm's own are
/// there too.
constexpr Variables kLaunchers[] = {
    {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK",
     "OMPI_COMM_WORLD_LOCAL_SIZE"},
    {"PMI_SIZE", "PMI_RANK", "MPI_LOCALNRANKS"},
    {"SLURM_STEP_NUM_TASKS", "PMIX_RANK", "SLURM_NTASKS_PER_NODE"},
};

/// False if the variable is no number from 0 to `limit`.
bool readNumber(const char *name, int32_t limit, int32_t &number) {
  const char *text = getenv(name);
  const char *end = text + strlen(text);
  auto [stop, failure] = std::from_chars(text, end, number);
  return failure == std::errc() && stop == end && number >= 0 &&
         number <= limit;
}

std::string refuse(const char *name, const char *expected) {
  return std::string("environment: ") + name + ": '" +
         std::string(getenv(name)).substr(0, 60) + "', expected " + expected;
}

} // namespace

std::string readLaunch(Launch &launch) {
  launch = Launch();
  for (const Variables &names : kLaunchers) {
    if (!getenv(names.size) || !getenv(names.rank))
      continue;
    Launch found;
    found.variable = names.size;
    found.isOpenMpi = &names == kLaunchers;
    if (!readNumber(names.size, INT32_MAX, found.size) || found.size == 0)
      return refuse(names.size, "a number of processes");
    if (!readNumber(names.rank, found.size - 1, found.rank))
      return refuse(names.rank, "a rank below the number of processes");
    // Only for a default: what makes no sense is left out.
    if (!getenv(names.localSize) ||
        !readNumber(names.localSize, found.size, found.localSize) ||
        found.localSize == 0)
      found.localSize = 1;
    if (found.size > 1) {
      launch = found;
      return "";
    }
  }
  // Processes that each have a world to themselves would give N answers.
  int32_t size = 0;
  if (getenv("WORLD_SIZE") &&
      (!readNumber("WORLD_SIZE", INT32_MAX, size) || size != 1))
    return refuse("WORLD_SIZE",
                  "1: torchrun starts ranks of GPUs, mpirun those of CPUs");
  return "";
}

} // namespace lamina
