//===- Kernels.h - The plugin's kernels, as the host calls them -*- C++ -*-===//
//
// A launcher checks nothing: Rank has. It queues work on the stream, does
// nothing for no rows, and returns what cudaLaunchKernelEx returned. What each
// kernel does, and what it needs of its launch, stands above it.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CUDA_KERNELS_H
#define LAMINA_RUNTIME_CUDA_KERNELS_H

#include "../core/Backend.h"

#include <cuda_runtime.h>

namespace lamina::cuda {

using runtime::AttentionWork;
using runtime::EmbedWork;
using runtime::LinearWork;
using runtime::NormWork;
using runtime::PairWork;
using runtime::ReduceWork;
using runtime::RopeWork;

/// The arrays of a step on the device.
struct StepPlaces {
  const int32_t *tokenIds, *positions, *sequenceOfRow, *rowBegin, *logitRows;
  const int32_t *pageTable;
  int64_t pagesPerSequence;
};

/// Embed.cu: out[t] = row of the table, or -0.0.
cudaError_t launchEmbed(const EmbedWork &work, const int32_t *ids,
                        cudaStream_t stream);

/// Norms.cu: NormWork.
cudaError_t launchNorm(const NormWork &work, cudaStream_t stream);

/// Elementwise.cu.
cudaError_t launchAdd(const PairWork &work, cudaStream_t stream);
cudaError_t launchSiluMul(const PairWork &work, cudaStream_t stream);
/// out[i] = in[rows[i]], or in[i] if `rows` is null.
cudaError_t launchSelectRows(const PairWork &work, const int32_t *rows,
                             cudaStream_t stream);
/// out = rnd(in + bias); `bias` may be null.
cudaError_t launchConvert(cpu::Rows in, const float *bias, cpu::Rows out,
                          int64_t features, int64_t rows, cudaStream_t stream);

/// JoinColumns.cu: out[t, begins[r] + i] = in of rank r [t, i]; the rows of one
/// rank follow those of another.
cudaError_t launchJoinColumns(const cpu::Rows &in, int64_t rows, int64_t begin,
                              int64_t width, const cpu::Rows &out,
                              cudaStream_t stream);

/// Ranks that read each other's memory, at most.
constexpr int32_t kMaxPeers = 8;
/// Blocks of a kernel in which ranks meet, at most.
constexpr int32_t kMaxMeetingBlocks = 64;

/// What a kernel in which ranks meet needs of all of them.
struct PeerPlaces {
  int32_t ranks, rank;
  uint8_t *arenas[kMaxPeers];
  uint32_t *flags[kMaxPeers]; ///< [kMaxMeetingBlocks][kMaxPeers]
  uint32_t *numbers;    ///< [kMaxMeetingBlocks]: meetings so far; of this rank
  const uint32_t *stop; ///< pinned: not 0 once this rank ends
};

/// The rows that a rank does for all, or keeps: [begin, end).
struct OwnRows {
  int64_t begin, end;
  int64_t most; ///< that any rank has
};
inline OwnRows getOwnRows(int64_t rows, int64_t ranks, int64_t rank) {
  int64_t most = rows / ranks + (rows % ranks != 0);
  int64_t begin = rank * most < rows ? rank * most : rows;
  return {begin, rows - begin < most ? rows : begin + most, most};
}

/// OneShot.cu, TwoShot.cu: ReduceWork, over the memory of all ranks, with so
/// many blocks at most. The first is for ranks that keep all rows.
cudaError_t launchOneShot(const ReduceWork &work, const PeerPlaces &peers,
                          int32_t blocks, cudaStream_t stream);
cudaError_t launchTwoShot(const ReduceWork &work, const PeerPlaces &peers,
                          int32_t blocks, cudaStream_t stream);
/// How many blocks of them are on a device at one time.
cudaError_t countOneShotBlocks(int32_t multiprocessors, int32_t &out);
cudaError_t countTwoShotBlocks(int32_t multiprocessors, int32_t &out);

/// Rope.cu: cosines, then sines, of [rows][pairs].
cudaError_t launchAngles(const int32_t *positions, const double *frequencies,
                         int64_t pairs, int64_t rows, float *cosines,
                         float *sines, cudaStream_t stream);
cudaError_t launchRope(const RopeWork &work, const float *cosines,
                       const float *sines, cudaStream_t stream);

/// The KV cache of one layer: the key of position p, head g is at
/// keys + page*pageBytes + g*headBytes + (p % 64)*positionBytes.
struct CachePlaces {
  uint8_t *keys, *values;
  int64_t pageBytes, headBytes, positionBytes;
  int32_t type;
  int32_t headDim;
};

/// Cache.cu: rounds keys and values of all rows to the cache.
cudaError_t launchWriteCache(const AttentionWork &work,
                             const CachePlaces &cache, const StepPlaces &step,
                             cudaStream_t stream);

/// How attention is cut into blocks: rows of a block, query heads of a block,
/// blocks along the keys, and keys that are in shared memory at one time.
struct AttentionShape {
  int32_t rowsPerBlock, headsPerBlock, splits, tileKeys;
  size_t sharedBytes;
};

/// A function of counts alone, never of lengths: a graph is right for all
/// lengths. With one row a sequence at most, the keys are split.
AttentionShape chooseAttentionShape(const AttentionWork &work, int32_t headDim,
                                    bool isDecode, int64_t maxContext,
                                    int32_t multiprocessors);
/// Floats that attention over `rows` rows needs between its two kernels.
int64_t getAttentionScratch(const AttentionShape &shape, int64_t rows,
                            int64_t heads, int32_t headDim);
/// Attention.cu.
cudaError_t launchAttention(const AttentionWork &work, const CachePlaces &cache,
                            const StepPlaces &step, const AttentionShape &shape,
                            float *scratch, cudaStream_t stream);

/// ExpandRows.cu: rows of a weight as in the checkpoint, to `type`.
cudaError_t launchExpandRows(const uint8_t *source, int64_t sourceRowBytes,
                             int32_t sourceType, int64_t rows, int64_t inBegin,
                             int64_t inEnd, int32_t type, void *out,
                             cudaStream_t stream);

/// The most shared memory that attention asks for.
constexpr size_t kMaxAttentionShared = 48 << 10;

} // namespace lamina::cuda

#endif // LAMINA_RUNTIME_CUDA_KERNELS_H
