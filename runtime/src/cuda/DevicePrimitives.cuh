//===- DevicePrimitives.cuh - What a kernel cannot say in C++ ---*- C++ -*-===//
//
// The one header that knows whether a kernel is compiled by nvcc or, for tests,
// as host C++ under emulation. Each function is a few instructions of PTX and
// has a host twin of the same meaning.
//
// PTX: https://docs.nvidia.com/cuda/parallel-thread-execution/
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CUDA_DEVICEPRIMITIVES_CUH
#define LAMINA_RUNTIME_CUDA_DEVICEPRIMITIVES_CUH

#include <cuda_runtime.h>
#include <stdint.h>

namespace lamina::cuda {

#ifdef LAMINA_CUDA_EMULATION

/// The dynamic shared memory of the block, aligned to 16 bytes.
template <typename T>
inline T *dynamicShared() {
  return static_cast<T *>(emulation::dynamicShared());
}

/// Stores so that whoever sees the value, on any device or on the host, also
/// sees all that this thread has written before.
inline void stReleaseSys(uint32_t *address, uint32_t value) {
  __atomic_store_n(address, value, __ATOMIC_RELEASE);
}

/// Loads; what was written before the stReleaseSys that is seen is visible.
inline uint32_t ldAcquireSys(const uint32_t *address) {
  return __atomic_load_n(address, __ATOMIC_ACQUIRE);
}

/// Called in every turn of a loop that waits for another thread.
inline void spinPause() { emulation::spinPause(); }

#else

template <typename T>
__device__ __forceinline__ T *dynamicShared() {
  extern __shared__ __align__(16) unsigned char laminaDynamicShared[];
  return reinterpret_cast<T *>(laminaDynamicShared);
}

__device__ __forceinline__ void stReleaseSys(uint32_t *address,
                                             uint32_t value) {
  asm volatile("st.release.sys.global.u32 [%0], %1;"
               :
               : "l"(address), "r"(value)
               : "memory");
}

__device__ __forceinline__ uint32_t ldAcquireSys(const uint32_t *address) {
  uint32_t value;
  asm volatile("ld.acquire.sys.global.u32 %0, [%1];"
               : "=r"(value)
               : "l"(address)
               : "memory");
  return value;
}

__device__ __forceinline__ void spinPause() { __nanosleep(32); }

#endif

} // namespace lamina::cuda

#endif // LAMINA_RUNTIME_CUDA_DEVICEPRIMITIVES_CUH
