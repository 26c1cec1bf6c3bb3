//===- Grid.cpp - Blocks on OS threads, and faults of kernels -------------===//

#include "Grid.h"
#include "Block.h"
#include "Device.h"
#include "Entry.h"

#include <link.h>
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
    tsan::LeftOut leftOut;
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

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

/// The thread locals that the calling OS thread has of one module.
struct Locals {
  const void *base; ///< of the module
  void *data = nullptr;
  size_t bytes = 0;
};

int findLocals(dl_phdr_info *info, size_t, void *opaque) {
  auto *locals = static_cast<Locals *>(opaque);
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) &header = info->dlpi_phdr[i];
    if (header.p_type == PT_TLS) {
      locals->data = info->dlpi_tls_data;
      locals->bytes = header.p_memsz;
    }
  }
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr) &header = info->dlpi_phdr[i];
    auto begin = info->dlpi_addr + header.p_vaddr;
    auto at = reinterpret_cast<ElfW(Addr)>(locals->base);
    if (header.p_type == PT_LOAD && at >= begin && at < begin + header.p_memsz)
      return 1;
  }
  locals->data = nullptr;
  return 0;
}

/// Where the module of a kernel has its static shared memory on this thread.
/// Pool threads run nothing but kernels: all other thread locals of the module
/// are unused here.
Locals sharedMemory(const void *function) {
  Locals locals{function};
  if (!dl_iterate_phdr(findLocals, &locals))
    locals.data = nullptr;
  return locals;
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
    order.resize(grid.count());
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
      if (tsan::present())
        runAlone(index);
      else
        runBlock(index, stacks);
    }
    std::lock_guard<std::mutex> lock(mutex);
    if (--running == 0)
      done.notify_all();
  }

  /// Shared memory begins as NaN, or -1.
  void runBlock(uint3 index, Stacks &stacks) {
    Locals locals = sharedMemory(grid.kernel->function);
    if (locals.data)
      std::memset(locals.data, 0xff, locals.bytes);
    Block(grid, index, stacks).run();
  }

  /// On a new OS thread, so that its shared memory is new to ThreadSanitizer.
  void runAlone(uint3 index) {
    std::thread([&] {
      tsan::LeftOut leftOut;
      prepareKernelThread();
      Stacks stacks;
      runBlock(index, stacks);
    }).join();
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
  if (faultSignal == SIGFPE)
    currentBlock()->fail(cudaErrorLaunchFailure, "a division by zero");
  // Checks that g++ put in; the address is that of the instruction.
  if (faultSignal == SIGILL)
    currentBlock()->fail(cudaErrorMisalignedAddress,
                         "an access that is not aligned, an index beyond its "
                         "array, or a shift by too much");
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

void installHandlers() {
  struct sigaction action{};
  action.sa_sigaction = onSignal;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK;
  sigemptyset(&action.sa_mask);
  for (int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL})
    sigaction(number, &action, nullptr);
}

} // namespace

void handleFaults() {
  static std::once_flag once;
  std::call_once(once, installHandlers);
}

void prepareKernelThread() {
  handleFaults();
  struct SignalStack {
    char *bytes = static_cast<char *>(std::malloc(kSignalStack));
    ~SignalStack() { std::free(bytes); }
  };
  thread_local SignalStack bytes;
  stack_t stack{};
  stack.ss_size = kSignalStack;
  stack.ss_sp = bytes.bytes;
  sigaltstack(&stack, nullptr);
}

double secondsNow() {
  using namespace std::chrono;
  return duration<double>(steady_clock::now().time_since_epoch()).count();
}

int blocksPerMultiprocessor(int threads, size_t sharedBytes) {
  if (threads < 1 || threads > kMaxThreadsPerBlock)
    return 0;
  size_t byThreads = kMaxThreadsPerMultiprocessor / threads;
  size_t byShared = kSharedPerMultiprocessor / (sharedBytes + kReservedShared);
  return static_cast<int>(std::min<size_t>(
      {size_t(kMaxBlocksPerMultiprocessor), byThreads, byShared}));
}

size_t Grid::resident() const {
  int perBlock = static_cast<int>(threads.x * threads.y * threads.z);
  int most = kMultiprocessors * blocksPerMultiprocessor(perBlock, sharedBytes);
  return std::min(static_cast<size_t>(most), count());
}

cudaError_t runGrid(Grid &grid) {
  Work work(grid);
  work.running = static_cast<int>(grid.resident());
  for (int i = 0, end = work.running; i < end; ++i)
    pool().submit([&work](Stacks &stacks) { work.take(stacks); });
  std::unique_lock<std::mutex> lock(work.mutex);
  work.done.wait(lock, [&] { return work.running == 0; });
  return grid.status;
}

} // namespace emulation
