//===- KernelsTest.cu - Threads, blocks, meeting points -------------------===//

#include "EmulatedTest.h"

#include "DevicePrimitives.cuh"

using namespace lamina::cuda;
using ::testing::Each;
using ::testing::HasSubstr;

namespace {

class KernelsTest : public EmulatedTest {};

__global__ void indexKernel(int *out, int perBlock) {
  int number =
      threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  int block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  out[block * perBlock + number] = block * 1000 + number;
}

TEST_F(KernelsTest, every_thread_of_every_block_runs_once) {
  cudaStream_t on = stream();
  dim3 grid(3, 2, 2), block(5, 4, 2);
  int *out = allocate<int>(12 * 40);
  ASSERT_EQ(run(on, grid, block, indexKernel, out, 40), cudaSuccess);
  auto values = download(out, 12 * 40, on);
  for (int i = 0; i < 12 * 40; ++i)
    ASSERT_EQ(values[i], i / 40 * 1000 + i % 40) << i;
}

/// The sum of the numbers of a row, by warps and then by shared memory.
__global__ void sumKernel(const float *in, float *out, int count) {
  __shared__ float partial[8];
  float sum = 0;
  for (int i = threadIdx.x; i < count; i += blockDim.x)
    sum += in[blockIdx.x * count + i];
  for (int distance = 16; distance > 0; distance /= 2)
    sum += __shfl_xor_sync(0xffffffffu, sum, distance);
  if (threadIdx.x % 32 == 0)
    partial[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    sum = 0;
    for (unsigned i = 0; i < blockDim.x / 32; ++i)
      sum += partial[i];
    out[blockIdx.x] = sum;
  }
}

TEST_F(KernelsTest, sums_are_right_in_any_order) {
  for (uint64_t seed : {0, 1, 2, 77}) {
    emulation::Options options;
    options.seed = seed;
    use(options);
    cudaStream_t on = stream();
    std::vector<float> in(20 * 1000);
    for (size_t i = 0; i < in.size(); ++i)
      in[i] = static_cast<float>(i % 7);
    float *out = allocate<float>(20);
    ASSERT_EQ(run(on, 20, 256, sumKernel, upload(in, on), out, 1000),
              cudaSuccess);
    auto sums = download(out, 20, on);
    for (int row = 0; row < 20; ++row) {
      float expected = 0;
      for (int i = 0; i < 1000; ++i)
        expected += in[row * 1000 + i];
      EXPECT_EQ(sums[row], expected) << row;
    }
  }
}

__global__ void shuffleKernel(int *out) {
  int lane = threadIdx.x;
  out[lane] = __shfl_sync(~0u, lane, 5);
  out[32 + lane] = __shfl_down_sync(~0u, lane, 3, 8);
  out[64 + lane] = __shfl_up_sync(~0u, lane, 3, 8);
  out[96 + lane] = __shfl_xor_sync(~0u, lane, 9);
  out[128 + lane] = static_cast<int>(__ballot_sync(~0u, lane % 3 == 0));
  out[160 + lane] = static_cast<int>(__reduce_add_sync(~0u, 1u << (lane % 4)));
}

TEST_F(KernelsTest, shuffles_follow_their_definition) {
  cudaStream_t on = stream();
  int *out = allocate<int>(192);
  ASSERT_EQ(run(on, 1, 32, shuffleKernel, out), cudaSuccess);
  auto got = download(out, 192, on);
  int ballot = 0;
  for (int lane = 0; lane < 32; lane += 3)
    ballot |= 1 << lane;
  for (int lane = 0; lane < 32; ++lane) {
    EXPECT_EQ(got[lane], 5);
    EXPECT_EQ(got[32 + lane], lane % 8 + 3 < 8 ? lane + 3 : lane);
    EXPECT_EQ(got[64 + lane], lane % 8 - 3 >= 0 ? lane - 3 : lane);
    EXPECT_EQ(got[96 + lane], lane ^ 9);
    EXPECT_EQ(got[128 + lane], ballot);
    EXPECT_EQ(got[160 + lane], 8 * (1 + 2 + 4 + 8));
  }
}

__global__ void halvesKernel(int *out) {
  // The halves of a warp shuffle apart from each other, a different number of
  // times.
  unsigned mask = threadIdx.x < 16 ? 0x0000ffffu : 0xffff0000u;
  int value = threadIdx.x;
  for (unsigned i = 0; i <= threadIdx.x / 16; ++i)
    value = __shfl_xor_sync(mask, value, 1);
  out[threadIdx.x] = value;
}

TEST_F(KernelsTest, parts_of_a_warp_meet_apart) {
  cudaStream_t on = stream();
  int *out = allocate<int>(32);
  ASSERT_EQ(run(on, 1, 32, halvesKernel, out), cudaSuccess);
  auto got = download(out, 32, on);
  for (int lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], lane < 16 ? lane ^ 1 : lane);
}

__global__ void outsideKernel() { __shfl_sync(0xfffffffeu, 1, 1); }
__global__ void differKernel() {
  __shfl_sync(threadIdx.x < 31 ? 0x7fffffffu : ~0u, 1, 1);
}
__global__ void exitedKernel() {
  if (threadIdx.x == 7)
    return;
  __syncwarp();
}
__global__ void unreadKernel() {
  if (threadIdx.x < 16)
    __shfl_sync(0xffffu, 1, 20);
}
__global__ void kindsKernel() {
  if (threadIdx.x < 16)
    __ballot_sync(~0u, 1);
  else
    __shfl_sync(~0u, 1, 0);
}

TEST_F(KernelsTest, masks_are_checked) {
  struct Case {
    void (*kernel)();
    std::string text;
  };
  for (const Case &c : std::vector<Case>{
           {outsideKernel, "lane 0 is not in its own mask"},
           {differKernel, "differ in their masks"},
           {exitedKernel, "lane 7, which has exited"},
           {unreadKernel, "reads lane 20, which is not in the mask"},
           {kindsKernel, "differ in their operations"}}) {
    use({});
    EXPECT_EQ(run(stream(), 1, 32, c.kernel), cudaErrorLaunchFailure);
    expectReport({c.text, "block (0, 0, 0), thread ("});
  }
}

TEST_F(KernelsTest, a_mask_beyond_the_block_is_refused) {
  EXPECT_EQ(run(stream(), 1, 16, kindsKernel), cudaErrorLaunchFailure);
  expectReport({"lane 16, which is not there"});
}

__global__ void deadlockKernel() {
  if (threadIdx.x < 12)
    __syncthreads();
  else if (threadIdx.x < 16)
    __syncwarp(0x1f000u);
}

/// Sums of two rounds of a block over its warps, in shared memory that nothing
/// keeps from being written again while others still read it.
__global__ void sumTwiceKernel(float *out) {
  __shared__ float sums[8];
  float total = 0;
  for (int round = 1; round <= 2; ++round) {
    float sum = static_cast<float>(round);
    for (int distance = 16; distance > 0; distance /= 2)
      sum += __shfl_xor_sync(0xffffffffu, sum, distance);
    if (threadIdx.x % 32 == 0)
      sums[threadIdx.x / 32] = sum;
    __syncthreads();
    for (float part : sums)
      total += part;
  }
  out[blockIdx.x * blockDim.x + threadIdx.x] = total;
}

TEST_F(KernelsTest, a_late_warp_reads_what_others_have_overwritten) {
  constexpr int kBlocks = 8, kThreads = 256;
  int wrong = 0;
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    emulation::Options options;
    options.seed = seed;
    use(options);
    cudaStream_t on = stream();
    auto *out = allocate<float>(kBlocks * kThreads);
    ASSERT_EQ(run(on, kBlocks, kThreads, sumTwiceKernel, out), cudaSuccess);
    for (float total : download(out, kBlocks * kThreads, on))
      wrong += total != kThreads * 3;
  }
  EXPECT_GT(wrong, 0);
}

TEST_F(KernelsTest, a_deadlock_is_reported_with_counts) {
  EXPECT_EQ(run(stream(), 1, 64, deadlockKernel), cudaErrorLaunchFailure);
  auto reports = emulation::takeReports();
  ASSERT_EQ(reports.size(), 1u);
  // Lane 16 of the mask exits, before or after the others come.
  EXPECT_THAT(reports[0],
              ::testing::AnyOf(
                  HasSubstr("lane 16, which has exited"),
                  ::testing::AllOf(HasSubstr("dead-lock in block (0, 0, 0)"),
                                   HasSubstr("12 threads at __syncthreads"),
                                   HasSubstr("4 threads at a warp operation"),
                                   HasSubstr("48 threads exited"))));
}

__global__ void exitsEarlyKernel() {
  if (threadIdx.x < 3)
    return;
  __syncthreads();
}

TEST_F(KernelsTest, a_barrier_that_some_do_not_reach_is_a_deadlock) {
  EXPECT_EQ(run(stream(), 1, 64, exitsEarlyKernel), cudaErrorLaunchFailure);
  expectReport(
      {"dead-lock", "61 threads at __syncthreads", "3 threads exited"});
}

__global__ void twoBarriersKernel() {
  if (threadIdx.x < 32)
    __syncthreads();
  else
    __syncthreads();
}

TEST_F(KernelsTest, different_barriers_at_one_time_are_refused) {
  EXPECT_EQ(run(stream(), 1, 64, twoBarriersKernel), cudaErrorLaunchFailure);
  expectReport({"__syncthreads of line", "at one time"});
}

__global__ void waitKernel(uint32_t *flags) {
  // Block i waits for block i + 1.
  if (blockIdx.x + 1 < gridDim.x)
    while (ldAcquireSys(&flags[blockIdx.x + 1]) == 0)
      spinPause();
  stReleaseSys(&flags[blockIdx.x], 1);
}

TEST_F(KernelsTest, resident_blocks_may_wait_for_each_other) {
  cudaStream_t on = stream();
  int resident = 0;
  ASSERT_EQ(cudaOccupancyMaxActiveBlocksPerMultiprocessor(
                &resident, reinterpret_cast<const void *>(waitKernel), 1, 0),
            cudaSuccess);
  int multiprocessors = 0;
  ASSERT_EQ(cudaDeviceGetAttribute(&multiprocessors,
                                   cudaDevAttrMultiProcessorCount, 0),
            cudaSuccess);
  auto *flags = upload(std::vector<uint32_t>(64), on);
  EXPECT_EQ(run(on, resident * multiprocessors, 1, waitKernel, flags),
            cudaSuccess);
}

TEST_F(KernelsTest, a_kernel_that_only_waits_is_ended) {
  emulation::Options options;
  options.spinSeconds = 0.2;
  use(options);
  cudaStream_t on = stream();
  auto *flags = upload(std::vector<uint32_t>(2), on);
  // The last block writes its flag; that of a third block never comes.
  EXPECT_EQ(run(on, 1, 1, waitKernel, flags), cudaSuccess);
  auto *more = upload(std::vector<uint32_t>(64), on);
  EXPECT_EQ(run(on, 60, 1, waitKernel, more), cudaErrorLaunchTimeout);
  expectReport({"waitKernel", "1 of 1 threads spin",
                "the grid has 60 blocks, the device holds 8 of them"});
}

__global__ void sharedKernel(float *out) {
  __shared__ float fresh[4];
  out[threadIdx.x] = fresh[threadIdx.x];
  out[4 + threadIdx.x] = dynamicShared<float>()[threadIdx.x];
  fresh[threadIdx.x] = 1;
  dynamicShared<float>()[threadIdx.x] = 1;
}

TEST_F(KernelsTest, shared_memory_begins_as_nan_in_every_block) {
  cudaStream_t on = stream();
  float *out = allocate<float>(8);
  sharedBytes = 16;
  for (int i = 0; i < 4; ++i) {
    ASSERT_EQ(run(on, 20, 4, sharedKernel, out), cudaSuccess);
    EXPECT_THAT(download(out, 8, on), Each(::testing::IsNan()));
  }
}

__global__ void beyondSharedKernel() { dynamicShared<float>()[8] = 1; }

TEST_F(KernelsTest, a_store_behind_the_shared_memory_is_found) {
  sharedBytes = 32;
  EXPECT_EQ(run(stream(), 1, 1, beyondSharedKernel), cudaErrorIllegalAddress);
  expectReport({"beyondSharedKernel", "illegal address"});
}

[[gnu::noinline, gnu::optimize("O0")]] int recurse(int depth) {
  volatile char big[1000];
  big[0] = static_cast<char>(depth);
  return depth == 0 ? 0 : recurse(depth - 1) + big[0];
}

__global__ void recurseKernel(int *out) { out[0] = recurse(100); }

TEST_F(KernelsTest, a_stack_that_overflows_is_found) {
  int *out = allocate<int>(1);
  EXPECT_NE(run(stream(), 1, 1, recurseKernel, out), cudaSuccess);
  auto reports = emulation::takeReports();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_THAT(reports[0], ::testing::AnyOf(HasSubstr("a stack overflowed"),
                                           HasSubstr("illegal address")));
}

__global__ void recurseTogetherKernel(int *out) {
  __syncthreads();
  out[threadIdx.x] = recurse(100);
}

TEST_F(KernelsTest, a_stack_that_runs_into_another_is_found) {
  int intoAnother = 0;
  for (uint64_t seed = 0; seed < 16; ++seed) {
    emulation::Options options;
    options.seed = seed;
    use(options);
    int *out = allocate<int>(2);
    EXPECT_NE(run(stream(), 1, 2, recurseTogetherKernel, out), cudaSuccess);
    for (const std::string &report : emulation::takeReports())
      intoAnother += report.find("a stack overflowed") != std::string::npos;
  }
  EXPECT_GT(intoAnother, 0);
}

__global__ void trapKernel() {
  if (threadIdx.x == 3)
    __trap();
}

TEST_F(KernelsTest, a_trap_loses_the_device) {
  cudaStream_t on = stream();
  EXPECT_EQ(run(on, 1, 4, trapKernel), cudaErrorLaunchFailure);
  expectReport({"trapKernel: block (0, 0, 0), thread (3, 0, 0)", "__trap"});
  void *memory;
  EXPECT_EQ(cudaMalloc(&memory, 4), cudaErrorLaunchFailure);
  EXPECT_EQ(cudaStreamSynchronize(on), cudaErrorLaunchFailure);
  EXPECT_EQ(cudaGetLastError(), cudaErrorLaunchFailure);
  EXPECT_EQ(cudaGetLastError(), cudaErrorLaunchFailure) << "it is sticky";
}

__global__ void countKernel(unsigned *counter, float *sum) {
  atomicAdd(counter, 1u);
  atomicAdd(sum, 0.5f);
}

TEST_F(KernelsTest, atomics_lose_nothing) {
  cudaStream_t on = stream();
  unsigned *counter = upload(std::vector<unsigned>{0}, on);
  float *sum = upload(std::vector<float>{0}, on);
  ASSERT_EQ(run(on, 50, 100, countKernel, counter, sum), cudaSuccess);
  EXPECT_EQ(download(counter, 1, on)[0], 5000u);
  EXPECT_EQ(download(sum, 1, on)[0], 2500.0f);
}

TEST_F(KernelsTest, shapes_are_checked) {
  cudaStream_t on = stream();
  EXPECT_EQ(launch(on, 0, 32, trapKernel), cudaErrorInvalidConfiguration);
  expectReport({"trapKernel", "0 x 1 x 1 blocks"});
  EXPECT_EQ(launch(on, 1, 1025, trapKernel), cudaErrorInvalidConfiguration);
  expectReport({"1025 x 1 x 1 threads"});
  sharedBytes = 60000;
  EXPECT_EQ(launch(on, 1, 1, trapKernel), cudaErrorInvalidValue);
  expectReport({"60000 bytes of dynamic shared memory, the limit is 49152"});
  ASSERT_EQ(cudaFuncSetAttribute(reinterpret_cast<const void *>(sharedKernel),
                                 cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 60000),
            cudaSuccess);
  EXPECT_EQ(run(on, 1, 4, sharedKernel, allocate<float>(8)), cudaSuccess);
  // It is not an error of the device.
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidValue);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST_F(KernelsTest, faults_come_at_the_call_that_was_chosen) {
  cudaStream_t on = stream();
  int *out = allocate<int>(64);
  emulation::failAt("cudaLaunchKernelEx", 2, cudaErrorLaunchFailure);
  EXPECT_EQ(run(on, 1, 1, indexKernel, out, 1), cudaSuccess);
  EXPECT_EQ(run(on, 1, 1, indexKernel, out, 1), cudaErrorLaunchFailure);
  EXPECT_EQ(run(on, 1, 1, indexKernel, out, 1), cudaSuccess);
  emulation::failAt("cudaStreamSynchronize", 1, cudaErrorIllegalAddress, true);
  EXPECT_EQ(run(on, 1, 1, indexKernel, out, 1), cudaErrorIllegalAddress);
  EXPECT_EQ(run(on, 1, 1, indexKernel, out, 1), cudaErrorIllegalAddress);
}

} // namespace
