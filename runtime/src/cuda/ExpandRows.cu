//===- ExpandRows.cu - Weights of the checkpoint as products read them ----===//
//
// An element of a block is scale*q - minimum. Formats: docs/numerics.md.
//
//===----------------------------------------------------------------------===//

#include "Elements.cuh"
#include "Launch.cuh"

namespace lamina::cuda {

namespace {

constexpr int kThreads = 256;

__device__ inline float loadHalf(const uint8_t *at) {
  return fromFloat16(at[0] | uint32_t(at[1]) << 8);
}

/// Element i of a block of 32 with nibbles at `qs` and fifth bits at `qh`
/// (null: none).
__device__ inline int getNibble(const uint8_t *qs, const uint8_t *qh, int i) {
  int q = i < 16 ? qs[i] & 15 : qs[i - 16] >> 4;
  return qh ? q | (qh[i / 8] >> (i % 8) & 1) << 4 : q;
}

__device__ inline float expandSmallBlock(const uint8_t *block, int32_t type,
                                         int i) {
  float d = loadHalf(block);
  switch (type) {
  case LAMRT_Q8_0:
    return d * static_cast<float>(static_cast<int8_t>(block[2 + i]));
  case LAMRT_Q4_0:
    return d * static_cast<float>(getNibble(block + 2, nullptr, i) - 8);
  case LAMRT_Q4_1:
    return d * static_cast<float>(getNibble(block + 4, nullptr, i)) +
           loadHalf(block + 2);
  case LAMRT_Q5_0:
    return d * static_cast<float>(getNibble(block + 6, block + 2, i) - 16);
  default: // Q5_1
    return d * static_cast<float>(getNibble(block + 8, block + 4, i)) +
           loadHalf(block + 2);
  }
}

/// Scale and minimum j of q4_k and q5_k, 6 bits each.
__device__ inline void getScales(const uint8_t *sc, int j, int &scale,
                                 int &minimum) {
  if (j < 4) {
    scale = sc[j] & 63;
    minimum = sc[j + 4] & 63;
    return;
  }
  scale = (sc[j + 4] & 15) | (sc[j - 4] >> 6) << 4;
  minimum = (sc[j + 4] >> 4) | (sc[j] >> 6) << 4;
}

__device__ inline float expandLargeBlock(const uint8_t *block, int32_t type,
                                         int i) {
  if (type == LAMRT_Q6_K) {
    int group = i / 128, h = i / 32 % 4, l = i % 32;
    int low = block[64 * group + 32 * (h & 1) + l];
    low = h < 2 ? low & 15 : low >> 4;
    int high = block[128 + 32 * group + l] >> (2 * h) & 3;
    auto scale = static_cast<int8_t>(block[192 + i / 16]);
    return loadHalf(block + 208) * static_cast<float>(scale) *
           static_cast<float>((low | high << 4) - 32);
  }
  int group = i / 64, h = i / 32 % 2, l = i % 32;
  bool hasFifth = type == LAMRT_Q5_K;
  const uint8_t *qs = block + (hasFifth ? 48 : 16);
  int q = qs[32 * group + l];
  q = h == 0 ? q & 15 : q >> 4;
  if (hasFifth)
    q |= (block[16 + l] >> (2 * group + h) & 1) << 4;
  int scale, minimum;
  getScales(block + 4, 2 * group + h, scale, minimum);
  return loadHalf(block) * static_cast<float>(scale) * static_cast<float>(q) -
         loadHalf(block + 2) * static_cast<float>(minimum);
}

__device__ inline int getSmallBlockBytes(int32_t type) {
  switch (type) {
  case LAMRT_Q8_0:
    return 34;
  case LAMRT_Q4_0:
    return 18;
  case LAMRT_Q4_1:
    return 20;
  case LAMRT_Q5_0:
    return 22;
  default: // Q5_1
    return 24;
  }
}

__device__ inline float expand(const uint8_t *row, int32_t type, int64_t i) {
  if (type <= LAMRT_BF16)
    return loadElement(row, type, i);
  if (type < LAMRT_Q4_K)
    return expandSmallBlock(row + i / 32 * getSmallBlockBytes(type), type,
                            static_cast<int>(i % 32));
  int bytes = type == LAMRT_Q4_K ? 144 : type == LAMRT_Q5_K ? 176 : 210;
  return expandLargeBlock(row + i / 256 * bytes, type,
                          static_cast<int>(i % 256));
}

/// out[r, i - inBegin] = rnd(element i of row r), inBegin <= i < inEnd, rows of
/// `out` without padding. Rows of floats begin at multiples of their size.
///
/// Launch: one block for kThreads elements of all rows together.
__global__ void __launch_bounds__(kThreads)
    expandRowsKernel(const uint8_t *source, int64_t sourceRowBytes,
                     int32_t sourceType, int64_t rows, int64_t inBegin,
                     int64_t width, int32_t type, uint8_t *out) {
  int64_t place = int64_t(blockIdx.x) * kThreads + threadIdx.x;
  if (place >= rows * width)
    return;
  const uint8_t *row = source + place / width * sourceRowBytes;
  storeElement(out, type, place,
               expand(row, sourceType, inBegin + place % width));
}

} // namespace

cudaError_t launchExpandRows(const uint8_t *source, int64_t sourceRowBytes,
                             int32_t sourceType, int64_t rows, int64_t inBegin,
                             int64_t inEnd, int32_t type, void *out,
                             cudaStream_t stream) {
  int64_t width = inEnd - inBegin;
  return launch(
      expandRowsKernel,
      dim3(static_cast<unsigned>((rows * width + kThreads - 1) / kThreads)),
      kThreads, 0, stream, source, sourceRowBytes, sourceType, rows, inBegin,
      width, type, static_cast<uint8_t *>(out));
}

} // namespace lamina::cuda
