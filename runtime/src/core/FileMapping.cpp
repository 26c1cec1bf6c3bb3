//===- FileMapping.cpp - A file in memory ---------------------------------===//

#include "FileMapping.h"

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
#include <utility>

namespace lamina::runtime {

namespace {

constexpr uint64_t kSampledBlocks = 64;
constexpr uint64_t kBlockBytes = 4096;

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

std::string getParentFolder(const std::string &path) {
  size_t slash = path.rfind('/');
  if (slash == path.npos)
    return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

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

bool isPlainName(const char *name) {
  std::string_view view = name ? name : "";
  return !view.empty() && view != "." && view != ".." &&
         view.find('/') == view.npos;
}

FileMapping::FileMapping(FileMapping &&other) noexcept
    : bytes(std::exchange(other.bytes, nullptr)),
      length(std::exchange(other.length, 0)) {}

FileMapping::~FileMapping() {
  if (bytes)
    munmap(const_cast<uint8_t *>(bytes), length);
}

lamrt_status FileMapping::open(const std::string &path) {
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
  bytes = static_cast<const uint8_t *>(address);
  length = static_cast<uint64_t>(status.st_size);
  return LAMRT_OK;
}

void FileMapping::dropPages(const uint8_t *begin, uint64_t size) {
  auto page = static_cast<uintptr_t>(sysconf(_SC_PAGESIZE));
  auto first = (reinterpret_cast<uintptr_t>(begin) + page - 1) / page * page;
  auto last = (reinterpret_cast<uintptr_t>(begin) + size) / page * page;
  if (first < last)
    madvise(reinterpret_cast<void *>(first), last - first, MADV_DONTNEED);
}

} // namespace lamina::runtime
