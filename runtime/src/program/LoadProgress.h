//===- LoadProgress.h - How far loading is ---------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_PROGRAM_LOADPROGRESS_H
#define LAMINA_RUNTIME_PROGRAM_LOADPROGRESS_H

#include <chrono>
#include <cstdint>

namespace lamina::program {

/// A line on a terminal that says how much of the weights is loaded. It comes
/// when loading takes longer than `delay`, is renewed at most ten times a
/// second, and is gone when this is.
class LoadProgress {
public:
  using Clock = std::chrono::steady_clock;

  explicit LoadProgress(int descriptor,
                        Clock::duration delay = std::chrono::seconds(1))
      : descriptor(descriptor), next(Clock::now() + delay) {}
  LoadProgress(const LoadProgress &) = delete;
  LoadProgress &operator=(const LoadProgress &) = delete;
  ~LoadProgress();

  void update(uint64_t doneBytes, uint64_t allBytes);

private:
  int descriptor;
  Clock::time_point next;
  bool isShown = false;
};

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_LOADPROGRESS_H
