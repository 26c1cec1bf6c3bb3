//===- Rope.cu - Rotary embeddings ----------------------------------------===//

#include "Elements.cuh"
#include "Launch.cuh"

namespace lamina::cuda {

namespace {

constexpr int kThreads = 128;

// sin and cos of docs/numerics.md: those of the library reduce huge arguments
// too, in local memory.

/// A polynomial in z, highest power first.
__device__ inline double evaluate(double z, double a, double b, double c,
                                  double d, double e, double f) {
  return fma(fma(fma(fma(fma(a, z, b), z, c), z, d), z, e), z, f);
}

__device__ inline void getSineAndCosine(double x, float &sine, float &cosine) {
  double n = rint(x * 0x1.45f306dc9c883p-1);
  double r = fma(n, -0x1.921fb544p+0, x);
  r = fma(n, -0x1.0b4611a6p-34, r);
  r = fma(n, -0x1.3198a2e037073p-69, r);
  double z = r * r;
  double s = evaluate(z, 0x1.5d931843fad4bp-33, -0x1.ae5e66882ff13p-26,
                      0x1.71de35781616dp-19, -0x1.a01a019c1202ep-13,
                      0x1.111111110f87dp-7, -0x1.5555555555549p-3);
  double c = evaluate(z, -0x1.8faeb5fa1872bp-37, 0x1.1ee9ec18b5e69p-29,
                      -0x1.27e4f80a33d96p-22, 0x1.a01a019cb216cp-16,
                      -0x1.6c16c16c15181p-10, 0x1.555555555554cp-5);
  s = fma(s * z, r, r);
  c = fma(z * z, c, fma(z, -0.5, 1.0));
  int quadrant = static_cast<int>(static_cast<long long>(n) & 3);
  double first = quadrant & 1 ? c : s, second = quadrant & 1 ? s : c;
  sine = static_cast<float>(quadrant & 2 ? -first : first);
  cosine = static_cast<float>((quadrant + 1) & 2 ? -second : second);
}

/// Cosine and sine of position*frequency, in f64, rounded to f32; all layers of
/// a step share them. Launch: one block a row.
__global__ void __launch_bounds__(kThreads)
    anglesKernel(const int32_t *positions, const double *frequencies,
                 int64_t pairs, float *cosines, float *sines) {
  int64_t row = blockIdx.x;
  for (int64_t i = threadIdx.x; i < pairs; i += blockDim.x) {
    double angle = static_cast<double>(positions[row]) * frequencies[i];
    getSineAndCosine(angle, sines[row * pairs + i], cosines[row * pairs + i]);
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
