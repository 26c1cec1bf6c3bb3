//===- RunWithin.h - A call that may never come back -----------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_COMM_RUNWITHIN_H
#define LAMINA_RUNTIME_COMM_RUNWITHIN_H

#include <cstdint>
#include <functional>

namespace lamina::runtime {

/// Runs `work` in a thread of its own, with all signals blocked, and stores
/// what it returns. Returns false if it is not back in time, or no thread can
/// be had; then the thread is left as it is.
bool runWithin(int64_t milliseconds, std::function<int()> work, int &result);

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_COMM_RUNWITHIN_H
