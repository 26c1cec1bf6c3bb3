//===- Grid.cpp - Blocks on OS threads, and faults of kernels -------------===//

#include "Grid.h"
#include "Block.h"
#include "Device.h"
#include "Entry.h"

#include <cxxabi.h>
#include <dlfcn.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <numeric>
#include <random>
#include <thread>

namespace emulation {
namespace {

//===----------------------------------------------------------------------===//
// OS threads
//===----------------------------------------------------------------------===//

/// Threads that run blocks. There are always enough: blocks that are said to be
/// resident at a time may wait for each other.
class Pool {
public:
  void submit(std::function<void(Stacks &)> task) {
    std::lock_guard<std::mutex> lock(mutex);
    tasks.push_back(std::move(task));
    if (idle < tasks.size())
      std::thread([this] { work(); }).detach();
    wake.notify_one();
  }

private:
  void work() {
    prepareKernelThread();
    Stacks stacks;
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      ++idle;
      wake.wait(lock, [this] { return !tasks.empty(); });
      --idle;
      auto task = std::move(tasks.front());
      tasks.pop_front();
      lock.unlock();
      task(stacks);
      lock.lock();
    }
  }

  std::mutex mutex;
  std::condition_variable wake;
  std::deque<std::function<void(Stacks &)>> tasks;
  size_t idle = 0;
};

Pool &pool() {
  static Pool &instance = *new Pool;
  return instance;
}

/// The blocks of a grid in the order of its seed, taken by several threads.
struct Work {
  Grid &grid;
  std::vector<uint32_t> order;
  std::atomic<size_t> next{0};
  std::mutex mutex;
  std::condition_variable done;
  int running = 0;

  explicit Work(Grid &grid) : grid(grid) {
    order.resize(size_t(grid.blocks.x) * grid.blocks.y * grid.blocks.z);
    std::iota(order.begin(), order.end(), 0);
    std::minstd_rand random(static_cast<uint32_t>(grid.seed + 1));
    std::shuffle(order.begin(), order.end(), random);
  }

  void take(Stacks &stacks) {
    for (size_t i; grid.status == cudaSuccess && (i = next++) < order.size();) {
      uint32_t number = order[i];
      uint3 index{number % grid.blocks.x,
                  number / grid.blocks.x % grid.blocks.y,
                  number / grid.blocks.x / grid.blocks.y};
      Block(grid, index, stacks).run();
    }
    std::lock_guard<std::mutex> lock(mutex);
    if (--running == 0)
      done.notify_all();
  }
};

//===----------------------------------------------------------------------===//
// Faults
//===----------------------------------------------------------------------===//

constexpr size_t kSignalStack = 64 << 10;

__thread void *faultAddress;
__thread int faultSignal;

/// Where a CUDA thread goes on after a signal, on its own stack from the top.
[[noreturn]] void endThread() {
  const char *what = faultSignal == SIGFPE ? "a division by zero" : nullptr;
  if (what)
    currentBlock()->fail(cudaErrorLaunchFailure, what);
  char text[256];
  std::snprintf(text, sizeof(text), "illegal address %p: %s", faultAddress,
                describe(faultAddress).c_str());
  currentBlock()->fail(cudaErrorIllegalAddress, text);
}

void writeStderr(const char *text) {
  ssize_t ignored = write(2, text, std::strlen(text));
  static_cast<void>(ignored);
}

void onSignal(int number, siginfo_t *info, void *opaque) {
  auto *context = static_cast<ucontext_t *>(opaque);
  if (Block *block = currentBlock()) {
    faultAddress = info->si_addr;
    faultSignal = number;
    context->uc_mcontext.gregs[REG_RSP] =
        reinterpret_cast<greg_t>(block->stackTop()) - 8;
    context->uc_mcontext.gregs[REG_RIP] = reinterpret_cast<greg_t>(&endThread);
    return;
  }
  if (isDeviceAddress(info->si_addr))
    writeStderr("emulation: host code used an address of device memory\n");
  // The same instruction runs again, and ends the process.
  signal(number, SIG_DFL);
}

void handleSignals() {
  struct sigaction action{};
  action.sa_sigaction = onSignal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (int number : {SIGSEGV, SIGBUS, SIGFPE})
    sigaction(number, &action, nullptr);
}

} // namespace

void prepareKernelThread() {
  static std::once_flag once;
  std::call_once(once, handleSignals);
  stack_t stack{};
  stack.ss_size = kSignalStack;
  stack.ss_sp = std::malloc(kSignalStack); // as long-lived as the thread
  sigaltstack(&stack, nullptr);
}

double secondsNow() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

std::string kernelName(const void *function) {
  Dl_info info{};
  if (dladdr(function, &info) == 0 || !info.dli_sname ||
      info.dli_saddr != function)
    return "a kernel without a symbol";
  int status = 0;
  char *text = abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status);
  std::string name = text ? text : info.dli_sname;
  std::free(text);
  // The parameters and the return type of a template say little.
  size_t space = name.rfind(' ', name.find('<'));
  if (name.compare(0, 5, "void ") == 0 && space != std::string::npos)
    name = name.substr(5);
  return name.substr(0, name.find('('));
}

int blocksPerMultiprocessor(int threads, size_t sharedBytes) {
  if (threads < 1 || threads > kMaxThreadsPerBlock)
    return 0;
  size_t byThreads = kMaxThreadsPerMultiprocessor / threads;
  size_t byShared = kSharedPerMultiprocessor / (sharedBytes + kReservedShared);
  return static_cast<int>(std::min<size_t>(
      {size_t(kMaxBlocksPerMultiprocessor), byThreads, byShared}));
}

cudaError_t runGrid(Grid &grid) {
  auto work = std::make_shared<Work>(grid);
  int threads =
      static_cast<int>(grid.threads.x * grid.threads.y * grid.threads.z);
  size_t resident = static_cast<size_t>(
      kMultiprocessors * blocksPerMultiprocessor(threads, grid.sharedBytes));
  work->running = static_cast<int>(std::min(resident, work->order.size()));
  for (int i = 0, end = work->running; i < end; ++i)
    pool().submit([work](Stacks &stacks) { work->take(stacks); });
  std::unique_lock<std::mutex> lock(work->mutex);
  work->done.wait(lock, [&] { return work->running == 0; });
  return grid.status;
}

} // namespace emulation
