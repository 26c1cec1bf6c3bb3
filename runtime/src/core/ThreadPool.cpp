//===- ThreadPool.cpp - Static splits of work over threads ----------------===//

#include "ThreadPool.h"

#include "Failure.h"
#include "FloatingPointMode.h"
#include "Parking.h"

#include <csignal>
#include <cstring>

namespace lamina::runtime {

namespace {

/// No limit to how long is waited.
constexpr int64_t kForever = -1;

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
    waitForChange(pending, rest, left);
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
