//===- ThreadPool.h - Static splits of work over threads -------*- C++ -*-===//
//
// The threads of one rank. Work is split statically: thread t of n always does
// the same part, and what a part computes depends on no other part. Waiting
// threads spin for a few microseconds, then park.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_THREADPOOL_H
#define LAMINA_RUNTIME_CORE_THREADPOOL_H

#include "lamina/runtime.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lamina::runtime {

class ThreadPool {
public:
  using Function = void (*)(void *context, int32_t thread);

  ThreadPool() = default;
  ~ThreadPool();
  ThreadPool(const ThreadPool &) = delete;
  ThreadPool &operator=(const ThreadPool &) = delete;

  /// Starts `threads` - 1 workers; the caller is thread 0. Fails with
  /// LAMRT_LIMIT if the system gives no more threads.
  lamrt_status start(int32_t threads);

  int32_t threads() const { return numThreads; }

  /// Calls body(thread) on the first `count` threads and returns when all are
  /// done. Never allocates or locks; wakes the threads that are parked.
  template <typename Body>
  void run(int32_t count, Body &&body) {
    if (count <= 1) {
      body(0);
      return;
    }
    dispatch(
        [](void *context, int32_t thread) {
          (*static_cast<std::remove_reference_t<Body> *>(context))(thread);
        },
        &body, count);
  }

  /// Calls body(context, thread) on the threads 1 to `count`, none of them the
  /// caller's, which waits; no longer than `patience` nanoseconds once
  /// hasFailed(context). Returns whether all are done. If not, the pool is of
  /// no more use; it and `context` must live on, for its threads do.
  bool tryRun(int32_t count, int64_t patience, Function body,
              bool (*hasFailed)(void *context), void *context);

  /// Splits [0, count) into one contiguous range a thread, of at least `grain`
  /// items each, and calls body(begin, end, thread).
  template <typename Body>
  void forRange(int64_t count, int64_t grain, Body &&body) {
    if (count <= 0)
      return;
    int64_t parts = std::clamp<int64_t>(count / grain, 1, numThreads);
    run(static_cast<int32_t>(parts), [&](int32_t thread) {
      body(count * thread / parts, count * (thread + 1) / parts, thread);
    });
  }

private:
  struct Worker {
    ThreadPool *pool;
    int32_t index;
    pthread_t handle;
  };

  void dispatch(Function function, void *context, int32_t count);
  void wakeWorkers(Function function, void *context, int32_t count);
  void work(int32_t index);
  bool waitForWorkers(int64_t patience, int spins);
  static void *workerMain(void *argument);

  int32_t numThreads = 1;
  std::vector<Worker> workers;

  // The job. Written before `epoch` changes, read after.
  Function jobFunction = nullptr;
  void *jobContext = nullptr;
  int32_t jobThreads = 0;
  bool stopping = false;

  alignas(64) std::atomic<uint32_t> epoch{0};
  alignas(64) std::atomic<uint32_t> pending{0};
  alignas(64) std::atomic<uint32_t> parkedWorkers{0};
  std::atomic<uint32_t> callerIsParked{0};
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_THREADPOOL_H
