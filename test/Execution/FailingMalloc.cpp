//===- FailingMalloc.cpp - A malloc that fails from the n-th call on ------===//
//
// n is in the environment: LAMINA_FAILING_MALLOC. 0 counts the calls, and says
// at the end how many there were.
//
//===----------------------------------------------------------------------===//

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <unistd.h>

// The C library's own.
extern "C" {
void *__libc_malloc(std::size_t size);
void *__libc_calloc(std::size_t count, std::size_t size);
void *__libc_realloc(void *memory, std::size_t size);
void *__libc_memalign(std::size_t alignment, std::size_t size);
}

namespace {

std::atomic<long> calls{0};

bool fails() {
  static const char *const first = std::getenv("LAMINA_FAILING_MALLOC");
  long failing = first ? std::atol(first) : 0;
  if (++calls < failing || failing == 0)
    return false;
  errno = ENOMEM;
  return true;
}

} // namespace

[[gnu::destructor]] void sayCalls() {
  const char *first = std::getenv("LAMINA_FAILING_MALLOC");
  if (first && std::atol(first) == 0)
    dprintf(STDERR_FILENO, "%ld\n", calls.load());
}

extern "C" {

void *malloc(std::size_t size) {
  return fails() ? nullptr : __libc_malloc(size);
}

void *calloc(std::size_t count, std::size_t size) {
  return fails() ? nullptr : __libc_calloc(count, size);
}

void *realloc(void *memory, std::size_t size) {
  return fails() ? nullptr : __libc_realloc(memory, size);
}

void *aligned_alloc(std::size_t alignment, std::size_t size) {
  return fails() ? nullptr : __libc_memalign(alignment, size);
}

int posix_memalign(void **memory, std::size_t alignment, std::size_t size) {
  if (fails())
    return ENOMEM;
  *memory = __libc_memalign(alignment, size);
  return *memory ? 0 : ENOMEM;
}
}
