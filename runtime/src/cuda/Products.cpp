//===- Products.cpp - Products by cuBLAS ----------------------------------===//
//
// A row-major [rows, features] is a column-major [features, rows], so
// out = input . weight^T is out^T = weight . input^T in cuBLAS's words, with
// the weight transposed: its rows are columns of length `in` to cuBLAS.
//
//===----------------------------------------------------------------------===//

#include "CudaRank.h"

namespace lamina::cuda {

namespace {

cudaDataType getType(int32_t type) {
  return type == LAMRT_F32   ? CUDA_R_32F
         : type == LAMRT_F16 ? CUDA_R_16F
                             : CUDA_R_16BF;
}

int64_t getBytes(int32_t type) { return type == LAMRT_F32 ? 4 : 2; }

int64_t alignRow(int64_t features, int32_t type) {
  return (features * getBytes(type) + 63) / 64 * 64;
}

} // namespace

/// Input and weight of one type; the result of that type or f32.
lamrt_status CudaRank::multiply(const LinearWork &work, const cpu::Rows &input,
                                const cpu::Rows &out) {
  const float one = 1.0f, zero = 0.0f;
  // Pedantic: never TF32, whatever the environment says.
  cublasComputeType_t compute = work.weightType == LAMRT_F32
                                    ? CUBLAS_COMPUTE_32F_PEDANTIC
                                    : CUBLAS_COMPUTE_32F;
  cublasStatus_t status = cublasGemmEx(
      blas, CUBLAS_OP_T, CUBLAS_OP_N, static_cast<int>(work.outFeatures),
      static_cast<int>(work.rows), static_cast<int>(work.inFeatures), &one,
      work.weight, getType(work.weightType), static_cast<int>(work.weightRow),
      input.data, getType(input.type),
      static_cast<int>(input.rowBytes / getBytes(input.type)), &zero, out.data,
      getType(out.type), static_cast<int>(out.rowBytes / getBytes(out.type)),
      compute, CUBLAS_GEMM_DEFAULT);
  LAMINA_RETURN_IF_FAILED(check(status, "linear"));
  return launched(cudaSuccess, "linear");
}

lamrt_status CudaRank::linear(const LinearWork &work) {
  if (work.rows == 0 || work.outFeatures == 0)
    return LAMRT_OK;
  cpu::Rows input = work.input;
  if (input.type != work.weightType) {
    input = {converted, alignRow(work.inFeatures, work.weightType),
             work.weightType};
    LAMINA_RETURN_IF_FAILED(
        launched(launchConvert(work.input, nullptr, input, work.inFeatures,
                               work.rows, stream),
                 "linear"));
  }
  bool isDirect = !work.bias && (work.out.type == LAMRT_F32 ||
                                 work.out.type == work.weightType);
  if (isDirect)
    return multiply(work, input, work.out);
  cpu::Rows sums = {wide, alignRow(work.outFeatures, LAMRT_F32), LAMRT_F32};
  LAMINA_RETURN_IF_FAILED(multiply(work, input, sums));
  return launched(launchConvert(sums, work.bias, work.out, work.outFeatures,
                                work.rows, stream),
                  "linear");
}

} // namespace lamina::cuda
