//===- RaceProgram.cu - Kernels for ThreadSanitizer -----------------------===//
//
// RaceProgram CASE runs one case; under ThreadSanitizer it exits with 66 if the
// case has a race, and else with 0.
//
//===----------------------------------------------------------------------===//

#include "DevicePrimitives.cuh"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>

using namespace lamina::cuda;

namespace {

void check(cudaError_t status) {
  if (status == cudaSuccess)
    return;
  std::fprintf(stderr, "RaceProgram: %s\n", cudaGetErrorString(status));
  std::exit(1);
}

cudaStream_t makeStream() {
  cudaStream_t made;
  check(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking));
  return made;
}

template <typename T>
T *zeros(size_t count, cudaStream_t on) {
  T *made;
  check(cudaMalloc(&made, count * sizeof(T)));
  check(cudaMemsetAsync(made, 0, count * sizeof(T), on));
  return made;
}

template <typename... Parameters, typename... Arguments>
void launch(cudaStream_t on, int grid, int block, void (*kernel)(Parameters...),
            Arguments... arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.stream = on;
  check(cudaLaunchKernelEx(&config, kernel, arguments...));
}

/// A sum over the warps of a block, with its barrier or without.
template <bool kBarrier>
__global__ void sumKernel(float *out) {
  __shared__ float partial[2];
  float sum = static_cast<float>(threadIdx.x);
  for (int distance = 16; distance > 0; distance /= 2)
    sum += __shfl_xor_sync(~0u, sum, distance);
  if (threadIdx.x % 32 == 0)
    partial[threadIdx.x / 32] = sum;
  if (kBarrier)
    __syncthreads();
  if (threadIdx.x == 0)
    out[blockIdx.x] = partial[0] + partial[1];
}

/// The neighbour's value by shared memory, which a shuffle does not order.
template <bool kSync>
__global__ void neighbourKernel(int *out) {
  __shared__ int values[32];
  values[threadIdx.x] = threadIdx.x;
  if (kSync)
    __syncwarp();
  else
    __shfl_sync(~0u, 0, 0);
  out[threadIdx.x] = values[threadIdx.x ^ 1];
}

/// Many meetings of a warp, after each of which some lanes are late.
template <bool kSecond>
__global__ void manyRoundsKernel(int *out) {
  __shared__ int values[32];
  for (int round = 0; round < 8; ++round) {
    values[threadIdx.x] = round;
    __syncwarp();
    out[threadIdx.x] = values[(threadIdx.x + round) % 32];
    if (kSecond)
      __syncwarp();
  }
}

__attribute__((noipa)) int sumUp(const int *values) {
  int sum = 0;
  for (int i = 0; i < 8; ++i)
    sum += values[i];
  return sum;
}

/// Threads with arrays of their own, which lie where those of others lay.
__global__ void stackKernel(int *out) {
  int values[8];
  for (int i = 0; i < 8; ++i)
    values[i] = static_cast<int>(threadIdx.x) * i;
  out[threadIdx.x] = sumUp(values);
}

/// A second round of a buffer needs a barrier between reads and writes.
template <bool kSecond>
__global__ void roundsKernel(int *out) {
  __shared__ int values[64];
  for (int round = 0; round < 2; ++round) {
    values[threadIdx.x] = round;
    __syncthreads();
    out[threadIdx.x] = values[63 - threadIdx.x];
    if (kSecond)
      __syncthreads();
  }
}

/// Block 0 hands a value to block 1 behind a flag.
template <bool kRelease>
__global__ void flagKernel(int *value, uint32_t *flag, int *out) {
  if (blockIdx.x == 0) {
    *value = 7;
    if (kRelease)
      stReleaseSys(flag, 1);
    else
      __atomic_store_n(flag, 1, __ATOMIC_RELAXED);
  } else {
    while (ldAcquireSys(flag) == 0)
      spinPause();
    *out = *value;
  }
}

__global__ void writeKernel(int *value) { *value = 1; }
__global__ void readKernel(const int *value, int *out) { *out = *value; }

template <bool kEvent>
void streams() {
  cudaStream_t first = makeStream(), second = makeStream();
  int *value = zeros<int>(1, first);
  int *out = zeros<int>(1, second);
  check(cudaStreamSynchronize(first));
  check(cudaStreamSynchronize(second));
  launch(first, 1, 1, writeKernel, value);
  cudaEvent_t done;
  check(cudaEventCreateWithFlags(&done, cudaEventDisableTiming));
  if (kEvent) {
    check(cudaEventRecord(done, first));
    check(cudaStreamWaitEvent(second, done, 0));
  }
  launch(second, 1, 1, readKernel, value, out);
  check(cudaDeviceSynchronize());
}

/// Pinned memory that the host reads after the stream is done, or before.
template <bool kSync>
void pinned() {
  cudaStream_t on = makeStream();
  int *value = zeros<int>(1, on);
  int *host;
  check(cudaMallocHost(&host, sizeof(int)));
  launch(on, 1, 1, writeKernel, value);
  check(cudaMemcpyAsync(host, value, sizeof(int), cudaMemcpyDeviceToHost, on));
  if (kSync)
    check(cudaStreamSynchronize(on));
  int got = *static_cast<volatile int *>(host);
  check(cudaStreamSynchronize(on));
  std::printf("%d\n", got);
}

template <typename... Parameters>
std::function<void()> kernel(int grid, int block,
                             void (*function)(int *, Parameters...)) {
  return [=] {
    cudaStream_t on = makeStream();
    launch(on, grid, block, function, zeros<int>(64, on));
    check(cudaStreamSynchronize(on));
  };
}

template <bool kBarrier>
void sum() {
  cudaStream_t on = makeStream();
  // More blocks than the device holds at a time: they use the same shared
  // memory one after another.
  launch(on, 20, 64, sumKernel<kBarrier>, zeros<float>(20, on));
  check(cudaStreamSynchronize(on));
}

template <bool kRelease>
void flag() {
  cudaStream_t on = makeStream();
  launch(on, 2, 1, flagKernel<kRelease>, zeros<int>(1, on),
         zeros<uint32_t>(1, on), zeros<int>(1, on));
  check(cudaStreamSynchronize(on));
}

} // namespace

int main(int argc, char **argv) {
  const std::map<std::string, std::function<void()>> cases{
      {"sum", sum<true>},
      {"sum-without-barrier", sum<false>},
      {"neighbour", kernel(1, 32, neighbourKernel<true>)},
      {"neighbour-without-syncwarp", kernel(1, 32, neighbourKernel<false>)},
      {"warp-rounds", kernel(1, 32, manyRoundsKernel<true>)},
      {"warp-rounds-without-second-syncwarp",
       kernel(1, 32, manyRoundsKernel<false>)},
      {"stack", kernel(1, 64, stackKernel)},
      {"rounds", kernel(1, 64, roundsKernel<true>)},
      {"rounds-without-second-barrier", kernel(1, 64, roundsKernel<false>)},
      {"flag", flag<true>},
      {"flag-without-release", flag<false>},
      {"streams", streams<true>},
      {"streams-without-event", streams<false>},
      {"pinned", pinned<true>},
      {"pinned-without-synchronize", pinned<false>}};
  auto found = argc == 2 ? cases.find(argv[1]) : cases.end();
  if (found == cases.end()) {
    std::fprintf(stderr, "RaceProgram: no such case\n");
    return 2;
  }
  found->second();
  return 0;
}
