//===- Errors.cpp - Failures of the CUDA libraries ------------------------===//

#include "Errors.h"

#include <cstdarg>
#include <cstdio>

namespace lamina::cuda {

const runtime::BackendHost *host = nullptr;

lamrt_status fail(lamrt_status status, const char *format, ...) {
  char message[1024];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof(message), format, arguments);
  va_end(arguments);
  return host->fail(status, message);
}

lamrt_status check(cudaError_t status, const char *what) {
  switch (status) {
  case cudaSuccess:
    return LAMRT_OK;
  case cudaErrorInsufficientDriver:
  case cudaErrorStubLibrary:
  case cudaErrorNoDevice:
  case cudaErrorSystemDriverMismatch:
  case cudaErrorInitializationError:
    return fail(LAMRT_DEVICE,
                "no usable NVIDIA driver or GPU; run with --device cpu");
  default:
    return fail(LAMRT_DEVICE, "cuda: %s: %s (%s)", what,
                cudaGetErrorString(status), cudaGetErrorName(status));
  }
}

lamrt_status check(ncclResult_t status, const char *what) {
  if (status == ncclSuccess)
    return LAMRT_OK;
  return fail(LAMRT_DEVICE, "nccl: %s: %s", what, ncclGetErrorString(status));
}

lamrt_status check(cublasStatus_t status, const char *what) {
  if (status == CUBLAS_STATUS_SUCCESS)
    return LAMRT_OK;
  return fail(LAMRT_DEVICE, "cuda: %s: %s", what, cublasGetStatusName(status));
}

} // namespace lamina::cuda
