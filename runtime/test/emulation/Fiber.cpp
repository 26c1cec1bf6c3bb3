//===- Fiber.cpp - Memory for stacks --------------------------------------===//

#include "Fiber.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace emulation {
namespace {

constexpr unsigned char kUnused = 0xc7;
constexpr size_t kEndOfStack = 1024; ///< bytes that nothing may reach

} // namespace

Stacks::~Stacks() {
  for (char *slab : slabs)
    munmap(slab, kGuard + kSlab * kBytes);
  if (shared)
    munmap(shared, kMaxShared + kGuard);
}

/// Memory with addresses before or behind it that are not mapped.
static char *mapGuarded(size_t bytes, size_t guardAt, size_t guardBytes) {
  void *got = mmap(nullptr, bytes + guardBytes, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (got == MAP_FAILED ||
      mprotect(static_cast<char *>(got) + guardAt, guardBytes, PROT_NONE)) {
    std::perror("emulation: no memory for stacks");
    std::abort();
  }
  return static_cast<char *>(got);
}

char *Stacks::take() {
  if (unused.empty()) {
    char *slab = mapGuarded(kSlab * kBytes, 0, kGuard);
    slabs.push_back(slab);
    for (size_t i = kSlab; i-- > 0;)
      unused.push_back(slab + kGuard + i * kBytes);
  }
  char *stack = unused.back();
  unused.pop_back();
  std::memset(stack, kUnused, kEndOfStack);
  return stack;
}

bool Stacks::intact(const char *stack) {
  return std::all_of(stack, stack + kEndOfStack, [](char byte) {
    return static_cast<unsigned char>(byte) == kUnused;
  });
}

char *Stacks::takeShared(size_t bytes) {
  if (!shared)
    shared = mapGuarded(kMaxShared, kMaxShared, kGuard);
  size_t rounded = (bytes + 15) / 16 * 16;
  char *begin = shared + kMaxShared - rounded;
  std::memset(begin, 0xff, rounded); // NaN
  return begin;
}

} // namespace emulation
