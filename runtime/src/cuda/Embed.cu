//===- Embed.cu - Rows of the table of embeddings -------------------------===//

#include "Elements.cuh"
#include "Launch.cuh"

namespace lamina::cuda {

namespace {

constexpr int kThreads = 256;

/// out[t, :] = rnd(table[ids[t] - firstId, :]), or -0.0 if another rank has the
/// row: x + -0.0 is x for every x.
///
/// Launch: one block a row, any number of threads. Ids are checked by the host.
__global__ void __launch_bounds__(kThreads)
    embedKernel(const __grid_constant__ EmbedWork work, const int32_t *ids) {
  int64_t row = blockIdx.x;
  int64_t id = ids[row];
  bool isHere = id >= work.firstId && id < work.lastId;
  int64_t bytes = work.tableType == LAMRT_F32 ? 4 : 2;
  const uint8_t *from =
      static_cast<const uint8_t *>(work.table) +
      (isHere ? id - work.firstId : 0) * work.features * bytes;
  uint8_t *to = getRow(work.out, row);
  // Rows of a weight are not padded: they begin anywhere.
  for (int64_t i = threadIdx.x; i < work.features; i += blockDim.x)
    storeElement(to, work.out.type, i,
                 isHere ? loadElement(from, work.tableType, i) : -0.0f);
}

} // namespace

cudaError_t launchEmbed(const EmbedWork &work, const int32_t *ids,
                        cudaStream_t stream) {
  return launch(embedKernel, dim3(static_cast<unsigned>(work.rows)), kThreads,
                0, stream, work, ids);
}

} // namespace lamina::cuda
