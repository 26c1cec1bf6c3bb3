//===- TwoShot.cu - All-reduce: every rank does its rows for all ----------===//
//
// Reduce-scatter, residual, norm and all-gather in one kernel. Rank r of n does
// rows [r*ceil(T/n), (r+1)*ceil(T/n)): it reads their addends from all ranks,
// and writes the normed row, or the sum, to all ranks as it is made. The new
// residual goes to all as well, unless ranks keep their own rows of it.
//
// What a peer has to read lies in its own memory when the second barrier is
// behind: a store is released by the flag that follows it, at system scope.
// The rows of a residual that a peer gets are read by no kernel of that peer
// before then: it does other rows.
//
//===----------------------------------------------------------------------===//

#include "PeerReduce.cuh"

namespace lamina::cuda {

namespace {

/// Stores to the same place on all other ranks; each begins with another one.
__device__ inline void storeToOthers(const PeerReduction &all,
                                     const cpu::Rows &at, int64_t row,
                                     int64_t index, const Floats &v) {
  int64_t offset =
      at.data - all.peers.arenas[all.peers.rank] + row * at.rowBytes;
  int peer = all.peers.rank;
  for (int k = 1; k < all.peers.ranks; ++k) {
    if (++peer == all.peers.ranks)
      peer = 0;
    storeUpTo(all.peers.arenas[peer] + offset, at.type, index, all.features, v);
  }
}

struct ToAll {
  const PeerReduction &all;

  __device__ void result(int64_t row, int64_t index, const Floats &v) const {
    int64_t kept = all.sendsResult ? row : row - all.firstKept;
    storeUpTo(getRow(all.result, kept), all.result.type, index, all.features,
              v);
    if (all.sendsResult)
      storeToOthers(all, all.result, row, index, v);
  }
  __device__ void residual(int64_t row, int64_t index, const Floats &v) const {
    if (all.sendsResidual)
      storeToOthers(all, all.norm.next, row, index, v);
  }
};

/// Launch: as oneShotKernel, also on a rank that has no rows. What ranks write
/// to each other lies at one offset in all arenas. `next` may be `residual`;
/// nothing else may overlap, on any rank.
__global__ void __launch_bounds__(kReduceThreads, kReduceBlocks)
    twoShotKernel(const __grid_constant__ PeerReduction all) {
  reduceRows(all, ToAll{all});
}

} // namespace

cudaError_t countTwoShotBlocks(int32_t multiprocessors, int32_t &out) {
  return countResidentBlocks(&twoShotKernel, multiprocessors, out);
}

cudaError_t launchTwoShot(const ReduceWork &work, const PeerPlaces &peers,
                          int32_t blocks, cudaStream_t stream) {
  PeerReduction all = describeReduction(work, peers);
  OwnRows own = getOwnRows(work.rows, peers.ranks, peers.rank);
  all.begin = own.begin;
  all.end = own.end;
  all.firstKept = work.keepsOwn ? own.begin : 0;
  all.sendsResult = work.norm || !work.keepsOwn;
  all.sendsResidual = !work.keepsOwn;
  // As many as the rank with the most rows needs.
  auto grid = static_cast<unsigned>(std::min<int64_t>(own.most, blocks));
  return launch(twoShotKernel, dim3(grid), kReduceThreads, 0, stream, all);
}

} // namespace lamina::cuda
