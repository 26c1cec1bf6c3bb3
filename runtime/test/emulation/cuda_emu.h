//===- cuda_emu.h - CUDA C++ as host C++ -----------------------*- C++ -*-===//
//
// Included before a .cu file that g++ compiles as C++ (g++ -x c++ -include).
// NVIDIA's headers give the types and the host API; this file gives what nvcc
// would: qualifiers, threadIdx and the like, launches, and in cuda_emu_device.h
// the functions that only device code has.
//
// A CUDA thread is a fiber, a block one OS thread: `__shared__` is
// thread_local.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_EMULATION_CUDA_EMU_H
#define LAMINA_TEST_EMULATION_CUDA_EMU_H

#define LAMINA_CUDA_EMULATION 1

// NVIDIA's template goes through an untyped launch; ours keeps the types.
#define cudaLaunchKernelEx cudaLaunchKernelExOfNvidia
#include <cuda_runtime.h>
#undef cudaLaunchKernelEx
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <tuple>
#include <type_traits>
#include <utility>

#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __constant__
#undef __launch_bounds__
#undef __grid_constant__
#undef __forceinline__
#define __global__
#define __device__
#define __host__
#define __shared__ static thread_local
#define __constant__
#define __launch_bounds__(...)
#define __grid_constant__
#define __forceinline__ inline __attribute__((always_inline))

// Plain thread locals, which need no guard at each use.
extern __thread uint3 threadIdx;
extern __thread uint3 blockIdx;
extern __thread dim3 blockDim;
extern __thread dim3 gridDim;
constexpr int warpSize = 32;

namespace emulation {

/// Where a kernel calls a meeting point.
struct Site {
  const char *file;
  int line;
};

/// What a launch is: one call is one CUDA thread.
struct Kernel {
  std::function<void()> call;
  const void *function; ///< for its name in reports
};

/// One argument of a kernel, as bytes. Device addresses in it become addresses
/// that kernels may use.
struct Argument {
  void *bytes;
  size_t size;
  bool isPointer;
};

/// Checks the arguments, and turns the device addresses in them, at any
/// multiple of 8 bytes, into those that a kernel of the current device uses.
cudaError_t translateArguments(const void *function, Argument *arguments,
                               size_t count);

/// Queues a grid on the stream of the launch.
cudaError_t launch(const cudaLaunchConfig_t &config, Kernel kernel);

/// The memory of the launch attribute dynamicSmemBytes.
void *dynamicShared();

/// Lets other threads run. A kernel in which all threads only call this is
/// ended after Options::spinSeconds.
void spinPause();

/// The two calls that are all of a kernel's meeting points; see Block.h.
void meetBlock(Site site);
enum class WarpOperation { Sync, Shuffle, Ballot, ReduceAdd };
uint64_t meetWarp(WarpOperation operation, uint32_t mask, uint64_t value,
                  int source, Site site);

/// The number of the calling lane in its warp.
int lane();

/// Ends the kernel with an error, as the device does.
[[noreturn]] void trap(const char *why, Site site);

} // namespace emulation

/// https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__HIGHLEVEL.html
template <typename... Parameters, typename... Arguments>
inline cudaError_t cudaLaunchKernelEx(const cudaLaunchConfig_t *config,
                                      void (*kernel)(Parameters...),
                                      Arguments &&...arguments) {
  static_assert((std::is_trivially_copyable_v<std::decay_t<Parameters>> && ...),
                "the parameters of a kernel are copied as bytes");
  std::tuple<std::remove_cv_t<Parameters>...> values{
      static_cast<Parameters>(arguments)...};
  const void *function = reinterpret_cast<const void *>(kernel);
  cudaError_t status = std::apply(
      [&](auto &...value) {
        emulation::Argument list[sizeof...(value) + 1] = {
            {&value, sizeof(value),
             std::is_pointer_v<std::decay_t<decltype(value)>>}...};
        return emulation::translateArguments(function, list, sizeof...(value));
      },
      values);
  if (status != cudaSuccess)
    return status;
  return emulation::launch(
      *config, {[kernel, values] { std::apply(kernel, values); }, function});
}

#include "cuda_emu_device.h"

#endif // LAMINA_TEST_EMULATION_CUDA_EMU_H
