//===- HostResources.cpp - Processors and memory we may use ---------------===//

#include "HostResources.h"

#include "Failure.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <string>
#include <string_view>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

namespace lamina::runtime {

namespace {

constexpr uint64_t kNoLimit = ~uint64_t(0);

/// The first 64 KiB of a file of /proc or /sys; empty if it cannot be read.
std::string readSystemFile(const std::string &path) {
  std::string text(65536, '\0');
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return {};
  ssize_t count = read(descriptor, text.data(), text.size());
  close(descriptor);
  text.resize(count > 0 ? static_cast<size_t>(count) : 0);
  return text;
}

/// The number at the start of `text` after spaces; `kNoLimit` if none (`max`).
uint64_t parseNumber(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
    text.remove_prefix(1);
  uint64_t value = kNoLimit;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// The path of this process in the control group hierarchy `controller` ("" is
/// that of version 2), or `/`.
std::string findGroup(std::string_view controller) {
  std::string text = readSystemFile("/proc/self/cgroup");
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos)
      continue;
    std::string_view names = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? names.empty()
                           : names.find(controller) != names.npos)
      return std::string(line.substr(second + 1));
  }
  return "/";
}

/// Calls visit(folder) for the group's folder below `mount` and its parents. In
/// a container the path may not exist there: then only the mount itself counts.
template <typename Visit>
void forEachGroup(const std::string &mount, std::string group, Visit visit) {
  while (true) {
    while (!group.empty() && group.back() == '/')
      group.pop_back();
    visit(mount + group);
    if (group.empty())
      return;
    group.resize(group.rfind('/') == group.npos ? 0 : group.rfind('/'));
  }
}

} // namespace

double getProcessorQuota() {
  double least = 0;
  auto consider = [&](uint64_t quota, uint64_t period) {
    if (quota == kNoLimit || period == kNoLimit || period == 0)
      return;
    double processors =
        static_cast<double>(quota) / static_cast<double>(period);
    least = least > 0 ? std::min(least, processors) : processors;
  };
  forEachGroup("/sys/fs/cgroup", findGroup(""), [&](const std::string &folder) {
    std::string text = readSystemFile(folder + "/cpu.max");
    size_t space = text.find(' ');
    if (space != text.npos)
      consider(parseNumber(text), parseNumber(text.substr(space)));
  });
  forEachGroup(
      "/sys/fs/cgroup/cpu", findGroup("cpu"), [&](const std::string &folder) {
        consider(parseNumber(readSystemFile(folder + "/cpu.cfs_quota_us")),
                 parseNumber(readSystemFile(folder + "/cpu.cfs_period_us")));
      });
  return least;
}

double getLoadAverage() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

int32_t getUsableProcessors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int64_t count = sched_getaffinity(0, sizeof(set), &set) == 0
                      ? CPU_COUNT(&set)
                      : sysconf(_SC_NPROCESSORS_ONLN);
  if (double quota = getProcessorQuota(); quota > 0 && quota < double(count))
    count = static_cast<int64_t>(quota);
  return static_cast<int32_t>(std::max<int64_t>(count, 1));
}

MemoryLimit getMemoryLimit() {
  MemoryLimit limit{kNoLimit, "no limit"};
  auto consider = [&](uint64_t bytes, const char *source) {
    if (bytes < limit.bytes)
      limit = {bytes, source};
  };
  rlimit space;
  if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY)
    consider(space.rlim_cur, "RLIMIT_AS");
  forEachGroup("/sys/fs/cgroup", findGroup(""), [&](const std::string &folder) {
    consider(parseNumber(readSystemFile(folder + "/memory.max")),
             "control group");
  });
  forEachGroup(
      "/sys/fs/cgroup/memory", findGroup("memory"),
      [&](const std::string &folder) {
        consider(parseNumber(readSystemFile(folder + "/memory.limit_in_bytes")),
                 "control group");
      });
  std::string info = readSystemFile("/proc/meminfo");
  constexpr std::string_view key = "MemAvailable:";
  if (size_t place = info.find(key); place != info.npos) {
    uint64_t kilobytes =
        parseNumber(std::string_view(info).substr(place + key.size()));
    if (kilobytes < kNoLimit / 1024)
      consider(kilobytes * 1024, "available memory");
  }
  return limit;
}

lamrt_status failToAllocate(uint64_t size, const char *what, int error) {
  MemoryLimit limit = getMemoryLimit();
  return fail(LAMRT_LIMIT, "%s: needs %llu MiB, limit %llu MiB (%s): %s", what,
              static_cast<unsigned long long>((size + (1 << 20) - 1) >> 20),
              static_cast<unsigned long long>(limit.bytes >> 20), limit.source,
              strerror(error));
}

lamrt_status Memory::allocate(uint64_t size, const char *what) {
  release();
  if (size == 0)
    return LAMRT_OK;
  void *address = mmap(nullptr, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED)
    return failToAllocate(size, what, errno);
  // A hint; where it is not known, small pages work as well.
  madvise(address, size, MADV_HUGEPAGE);
  bytes = static_cast<uint8_t *>(address);
  length = size;
  return LAMRT_OK;
}

void Memory::release() {
  if (bytes)
    munmap(bytes, length);
  bytes = nullptr;
  length = 0;
}

} // namespace lamina::runtime
