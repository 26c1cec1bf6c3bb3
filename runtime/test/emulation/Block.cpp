//===- Block.cpp - The scheduler of one block -----------------------------===//

#include "Block.h"
#include "Entry.h"

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <numeric>

__thread uint3 threadIdx;
__thread uint3 blockIdx;
__thread dim3 blockDim;
__thread dim3 gridDim;

namespace emulation {

using boost::context::detail::fcontext_t;
using boost::context::detail::jump_fcontext;
using boost::context::detail::make_fcontext;
using boost::context::detail::transfer_t;

namespace {

__thread Block *current;

/// Not inlined, so that no address of a thread local outlives a switch.
[[gnu::noinline]] void setCurrent(Block *block) { current = block; }

} // namespace

[[gnu::noinline]] Block *currentBlock() { return current; }

Block::Block(Grid &grid, uint3 index, Stacks &stacks)
    : grid(grid), index(index), stacks(stacks) {
  size_t number = index.x + size_t(grid.blocks.x) *
                                (index.y + size_t(grid.blocks.y) * index.z);
  random.seed(static_cast<uint32_t>(grid.seed * 2654435761u + number + 1));
  threads.resize(size_t(grid.threads.x) * grid.threads.y * grid.threads.z);
  for (size_t i = 0; i < threads.size(); ++i) {
    threads[i].index.x = static_cast<unsigned>(i % grid.threads.x);
    threads[i].index.y =
        static_cast<unsigned>(i / grid.threads.x % grid.threads.y);
    threads[i].index.z =
        static_cast<unsigned>(i / grid.threads.x / grid.threads.y);
  }
  unstarted.resize(threads.size());
  std::iota(unstarted.begin(), unstarted.end(), 0);
  std::shuffle(unstarted.begin(), unstarted.end(), random);
  lateWarp = static_cast<int>(random() % ((threads.size() + 31) / 32));
  ready.reserve(threads.size()); // threads do not allocate: it is not theirs
  shared = stacks.takeShared(grid.sharedBytes);
}

Block::~Block() {
  for (Thread &thread : threads) {
    if (thread.fiber.tsan && thread.whole)
      grid.contexts->giveBack(thread.fiber.tsan);
    else
      tsan::destroy(thread.fiber.tsan);
    if (thread.fiber.stack)
      stacks.giveBack(thread.fiber.stack);
  }
}

bool Block::run() {
  schedulerTsan = tsan::self();
  setCurrent(this);
  blockIdx = index;
  blockDim = grid.threads;
  gridDim = grid.blocks;
  while (!failed && grid.status == cudaSuccess) {
    int next = choose();
    if (next < 0)
      break;
    if (threads[next].state == Thread::State::Unstarted)
      start(next);
    resume(next);
    if (threads[next].state == Thread::State::Exited)
      exitThread();
  }
  if (!failed && grid.status == cudaSuccess &&
      exited != static_cast<int>(threads.size()))
    reportDeadlock();
  setCurrent(nullptr);
  return grid.status == cudaSuccess;
}

/// A thread that can go on, taken off its list; -1 if there is none. By chance
/// alone no warp falls far behind: one is late on purpose, so that the others
/// reach what comes behind the next barrier. Now and then it has its chance
/// like all, since others may spin for what it does.
int Block::choose() {
  size_t candidates = ready.size() + (unstarted.empty() ? 0 : 1);
  if (candidates == 0)
    return -1;
  size_t pick = random() % candidates;
  int tries = random() % 8 == 0 ? 0 : 8;
  for (; tries > 0 && pick < ready.size() && ready[pick] / 32 == lateWarp;
       --tries)
    pick = random() % candidates;
  int chosen;
  if (pick == ready.size()) {
    chosen = unstarted.back();
    unstarted.pop_back();
  } else {
    chosen = ready[pick];
    ready[pick] = ready.back();
    ready.pop_back();
  }
  return chosen;
}

void Block::start(int number) {
  Thread &thread = threads[number];
  thread.fiber.stack = stacks.take();
  thread.fiber.tsan = grid.contexts->take();
  tsan::releaseAnyway(&born);
  thread.fiber.context = make_fcontext(thread.fiber.stack + Stacks::kBytes,
                                       Stacks::kBytes, &Block::entry);
  thread.state = Thread::State::Ready;
}

void Block::entry(transfer_t from) {
  Block *block = currentBlock();
  block->scheduler = from.fctx;
  tsan::acquire(&block->born);
  tsan::acquire(block->grid.started);
  block->grid.kernel->call();
  tsan::release(block->grid.finished);
  block->self().whole = true;
  block->pause(Thread::State::Exited);
  std::abort(); // nobody resumes a thread that exited
}

void Block::resume(int number) {
  running = number;
  Thread &thread = threads[number];
  threadIdx = thread.index;
  tsan::switchTo(thread.fiber.tsan);
  transfer_t from = jump_fcontext(thread.fiber.context, nullptr);
  thread.fiber.context = from.fctx;
}

/// Goes back to the scheduler, and returns when the thread is chosen again.
void Block::pause(Thread::State state) {
  self().state = state;
  if (state == Thread::State::Ready)
    ready.push_back(running);
  tsan::switchTo(schedulerTsan);
  transfer_t from = jump_fcontext(scheduler, nullptr);
  scheduler = from.fctx;
}

void Block::exitThread() {
  Thread &thread = self();
  if (!Stacks::intact(thread.fiber.stack))
    stopGrid(cudaErrorLaunchFailure, "a stack overflowed");
  // To ThreadSanitizer two threads on one stack would be a race.
  if (!tsan::present()) {
    stacks.giveBack(thread.fiber.stack);
    thread.fiber.stack = nullptr;
  }
  ++exited;
  spinsInARow = 0;
}

/// All that are left in the block have to come, and to the same barrier. That
/// threads which have exited are not waited for is refused, as it hides which
/// barrier is meant.
void Block::meet(Site site) {
  self().site = site;
  self().spinning = false;
  spinsInARow = 0;
  char *barrier = &barriers[barrierTurn & 1];
  tsan::release(barrier);
  if (++atBarrier == static_cast<int>(threads.size())) {
    openBarrier();
    if (failed)
      pause(Thread::State::Ready);
  } else {
    pause(Thread::State::AtBarrier);
  }
  tsan::acquire(barrier);
}

void Block::openBarrier() {
  const Site &site = self().site;
  for (int i = 0; i < static_cast<int>(threads.size()); ++i) {
    Thread &thread = threads[i];
    if (std::strcmp(thread.site.file, site.file) != 0 ||
        thread.site.line != site.line)
      fail(cudaErrorLaunchFailure,
           "__syncthreads of line " + std::to_string(site.line) +
               " and of line " + std::to_string(thread.site.line) +
               " at one time");
    if (i == running)
      continue;
    thread.state = Thread::State::Ready;
    ready.push_back(i);
  }
  atBarrier = 0;
  ++barrierTurn;
}

void Block::spin() {
  Thread &thread = self();
  thread.spinning = true;
  if (++spinsInARow == 1)
    spinningSince = secondsNow();
  // All that can run have had their turn, many times: another block or device
  // has to do something.
  if (spinsInARow % (8 * (static_cast<int>(ready.size()) + 1)) == 0) {
    sched_yield();
    if (spinsInARow > 100000)
      usleep(50);
    double seconds = secondsNow() - spinningSince;
    if (unstarted.empty() && seconds > options().spinSeconds) {
      int spinning = 0;
      for (const Thread &other : threads)
        spinning += other.state == Thread::State::Ready && other.spinning;
      char text[300];
      std::snprintf(text, sizeof(text),
                    "%d of %zu threads spin, %d at __syncthreads, %d exited, "
                    "for %.1f s; the grid has %zu blocks, the device holds %zu "
                    "of them at a time",
                    spinning, threads.size(), atBarrier, exited, seconds,
                    grid.count(), grid.resident());
      fail(cudaErrorLaunchTimeout, text);
    }
  }
  pause(Thread::State::Ready);
  threads[running].spinning = false;
}

/// Of a grid, the first failure says enough.
void Block::stopGrid(cudaError_t status, const std::string &why) {
  failed = true;
  cudaError_t none = cudaSuccess;
  if (!grid.status.compare_exchange_strong(none, status))
    return;
  std::string last;
  if (self().site.file)
    last = std::string(", last at ") + self().site.file + ":" +
           std::to_string(self().site.line);
  report(where().c_str(), "%s%s", why.c_str(), last.c_str());
}

void Block::fail(cudaError_t status, const std::string &why) {
  stopGrid(status, why);
  // Its stack is dropped with the block.
  pause(Thread::State::Exited);
  std::abort();
}

std::string Block::where() const {
  char text[200];
  const uint3 &thread = threads[running].index;
  std::snprintf(text, sizeof(text),
                "%s: block (%u, %u, %u), thread (%u, %u, %u)",
                grid.name.c_str(), index.x, index.y, index.z, thread.x,
                thread.y, thread.z);
  return text;
}

void Block::reportDeadlock() {
  std::map<std::string, int> waiting;
  for (const Thread &thread : threads) {
    std::string what = "exited";
    if (thread.state == Thread::State::AtBarrier)
      what = "at __syncthreads of line " + std::to_string(thread.site.line);
    else if (thread.state == Thread::State::AtWarp)
      what = "at a warp operation of line " + std::to_string(thread.site.line);
    ++waiting[what];
  }
  std::string text;
  for (auto &[what, count] : waiting)
    text +=
        (text.empty() ? "" : ", ") + std::to_string(count) + " threads " + what;
  report(grid.name.c_str(), "dead-lock in block (%u, %u, %u): %s", index.x,
         index.y, index.z, text.c_str());
  cudaError_t none = cudaSuccess;
  grid.status.compare_exchange_strong(none, cudaErrorLaunchFailure);
}

//===----------------------------------------------------------------------===//
// What kernels call
//===----------------------------------------------------------------------===//

void meetBlock(Site site) { currentBlock()->meet(site); }

uint64_t meetWarp(WarpOperation operation, uint32_t mask, uint64_t value,
                  int source, Site site) {
  return currentBlock()->meetWarp(operation, mask, value, source, site);
}

int lane() { return currentBlock()->lane(); }

void spinPause() { currentBlock()->spin(); }

void *dynamicShared() { return currentBlock()->dynamicShared(); }

void trap(const char *why, Site site) {
  currentBlock()->fail(cudaErrorLaunchFailure, std::string(why) + ", " +
                                                   site.file + ":" +
                                                   std::to_string(site.line));
}

} // namespace emulation
