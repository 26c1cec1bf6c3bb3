//===- Grid.h - The blocks of one launch -----------------------*- C++ -*-===//

#ifndef LAMINA_TEST_EMULATION_GRID_H
#define LAMINA_TEST_EMULATION_GRID_H

#include "Emulation.h"
#include "Tsan.h"
#include "cuda_emu.h"

#include <atomic>

namespace emulation {

// The emulated device: few multiprocessors, so that more blocks than fit at a
// time are common in tests.
constexpr int kMultiprocessors = 4;
constexpr int kMaxBlocksPerMultiprocessor = 2;
constexpr int kMaxThreadsPerBlock = 1024;
constexpr int kMaxThreadsPerMultiprocessor = 2048;
constexpr size_t kSharedPerBlock = 48 << 10;
constexpr size_t kSharedPerBlockOptin = 227 << 10;
constexpr size_t kSharedPerMultiprocessor = 228 << 10;
constexpr size_t kReservedShared = 1024; ///< of each block, by the system

/// How many blocks of this shape one multiprocessor holds at a time.
int blocksPerMultiprocessor(int threads, size_t sharedBytes);

struct Grid {
  const Kernel *kernel = nullptr;
  int device = 0;
  dim3 blocks;
  dim3 threads;
  size_t sharedBytes = 0;
  uint64_t seed = 0;
  std::string name;

  // What the CUDA threads acquire at their start, and release at their end.
  char *started = nullptr;
  char *finished = nullptr;

  tsan::Contexts *contexts = nullptr; ///< of the stream

  std::atomic<cudaError_t> status{cudaSuccess};

  size_t count() const { return size_t(blocks.x) * blocks.y * blocks.z; }
  /// How many of the blocks run at a time.
  size_t resident() const;
};

/// Runs all blocks, as many at a time as the device holds. An error of the
/// kernel is reported, kept in `grid.status`, and returned.
cudaError_t runGrid(Grid &grid);

/// The name of a kernel, as far as the program has its symbol.
std::string kernelName(const void *function);

/// Sets the calling OS thread up to survive faults of kernels.
void prepareKernelThread();

/// From now on bad addresses are reported: those of kernels as errors of their
/// device, those of the host before the program ends.
void handleFaults();

double secondsNow();

} // namespace emulation

#endif // LAMINA_TEST_EMULATION_GRID_H
