//===- Norms.cuh - Residual add and RMS norm of one row --------*- C++ -*-===//
//
//   s = update + bias      rounded to the residual's type if it is a sum
//   r = residual + s       rounded to the residual's type
//   y = r * rsqrt(mean(r^2) + eps) * weight
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CUDA_NORMS_CUH
#define LAMINA_RUNTIME_CUDA_NORMS_CUH

#include "Elements.cuh"
#include "Reduce.cuh"

namespace lamina::cuda {

/// The new residual of eight features, stored; `s` is their update.
__device__ inline Floats addUpdate(const NormWork &work, int64_t row,
                                   int64_t index, Floats s) {
  Floats r = loadUpTo(getRow(work.residual, row), work.residual.type, index,
                      work.features);
#pragma unroll
  for (int i = 0; i < kVector; ++i) {
    if (work.bias && index + i < work.features)
      s.v[i] += work.bias[index + i];
    if (work.isSum || work.bias)
      s.v[i] = roundTo(work.next.type, s.v[i]);
    r.v[i] = roundTo(work.next.type, r.v[i] + s.v[i]);
  }
  storeUpTo(getRow(work.next, row), work.next.type, index, work.features, r);
  return r;
}

__device__ inline float applyNorm(const NormWork &work, float r, float q,
                                  float weight) {
  if (work.norm == LAMRT_NORM_HF)
    return roundTo(work.normed.type, r * q) * weight;
  return r * q * (work.norm == LAMRT_NORM_SINGLE ? weight : 1.0f + weight);
}

__device__ inline float sumSquares(const Floats &r) {
  float squares = 0.0f;
#pragma unroll
  for (int j = 0; j < kVector; ++j)
    squares += r.v[j] * r.v[j];
  return squares;
}

/// The norm of the row in `from`, given to store(index, values). All threads of
/// a block of kThreads call it, each with the squares of the vectors that it
/// will read: vector number threadIdx.x and every kThreads-th after it.
template <int kThreads, typename Store>
__device__ inline void normRow(const NormWork &work, const cpu::Rows &from,
                               int64_t row, float squares, const Store &store) {
  float mean = blockSum<kThreads>(squares) / static_cast<float>(work.features);
  float q = rsqrtf(mean + work.eps);
  for (int64_t i = threadIdx.x * kVector; i < work.features;
       i += kThreads * kVector) {
    Floats r = loadUpTo(getRow(from, row), from.type, i, work.features);
    Floats w = loadUpTo(reinterpret_cast<const uint8_t *>(work.weight),
                        LAMRT_F32, i, work.features);
#pragma unroll
    for (int j = 0; j < kVector; ++j)
      r.v[j] = applyNorm(work, r.v[j], q, w.v[j]);
    store(i, r);
  }
}

} // namespace lamina::cuda

#endif // LAMINA_RUNTIME_CUDA_NORMS_CUH
