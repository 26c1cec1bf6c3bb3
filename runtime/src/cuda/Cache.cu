//===- Cache.cu - Keys and values into the paged cache --------------------===//

#include "Elements.cuh"
#include "Launch.cuh"

namespace lamina::cuda {

namespace {

constexpr int kThreads = 128;

/// cache[page of the row's position] = rnd(key), rnd(value), for all heads of
/// this rank. No two rows have one place: the host has checked.
///
/// Launch: one block a row for keys (y = 0), one for values (y = 1).
__global__ void __launch_bounds__(kThreads)
    writeCacheKernel(const __grid_constant__ AttentionWork work,
                     const __grid_constant__ CachePlaces cache,
                     const __grid_constant__ StepPlaces step) {
  int64_t row = blockIdx.x;
  int32_t position = step.positions[row];
  int64_t page =
      step.pageTable[step.sequenceOfRow[row] * step.pagesPerSequence +
                     position / LAMRT_PAGE_POSITIONS];
  const cpu::Rows &from = blockIdx.y == 0 ? work.key : work.value;
  uint8_t *to = (blockIdx.y == 0 ? cache.keys : cache.values) +
                page * cache.pageBytes +
                position % LAMRT_PAGE_POSITIONS * cache.positionBytes;
  const uint8_t *source = getRow(from, row);
  for (int64_t i = threadIdx.x; i < work.keyHeads * cache.headDim;
       i += blockDim.x)
    storeElement(to + i / cache.headDim * cache.headBytes, cache.type,
                 i % cache.headDim, loadElement(source, from.type, i));
}

} // namespace

cudaError_t launchWriteCache(const AttentionWork &work,
                             const CachePlaces &cache, const StepPlaces &step,
                             cudaStream_t stream) {
  return launch(writeCacheKernel, dim3(static_cast<unsigned>(work.rows), 2),
                kThreads, 0, stream, work, cache, step);
}

} // namespace lamina::cuda
