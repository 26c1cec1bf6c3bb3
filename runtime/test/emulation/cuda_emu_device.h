//===- cuda_emu_device.h - Functions of device code ------------*- C++ -*-===//
//
// What nvcc declares for device code alone. Only what the kernels use; the rest
// is a compile error on purpose.
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#warp-shuffle-functions
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_EMULATION_CUDA_EMU_DEVICE_H
#define LAMINA_TEST_EMULATION_CUDA_EMU_DEVICE_H

#include <algorithm>
#include <cmath>

/// Every meeting point knows where it is called, for the reports.
#define LAMINA_EMU_SITE                                                        \
  const char *file = __builtin_FILE(), int line = __builtin_LINE()
#define LAMINA_EMU_HERE                                                        \
  emulation::Site { file, line }

inline void __syncthreads(LAMINA_EMU_SITE) {
  emulation::meetBlock(LAMINA_EMU_HERE);
}

inline void __syncwarp(unsigned mask = 0xffffffffu, LAMINA_EMU_SITE) {
  emulation::meetWarp(emulation::WarpOperation::Sync, mask, 0, 0,
                      LAMINA_EMU_HERE);
}

namespace emulation {

template <typename T>
inline T shuffle(unsigned mask, T value, int source, Site site) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = meetWarp(WarpOperation::Shuffle, mask, bits, source, site);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}

/// The segment of `width` lanes that a lane is in; width is a power of two.
inline int segmentStart(int width, Site site) {
  if (width < 1 || width > 32 || (width & (width - 1)) != 0)
    trap("a shuffle whose width is no power of two up to 32", site);
  return lane() & ~(width - 1);
}

} // namespace emulation

template <typename T>
inline T __shfl_sync(unsigned mask, T value, int source, int width = 32,
                     LAMINA_EMU_SITE) {
  int start = emulation::segmentStart(width, LAMINA_EMU_HERE);
  return emulation::shuffle(mask, value, start + (source & (width - 1)),
                            LAMINA_EMU_HERE);
}

template <typename T>
inline T __shfl_xor_sync(unsigned mask, T value, int distance, int width = 32,
                         LAMINA_EMU_SITE) {
  int start = emulation::segmentStart(width, LAMINA_EMU_HERE);
  // A lane may read from an earlier segment, never from a later one.
  int source = emulation::lane() ^ distance;
  if (source >= start + width)
    source = emulation::lane();
  return emulation::shuffle(mask, value, source, LAMINA_EMU_HERE);
}

template <typename T>
inline T __shfl_down_sync(unsigned mask, T value, unsigned distance,
                          int width = 32, LAMINA_EMU_SITE) {
  int start = emulation::segmentStart(width, LAMINA_EMU_HERE);
  int source = emulation::lane() + static_cast<int>(distance);
  if (source >= start + width)
    source = emulation::lane();
  return emulation::shuffle(mask, value, source, LAMINA_EMU_HERE);
}

template <typename T>
inline T __shfl_up_sync(unsigned mask, T value, unsigned distance,
                        int width = 32, LAMINA_EMU_SITE) {
  int start = emulation::segmentStart(width, LAMINA_EMU_HERE);
  int source = emulation::lane() - static_cast<int>(distance);
  if (source < start)
    source = emulation::lane();
  return emulation::shuffle(mask, value, source, LAMINA_EMU_HERE);
}

inline unsigned __ballot_sync(unsigned mask, int predicate, LAMINA_EMU_SITE) {
  return static_cast<unsigned>(
      emulation::meetWarp(emulation::WarpOperation::Ballot, mask,
                          predicate != 0, 0, LAMINA_EMU_HERE));
}

inline int __any_sync(unsigned mask, int predicate, LAMINA_EMU_SITE) {
  return __ballot_sync(mask, predicate, file, line) != 0;
}

inline int __all_sync(unsigned mask, int predicate, LAMINA_EMU_SITE) {
  return __ballot_sync(mask, predicate, file, line) == mask;
}

inline unsigned __reduce_add_sync(unsigned mask, unsigned value,
                                  LAMINA_EMU_SITE) {
  return static_cast<unsigned>(emulation::meetWarp(
      emulation::WarpOperation::ReduceAdd, mask, value, 0, LAMINA_EMU_HERE));
}

#define __trap() emulation::trap("__trap", {__FILE__, __LINE__})

// Atomic functions order nothing but themselves:
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#atomic-functions
template <typename T, typename Function>
inline T emulationAtomic(T *address, Function function) {
  T old;
  __atomic_load(address, &old, __ATOMIC_RELAXED);
  T wanted = function(old);
  while (!__atomic_compare_exchange(address, &old, &wanted, true,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    wanted = function(old);
  return old;
}
template <typename T>
inline T atomicAdd(T *address, T value) {
  return emulationAtomic(address, [=](T old) { return T(old + value); });
}
template <typename T>
inline T atomicMax(T *address, T value) {
  return emulationAtomic(address, [=](T old) { return std::max(old, value); });
}
template <typename T>
inline T atomicMin(T *address, T value) {
  return emulationAtomic(address, [=](T old) { return std::min(old, value); });
}
template <typename T>
inline T atomicExch(T *address, T value) {
  return emulationAtomic(address, [=](T) { return value; });
}
template <typename T>
inline T atomicCAS(T *address, T compare, T value) {
  return emulationAtomic(address,
                         [=](T old) { return old == compare ? value : old; });
}

template <typename T>
inline T __ldg(const T *address) {
  return *address;
}

// Arithmetic that is exact or rounded once on the device too.
inline float __fmaf_rn(float a, float b, float c) { return std::fmaf(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline float __frcp_rn(float a) { return 1.0f / a; }
inline int __float2int_rn(float a) {
  return static_cast<int>(std::nearbyint(a));
}
inline float __int2float_rn(int a) { return static_cast<float>(a); }
inline unsigned __float_as_uint(float a) {
  unsigned bits;
  std::memcpy(&bits, &a, 4);
  return bits;
}
inline int __float_as_int(float a) {
  return static_cast<int>(__float_as_uint(a));
}
inline float __uint_as_float(unsigned bits) {
  float a;
  std::memcpy(&a, &bits, 4);
  return a;
}
inline float __int_as_float(int bits) {
  return __uint_as_float(static_cast<unsigned>(bits));
}
inline int __popc(unsigned a) { return __builtin_popcount(a); }
inline int __ffs(int a) { return __builtin_ffs(a); }
inline int __clz(int a) {
  return a == 0 ? 32 : __builtin_clz(static_cast<unsigned>(a));
}

// Approximate on the device: tests of kernels allow for its stated error.
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#intrinsic-functions
inline float rsqrtf(float a) { return 1.0f / std::sqrt(a); }
inline float __expf(float a) { return std::exp(a); }
inline float __logf(float a) { return std::log(a); }
inline float __sinf(float a) { return std::sin(a); }
inline float __cosf(float a) { return std::cos(a); }
inline float __fdividef(float a, float b) { return a / b; }
inline void sincospi(double a, double *sine, double *cosine) {
  *sine = std::sin(M_PI * a);
  *cosine = std::cos(M_PI * a);
}

using std::max;
using std::min;

#endif // LAMINA_TEST_EMULATION_CUDA_EMU_DEVICE_H
