//===- Parking.h - Waiting for a word to change ----------------*- C++ -*-===//
//
// What threads that wait for each other share: they look for some microseconds,
// then sleep on a futex.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_PARKING_H
#define LAMINA_RUNTIME_CORE_PARKING_H

#include <atomic>
#include <climits>
#include <cstdint>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace lamina::runtime {

/// Looks at a word before a thread parks. With the pause in between, 10 to 50
/// microseconds: longer than the gap between two operations of a step.
constexpr int kSpins = 1000;

inline void pauseProcessor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

/// Nanoseconds on a steady clock.
inline int64_t getNanoseconds() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

/// Sleeps while `word` is `value`, for at most `nanoseconds` if that is not
/// negative; may return earlier.
inline void waitForChange(std::atomic<uint32_t> &word, uint32_t value,
                          int64_t nanoseconds = -1) {
  timespec limit = {time_t(nanoseconds / 1000000000),
                    long(nanoseconds % 1000000000)};
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value,
          nanoseconds < 0 ? nullptr : &limit, nullptr, 0);
}

inline void wakeAll(std::atomic<uint32_t> &word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_PARKING_H
