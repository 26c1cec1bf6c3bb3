//===- Elementwise.cu - What every element is by itself -------------------===//

#include "Elements.cuh"
#include "Launch.cuh"

namespace lamina::cuda {

namespace {

constexpr int kThreads = 256;

/// Elements of a row that a block does.
constexpr int64_t kChunk = kThreads * kVector;

/// Where a thread works: eight elements of one row.
struct Place {
  int64_t row, index;
};
__device__ inline Place getPlace(int64_t features) {
  int64_t chunks = (features + kChunk - 1) / kChunk;
  return {blockIdx.x / chunks,
          blockIdx.x % chunks * kChunk + threadIdx.x * kVector};
}
dim3 getBlocks(int64_t features, int64_t rows) {
  return dim3(static_cast<unsigned>((features + kChunk - 1) / kChunk * rows));
}

/// out = rnd(combine(a, b)), element by element.
template <typename Combine>
__device__ void combineRows(const PairWork &work, Combine combine) {
  auto [row, i] = getPlace(work.features);
  if (i >= work.features)
    return;
  Floats a = loadUpTo(getRow(work.a, row), work.a.type, i, work.features);
  Floats b = loadUpTo(getRow(work.b, row), work.b.type, i, work.features);
#pragma unroll
  for (int j = 0; j < kVector; ++j)
    a.v[j] = combine(a.v[j], b.v[j]);
  storeUpTo(getRow(work.out, row), work.out.type, i, work.features, a);
}

/// out = rnd(a + b). Launch: getBlocks() blocks of kThreads. `out` may be `a`
/// or `b`.
__global__ void __launch_bounds__(kThreads)
    addKernel(const __grid_constant__ PairWork work) {
  combineRows(work, [](float a, float b) { return a + b; });
}

/// out = rnd(a / (1 + exp(-a)) * b). Launch: as addKernel.
__global__ void __launch_bounds__(kThreads)
    siluMulKernel(const __grid_constant__ PairWork work) {
  combineRows(work, [](float a, float b) { return a / (1.0f + expf(-a)) * b; });
}

/// out[t] = rnd(in[rows[t]] + bias). A value that has the type already is
/// copied as it is. Launch: as addKernel. `out` may be `in` if `rows` and
/// `bias` are null and the types equal.
__global__ void __launch_bounds__(kThreads)
    convertKernel(const __grid_constant__ PairWork work, const int32_t *rows,
                  const float *bias) {
  auto [row, i] = getPlace(work.features);
  if (i >= work.features)
    return;
  int64_t from = rows ? rows[row] : row;
  Floats a = loadUpTo(getRow(work.a, from), work.a.type, i, work.features);
  if (bias)
#pragma unroll
    for (int j = 0; j < kVector; ++j)
      if (i + j < work.features)
        a.v[j] += bias[i + j];
  storeUpTo(getRow(work.out, row), work.out.type, i, work.features, a);
}

} // namespace

cudaError_t launchAdd(const PairWork &work, cudaStream_t stream) {
  return launch(addKernel, getBlocks(work.features, work.rows), kThreads, 0,
                stream, work);
}

cudaError_t launchSiluMul(const PairWork &work, cudaStream_t stream) {
  return launch(siluMulKernel, getBlocks(work.features, work.rows), kThreads, 0,
                stream, work);
}

cudaError_t launchSelectRows(const PairWork &work, const int32_t *rows,
                             cudaStream_t stream) {
  const float *noBias = nullptr;
  return launch(convertKernel, getBlocks(work.features, work.rows), kThreads, 0,
                stream, work, rows, noBias);
}

cudaError_t launchConvert(cpu::Rows in, const float *bias, cpu::Rows out,
                          int64_t features, int64_t rows, cudaStream_t stream) {
  const int32_t *allRows = nullptr;
  PairWork work = {in, {}, out, features, rows};
  return launch(convertKernel, getBlocks(features, rows), kThreads, 0, stream,
                work, allRows, bias);
}

} // namespace lamina::cuda
