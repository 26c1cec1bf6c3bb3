//===- Launch.cuh - How kernels are launched -------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CUDA_LAUNCH_CUH
#define LAMINA_RUNTIME_CUDA_LAUNCH_CUH

#include <cstddef>
#include <cuda_runtime.h>
#include <utility>

namespace lamina::cuda {

/// Queues kernel(arguments...) as a grid of blocks of `threads` threads. A grid
/// without blocks is no launch.
template <typename... Parameters, typename... Arguments>
cudaError_t launch(void (*kernel)(Parameters...), dim3 blocks, unsigned threads,
                   size_t sharedBytes, cudaStream_t stream,
                   Arguments &&...arguments) {
  if (blocks.x == 0 || blocks.y == 0 || blocks.z == 0)
    return cudaSuccess;
  cudaLaunchConfig_t config = {};
  config.gridDim = blocks;
  config.blockDim = dim3(threads);
  config.dynamicSmemBytes = sharedBytes;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel,
                            std::forward<Arguments>(arguments)...);
}

} // namespace lamina::cuda

#endif // LAMINA_RUNTIME_CUDA_LAUNCH_CUH
