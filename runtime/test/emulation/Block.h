//===- Block.h - One block of CUDA threads ---------------------*- C++ -*-===//
//
// The threads of a block are fibers of one OS thread. They run until they reach
// a meeting point, in an order that a seed chooses. Refused are: threads that
// wait for each other in vain, different barriers at one time, a barrier after
// some threads have exited, a lane outside of its own mask, lanes of one mask
// that exited or are at another operation.
//
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#synchronization-functions
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#warp-shuffle-functions
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_EMULATION_BLOCK_H
#define LAMINA_TEST_EMULATION_BLOCK_H

#include "Fiber.h"
#include "Grid.h"

#include <random>
#include <string>

namespace emulation {

/// A CUDA thread.
struct Thread {
  enum class State { Unstarted, Ready, AtBarrier, AtWarp, Exited };
  State state = State::Unstarted;
  bool whole = false;    ///< it returned
  bool spinning = false; ///< ready, but waits for another
  Fiber fiber;
  uint3 index{};
  Site site{};
  // Of the operation of its warp that it waits at:
  WarpOperation operation{};
  uint32_t mask = 0;
  uint64_t value = 0; ///< given, then taken
  int source = 0;
  char *meeting = nullptr; ///< what its lanes release and acquire
};

class Block {
public:
  Block(Grid &grid, uint3 index, Stacks &stacks);
  ~Block();

  /// Runs all threads to their end; false once the grid has failed.
  bool run();

  // What threads of the block call:
  void meet(Site site);
  uint64_t meetWarp(WarpOperation operation, uint32_t mask, uint64_t value,
                    int source, Site site);
  void spin();
  [[noreturn]] void fail(cudaError_t status, const std::string &why);
  void *dynamicShared() { return shared; }
  int lane() const { return running % 32; }
  /// Of the stack of the running thread.
  char *stackTop() { return self().fiber.stack + Stacks::kBytes; }
  /// "block 3 of axpyKernel, thread 17".
  std::string where() const;

private:
  static void entry(boost::context::detail::transfer_t from);
  void start(int thread);
  void resume(int thread);
  void pause(Thread::State state);
  int choose();
  void exitThread();
  void stopGrid(cudaError_t status, const std::string &why);
  void openBarrier();
  bool checkWarp(int thread);
  void resolveWarp(uint32_t mask, int warp);
  bool onlySpinning();
  void reportDeadlock();
  Thread &self() { return threads[running]; }

  Grid &grid;
  uint3 index;
  Stacks &stacks;
  std::vector<Thread> threads;
  std::vector<int> ready;     ///< those that can go on
  std::vector<int> unstarted; ///< in the order of the seed
  char *shared = nullptr;
  std::minstd_rand random;
  int lateWarp = -1; ///< whose threads are chosen last, mostly
  boost::context::detail::fcontext_t scheduler = nullptr;
  void *schedulerTsan = nullptr;
  char born = 0; ///< what a thread acquires of its OS thread
  int running = 0;
  int atBarrier = 0;
  int exited = 0;
  int spinsInARow = 0;
  double spinningSince = 0;
  bool failed = false;
  // Barriers take turns, so that nobody learns from the barrier after his.
  char barriers[2] = {};
  int barrierTurn = 0;
  // Meetings of each warp take turns for the same reason, 32 of them.
  char meetings[kMaxThreadsPerBlock] = {};
  unsigned meetingTurns[kMaxThreadsPerBlock / 32] = {};
};

/// The block whose thread runs on this OS thread, or null.
Block *currentBlock();

} // namespace emulation

#endif // LAMINA_TEST_EMULATION_BLOCK_H
