//===- Norms.cu - Residual add and RMS norm -------------------------------===//
//
// Sums are f32. How the result rounds is the norm's: hf, single or
// zero-centred.
//
//===----------------------------------------------------------------------===//

#include "Launch.cuh"
#include "Norms.cuh"

namespace lamina::cuda {

namespace {

constexpr int kThreads = 256;

/// Launch: one block of kThreads a row. `next` may be `residual`, `normed` may
/// be `update`: each thread reads back only what it wrote itself, and nobody
/// writes `normed` before the block has read the whole row.
__global__ void __launch_bounds__(kThreads)
    residualRmsNormKernel(const __grid_constant__ NormWork work) {
  int64_t row = blockIdx.x;
  float squares = 0.0f;
  for (int64_t i = threadIdx.x * kVector; i < work.features;
       i += kThreads * kVector) {
    if (work.update.data) {
      Floats s = loadUpTo(getRow(work.update, row), work.update.type, i,
                          work.features);
      squares += sumSquares(addUpdate(work, row, i, s));
    } else {
      squares += sumSquares(loadUpTo(getRow(work.residual, row),
                                     work.residual.type, i, work.features));
    }
  }
  normRow<kThreads>(work, work.update.data ? work.next : work.residual, row,
                    squares, [&](int64_t i, const Floats &y) {
                      storeUpTo(getRow(work.normed, row), work.normed.type, i,
                                work.features, y);
                    });
}

} // namespace

cudaError_t launchNorm(const NormWork &work, cudaStream_t stream) {
  return launch(residualRmsNormKernel, dim3(static_cast<unsigned>(work.rows)),
                kThreads, 0, stream, work);
}

} // namespace lamina::cuda
