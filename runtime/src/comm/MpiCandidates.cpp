//===- MpiCandidates.cpp - Where the launcher's MPI library lies ----------===//

#include "MpiCandidates.h"

#include <algorithm>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace lamina::runtime {

namespace {

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
