//===- Launcher.cpp - What started this process ---------------------------===//

#include "Launcher.h"

#include "../core/Failure.h"

#include <algorithm>
#include <charconv>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace lamina::runtime {

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

lamrt_status refuse(const char *name, const char *expected) {
  return fail(LAMRT_USAGE, "environment: %s: '%.60s', expected %s", name,
              getenv(name), expected);
}

/// The parent of a process, 0 if it is not known.
int getParent(int process) {
  char path[64], text[512] = {};
  snprintf(path, sizeof(path), "/proc/%d/stat", process);
  FILE *file = fopen(path, "re");
  if (!file)
    return 0;
  size_t size = fread(text, 1, sizeof(text) - 1, file);
  fclose(file);
  text[size] = 0;
  // `1234 (name) S 1200 ...`; the name may hold anything.
  const char *end = strrchr(text, ')');
  int parent = 0;
  return end && sscanf(end, ") %*c %d", &parent) == 1 ? parent : 0;
}

/// The folder `lib` beside the folder of a process's executable.
std::string getLibraryFolder(int process) {
  char path[64], target[PATH_MAX] = {};
  snprintf(path, sizeof(path), "/proc/%d/exe", process);
  ssize_t size = readlink(path, target, sizeof(target) - 1);
  std::string file(target, size > 0 ? static_cast<size_t>(size) : 0);
  for (int i = 0; i < 2 && !file.empty(); ++i)
    file.resize(std::min(file.rfind('/'), file.size()));
  return file.empty() ? "" : file + "/lib";
}

} // namespace

lamrt_status readLaunch(Launch &launch) {
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
    launch = found;
    return LAMRT_OK;
  }
  int32_t size = 0;
  if (getenv("WORLD_SIZE") && getenv("RANK") &&
      (!readNumber("WORLD_SIZE", INT32_MAX, size) || size != 1))
    return refuse("WORLD_SIZE",
                  "1: torchrun starts ranks of GPUs, mpirun those of CPUs");
  return LAMRT_OK;
}

std::vector<std::string> getMpiCandidates(const Launch &launch) {
  if (const char *chosen = getenv("LAMINA_MPI"); chosen && *chosen)
    return {chosen};
  std::vector<std::string> names = {"libmpich.so.12", "libmpi.so.12"};
  if (launch.isOpenMpi)
    names = {"libmpi.so.40"};
  std::vector<std::string> candidates;
  for (int process = getppid(); process > 1; process = getParent(process))
    if (std::string folder = getLibraryFolder(process); !folder.empty())
      for (const std::string &name : names)
        if (std::string path = folder + "/" + name;
            access(path.c_str(), R_OK) == 0)
          candidates.push_back(path);
  candidates.insert(candidates.end(), names.begin(), names.end());
  return candidates;
}

} // namespace lamina::runtime
