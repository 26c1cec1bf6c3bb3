//===- Device.cpp - Errors, peers and memory of emulated devices ----------===//

#include "Device.h"
#include "Entry.h"
#include "Grid.h"
#include "Tsan.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>

namespace emulation {
namespace {

constexpr size_t kSpan = size_t(32) << 30; ///< addresses of a device
constexpr size_t kPage = 4096;
/// cudaMalloc aligns to at least 256 bytes:
/// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#device-memory-accesses
constexpr size_t kAlignment = 256;
constexpr unsigned char kFresh = 0xff; ///< NaN in every float type, -1 in int
constexpr unsigned char kTail = 0xa5;

struct Allocation {
  size_t bytes;
  size_t pages; ///< bytes of the mapped pages
  char *mapped; ///< first page, in the range of kernels
  int number;
  bool alive;
};

struct DeviceState {
  std::atomic<cudaError_t> error{cudaSuccess};
  std::atomic<bool> peers[kMaxDevices] = {};
  std::map<char *, Allocation> allocations; ///< by address
  size_t used = 0;
  size_t next = kPage; ///< offset of what was never used
};

struct Memory {
  tsan::Mutex mutex;
  char *base = nullptr; ///< of device 0 as the host sees it
  DeviceState devices[kMaxDevices];
  std::map<char *, size_t> pinned;

  Memory();
  char *begin(int device) { return base + device * kSpan; }
};

/// Addresses without memory. Not by mmap: ThreadSanitizer would go over its
/// notes on all of them.
void *reserve(void *address, size_t bytes, int flags) {
  long got =
      syscall(SYS_mmap, address, bytes, PROT_NONE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0L);
  return reinterpret_cast<void *>(got);
}

/// The kernels' range of a device follows the host's ranges of all devices.
constexpr size_t kToKernels = kMaxDevices * kSpan;

Memory::Memory() {
  void *wanted = reinterpret_cast<void *>(0x7e9000000000);
  void *got = reserve(wanted, 2 * kToKernels, 0);
  if (got == MAP_FAILED) {
    std::perror("emulation: no address range for device memory");
    std::abort();
  }
  base = static_cast<char *>(got);
  handleFaults();
}

Memory &memory() {
  static Memory &instance = *new Memory;
  return instance;
}

thread_local int current = 0;

size_t roundUp(size_t value, size_t unit) {
  return (value + unit - 1) / unit * unit;
}

/// The number of the device whose range holds an address, from `offset` on.
int deviceAt(const void *address, size_t offset) {
  auto *at = static_cast<const char *>(address);
  char *begin = memory().base + offset;
  if (at < begin || at >= begin + kToKernels)
    return -1;
  return static_cast<int>((at - begin) / kSpan);
}

/// The allocation that an address of `device` lies in; one past its end counts
/// only for an empty one. Holds the mutex.
std::pair<char *const, Allocation> *findAllocation(int device, char *address) {
  auto &all = memory().devices[device].allocations;
  auto after = all.upper_bound(address);
  if (after == all.begin())
    return nullptr;
  auto &found = *std::prev(after);
  if (address < found.first + std::max<size_t>(found.second.bytes, 1))
    return &found;
  return nullptr;
}

/// Unmaps the memory; its addresses are never given out again. Writes past the
/// end that did not leave the page are found here. Holds the mutex.
void retire(DeviceState &state, char *address, Allocation &allocation) {
  auto *bytes = reinterpret_cast<unsigned char *>(hostView(address));
  auto *end =
      reinterpret_cast<unsigned char *>(allocation.mapped) + allocation.pages;
  for (unsigned char *tail = bytes + allocation.bytes; tail < end; ++tail)
    if (*tail != kTail) {
      report("cudaFree",
             "a write %zu bytes past the end of allocation %d of %zu bytes",
             static_cast<size_t>(tail - bytes) - allocation.bytes,
             allocation.number, allocation.bytes);
      break;
    }
  reserve(allocation.mapped, allocation.pages, MAP_FIXED);
  allocation.alive = false;
  state.used -= allocation.bytes;
}

} // namespace

int currentDevice() { return current; }
void setCurrentDevice(int device) { current = device; }

cudaError_t deviceError(int device) { return memory().devices[device].error; }

void loseDevice(int device, cudaError_t status) {
  cudaError_t none = cudaSuccess;
  memory().devices[device].error.compare_exchange_strong(none, status);
}

void resetDevices() {
  std::lock_guard<tsan::Mutex> lock(memory().mutex);
  current = 0;
  for (DeviceState &state : memory().devices) {
    for (auto &[address, allocation] : state.allocations)
      if (allocation.alive)
        retire(state, address, allocation);
    state.allocations.clear();
    state.error = cudaSuccess;
    for (auto &peer : state.peers)
      peer = false;
  }
}

bool peerEnabled(int device, int peer) {
  return device == peer || memory().devices[device].peers[peer];
}

cudaError_t enablePeer(int device, int peer) {
  bool was = memory().devices[device].peers[peer].exchange(true);
  return was ? cudaErrorPeerAccessAlreadyEnabled : cudaSuccess;
}

cudaError_t disablePeer(int device, int peer) {
  bool was = memory().devices[device].peers[peer].exchange(false);
  return was ? cudaSuccess : cudaErrorPeerAccessNotEnabled;
}

bool isDeviceAddress(const void *address) { return deviceAt(address, 0) >= 0; }

int deviceOfKernelAddress(const void *address) {
  return deviceAt(address, kToKernels);
}

void *hostView(const void *address) {
  auto *at = static_cast<char *>(const_cast<void *>(address));
  return isDeviceAddress(address) ? at + kToKernels : at;
}

Range findRange(const void *address) {
  auto *at = static_cast<char *>(const_cast<void *>(address));
  std::lock_guard<tsan::Mutex> lock(memory().mutex);
  Range range;
  range.device = deviceAt(address, 0);
  if (range.device >= 0) {
    range.place = Place::Device;
    range.alive = false;
    if (auto *found = findAllocation(range.device, at)) {
      range.begin = found->first;
      range.bytes = found->second.bytes;
      range.alive = found->second.alive;
    }
    return range;
  }
  auto after = memory().pinned.upper_bound(at);
  if (after == memory().pinned.begin())
    return range;
  auto &[begin, bytes] = *std::prev(after);
  if (at >= begin + bytes)
    return range;
  return {Place::Pinned, -1, begin, bytes, true};
}

void *allocate(int device, size_t bytes) {
  std::lock_guard<tsan::Mutex> lock(memory().mutex);
  DeviceState &state = memory().devices[device];
  size_t rounded = roundUp(bytes, kAlignment);
  size_t pages = roundUp(std::max<size_t>(rounded, 1), kPage);
  if (bytes > options().memoryBytes - state.used ||
      pages + kPage > kSpan - state.next)
    return nullptr;
  char *mapped = memory().begin(device) + kToKernels + state.next;
  if (mprotect(mapped, pages, PROT_READ | PROT_WRITE) != 0)
    return nullptr;
  // The end lies before a page that is not mapped.
  char *address = mapped + (pages - rounded);
  std::memset(mapped, kTail, pages);
  std::memset(address, kFresh, bytes);
  address -= kToKernels;
  int number = static_cast<int>(state.allocations.size());
  state.allocations[address] = {bytes, pages, mapped, number, true};
  state.used += bytes;
  state.next += pages + kPage;
  return address;
}

bool release(void *address) {
  int device = deviceAt(address, 0);
  if (device < 0)
    return false;
  std::lock_guard<tsan::Mutex> lock(memory().mutex);
  DeviceState &state = memory().devices[device];
  auto found = state.allocations.find(static_cast<char *>(address));
  if (found == state.allocations.end() || !found->second.alive)
    return false;
  retire(state, found->first, found->second);
  return true;
}

size_t freeBytes(int device) {
  std::lock_guard<tsan::Mutex> lock(memory().mutex);
  return options().memoryBytes - memory().devices[device].used;
}

size_t bytesInUse() {
  std::lock_guard<tsan::Mutex> lock(memory().mutex);
  size_t sum = 0;
  for (const DeviceState &state : memory().devices)
    sum += state.used;
  return sum;
}

void *allocatePinned(size_t bytes) {
  void *address = std::aligned_alloc(kPage, roundUp(bytes, kPage));
  if (!address)
    return nullptr;
  std::memset(address, kFresh, bytes);
  std::lock_guard<tsan::Mutex> lock(memory().mutex);
  memory().pinned[static_cast<char *>(address)] = bytes;
  return address;
}

bool releasePinned(void *address) {
  {
    std::lock_guard<tsan::Mutex> lock(memory().mutex);
    if (memory().pinned.erase(static_cast<char *>(address)) == 0)
      return false;
  }
  std::free(address);
  return true;
}

std::string describe(const void *address) {
  auto *at = static_cast<char *>(const_cast<void *>(address));
  if (deviceAt(at, kToKernels) >= 0)
    at -= kToKernels;
  int device = deviceAt(at, 0);
  if (device < 0)
    return "no device memory";
  std::lock_guard<tsan::Mutex> lock(memory().mutex);
  auto &all = memory().devices[device].allocations;
  auto after = all.upper_bound(at);
  char text[160];
  if (after == all.begin()) {
    std::snprintf(text, sizeof(text), "no allocation of device %d", device);
    return text;
  }
  auto &[begin, allocation] = *std::prev(after);
  std::snprintf(text, sizeof(text),
                "byte %td of allocation %d of device %d, %zu bytes%s",
                at - begin, allocation.number, device, allocation.bytes,
                allocation.alive ? "" : ", freed");
  return text;
}

} // namespace emulation
