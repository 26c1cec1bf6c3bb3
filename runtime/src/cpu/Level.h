//===- Level.h - Vectors of one x86 level ----------------------*- C++ -*-===//
//
// The files that include this header are compiled once for each x86 level, with
// LAMINA_CPU_LEVEL naming the namespace. Nothing in them may be emitted out of
// line under a name that two levels share: the linker would keep one copy, and
// a CPU without AVX could get the wrong one. So they use no inline function or
// template of the standard library.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CPU_LEVEL_H
#define LAMINA_RUNTIME_CPU_LEVEL_H

#ifndef LAMINA_CPU_LEVEL
#error "LAMINA_CPU_LEVEL must name the level"
#endif

#include "Kernels.h"

#include <immintrin.h>

#define LAMINA_INLINE static inline __attribute__((always_inline, unused))
#define LAMINA_MEMBER __attribute__((always_inline))
#define LAMINA_NOINLINE __attribute__((noinline))

namespace lamina::cpu::LAMINA_CPU_LEVEL {

/// Sixteen lanes: one register of v4 and bf16, two of v3, four of v2.
typedef float Floats __attribute__((vector_size(64)));
typedef uint32_t Words __attribute__((vector_size(64)));
typedef int32_t Ints __attribute__((vector_size(64)));
typedef uint16_t Halves __attribute__((vector_size(32)));
typedef uint8_t Bytes __attribute__((vector_size(16)));

constexpr int64_t kLanes = 16;

LAMINA_INLINE int64_t smaller(int64_t a, int64_t b) { return a < b ? a : b; }
LAMINA_INLINE int64_t larger(int64_t a, int64_t b) { return a > b ? a : b; }

template <typename V>
LAMINA_INLINE V loadAs(const void *address) {
  V result;
  __builtin_memcpy(&result, address, sizeof(V));
  return result;
}
LAMINA_INLINE Floats load(const float *address) {
  return loadAs<Floats>(address);
}
LAMINA_INLINE void store(float *address, Floats value) {
  __builtin_memcpy(address, &value, sizeof(value));
}
/// The first n < 16 lanes of memory, then +0.0.
LAMINA_INLINE Floats loadPart(const float *address, int64_t n) {
  float lanes[kLanes] = {};
  __builtin_memcpy(lanes, address, static_cast<size_t>(n) * sizeof(float));
  return load(lanes);
}
LAMINA_INLINE Floats splat(float value) { return value - Floats{}; }

LAMINA_INLINE float asFloat(uint32_t bits) {
  float result;
  __builtin_memcpy(&result, &bits, sizeof(result));
  return result;
}
LAMINA_INLINE uint32_t asBits(float value) {
  uint32_t result;
  __builtin_memcpy(&result, &value, sizeof(result));
  return result;
}

//===----------------------------------------------------------------------===//
// Fused multiply-add
//===----------------------------------------------------------------------===//

#ifdef __FMA__

LAMINA_INLINE Floats fma(Floats a, Floats b, Floats c) {
  return __builtin_elementwise_fma(a, b, c);
}
LAMINA_INLINE float fma(float a, float b, float c) {
  return __builtin_fmaf(a, b, c);
}

/// fma_flushed of docs/numerics.md: right only within a FlushScope.
LAMINA_INLINE Floats fmaFlushed(Floats a, Floats b, Floats c) {
  return fma(a, b, c);
}

/// Subnormals are read and written as zeros while this lives. The compiler
/// knows nothing of the mode: operands have to be loaded in the scope, and
/// results kept inside, or the loops are functions that are not inlined.
class FlushScope {
public:
  LAMINA_MEMBER explicit FlushScope(bool isNeeded = true)
      : isNeeded(isNeeded), saved(isNeeded ? _mm_getcsr() : 0) {
    if (isNeeded)
      _mm_setcsr(saved | 0x8040);
    asm volatile("" : : : "memory");
  }
  LAMINA_MEMBER ~FlushScope() {
    if (isNeeded)
      _mm_setcsr(saved);
  }
  FlushScope(const FlushScope &) = delete;

  /// `value` is complete before the scope ends.
  LAMINA_MEMBER void keepInside(Floats &value) const {
#ifdef __AVX512F__
    asm volatile("" : "+v"(value));
#else
    typedef float Half __attribute__((vector_size(32)));
    Half halves[2];
    __builtin_memcpy(halves, &value, sizeof(value));
    asm volatile("" : "+x"(halves[0]), "+x"(halves[1]));
    __builtin_memcpy(&value, halves, sizeof(value));
#endif
  }

private:
  bool isNeeded;
  unsigned saved;
};

#else

/// Without the instruction: the product of two f32 is exact in f64. The sum is
/// rounded to odd, which makes the second rounding, to f32, the only one that
/// counts (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums").
LAMINA_INLINE double addToOdd(double a, double b) {
  double sum = a + b;
  double part = sum - a;
  double error = (a - (sum - part)) + (b - part);
  uint64_t bits;
  __builtin_memcpy(&bits, &sum, sizeof(bits));
  // A NaN error comes from an infinite or NaN sum, which stays as it is.
  if ((error > 0.0 || error < 0.0) && (bits & 1) == 0)
    bits += (error > 0.0) == (sum > 0.0) ? 1 : -1;
  __builtin_memcpy(&sum, &bits, sizeof(bits));
  return sum;
}

LAMINA_INLINE float fma(float a, float b, float c) {
  return static_cast<float>(addToOdd(static_cast<double>(a) * b, c));
}

LAMINA_INLINE float flushed(float value) {
  uint32_t bits = asBits(value);
  return (bits & 0x7f800000) == 0 ? asFloat(bits & 0x80000000) : value;
}

LAMINA_INLINE float fmaFlushed(float a, float b, float c) {
  double sum =
      addToOdd(static_cast<double>(flushed(a)) * flushed(b), flushed(c));
  // An odd sum never equals the bound by rounding.
  if (__builtin_fabs(sum) < 0x1p-126 - 0x1p-151)
    return __builtin_copysignf(0.0f, static_cast<float>(sum));
  return static_cast<float>(sum);
}

LAMINA_INLINE Floats fma(Floats a, Floats b, Floats c) {
  for (int i = 0; i < kLanes; ++i)
    c[i] = fma(a[i], b[i], c[i]);
  return c;
}
LAMINA_INLINE Floats fmaFlushed(Floats a, Floats b, Floats c) {
  for (int i = 0; i < kLanes; ++i)
    c[i] = fmaFlushed(a[i], b[i], c[i]);
  return c;
}

/// fmaFlushed flushes by itself.
class FlushScope {
public:
  FlushScope() {}
  ~FlushScope() {}
};

#endif

//===----------------------------------------------------------------------===//
// The sums of sixteen accumulators
//===----------------------------------------------------------------------===//

/// The lanes of `sum` added as at the end of dot16 of docs/numerics.md.
LAMINA_INLINE float addLanes(Floats sum) {
  typedef float Eight __attribute__((vector_size(32)));
  typedef float Four __attribute__((vector_size(16)));
  Eight low = __builtin_shufflevector(sum, sum, 0, 1, 2, 3, 4, 5, 6, 7);
  Eight high = __builtin_shufflevector(sum, sum, 8, 9, 10, 11, 12, 13, 14, 15);
  Eight eight = low + high;
  Four four = __builtin_shufflevector(eight, eight, 0, 1, 2, 3) +
              __builtin_shufflevector(eight, eight, 4, 5, 6, 7);
  return (four[0] + four[2]) + (four[1] + four[3]);
}

LAMINA_INLINE float sum16(const float *a, int64_t n) {
  Floats sum = {};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    sum = sum + load(a + i);
  if (i < n)
    sum = sum + loadPart(a + i, n - i);
  return addLanes(sum);
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL

#endif // LAMINA_RUNTIME_CPU_LEVEL_H
