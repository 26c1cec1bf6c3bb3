//===- Norms.cu - Residual add and RMS norm -------------------------------===//
//
//   s[t, :] = update[t, :] + bias               rounded to the residual's type,
//                                               if it is a sum over ranks
//   r[t, :] = residual[t, :] + s[t, :]          rounded to the residual's type
//   y[t, :] = r[t, :] * rsqrt(mean(r[t, :]^2) + eps) * weight
//
// Sums are f32. How y rounds is the norm's: hf, single or zero-centred.
//
//===----------------------------------------------------------------------===//

#include "Elements.cuh"
#include "Launch.cuh"
#include "Reduce.cuh"

namespace lamina::cuda {

namespace {

constexpr int kThreads = 256;

/// The new residual of eight features, stored if there is an update.
__device__ inline Floats addUpdate(const NormWork &work, int64_t row,
                                   int64_t index) {
  Floats r = loadUpTo(getRow(work.residual, row), work.residual.type, index,
                      work.features);
  if (!work.update.data)
    return r;
  Floats s = loadUpTo(getRow(work.update, row), work.update.type, index,
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

/// Launch: one block of kThreads a row. `next` may be `residual`, `normed` may
/// be `update`: each thread reads back only what it wrote itself, and nobody
/// writes `normed` before the block has read the whole row.
__global__ void __launch_bounds__(kThreads)
    residualRmsNormKernel(const __grid_constant__ NormWork work) {
  int64_t row = blockIdx.x;
  float squares = 0.0f;
  for (int64_t i = threadIdx.x * kVector; i < work.features;
       i += kThreads * kVector) {
    Floats r = addUpdate(work, row, i);
#pragma unroll
    for (int j = 0; j < kVector; ++j)
      squares += r.v[j] * r.v[j];
  }
  float mean = blockSum<kThreads>(squares) / static_cast<float>(work.features);
  float q = rsqrtf(mean + work.eps);
  const cpu::Rows &next = work.update.data ? work.next : work.residual;
  for (int64_t i = threadIdx.x * kVector; i < work.features;
       i += kThreads * kVector) {
    Floats r = loadUpTo(getRow(next, row), next.type, i, work.features);
    Floats w = loadUpTo(reinterpret_cast<const uint8_t *>(work.weight),
                        LAMRT_F32, i, work.features);
#pragma unroll
    for (int j = 0; j < kVector; ++j)
      r.v[j] = applyNorm(work, r.v[j], q, w.v[j]);
    storeUpTo(getRow(work.normed, row), work.normed.type, i, work.features, r);
  }
}

} // namespace

cudaError_t launchNorm(const NormWork &work, cudaStream_t stream) {
  return launch(residualRmsNormKernel, dim3(static_cast<unsigned>(work.rows)),
                kThreads, 0, stream, work);
}

} // namespace lamina::cuda
