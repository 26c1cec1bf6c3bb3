//===- OneShot.cu - All-reduce, residual and norm over peer memory --------===//
//
//   s[t, :] = sum over ranks r of partial_r[t, :], in rank order, in f32
//   then as residualRmsNormKernel, or out[t, :] = rnd(s[t, :] + bias)
//
// Every rank reads the addends of all ranks where they lie, and does all rows
// for itself: nothing is sent, and all ranks compute the same bits. For few
// rows.
//
// Two barriers between the ranks, block b with block b: before it, so that all
// addends are there; after it, so that none is overwritten while a peer reads.
// A flag holds the number of the meeting; each block counts its own in device
// memory, so the numbers go on when a graph is replayed. A rank that ends sets
// `stop` for its own kernels, which then leave with nothing done.
//
//===----------------------------------------------------------------------===//

#include "DevicePrimitives.cuh"
#include "Launch.cuh"
#include "Norms.cuh"

#include <algorithm>

namespace lamina::cuda {

namespace {

constexpr int kThreads = 256;
/// On a multiprocessor; ptxas spills to fit more, which nobody launches.
constexpr int kBlocks = 2;

struct Arguments {
  PeerPlaces peers;
  int64_t offset; ///< of the addends, in the arena of every rank
  int64_t rowBytes;
  const float *bias;
  cpu::Rows out; ///< of an all-reduce
  int32_t isFused;
  NormWork norm;
  int64_t features, rows;
};

/// All threads of the block call it. Thread r tells rank r and waits for it.
/// Returns false if this rank ends.
__device__ inline bool meet(const PeerPlaces &peers, uint32_t number) {
  __shared__ int stopped;
  if (threadIdx.x == 0)
    stopped = 0;
  // What all threads of the block have read and written comes before the flag.
  __syncthreads();
  int peer = threadIdx.x;
  if (peer < peers.ranks) {
    int64_t seat = int64_t(blockIdx.x) * kMaxPeers;
    stReleaseSys(peers.flags[peer] + seat + peers.rank, number);
    const uint32_t *flag = peers.flags[peers.rank] + seat + peer;
    // The numbers may wrap around.
    while (static_cast<int32_t>(ldAcquireSys(flag) - number) < 0) {
      if (ldAcquireSys(peers.stop) != 0) {
        stopped = 1;
        break;
      }
      spinPause();
    }
  }
  // Every flag has been seen.
  __syncthreads();
  return stopped == 0;
}

__device__ inline Floats sumRanks(const Arguments &all, int64_t row,
                                  int64_t index) {
  Floats sum;
  for (int r = 0; r < all.peers.ranks; ++r) {
    const uint8_t *from = all.peers.arenas[r] + all.offset + row * all.rowBytes;
    Floats addend = loadUpTo(from, LAMRT_F32, index, all.features);
#pragma unroll
    for (int i = 0; i < kVector; ++i)
      sum.v[i] = r == 0 ? addend.v[i] : sum.v[i] + addend.v[i];
  }
  return sum;
}

__device__ inline void reduceRow(const Arguments &all, int64_t row) {
  float squares = 0.0f;
  for (int64_t i = threadIdx.x * kVector; i < all.features;
       i += kThreads * kVector) {
    Floats s = sumRanks(all, row, i);
    if (all.isFused) {
      squares += sumSquares(addUpdate(all.norm, row, i, s));
      continue;
    }
#pragma unroll
    for (int j = 0; j < kVector; ++j)
      if (all.bias && i + j < all.features)
        s.v[j] += all.bias[i + j];
    storeUpTo(getRow(all.out, row), all.out.type, i, all.features, s);
  }
  if (all.isFused)
    normRow<kThreads>(all.norm, all.norm.next, row, squares);
}

/// Launch: the same number of blocks on all ranks, kMaxMeetingBlocks at most,
/// all of which fit the device at one time; kThreads threads.
__global__ void __launch_bounds__(kThreads, kBlocks)
    oneShotKernel(const __grid_constant__ Arguments all) {
  uint32_t number = all.peers.numbers[blockIdx.x];
  if (!meet(all.peers, number + 1))
    return;
  for (int64_t row = blockIdx.x; row < all.rows; row += gridDim.x) {
    reduceRow(all, row);
    // The sums of the row have been read before the next row writes its own.
    __syncthreads();
  }
  if (!meet(all.peers, number + 2))
    return;
  if (threadIdx.x == 0)
    all.peers.numbers[blockIdx.x] = number + 2;
}

} // namespace

cudaError_t countOneShotBlocks(int32_t multiprocessors, int32_t &out) {
  int each = 0;
  cudaError_t status = cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      &each, reinterpret_cast<const void *>(&oneShotKernel), kThreads, 0);
  out = std::min(each * multiprocessors, kMaxMeetingBlocks);
  return status;
}

cudaError_t launchOneShot(const ReduceWork &work, const PeerPlaces &peers,
                          int64_t offset, int32_t blocks, cudaStream_t stream) {
  Arguments all = {};
  all.peers = peers;
  all.offset = offset;
  all.rowBytes = work.partial.rowBytes;
  all.bias = work.bias;
  all.out = work.out;
  all.isFused = work.norm != nullptr;
  if (work.norm)
    all.norm = *work.norm;
  all.features = work.features;
  all.rows = work.rows;
  auto grid = static_cast<unsigned>(std::min<int64_t>(work.rows, blocks));
  return launch(oneShotKernel, dim3(grid), kThreads, 0, stream, all);
}

} // namespace lamina::cuda
