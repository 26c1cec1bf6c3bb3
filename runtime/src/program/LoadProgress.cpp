//===- LoadProgress.cpp - How far loading is ------------------------------===//

#include "program/LoadProgress.h"

#include <cstdio>

namespace lamina::program {

LoadProgress::~LoadProgress() {
  if (isShown)
    dprintf(descriptor, "\r\033[K");
}

void LoadProgress::update(uint64_t doneBytes, uint64_t allBytes) {
  Clock::time_point now = Clock::now();
  if (now < next || allBytes == 0)
    return;
  next = now + std::chrono::milliseconds(100);
  isShown = true;
  double share = static_cast<double>(doneBytes) / static_cast<double>(allBytes);
  dprintf(descriptor, "\rloading weights: %3d %% of %.1f GB",
          static_cast<int>(share * 100), static_cast<double>(allBytes) * 1e-9);
}

} // namespace lamina::program
