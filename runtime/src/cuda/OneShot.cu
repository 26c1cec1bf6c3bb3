//===- OneShot.cu - All-reduce: every rank does all rows ------------------===//
//
// Each rank reads the addends of all, and does all rows for itself: nothing is
// sent, and all ranks compute the same bits. For few rows.
//
//===----------------------------------------------------------------------===//

#include "PeerReduce.cuh"

namespace lamina::cuda {

namespace {

struct ToSelf {
  const PeerReduction &all;

  __device__ void result(int64_t row, int64_t index, const Floats &v) const {
    storeUpTo(getRow(all.result, row), all.result.type, index, all.features, v);
  }
  __device__ void residual(int64_t, int64_t, const Floats &) const {}
};

/// Launch: the same number of blocks on all ranks, kMaxMeetingBlocks at most,
/// all of which fit the device at one time; kReduceThreads threads. `next` may
/// be `residual`; nothing else may overlap, on any rank.
__global__ void __launch_bounds__(kReduceThreads, kReduceBlocks)
    oneShotKernel(const __grid_constant__ PeerReduction all) {
  reduceRows(all, ToSelf{all});
}

} // namespace

cudaError_t countOneShotBlocks(int32_t multiprocessors, int32_t &out) {
  return countResidentBlocks(&oneShotKernel, multiprocessors, out);
}

cudaError_t launchOneShot(const ReduceWork &work, const PeerPlaces &peers,
                          int32_t blocks, cudaStream_t stream) {
  auto grid = static_cast<unsigned>(std::min<int64_t>(work.rows, blocks));
  return launch(oneShotKernel, dim3(grid), kReduceThreads, 0, stream,
                describeReduction(work, peers));
}

} // namespace lamina::cuda
