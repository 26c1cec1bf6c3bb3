//===- HostResources.h - Processors and memory we may use ------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CORE_HOSTRESOURCES_H
#define LAMINA_RUNTIME_CORE_HOSTRESOURCES_H

#include "lamina/runtime.h"

#include <cstddef>
#include <cstdint>

namespace lamina::runtime {

/// Processors of the affinity mask, or of the quota of a control group if that
/// is less (rounded down); at least 1.
int32_t getUsableProcessors();

/// Processors that the control groups of this process allow (0.5: half the time
/// of one); 0 if there is no quota.
double getProcessorQuota();

/// Tasks that ran or waited to run, on average over the last minute.
double getLoadAverage();

/// The most memory that can be asked for now, in bytes, and what says so.
struct MemoryLimit {
  uint64_t bytes;
  const char *source;
};

/// The least of RLIMIT_AS, the limits of the control groups, and the memory
/// that the kernel calls available.
MemoryLimit getMemoryLimit();

/// Fails with LAMRT_LIMIT: `what` did not get `size` bytes because of `error`.
lamrt_status failToAllocate(uint64_t size, const char *what, int error);

/// Anonymous memory of zeros, at a multiple of 64 (of a page, in fact).
class Memory {
public:
  Memory() = default;
  ~Memory() { release(); }
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;

  /// Fails with LAMRT_LIMIT, naming `what` and the size.
  lamrt_status allocate(uint64_t size, const char *what);
  void release();

  uint8_t *data() const { return bytes; }
  uint64_t size() const { return length; }

private:
  uint8_t *bytes = nullptr;
  uint64_t length = 0;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_HOSTRESOURCES_H
