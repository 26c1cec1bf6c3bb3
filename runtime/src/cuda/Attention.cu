//===- Attention.cu - Attention over the paged cache ----------------------===//
//
//   out[t, h] = sum over p <= position[t] of softmax(q . k[p] * scale) * v[p]
//
// One pass with a running maximum, as in FlashAttention (Dao et al., 2022):
// with a tile's larger maximum m' the sums so far count exp(m - m') times. All
// query heads of a group read one tile of keys from shared memory. To decode,
// the keys of a row are split over blocks (Flash-Decoding), and a second kernel
// joins the parts in order. f32 throughout.
//
// Keys after a row's own position are neither scored nor multiplied: their
// memory may hold NaN.
//
//===----------------------------------------------------------------------===//

#include "DevicePrimitives.cuh"
#include "Elements.cuh"
#include "Launch.cuh"
#include "Reduce.cuh"

#include <algorithm>

namespace lamina::cuda {

namespace {

constexpr int kThreads = 128;
constexpr int kWarps = kThreads / 32;
/// As many as shared memory lets live on a multiprocessor; without this ptxas
/// spills to fit more.
constexpr int kBlocks = 4;
constexpr float kNoScore = -INFINITY;

/// All that the kernels know; a block's tables in dynamic shared memory follow
/// from it.
struct Arguments {
  AttentionWork work;
  CachePlaces cache;
  StepPlaces step;
  AttentionShape shape;
  float *scratch; ///< [rows][heads][splits][headDim + 2] with splits
};

/// The shared memory of a block. A query is a pair (row, head) of the block.
struct Tables {
  float *queries; ///< [queries][headDim]
  float *sums;    ///< [queries][headDim], of values
  float *scores;  ///< [queries][tileKeys], then their exponentials
  float *maxima, *totals, *factors; ///< [queries]
  float *tile;                      ///< [tileKeys][headDim + 1]
};

/// Which rows, heads and keys a block has.
struct Part {
  int64_t rowBegin, rowEnd; ///< of one sequence
  int64_t headBegin;
  int32_t heads, queries;
  int64_t keyHead;
  const int32_t *pages;
  int64_t lastPosition;
};

__device__ inline Tables getTables(const Arguments &all) {
  int queries = all.shape.rowsPerBlock * all.shape.headsPerBlock;
  int dim = all.cache.headDim;
  Tables out;
  out.queries = dynamicShared<float>();
  out.sums = out.queries + queries * dim;
  out.scores = out.sums + queries * dim;
  out.maxima = out.scores + queries * all.shape.tileKeys;
  out.totals = out.maxima + queries;
  out.factors = out.totals + queries;
  out.tile = out.factors + queries;
  return out;
}

/// The cache in elements of its type, so that the loop over it has no branch.
template <int32_t kType>
__device__ inline void loadTile(const Arguments &all, const Part &part,
                                const uint8_t *base, int64_t first, int count,
                                float *tile) {
  int dim = all.cache.headDim;
  auto getPosition = [&](int key) {
    int64_t position = first + key;
    return base +
           part.pages[position / LAMRT_PAGE_POSITIONS] * all.cache.pageBytes +
           part.keyHead * all.cache.headBytes +
           position % LAMRT_PAGE_POSITIONS * all.cache.positionBytes;
  };
  // Positions begin at multiples of 16 bytes if heads have whole vectors.
  if (dim % kVector == 0) {
    int vectors = dim / kVector;
    for (int i = threadIdx.x; i < count * vectors; i += kThreads) {
      int key = i / vectors, column = i % vectors * kVector;
      Floats values = loadVector(getPosition(key), kType, column);
#pragma unroll
      for (int j = 0; j < kVector; ++j)
        tile[key * (dim + 1) + column + j] = values.v[j];
    }
    return;
  }
  for (int i = threadIdx.x; i < count * dim; i += kThreads)
    tile[i / dim * (dim + 1) + i % dim] =
        loadElement(getPosition(i / dim), kType, i % dim);
}

/// Query q of the part: its row and head.
__device__ inline int64_t getQueryRow(const Part &part, int q) {
  return part.rowBegin + q / part.heads;
}
__device__ inline int64_t getQueryHead(const Part &part, int q) {
  return part.headBegin + q % part.heads;
}

/// Keys of a tile, from position `first` on, that query q sees.
__device__ inline int countKeys(const Arguments &all, const Part &part, int q,
                                int64_t first, int count) {
  int64_t seen = all.step.positions[getQueryRow(part, q)] + 1 - first;
  return seen < 0 ? 0 : seen < count ? static_cast<int>(seen) : count;
}

__device__ inline void startQueries(const Arguments &all, const Part &part,
                                    const Tables &tables) {
  int dim = all.cache.headDim;
  for (int i = threadIdx.x; i < part.queries * dim; i += kThreads) {
    int q = i / dim;
    tables.queries[i] =
        loadElement(getRow(all.work.query, getQueryRow(part, q)),
                    all.work.query.type, getQueryHead(part, q) * dim + i % dim);
    tables.sums[i] = 0.0f;
  }
  for (int q = threadIdx.x; q < part.queries; q += kThreads) {
    tables.maxima[q] = kNoScore;
    tables.totals[q] = 0.0f;
  }
}

__device__ inline void scoreTile(const Arguments &all, const Part &part,
                                 const Tables &tables, int64_t first,
                                 int count) {
  int dim = all.cache.headDim, tileKeys = all.shape.tileKeys;
  for (int i = threadIdx.x; i < part.queries * tileKeys; i += kThreads) {
    int q = i / tileKeys, key = i % tileKeys;
    float score = kNoScore;
    if (key < countKeys(all, part, q, first, count)) {
      const float *a = tables.queries + q * dim;
      const float *b = tables.tile + key * (dim + 1);
      float sum = 0.0f;
      for (int c = 0; c < dim; ++c)
        sum += a[c] * b[c];
      score = sum * all.work.scale;
    }
    tables.scores[q * tileKeys + key] = score;
  }
}

/// Turns scores into exponentials under the new maximum. A warp does a query, a
/// lane a key.
__device__ inline void weighTile(const Arguments &all, const Part &part,
                                 const Tables &tables, int64_t first,
                                 int count) {
  int tileKeys = all.shape.tileKeys;
  int lane = threadIdx.x % 32;
  for (int q = threadIdx.x / 32; q < part.queries; q += kWarps) {
    bool isSeen = lane < countKeys(all, part, q, first, count);
    float score = isSeen ? tables.scores[q * tileKeys + lane] : kNoScore;
    float old = tables.maxima[q];
    float tileMaximum = warpMax(score);
    float maximum = tileMaximum > old ? tileMaximum : old;
    float weight = isSeen ? expf(score - maximum) : 0.0f;
    float total = warpSum(weight);
    // Without a key so far there is nothing to rescale, and -inf - -inf is NaN.
    float factor = old == kNoScore ? 0.0f : expf(old - maximum);
    if (lane < tileKeys)
      tables.scores[q * tileKeys + lane] = weight;
    // All lanes have read the old maximum before the first writes the new one.
    __syncwarp();
    if (lane == 0) {
      tables.maxima[q] = maximum;
      tables.totals[q] = tables.totals[q] * factor + total;
      tables.factors[q] = factor;
    }
  }
}

__device__ inline void addValues(const Arguments &all, const Part &part,
                                 const Tables &tables, int64_t first,
                                 int count) {
  int dim = all.cache.headDim;
  for (int i = threadIdx.x; i < part.queries * dim; i += kThreads) {
    int q = i / dim, column = i % dim;
    int keys = countKeys(all, part, q, first, count);
    const float *weights = tables.scores + q * all.shape.tileKeys;
    float sum = tables.sums[i] * tables.factors[q];
    for (int key = 0; key < keys; ++key)
      sum += weights[key] * tables.tile[key * (dim + 1) + column];
    tables.sums[i] = sum;
  }
}

__device__ inline void storeResult(const Arguments &all, const Part &part,
                                   const Tables &tables, int split) {
  int dim = all.cache.headDim;
  for (int i = threadIdx.x; i < part.queries * dim; i += kThreads) {
    int q = i / dim, column = i % dim;
    int64_t row = getQueryRow(part, q), head = getQueryHead(part, q);
    if (all.shape.splits == 1) {
      storeElement(getRow(all.work.out, row), all.work.out.type,
                   head * dim + column, tables.sums[i] / tables.totals[q]);
      continue;
    }
    float *to =
        all.scratch +
        ((row * all.work.heads + head) * all.shape.splits + split) * (dim + 2);
    to[column] = tables.sums[i];
    if (column == 0) {
      to[dim] = tables.maxima[q];
      to[dim + 1] = tables.totals[q];
    }
  }
}

/// The tiles of keys of one split. The block's threads are together at the
/// start, and need not be at the end.
template <int32_t kType>
__device__ inline void attend(const Arguments &all, const Part &part,
                              const Tables &tables, int split) {
  int tileKeys = all.shape.tileKeys;
  // 32 bits: a division of 64 bits is a call, with registers to save.
  auto keys = static_cast<int32_t>(part.lastPosition) + 1;
  int32_t tiles = (keys + tileKeys - 1) / tileKeys;
  int32_t each = (tiles + all.shape.splits - 1) / all.shape.splits;
  int32_t begin = split * each;
  int32_t end = begin + each < tiles ? begin + each : tiles;
  startQueries(all, part, tables);
  for (int32_t tile = begin; tile < end; ++tile) {
    int32_t first = tile * tileKeys;
    int count = keys - first < tileKeys ? keys - first : tileKeys;
    // The values of the tile before have been read.
    __syncthreads();
    loadTile<kType>(all, part, all.cache.keys, first, count, tables.tile);
    // Queries and keys are there.
    __syncthreads();
    scoreTile(all, part, tables, first, count);
    // Scores are there, and the keys have been read.
    __syncthreads();
    loadTile<kType>(all, part, all.cache.values, first, count, tables.tile);
    weighTile(all, part, tables, first, count);
    // Values, weights and factors are there.
    __syncthreads();
    addValues(all, part, tables, first, count);
  }
  // A split without keys has what startQueries wrote.
  __syncthreads();
  storeResult(all, part, tables, split);
}

/// Launch: blocks (groups of shape.rowsPerBlock rows, parts of
/// shape.headsPerBlock heads of each key head, shape.splits), kThreads threads,
/// shape.sharedBytes. With splits, rowsPerBlock is 1 and combineKernel follows.
template <int32_t kType>
__global__ void __launch_bounds__(kThreads, kBlocks)
    attentionKernel(const __grid_constant__ Arguments all) {
  const AttentionWork &work = all.work;
  Tables tables = getTables(all);
  auto groupSize = static_cast<int32_t>(work.groupSize);
  int32_t perGroup =
      (groupSize + all.shape.headsPerBlock - 1) / all.shape.headsPerBlock;
  auto group = static_cast<int32_t>(blockIdx.y);
  Part part;
  part.keyHead = group / perGroup;
  // The heads of a rank may begin within a group.
  int64_t groupBegin = part.keyHead * work.groupSize - work.firstGroupOffset;
  int64_t headBegin = groupBegin + group % perGroup * all.shape.headsPerBlock;
  int64_t headEnd = min(headBegin + all.shape.headsPerBlock,
                        min(groupBegin + work.groupSize, work.heads));
  part.headBegin = headBegin < 0 ? 0 : headBegin;
  if (headEnd <= part.headBegin)
    return;
  part.heads = static_cast<int32_t>(headEnd - part.headBegin);
  int64_t row = int64_t(blockIdx.x) * all.shape.rowsPerBlock;
  int64_t end = min(row + all.shape.rowsPerBlock, work.rows);
  // Rows of a block may be of several sequences: one after another.
  while (row < end) {
    int32_t sequence = all.step.sequenceOfRow[row];
    part.rowBegin = row;
    part.rowEnd = min(end, int64_t(all.step.rowBegin[sequence + 1]));
    part.queries =
        static_cast<int32_t>(part.rowEnd - part.rowBegin) * part.heads;
    part.pages = all.step.pageTable + sequence * all.step.pagesPerSequence;
    part.lastPosition = all.step.positions[part.rowEnd - 1];
    attend<kType>(all, part, tables, static_cast<int>(blockIdx.z));
    row = part.rowEnd;
    // The results have been read before the next rows take their place.
    __syncthreads();
  }
}

/// Joins the splits of a row and head. Launch: one block for each, x rows,
/// y heads.
__global__ void __launch_bounds__(kThreads)
    combineKernel(const __grid_constant__ Arguments all) {
  int dim = all.cache.headDim, splits = all.shape.splits;
  int64_t row = blockIdx.x, head = blockIdx.y;
  const float *parts =
      all.scratch + (row * all.work.heads + head) * splits * (dim + 2);
  float maximum = kNoScore;
  for (int s = 0; s < splits; ++s) {
    float own = parts[s * (dim + 2) + dim];
    maximum = own > maximum ? own : maximum;
  }
  for (int c = threadIdx.x; c < dim; c += kThreads) {
    float sum = 0.0f, total = 0.0f;
    for (int s = 0; s < splits; ++s) {
      const float *part = parts + s * (dim + 2);
      // A split without keys: its sums are 0.
      if (part[dim] == kNoScore && part[dim + 1] == 0.0f)
        continue;
      float factor = expf(part[dim] - maximum);
      sum += part[c] * factor;
      total += part[dim + 1] * factor;
    }
    storeElement(getRow(all.work.out, row), all.work.out.type, head * dim + c,
                 sum / total);
  }
}

} // namespace

AttentionShape chooseAttentionShape(const AttentionWork &work, int32_t headDim,
                                    bool isDecode, int64_t maxContext,
                                    int32_t multiprocessors) {
  constexpr int64_t kFloats = kMaxAttentionShared / sizeof(float);
  // A lane weighs one key of a tile.
  int64_t tileKeys =
      std::min<int64_t>(32, std::max<int64_t>(1, kFloats / 2 / (headDim + 1)));
  int64_t forQuery = 2 * headDim + tileKeys + 3;
  int64_t queries =
      std::max<int64_t>(1, (kFloats - tileKeys * (headDim + 1)) / forQuery);
  queries = std::min<int64_t>(queries, 32);
  AttentionShape shape;
  shape.tileKeys = static_cast<int32_t>(tileKeys);
  shape.headsPerBlock = static_cast<int32_t>(std::min(queries, work.groupSize));
  shape.rowsPerBlock = 1;
  shape.splits = 1;
  if (isDecode) {
    // Two blocks a multiprocessor, each of 128 keys or more.
    int64_t blocks = std::max<int64_t>(1, work.rows * work.keyHeads);
    int64_t useful = (2 * multiprocessors + blocks - 1) / blocks;
    int64_t most = std::max<int64_t>(1, (maxContext + 127) / 128);
    shape.splits = static_cast<int32_t>(
        std::clamp<int64_t>(useful, 1, std::min<int64_t>(most, 64)));
  } else {
    shape.rowsPerBlock =
        static_cast<int32_t>(std::max<int64_t>(1, queries / work.groupSize));
  }
  shape.sharedBytes =
      sizeof(float) *
      static_cast<size_t>(shape.rowsPerBlock * shape.headsPerBlock * forQuery +
                          tileKeys * (headDim + 1));
  return shape;
}

int64_t getAttentionScratch(const AttentionShape &shape, int64_t rows,
                            int64_t heads, int32_t headDim) {
  return shape.splits == 1 ? 0 : rows * heads * shape.splits * (headDim + 2);
}

cudaError_t launchAttention(const AttentionWork &work, const CachePlaces &cache,
                            const StepPlaces &step, const AttentionShape &shape,
                            float *scratch, cudaStream_t stream) {
  Arguments all = {work, cache, step, shape, scratch};
  int64_t groups = (work.heads + work.firstGroupOffset + work.groupSize - 1) /
                   work.groupSize;
  int64_t perGroup =
      (work.groupSize + shape.headsPerBlock - 1) / shape.headsPerBlock;
  dim3 blocks(static_cast<unsigned>((work.rows + shape.rowsPerBlock - 1) /
                                    shape.rowsPerBlock),
              static_cast<unsigned>(groups * perGroup),
              static_cast<unsigned>(shape.splits));
  auto kernel = cache.type == LAMRT_F32   ? attentionKernel<LAMRT_F32>
                : cache.type == LAMRT_F16 ? attentionKernel<LAMRT_F16>
                                          : attentionKernel<LAMRT_BF16>;
  if (cudaError_t status =
          launch(kernel, blocks, kThreads, shape.sharedBytes, stream, all);
      status != cudaSuccess || shape.splits == 1)
    return status;
  return launch(
      combineKernel,
      dim3(static_cast<unsigned>(work.rows), static_cast<unsigned>(work.heads)),
      kThreads, 0, stream, all);
}

} // namespace lamina::cuda
