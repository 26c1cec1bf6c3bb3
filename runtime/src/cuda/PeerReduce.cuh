//===- PeerReduce.cuh - Sums over ranks by peer memory ---------*- C++ -*-===//
//
//   s[t, :] = sum over ranks r of partial_r[t, :], in rank order, in f32
//   then as residualRmsNormKernel, or out[t, :] = rnd(s[t, :] + bias)
//
// What the kernels share that read the addends of all ranks where they lie:
// which rows a rank does, and for whom, is theirs. The order of the sum is one,
// so that all of them give the same bits.
//
// Two barriers between the ranks, block b with block b. Before: all addends are
// there, and nobody reads what results are written over. After: all results are
// there, and nobody reads the addends any more. A flag holds the number of the
// meeting; each block counts its own in device memory, so the numbers go on
// when a graph is replayed, and from one kernel to another. A rank that ends
// sets `stop` for its own kernels, which then leave with nothing done.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CUDA_PEERREDUCE_CUH
#define LAMINA_RUNTIME_CUDA_PEERREDUCE_CUH

#include "DevicePrimitives.cuh"
#include "Launch.cuh"
#include "Norms.cuh"

#include <algorithm>

namespace lamina::cuda {

constexpr int kReduceThreads = 256;
/// On a multiprocessor; ptxas spills to fit more, which nobody launches.
constexpr int kReduceBlocks = 2;
/// Ranks whose addends are on their way at one time: a load from a peer takes
/// longer than all the arithmetic of a row.
constexpr int kRanksAtOnce = 4;

/// Turns of a wait after which `stop` is read: it lies in the host's memory.
constexpr int kTurnsPerLook = 64;

struct PeerReduction {
  PeerPlaces peers;
  int64_t addends;  ///< their offset in the arena of every rank
  int64_t rowBytes; ///< of addends
  const float *bias;
  int32_t isFused;
  NormWork norm;
  cpu::Rows result; ///< the sum, or the normed rows
  int64_t features;
  int64_t begin, end; ///< rows that this rank does
  /// The row with which begins what this rank keeps alone of the residual, or
  /// of the sum.
  int64_t firstKept;
  /// Whether the results of this rank are those of all.
  int32_t sendsResult, sendsResidual;
};

/// Of a rank that does all rows for itself.
inline PeerReduction describeReduction(const ReduceWork &work,
                                       const PeerPlaces &peers) {
  PeerReduction all = {};
  all.peers = peers;
  all.addends = work.partial.data - peers.arenas[peers.rank];
  all.rowBytes = work.partial.rowBytes;
  all.bias = work.bias;
  all.isFused = work.norm != nullptr;
  if (work.norm)
    all.norm = *work.norm;
  all.result = work.norm ? work.norm->normed : work.out;
  all.features = work.features;
  all.end = work.rows;
  return all;
}

/// All threads of the block call it. Thread r tells rank r and waits for it.
/// Returns false if this rank ends.
__device__ inline bool meet(const PeerPlaces &peers, uint32_t number) {
  // In turn: a thread may still read that of the meeting before, if the block
  // had no row between the two.
  __shared__ int stoppedInTurn[2];
  int &stopped = stoppedInTurn[number % 2];
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
    for (int turn = 1; static_cast<int32_t>(ldAcquireSys(flag) - number) < 0;
         ++turn) {
      if (turn % kTurnsPerLook == 0 && ldAcquireSys(peers.stop) != 0) {
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

/// Eight features of a row of the sum.
__device__ inline Floats sumRanks(const PeerReduction &all, int64_t row,
                                  int64_t index) {
  Floats sum;
  for (int first = 0; first < all.peers.ranks; first += kRanksAtOnce) {
    Floats addends[kRanksAtOnce];
#pragma unroll
    for (int k = 0; k < kRanksAtOnce; ++k)
      if (first + k < all.peers.ranks)
        addends[k] = loadUpTo(all.peers.arenas[first + k] + all.addends +
                                  row * all.rowBytes,
                              LAMRT_F32, index, all.features);
#pragma unroll
    for (int k = 0; k < kRanksAtOnce; ++k)
      if (first + k < all.peers.ranks)
#pragma unroll
        for (int i = 0; i < kVector; ++i)
          sum.v[i] =
              first + k == 0 ? addends[k].v[i] : sum.v[i] + addends[k].v[i];
  }
  return sum;
}

/// One row, by all threads of the block. `send.result(row, index, values)` and
/// `send.residual(...)` get eight features each; the residual is stored here
/// already.
template <typename Send>
__device__ inline void reduceRow(const PeerReduction &all, int64_t row,
                                 const Send &send) {
  int64_t kept = row - all.firstKept;
  float squares = 0.0f;
  for (int64_t i = threadIdx.x * kVector; i < all.features;
       i += kReduceThreads * kVector) {
    Floats s = sumRanks(all, row, i);
    if (all.isFused) {
      Floats r = addUpdate(all.norm, kept, i, s);
      squares += sumSquares(r);
      send.residual(row, i, r);
      continue;
    }
#pragma unroll
    for (int j = 0; j < kVector; ++j)
      if (all.bias && i + j < all.features)
        s.v[j] += all.bias[i + j];
    send.result(row, i, s);
  }
  if (all.isFused)
    normRow<kReduceThreads>(
        all.norm, all.norm.next, kept, squares,
        [&](int64_t i, const Floats &y) { send.result(row, i, y); });
}

/// The body of the kernels. All ranks launch as many blocks, all of which are
/// on the device at one time.
template <typename Send>
__device__ inline void reduceRows(const PeerReduction &all, const Send &send) {
  uint32_t number = all.peers.numbers[blockIdx.x];
  if (!meet(all.peers, number + 1))
    return;
  for (int64_t row = all.begin + blockIdx.x; row < all.end; row += gridDim.x) {
    reduceRow(all, row, send);
    // The sums of the row have been read before the next row writes its own.
    __syncthreads();
  }
  if (!meet(all.peers, number + 2))
    return;
  if (threadIdx.x == 0)
    all.peers.numbers[blockIdx.x] = number + 2;
}

/// Blocks of a kernel that are on a device at one time.
template <typename Kernel>
cudaError_t countResidentBlocks(Kernel *kernel, int32_t multiprocessors,
                                int32_t &out) {
  int each = 0;
  cudaError_t status = cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      &each, reinterpret_cast<const void *>(kernel), kReduceThreads, 0);
  out = each * multiprocessors;
  return status;
}

} // namespace lamina::cuda

#endif // LAMINA_RUNTIME_CUDA_PEERREDUCE_CUH
