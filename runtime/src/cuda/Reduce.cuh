//===- Reduce.cuh - Sums over a warp and a block ---------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CUDA_REDUCE_CUH
#define LAMINA_RUNTIME_CUDA_REDUCE_CUH

#include <cuda_runtime.h>

namespace lamina::cuda {

constexpr unsigned kAllLanes = 0xffffffffu;

/// Every lane gets the sum, in the same order.
__device__ inline float warpSum(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2)
    value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

/// NaN is not the largest of anything.
__device__ inline float warpMax(float value) {
#pragma unroll
  for (int distance = 16; distance > 0; distance /= 2) {
    float other = __shfl_xor_sync(kAllLanes, value, distance);
    value = other > value ? other : value;
  }
  return value;
}

/// Every thread of the block gets the sum. All threads of a block of kThreads
/// call it; once in a kernel, since nothing keeps a second call from
/// overwriting what others still read.
template <int kThreads>
__device__ inline float blockSum(float value) {
  __shared__ float sums[kThreads / 32];
  value = warpSum(value);
  if (threadIdx.x % 32 == 0)
    sums[threadIdx.x / 32] = value;
  // The sums of all warps are there.
  __syncthreads();
  float total = 0.0f;
#pragma unroll
  for (int warp = 0; warp < kThreads / 32; ++warp)
    total += sums[warp];
  return total;
}

} // namespace lamina::cuda

#endif // LAMINA_RUNTIME_CUDA_REDUCE_CUH
