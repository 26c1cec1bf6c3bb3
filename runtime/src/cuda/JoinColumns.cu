//===- JoinColumns.cu - Columns of a rank into whole rows -----------------===//

#include "Elements.cuh"
#include "Launch.cuh"

namespace lamina::cuda {

namespace {

constexpr int kThreads = 256;

/// out[t, begin + i] = in[t, i], of one type. Columns of a rank may begin
/// anywhere. Launch: one block a row.
__global__ void __launch_bounds__(kThreads)
    joinColumnsKernel(cpu::Rows in, int64_t begin, int64_t width,
                      cpu::Rows out) {
  int64_t row = blockIdx.x;
  const uint8_t *from = getRow(in, row);
  uint8_t *to = getRow(out, row);
  for (int64_t i = threadIdx.x; i < width; i += kThreads) {
    if (in.type == LAMRT_F32)
      reinterpret_cast<float *>(to)[begin + i] =
          reinterpret_cast<const float *>(from)[i];
    else
      reinterpret_cast<uint16_t *>(to)[begin + i] =
          reinterpret_cast<const uint16_t *>(from)[i];
  }
}

} // namespace

cudaError_t launchJoinColumns(const cpu::Rows &in, int64_t rows, int64_t begin,
                              int64_t width, const cpu::Rows &out,
                              cudaStream_t stream) {
  return launch(joinColumnsKernel, dim3(static_cast<unsigned>(rows)), kThreads,
                0, stream, in, begin, width, out);
}

} // namespace lamina::cuda
