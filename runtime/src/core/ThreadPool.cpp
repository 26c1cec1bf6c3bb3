//===- ThreadPool.cpp - Static splits of work over threads ----------------===//

#include "ThreadPool.h"

#include "Failure.h"
#include "FloatingPointMode.h"

#include <climits>
#include <csignal>
#include <cstring>
#include <ctime>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace lamina::runtime {

namespace {

/// Looks at a word before a thread parks. With the pause in between, 10 to 50
/// microseconds: longer than the gap between two operations of a step.
constexpr int kSpins = 1000;

void pauseProcessor() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

void waitForChange(std::atomic<uint32_t> &word, uint32_t value,
                   const timespec *limit = nullptr) {
  syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, limit, nullptr, 0);
}

/// No limit to how long is waited.
constexpr int64_t kForever = -1;

int64_t getNanoseconds() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1000000000 + now.tv_nsec;
}

void wakeAll(std::atomic<uint32_t> &word) {
  syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

} // namespace

lamrt_status ThreadPool::start(int32_t threads) {
  workers.reserve(static_cast<size_t>(threads));
  // Signals are for the threads of the caller, but for those that an
  // instruction of a worker raises: blocked, they would pass by every handler.
  sigset_t blocked, old;
  sigfillset(&blocked);
  for (int signal : {SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGTRAP})
    sigdelset(&blocked, signal);
  pthread_sigmask(SIG_SETMASK, &blocked, &old);
  int error = 0;
  for (int32_t i = 1; i < threads && !error; ++i) {
    workers.push_back({this, i, {}});
    error = pthread_create(&workers.back().handle, nullptr, workerMain,
                           &workers.back());
    if (error)
      workers.pop_back();
    else
      numThreads = i + 1;
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (error)
    return fail(LAMRT_LIMIT, "threads: cannot start thread %d of %d: %s",
                numThreads + 1, threads, strerror(error));
  return LAMRT_OK;
}

ThreadPool::~ThreadPool() {
  if (workers.empty())
    return;
  stopping = true;
  epoch.fetch_add(1);
  wakeAll(epoch);
  for (Worker &worker : workers)
    pthread_join(worker.handle, nullptr);
}

void ThreadPool::dispatch(Function function, void *context, int32_t count) {
  wakeWorkers(function, context, count);
  function(context, 0);
  waitForWorkers(kForever, kSpins);
}

bool ThreadPool::tryRun(int32_t count, int64_t patience, Function body,
                        bool (*hasFailed)(void *context), void *context) {
  constexpr int64_t kSlice = 50000000;
  wakeWorkers(body, context, count + 1);
  int64_t left = patience;
  // The processors are for those that work.
  while (!waitForWorkers(kSlice, 0)) {
    left -= hasFailed(context) ? kSlice : 0;
    if (left <= 0)
      return false;
  }
  return true;
}

void ThreadPool::wakeWorkers(Function function, void *context, int32_t count) {
  jobFunction = function;
  jobContext = context;
  jobThreads = count;
  pending.store(static_cast<uint32_t>(workers.size()));
  // In the total order of these, a worker that parks either sees the new epoch
  // or is seen here.
  epoch.fetch_add(1);
  if (parkedWorkers.load())
    wakeAll(epoch);
}

/// Returns false if they are not done after `patience` nanoseconds.
bool ThreadPool::waitForWorkers(int64_t patience, int spins) {
  for (int i = 0; i < spins; ++i) {
    if (pending.load(std::memory_order_acquire) == 0)
      return true;
    pauseProcessor();
  }
  int64_t deadline = patience == kForever ? 0 : getNanoseconds() + patience;
  callerIsParked.store(1);
  while (uint32_t rest = pending.load()) {
    if (patience == kForever) {
      waitForChange(pending, rest);
      continue;
    }
    int64_t left = deadline - getNanoseconds();
    if (left <= 0)
      return false;
    timespec limit = {time_t(left / 1000000000), long(left % 1000000000)};
    waitForChange(pending, rest, &limit);
  }
  callerIsParked.store(0);
  return true;
}

void ThreadPool::work(int32_t index) {
  uint32_t seen = 0;
  while (true) {
    for (int i = 0; i < kSpins && epoch.load(std::memory_order_acquire) == seen;
         ++i)
      pauseProcessor();
    if (epoch.load(std::memory_order_acquire) == seen) {
      parkedWorkers.fetch_add(1);
      while (epoch.load() == seen)
        waitForChange(epoch, seen);
      parkedWorkers.fetch_sub(1);
    }
    ++seen;
    if (stopping)
      return;
    if (index < jobThreads)
      jobFunction(jobContext, index);
    if (pending.fetch_sub(1) == 1 && callerIsParked.load())
      wakeAll(pending);
  }
}

void *ThreadPool::workerMain(void *argument) {
  auto *worker = static_cast<Worker *>(argument);
  FloatingPointMode mode;
  worker->pool->work(worker->index);
  return nullptr;
}

} // namespace lamina::runtime
