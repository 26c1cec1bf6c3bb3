//===- Elements.cuh - Rows of f32, f16 and bf16 in kernels -----*- C++ -*-===//
//
// The type of a row is a number: where memory is the limit, one branch that all
// threads take alike costs nothing, and each kernel is compiled once.
//
// Rows begin at multiples of 16 bytes, so eight elements whose first has a
// number divisible by 8 are read with loads of 16 bytes.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CUDA_ELEMENTS_CUH
#define LAMINA_RUNTIME_CUDA_ELEMENTS_CUH

#include "Kernels.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>

namespace lamina::cuda {

__device__ inline float fromBfloat16(uint32_t bits) {
  return __uint_as_float(bits << 16);
}
__device__ inline float fromFloat16(uint32_t bits) {
  __half_raw raw;
  raw.x = static_cast<unsigned short>(bits);
  return __half2float(__half(raw));
}
__device__ inline uint16_t toBfloat16(float value) {
  return __nv_bfloat16_raw(__float2bfloat16_rn(value)).x;
}
__device__ inline uint16_t toFloat16(float value) {
  return __half_raw(__float2half_rn(value)).x;
}

/// The value rounded to a type, as a float.
__device__ inline float roundTo(int32_t type, float value) {
  if (type == LAMRT_F32)
    return value;
  return type == LAMRT_BF16 ? fromBfloat16(toBfloat16(value))
                            : fromFloat16(toFloat16(value));
}

__device__ inline float loadElement(const uint8_t *row, int32_t type,
                                    int64_t index) {
  if (type == LAMRT_F32)
    return reinterpret_cast<const float *>(row)[index];
  uint32_t bits = reinterpret_cast<const uint16_t *>(row)[index];
  return type == LAMRT_BF16 ? fromBfloat16(bits) : fromFloat16(bits);
}

__device__ inline void storeElement(uint8_t *row, int32_t type, int64_t index,
                                    float value) {
  if (type == LAMRT_F32)
    reinterpret_cast<float *>(row)[index] = value;
  else
    reinterpret_cast<uint16_t *>(row)[index] =
        type == LAMRT_BF16 ? toBfloat16(value) : toFloat16(value);
}

/// Elements that a thread handles at once.
constexpr int kVector = 8;

struct Floats {
  float v[kVector];
};

__device__ inline Floats widen(uint4 bits, int32_t type) {
  const uint32_t words[4] = {bits.x, bits.y, bits.z, bits.w};
  Floats out;
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    uint32_t low = words[i] & 0xffff, high = words[i] >> 16;
    out.v[2 * i] = type == LAMRT_BF16 ? fromBfloat16(low) : fromFloat16(low);
    out.v[2 * i + 1] =
        type == LAMRT_BF16 ? fromBfloat16(high) : fromFloat16(high);
  }
  return out;
}

/// Eight elements from `index` on, a multiple of 8.
__device__ inline Floats loadVector(const uint8_t *row, int32_t type,
                                    int64_t index) {
  if (type != LAMRT_F32)
    return widen(
        *reinterpret_cast<const uint4 *>(row + index * sizeof(uint16_t)), type);
  auto *from = reinterpret_cast<const float4 *>(row + index * sizeof(float));
  float4 a = from[0], b = from[1];
  return {{a.x, a.y, a.z, a.w, b.x, b.y, b.z, b.w}};
}

__device__ inline void storeVector(uint8_t *row, int32_t type, int64_t index,
                                   const Floats &in) {
  if (type == LAMRT_F32) {
    auto *to = reinterpret_cast<float4 *>(row + index * sizeof(float));
    to[0] = make_float4(in.v[0], in.v[1], in.v[2], in.v[3]);
    to[1] = make_float4(in.v[4], in.v[5], in.v[6], in.v[7]);
    return;
  }
  uint32_t words[4];
#pragma unroll
  for (int i = 0; i < 4; ++i) {
    float low = in.v[2 * i], high = in.v[2 * i + 1];
    words[i] = type == LAMRT_BF16
                   ? toBfloat16(low) | uint32_t(toBfloat16(high)) << 16
                   : toFloat16(low) | uint32_t(toFloat16(high)) << 16;
  }
  *reinterpret_cast<uint4 *>(row + index * sizeof(uint16_t)) =
      make_uint4(words[0], words[1], words[2], words[3]);
}

/// The same for the last elements of a row of `width`: what lies behind is read
/// as 0 and not written.
__device__ inline Floats loadUpTo(const uint8_t *row, int32_t type,
                                  int64_t index, int64_t width) {
  if (index + kVector <= width)
    return loadVector(row, type, index);
  Floats out;
#pragma unroll
  for (int i = 0; i < kVector; ++i)
    out.v[i] = index + i < width ? loadElement(row, type, index + i) : 0.0f;
  return out;
}

__device__ inline void storeUpTo(uint8_t *row, int32_t type, int64_t index,
                                 int64_t width, const Floats &in) {
  if (index + kVector <= width) {
    storeVector(row, type, index, in);
    return;
  }
#pragma unroll
  for (int i = 0; i < kVector; ++i)
    if (index + i < width)
      storeElement(row, type, index + i, in.v[i]);
}

__device__ inline uint8_t *getRow(const cpu::Rows &rows, int64_t row) {
  return rows.data + row * rows.rowBytes;
}

} // namespace lamina::cuda

#endif // LAMINA_RUNTIME_CUDA_ELEMENTS_CUH
