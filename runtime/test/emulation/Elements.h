//===- Elements.h - Element types of the libraries -------------*- C++ -*-===//

#ifndef LAMINA_TEST_EMULATION_ELEMENTS_H
#define LAMINA_TEST_EMULATION_ELEMENTS_H

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <library_types.h>

#include <cstddef>

namespace emulation {

inline float toFloat(float value) { return value; }
inline float toFloat(__nv_bfloat16 value) { return __bfloat162float(value); }
inline float toFloat(__half value) { return __half2float(value); }

/// Rounds once, to nearest even.
template <typename T>
T fromDouble(double value);
template <>
inline float fromDouble(double value) {
  return static_cast<float>(value);
}
template <>
inline __nv_bfloat16 fromDouble(double value) {
  return __double2bfloat16(value);
}
template <>
inline __half fromDouble(double value) {
  return __double2half(value);
}

inline size_t elementSize(cudaDataType type) {
  return type == CUDA_R_32F ? 4 : 2;
}

} // namespace emulation

#endif // LAMINA_TEST_EMULATION_ELEMENTS_H
