//===- Launch.cpp - Checks and queues launches of kernels -----------------===//

#include "Device.h"
#include "Entry.h"
#include "Grid.h"
#include "Stream.h"

#include <cuda_runtime_api.h>

#include <map>

using namespace emulation;

namespace emulation {
namespace {

struct Functions {
  tsan::Mutex mutex;
  std::map<const void *, int> dynamicShared; ///< what was asked for
};

Functions &functions() {
  static Functions &instance = *new Functions;
  return instance;
}

/// Whether kernels of the current device may be given an address.
bool usable(const char *name, size_t number, void *address, bool isPointer) {
  Range range = findRange(address);
  if (range.place == Place::Device && !range.alive && isPointer)
    // One past the end is the address of an empty part.
    range = findRange(static_cast<char *>(address) - 1);
  if (range.place == Place::Pageable && isPointer) {
    report(name, "argument %zu is an address of pageable host memory, %p",
           number, address);
    return false;
  }
  if (range.place != Place::Device)
    return true;
  if (!range.alive) {
    report(name, "argument %zu is not in device memory: %s", number,
           describe(address).c_str());
    return false;
  }
  if (!peerEnabled(currentDevice(), range.device)) {
    report(name,
           "argument %zu is memory of device %d, which device %d may not use "
           "before cudaDeviceEnablePeerAccess",
           number, range.device, currentDevice());
    return false;
  }
  return true;
}

} // namespace

cudaError_t translateArguments(const void *function, Argument *arguments,
                               size_t count) {
  for (size_t i = 0; i < count; ++i) {
    auto *bytes = static_cast<char *>(arguments[i].bytes);
    for (size_t at = 0; at + 8 <= arguments[i].size; at += 8) {
      void *word;
      std::memcpy(&word, bytes + at, 8);
      bool isPointer = arguments[i].isPointer;
      if (!word || (!isPointer && !isDeviceAddress(word)))
        continue;
      // Between the members of a struct there may be anything, also addresses
      // that are not alive; and a member may point to the end of an allocation.
      bool check = isPointer || findRange(word).alive;
      if (check && !usable(kernelName(function).c_str(), i, word, isPointer))
        return finish(cudaErrorInvalidDevicePointer);
      word = hostView(word);
      std::memcpy(bytes + at, &word, 8);
    }
  }
  return cudaSuccess;
}

// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#features-and-technical-specifications
static cudaError_t checkShape(const cudaLaunchConfig_t &config,
                              const void *function) {
  const dim3 &grid = config.gridDim, &block = config.blockDim;
  const char *name = "cudaLaunchKernelEx";
  uint64_t threads = uint64_t(block.x) * block.y * block.z;
  if (grid.x < 1 || grid.y < 1 || grid.z < 1 || grid.x > 0x7fffffffu ||
      grid.y > 65535 || grid.z > 65535 || threads < 1 ||
      threads > kMaxThreadsPerBlock || block.z > 64) {
    report(name, "%s: a grid of %u x %u x %u blocks of %u x %u x %u threads",
           kernelName(function).c_str(), grid.x, grid.y, grid.z, block.x,
           block.y, block.z);
    return finish(cudaErrorInvalidConfiguration);
  }
  std::lock_guard<tsan::Mutex> lock(functions().mutex);
  auto found = functions().dynamicShared.find(function);
  size_t limit = found == functions().dynamicShared.end()
                     ? kSharedPerBlock
                     : static_cast<size_t>(found->second);
  if (config.dynamicSmemBytes > limit) {
    report(name, "%s: %zu bytes of dynamic shared memory, the limit is %zu",
           kernelName(function).c_str(), config.dynamicSmemBytes, limit);
    return finish(cudaErrorInvalidValue);
  }
  if (config.numAttrs != 0) {
    report(name, "%s: launch attributes", kernelName(function).c_str());
    return finish(cudaErrorNotSupported);
  }
  return cudaSuccess;
}

cudaError_t launch(const cudaLaunchConfig_t &config, Kernel kernel) {
  const char *name = "cudaLaunchKernelEx";
  if (cudaError_t status = enter(name))
    return finish(status);
  if (cudaError_t status = checkStreamDevice(name, config.stream))
    return status;
  if (cudaError_t status = checkShape(config, kernel.function))
    return status;
  if (eagerLaunchesForbidden() && !config.stream->capture) {
    report(name, "%s: outside of a graph", kernelName(kernel.function).c_str());
    return finish(cudaErrorNotPermitted);
  }
  std::string kernelText = kernelName(kernel.function);
  cudaLaunchConfig_t shape = config;
  auto run = [=](Engine &engine) {
    Grid grid;
    grid.kernel = &kernel;
    grid.device = engine.device;
    grid.blocks = shape.gridDim;
    grid.threads = shape.blockDim;
    grid.sharedBytes = shape.dynamicSmemBytes;
    grid.seed = options().seed * 1000003 + engine.runs;
    grid.name = kernelText;
    char started = 0, finished = 0;
    grid.started = &started;
    grid.finished = &finished;
    grid.contexts = &engine.contexts;
    engine.as([&] { tsan::release(&started); });
    cudaError_t status = runGrid(grid);
    engine.contexts.endKernel();
    engine.as([&] { tsan::acquire(&finished); });
    return status;
  };
  return queue(config.stream, {kernelText, std::move(run)});
}

} // namespace emulation

//===----------------------------------------------------------------------===//
// https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__EXECUTION.html
//===----------------------------------------------------------------------===//

cudaError_t cudaFuncSetAttribute(const void *function, cudaFuncAttribute what,
                                 int value) {
  ENTER();
  if (what == cudaFuncAttributePreferredSharedMemoryCarveout)
    return cudaSuccess;
  if (what != cudaFuncAttributeMaxDynamicSharedMemorySize || value < 0 ||
      value > static_cast<int>(kSharedPerBlockOptin))
    REFUSE(cudaErrorInvalidValue, "attribute %d, value %d", what, value);
  std::lock_guard<tsan::Mutex> lock(functions().mutex);
  functions().dynamicShared[function] = value;
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int *out,
                                                          const void *function,
                                                          int threads,
                                                          size_t sharedBytes) {
  ENTER();
  *out = blocksPerMultiprocessor(threads, sharedBytes);
  return cudaSuccess;
}

cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
    int *out, const void *function, int threads, size_t sharedBytes,
    unsigned flags) {
  ENTER();
  *out = blocksPerMultiprocessor(threads, sharedBytes);
  return cudaSuccess;
}
