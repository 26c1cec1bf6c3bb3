//===- Rope.cu - Rotary embeddings ----------------------------------------===//

#include "Elements.cuh"
#include "Launch.cuh"

namespace lamina::cuda {

namespace {

constexpr int kThreads = 128;

/// Cosine and sine of position*frequency, in f64, rounded to f32; all layers of
/// a step share them. Launch: one block a row.
__global__ void __launch_bounds__(kThreads)
    anglesKernel(const int32_t *positions, const double *frequencies,
                 int64_t pairs, float *cosines, float *sines) {
  int64_t row = blockIdx.x;
  for (int64_t i = threadIdx.x; i < pairs; i += blockDim.x) {
    double angle = static_cast<double>(positions[row]) * frequencies[i];
    cosines[row * pairs + i] = static_cast<float>(cos(angle));
    sines[row * pairs + i] = static_cast<float>(sin(angle));
  }
}

/// Rotates the pairs of all heads of a row. Launch: one block a row. `out` may
/// be `in`: a thread writes what it alone has read.
__global__ void __launch_bounds__(kThreads)
    ropeKernel(const __grid_constant__ RopeWork work, const float *cosines,
               const float *sines) {
  int64_t row = blockIdx.x;
  const uint8_t *in = getRow(work.in, row);
  uint8_t *out = getRow(work.out, row);
  for (int64_t i = threadIdx.x; i < work.features / 2; i += blockDim.x) {
    int64_t pair = i % work.pairs, head = i / work.pairs * 2 * work.pairs;
    bool isHalves = work.pairing == LAMRT_PAIRING_HALVES;
    int64_t first = head + (isHalves ? pair : 2 * pair);
    int64_t second = first + (isHalves ? work.pairs : 1);
    float a = loadElement(in, work.in.type, first);
    float b = loadElement(in, work.in.type, second);
    float c = cosines[row * work.pairs + pair];
    float s = sines[row * work.pairs + pair];
    storeElement(out, work.out.type, first, a * c - b * s);
    storeElement(out, work.out.type, second, b * c + a * s);
  }
}

} // namespace

cudaError_t launchAngles(const int32_t *positions, const double *frequencies,
                         int64_t pairs, int64_t rows, float *cosines,
                         float *sines, cudaStream_t stream) {
  return launch(anglesKernel, dim3(static_cast<unsigned>(rows)), kThreads, 0,
                stream, positions, frequencies, pairs, cosines, sines);
}

cudaError_t launchRope(const RopeWork &work, const float *cosines,
                       const float *sines, cudaStream_t stream) {
  return launch(ropeKernel, dim3(static_cast<unsigned>(work.rows)), kThreads, 0,
                stream, work, cosines, sines);
}

} // namespace lamina::cuda
