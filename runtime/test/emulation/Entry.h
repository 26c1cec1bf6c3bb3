//===- Entry.h - What every entry point begins and ends with ---*- C++ -*-===//

#ifndef LAMINA_TEST_EMULATION_ENTRY_H
#define LAMINA_TEST_EMULATION_ENTRY_H

#include "Emulation.h"

#include <cuda_runtime_api.h>

namespace emulation {

/// Keeps and prints a line about something that is not allowed.
[[gnu::format(printf, 2, 3)]] void report(const char *function,
                                          const char *format, ...);

/// Counts a call. The code that the call returns at once if a fault was
/// planned for it, else 0; `sticky` says whether the device is lost with it.
int plannedFault(const char *entry, bool &sticky);

/// Keeps a failure for cudaGetLastError of this thread, and returns it.
cudaError_t finish(cudaError_t status);

/// As report, and the call fails with `status`.
#define REFUSE(status, ...)                                                    \
  return (emulation::report(__func__, __VA_ARGS__), emulation::finish(status))

/// What an entry point of cudart does first: count, fail if that was planned,
/// and fail with the error of the device once it is lost.
cudaError_t enter(const char *function);

#define ENTER()                                                                \
  if (cudaError_t status = emulation::enter(__func__); status != cudaSuccess)  \
  return emulation::finish(status)

} // namespace emulation

#endif // LAMINA_TEST_EMULATION_ENTRY_H
