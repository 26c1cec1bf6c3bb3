//===- Cublas.cpp - Stand-in for cuBLAS -----------------------------------===//
//
// Products by their definition: column-major, summed in f64, rounded once. What
// the project does not use, or what would make it inexact (TF32), is refused.
//
// https://docs.nvidia.com/cuda/cublas/
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "Entry.h"
#include "Product.h"
#include "Stream.h"

#include <cublas_v2.h>

#include <algorithm>
#include <set>

using namespace emulation;

struct cublasContext {
  int device = 0;
  cudaStream_t stream = nullptr;
  void *workspace = nullptr;
  size_t workspaceBytes = 0;
};

namespace {

struct Handles {
  tsan::Mutex mutex;
  std::set<cublasHandle_t> alive;
};

Handles &handles() {
  static Handles &instance = *new Handles;
  return instance;
}

#define BLAS_REFUSE(status, ...) return (report(__func__, __VA_ARGS__), status)

/// Counts the call, fails if that was planned, and checks the handle.
cublasStatus_t enterBlas(const char *function, cublasHandle_t handle) {
  bool sticky = false;
  if (int code = plannedFault(function, sticky))
    return static_cast<cublasStatus_t>(code);
  {
    std::lock_guard<tsan::Mutex> lock(handles().mutex);
    if (!handles().alive.count(handle)) {
      report(function, "a handle that does not exist");
      return CUBLAS_STATUS_NOT_INITIALIZED;
    }
  }
  if (handle->device != currentDevice()) {
    report(function, "a handle of device %d, the current device is %d",
           handle->device, currentDevice());
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  return deviceError(handle->device) ? CUBLAS_STATUS_EXECUTION_FAILED
                                     : CUBLAS_STATUS_SUCCESS;
}

#define ENTER_BLAS(handle)                                                     \
  if (cublasStatus_t status = enterBlas(__func__, handle);                     \
      status != CUBLAS_STATUS_SUCCESS)                                         \
  return status

/// The workspace of the handle must be its own before a capture: the default
/// one belongs to no stream of ours, and cublasSetStream goes back to it.
/// https://docs.nvidia.com/cuda/cublas/#cuda-graphs-support
/// https://docs.nvidia.com/cuda/cublas/#cublassetworkspace
cublasStatus_t queueProduct(const char *function, cublasHandle_t handle,
                            const Product &product) {
  if (product.m < 0 || product.n < 0 || product.k < 0 || product.batch < 0) {
    report(function, "a product of %d x %d x %d, batch %d", product.m,
           product.n, product.k, product.batch);
    return CUBLAS_STATUS_INVALID_VALUE;
  }
  if (!typesFit(product)) {
    report(function, "types %d x %d -> %d", product.a.type, product.b.type,
           product.c.type);
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  for (const Matrix *matrix : {&product.a, &product.b, &product.c})
    if (!matrixFits(function, *matrix, std::max(product.batch, 1)))
      return CUBLAS_STATUS_INVALID_VALUE;
  if (checkStreamDevice(function, handle->stream) != cudaSuccess)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (handle->stream->capture && !handle->workspace) {
    report(function, "captured without cublasSetWorkspace after "
                     "cublasSetStream");
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  if (product.m == 0 || product.n == 0 || product.batch == 0)
    return CUBLAS_STATUS_SUCCESS;
  cudaError_t status =
      queue(handle->stream, {function, [product](Engine &engine) {
                               engine.as([&] { run(product); });
                               return cudaSuccess;
                             }});
  return status == cudaSuccess ? CUBLAS_STATUS_SUCCESS
                               : CUBLAS_STATUS_EXECUTION_FAILED;
}

Matrix stored(const char *name, const void *data, cudaDataType type, int rows,
              int columns, int leading, bool transposed, long long stride) {
  if (transposed)
    std::swap(rows, columns);
  return {name,    static_cast<char *>(const_cast<void *>(data)),
          type,    rows,
          columns, leading,
          stride};
}

} // namespace

//===----------------------------------------------------------------------===//
// Handles
//===----------------------------------------------------------------------===//

cublasStatus_t cublasCreate_v2(cublasHandle_t *out) {
  bool sticky = false;
  if (int code = plannedFault("cublasCreate", sticky))
    return static_cast<cublasStatus_t>(code);
  // It allocates.
  if (checkNoCapture("cublasCreate") != cudaSuccess)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  *out = new cublasContext;
  (*out)->device = currentDevice();
  std::lock_guard<tsan::Mutex> lock(handles().mutex);
  handles().alive.insert(*out);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasDestroy_v2(cublasHandle_t handle) {
  {
    std::lock_guard<tsan::Mutex> lock(handles().mutex);
    if (!handles().alive.erase(handle))
      BLAS_REFUSE(CUBLAS_STATUS_NOT_INITIALIZED,
                  "a handle that does not exist");
  }
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetStream_v2(cublasHandle_t handle, cudaStream_t stream) {
  ENTER_BLAS(handle);
  if (checkStream("cublasSetStream", stream) != cudaSuccess)
    return CUBLAS_STATUS_INVALID_VALUE;
  handle->stream = stream;
  handle->workspace = nullptr;
  handle->workspaceBytes = 0;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetStream_v2(cublasHandle_t handle, cudaStream_t *out) {
  ENTER_BLAS(handle);
  *out = handle->stream;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t handle, void *workspace,
                                     size_t bytes) {
  ENTER_BLAS(handle);
  Range range = findRange(workspace);
  if (range.place != Place::Device || !range.alive ||
      range.device != handle->device ||
      reinterpret_cast<uintptr_t>(workspace) % 256 != 0 ||
      bytes > range.bytes - static_cast<size_t>(static_cast<char *>(workspace) -
                                                range.begin))
    BLAS_REFUSE(CUBLAS_STATUS_INVALID_VALUE,
                "%zu bytes at %s, expected memory of device %d, aligned to 256",
                bytes, describe(workspace).c_str(), handle->device);
  handle->workspace = workspace;
  handle->workspaceBytes = bytes;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetMathMode(cublasHandle_t handle, cublasMath_t mode) {
  ENTER_BLAS(handle);
  int rest = mode & ~CUBLAS_MATH_DISALLOW_REDUCED_PRECISION_REDUCTION;
  if (rest != CUBLAS_DEFAULT_MATH && rest != CUBLAS_PEDANTIC_MATH)
    BLAS_REFUSE(CUBLAS_STATUS_NOT_SUPPORTED, "mode %d", mode);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetPointerMode_v2(cublasHandle_t handle,
                                       cublasPointerMode_t mode) {
  ENTER_BLAS(handle);
  if (mode != CUBLAS_POINTER_MODE_HOST)
    BLAS_REFUSE(CUBLAS_STATUS_NOT_SUPPORTED, "mode %d", mode);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasSetAtomicsMode(cublasHandle_t handle,
                                    cublasAtomicsMode_t mode) {
  ENTER_BLAS(handle);
  if (mode != CUBLAS_ATOMICS_NOT_ALLOWED)
    BLAS_REFUSE(CUBLAS_STATUS_NOT_SUPPORTED, "sums in no fixed order");
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGetVersion_v2(cublasHandle_t handle, int *out) {
  ENTER_BLAS(handle);
  *out = CUBLAS_VERSION;
  return CUBLAS_STATUS_SUCCESS;
}

const char *cublasGetStatusName(cublasStatus_t status) {
  switch (status) {
  case CUBLAS_STATUS_SUCCESS:
    return "CUBLAS_STATUS_SUCCESS";
  case CUBLAS_STATUS_NOT_INITIALIZED:
    return "CUBLAS_STATUS_NOT_INITIALIZED";
  case CUBLAS_STATUS_ALLOC_FAILED:
    return "CUBLAS_STATUS_ALLOC_FAILED";
  case CUBLAS_STATUS_INVALID_VALUE:
    return "CUBLAS_STATUS_INVALID_VALUE";
  case CUBLAS_STATUS_EXECUTION_FAILED:
    return "CUBLAS_STATUS_EXECUTION_FAILED";
  case CUBLAS_STATUS_INTERNAL_ERROR:
    return "CUBLAS_STATUS_INTERNAL_ERROR";
  case CUBLAS_STATUS_NOT_SUPPORTED:
    return "CUBLAS_STATUS_NOT_SUPPORTED";
  default:
    return "an unknown status";
  }
}

const char *cublasGetStatusString(cublasStatus_t status) {
  return cublasGetStatusName(status);
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

cublasStatus_t cublasGemmStridedBatchedEx(
    cublasHandle_t handle, cublasOperation_t transposeA,
    cublasOperation_t transposeB, int m, int n, int k, const void *alpha,
    const void *a, cudaDataType typeA, int leadingA, long long strideA,
    const void *b, cudaDataType typeB, int leadingB, long long strideB,
    const void *beta, void *c, cudaDataType typeC, int leadingC,
    long long strideC, int batch, cublasComputeType_t compute,
    cublasGemmAlgo_t algorithm) {
  ENTER_BLAS(handle);
  if (compute != CUBLAS_COMPUTE_32F && compute != CUBLAS_COMPUTE_32F_PEDANTIC)
    BLAS_REFUSE(CUBLAS_STATUS_NOT_SUPPORTED, "compute type %d", compute);
  if (!alpha || !beta || isDeviceAddress(alpha) || isDeviceAddress(beta))
    BLAS_REFUSE(CUBLAS_STATUS_INVALID_VALUE, "alpha and beta: host addresses");
  bool tA = transposeA != CUBLAS_OP_N, tB = transposeB != CUBLAS_OP_N;
  Product product{m,
                  n,
                  k,
                  batch,
                  tA,
                  tB,
                  *static_cast<const float *>(alpha),
                  *static_cast<const float *>(beta),
                  stored("A", a, typeA, m, k, leadingA, tA, strideA),
                  stored("B", b, typeB, k, n, leadingB, tB, strideB),
                  stored("C", c, typeC, m, n, leadingC, false, strideC)};
  return queueProduct(__func__, handle, product);
}

cublasStatus_t cublasGemmEx(cublasHandle_t handle, cublasOperation_t transposeA,
                            cublasOperation_t transposeB, int m, int n, int k,
                            const void *alpha, const void *a,
                            cudaDataType typeA, int leadingA, const void *b,
                            cudaDataType typeB, int leadingB, const void *beta,
                            void *c, cudaDataType typeC, int leadingC,
                            cublasComputeType_t compute,
                            cublasGemmAlgo_t algorithm) {
  ENTER_BLAS(handle);
  return cublasGemmStridedBatchedEx(
      handle, transposeA, transposeB, m, n, k, alpha, a, typeA, leadingA, 0, b,
      typeB, leadingB, 0, beta, c, typeC, leadingC, 0, 1, compute, algorithm);
}

cublasStatus_t cublasSgemm_v2(cublasHandle_t handle,
                              cublasOperation_t transposeA,
                              cublasOperation_t transposeB, int m, int n, int k,
                              const float *alpha, const float *a, int leadingA,
                              const float *b, int leadingB, const float *beta,
                              float *c, int leadingC) {
  ENTER_BLAS(handle);
  return cublasGemmStridedBatchedEx(
      handle, transposeA, transposeB, m, n, k, alpha, a, CUDA_R_32F, leadingA,
      0, b, CUDA_R_32F, leadingB, 0, beta, c, CUDA_R_32F, leadingC, 0, 1,
      CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT);
}
