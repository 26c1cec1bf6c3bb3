//===- WeightFiles.cpp - The checkpoint's files, mapped -------------------===//

#include "WeightFiles.h"

#include "Failure.h"
#include "HostResources.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fcntl.h>
#include <string_view>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lamina::runtime {

namespace {

constexpr uint64_t kSampledBlocks = 64;
constexpr uint64_t kBlockBytes = 4096;

std::string getParentFolder(const std::string &path) {
  size_t slash = path.rfind('/');
  if (slash == path.npos)
    return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

/// The folder of this executable; empty if the system does not say.
std::string getProgramFolder() {
  char path[PATH_MAX];
  ssize_t size = readlink("/proc/self/exe", path, sizeof(path));
  if (size <= 0 || size == static_cast<ssize_t>(sizeof(path)))
    return {};
  return getParentFolder(std::string(path, static_cast<size_t>(size)));
}

bool isRegularFile(const std::string &path) {
  struct stat status;
  return stat(path.c_str(), &status) == 0 && S_ISREG(status.st_mode);
}

/// A name that cannot lead out of its folder.
bool isPlainName(const char *name) {
  std::string_view view = name ? name : "";
  return !view.empty() && view != "." && view != ".." &&
         view.find('/') == view.npos;
}

/// The paths of the program's files if the model is at `model`.
std::vector<std::string> joinPaths(const lamina_program &program,
                                   const std::string &model) {
  if (program.num_files == 1 && isRegularFile(model))
    return {model};
  std::string folder = isRegularFile(model) ? getParentFolder(model) : model;
  std::vector<std::string> paths;
  for (int32_t i = 0; i < program.num_files; ++i)
    paths.push_back(folder + "/" + program.files[i].name);
  return paths;
}

} // namespace

uint64_t hashBytes(const uint8_t *bytes, uint64_t size) {
  return XXH3_64bits(bytes, size);
}

uint64_t hashSampledBlocks(const uint8_t *bytes, uint64_t size) {
  XXH3_state_t state;
  XXH3_64bits_reset(&state);
  for (uint64_t i = 0; i < kSampledBlocks; ++i) {
    auto place = static_cast<uint64_t>(static_cast<unsigned __int128>(i) *
                                       size / kSampledBlocks);
    uint64_t begin = place / kBlockBytes * kBlockBytes;
    XXH3_64bits_update(&state, bytes + begin,
                       std::min(kBlockBytes, size - begin));
  }
  return XXH3_64bits_digest(&state);
}

WeightFiles::~WeightFiles() {
  for (Mapping &mapping : mappings)
    if (mapping.bytes)
      munmap(const_cast<uint8_t *>(mapping.bytes), mapping.size);
}

lamrt_status WeightFiles::findPaths(const lamina_program &program,
                                    const char *modelPath) {
  std::vector<std::string> candidates;
  if (modelPath) {
    candidates = {modelPath};
  } else {
    std::string folder = getProgramFolder();
    if (program.relative_model_path && !folder.empty())
      candidates.push_back(folder + "/" + program.relative_model_path);
    if (program.model_path)
      candidates.push_back(program.model_path);
  }
  std::string tried;
  for (const std::string &candidate : candidates) {
    paths = joinPaths(program, candidate);
    if (paths.empty() || access(paths[0].c_str(), F_OK) == 0)
      return LAMRT_OK;
    tried += (tried.empty() ? "" : ", nor at ") + paths[0];
  }
  return fail(LAMRT_IO, "%s: not found at %s; name the model's folder%s",
              program.files[0].name, tried.empty() ? "any path" : tried.c_str(),
              modelPath ? "" : " with --model");
}

lamrt_status WeightFiles::open(const lamina_program &program,
                               const char *modelPath, bool verifyAll) {
  for (int32_t i = 0; i < program.num_files; ++i)
    if (!isPlainName(program.files[i].name))
      return fail(LAMRT_MALFORMED, "program: file %d: its name is no file name",
                  i);
  if (program.num_files == 0)
    return LAMRT_OK;
  if (lamrt_status status = findPaths(program, modelPath))
    return status;
  mappings.resize(paths.size());
  for (size_t i = 0; i < paths.size(); ++i) {
    if (lamrt_status status = map(paths[i], mappings[i]))
      return status;
    if (lamrt_status status =
            check(program.files[i], paths[i], mappings[i], verifyAll))
      return status;
  }
  return LAMRT_OK;
}

lamrt_status WeightFiles::map(const std::string &path, Mapping &mapping) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    return fail(LAMRT_IO, "%s: cannot open: %s", path.c_str(), strerror(errno));
  struct stat status;
  bool isFile = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  void *address = nullptr;
  if (isFile && status.st_size > 0)
    address = mmap(nullptr, static_cast<size_t>(status.st_size), PROT_READ,
                   MAP_PRIVATE, descriptor, 0);
  int error = errno;
  close(descriptor);
  if (!isFile)
    return fail(LAMRT_IO, "%s: not a regular file", path.c_str());
  if (address == MAP_FAILED)
    return failToAllocate(static_cast<uint64_t>(status.st_size), path.c_str(),
                          error);
  mapping.bytes = static_cast<const uint8_t *>(address);
  mapping.size = static_cast<uint64_t>(status.st_size);
  return LAMRT_OK;
}

lamrt_status WeightFiles::check(const lamrt_file &expected,
                                const std::string &path, const Mapping &mapping,
                                bool verifyAll) {
  constexpr const char *what = "is not the file that was compiled";
  if (mapping.size != expected.size)
    return fail(LAMRT_CHECK_FAILED, "%s: %s: %llu bytes, expected %llu",
                path.c_str(), what,
                static_cast<unsigned long long>(mapping.size),
                static_cast<unsigned long long>(expected.size));
  if (expected.header_size > mapping.size)
    return fail(LAMRT_MALFORMED, "program: %s: a header larger than the file",
                expected.name);
  if (hashBytes(mapping.bytes, expected.header_size) != expected.header_hash)
    return fail(LAMRT_CHECK_FAILED, "%s: %s: its header differs", path.c_str(),
                what);
  if (mapping.size > 0 &&
      hashSampledBlocks(mapping.bytes, mapping.size) != expected.sample_hash)
    return fail(LAMRT_CHECK_FAILED, "%s: %s: sampled blocks differ",
                path.c_str(), what);
  if (!verifyAll)
    return LAMRT_OK;
  if (!expected.has_full_hash)
    return fail(LAMRT_USAGE,
                "%s: cannot verify every byte: the program holds no full hash",
                path.c_str());
  uint64_t hash = hashBytes(mapping.bytes, mapping.size);
  dropPages(mapping.bytes, mapping.size);
  if (hash != expected.full_hash)
    return fail(LAMRT_CHECK_FAILED, "%s: %s: its bytes differ", path.c_str(),
                what);
  return LAMRT_OK;
}

void WeightFiles::dropPages(const uint8_t *begin, uint64_t size) {
  auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  auto first = (reinterpret_cast<uintptr_t>(begin) + page - 1) / page * page;
  auto last = (reinterpret_cast<uintptr_t>(begin) + size) / page * page;
  if (first < last)
    madvise(reinterpret_cast<void *>(first), last - first, MADV_DONTNEED);
}

} // namespace lamina::runtime
