//===- RunWithin.cpp - A call that may never come back --------------------===//

#include "RunWithin.h"

#include "../core/Parking.h"

#include <algorithm>
#include <csignal>
#include <memory>
#include <pthread.h>

namespace lamina::runtime {

namespace {

struct Call {
  std::function<int()> work;
  std::atomic<uint32_t> isDone{0};
  int result = 0;
};

using Shared = std::shared_ptr<Call>;

void *run(void *argument) {
  std::unique_ptr<Shared> call(static_cast<Shared *>(argument));
  (*call)->result = (*call)->work();
  (*call)->isDone.store(1);
  wakeAll((*call)->isDone);
  return nullptr;
}

} // namespace

bool runWithin(int64_t milliseconds, std::function<int()> work, int &result) {
  auto call = std::make_shared<Call>();
  call->work = std::move(work);
  auto argument = std::make_unique<Shared>(call);
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  int error = pthread_create(&thread, nullptr, run, argument.get());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error)
    return false;
  (void)argument.release();
  int64_t end = getNanoseconds() + milliseconds * 1000000;
  while (!call->isDone.load()) {
    int64_t left = end - getNanoseconds();
    if (left <= 0)
      break;
    waitForChange(call->isDone, 0, left);
  }
  if (!call->isDone.load()) {
    pthread_detach(thread);
    return false;
  }
  pthread_join(thread, nullptr);
  result = call->result;
  return true;
}

} // namespace lamina::runtime
