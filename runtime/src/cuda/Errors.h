//===- Errors.h - Failures of the CUDA libraries ---------------*- C++ -*-===//
//
// The one place where statuses of cudart and cuBLAS become ours: one line, exit
// code 7.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CUDA_ERRORS_H
#define LAMINA_RUNTIME_CUDA_ERRORS_H

#include "../core/Backend.h"

#include <cublas_v2.h>
#include <cuda_runtime_api.h>
#include <nccl.h>

namespace lamina::cuda {

/// The program that has loaded this plugin.
extern const runtime::BackendHost *host;

[[gnu::format(printf, 2, 3)]] lamrt_status fail(lamrt_status status,
                                                const char *format, ...);

/// LAMRT_OK, or LAMRT_DEVICE with a message: `what` names the operation.
lamrt_status check(cudaError_t status, const char *what);
lamrt_status check(cublasStatus_t status, const char *what);
lamrt_status check(ncclResult_t status, const char *what);

} // namespace lamina::cuda

/// Returns the failure of a call from the function around it.
#define LAMINA_RETURN_IF_FAILED(call)                                          \
  if (lamrt_status failure = (call))                                           \
  return failure

#endif // LAMINA_RUNTIME_CUDA_ERRORS_H
