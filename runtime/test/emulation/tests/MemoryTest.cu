//===- MemoryTest.cu - Allocations, copies, addresses ---------------------===//

#include "EmulatedTest.h"

#include <cmath>

using ::testing::Each;

namespace {

class MemoryTest : public EmulatedTest {};

__global__ void copyKernel(const float *from, float *to, int at) {
  to[threadIdx.x] = from[static_cast<int>(threadIdx.x) + at];
}

TEST_F(MemoryTest, fresh_memory_is_nan_in_every_type) {
  cudaStream_t on = stream();
  EXPECT_THAT(download(allocate<float>(100), 100, on),
              Each(::testing::IsNan()));
  for (__nv_bfloat16 value : download(allocate<__nv_bfloat16>(9), 9, on))
    EXPECT_TRUE(std::isnan(__bfloat162float(value)));
  for (__half value : download(allocate<__half>(9), 9, on))
    EXPECT_TRUE(std::isnan(__half2float(value)));
}

TEST_F(MemoryTest, freed_addresses_do_not_come_back) {
  float *first = allocate<float>(1);
  ASSERT_EQ(cudaFree(first), cudaSuccess);
  for (int i = 0; i < 20; ++i) {
    float *next = allocate<float>(1);
    EXPECT_NE(next, first);
    ASSERT_EQ(cudaFree(next), cudaSuccess);
  }
  EXPECT_EQ(cudaFree(first), cudaErrorInvalidValue);
  expectReport({"allocation 0 of device 0, 4 bytes, freed"});
}

TEST_F(MemoryTest, a_kernel_may_not_leave_its_memory) {
  struct Case {
    int at;
    std::string text;
  };
  for (const Case &c : std::vector<Case>{
           {64, "byte 256 of allocation 0 of device 0, 256 bytes"},
           {-1100, "no allocation of device 0"}}) {
    use({});
    cudaStream_t on = stream();
    float *from = allocate<float>(64);
    float *to = allocate<float>(1);
    EXPECT_EQ(run(on, 1, 1, copyKernel, from, to, c.at),
              cudaErrorIllegalAddress);
    expectReport({"copyKernel", "illegal address", c.text});
  }
}

TEST_F(MemoryTest, a_store_just_past_the_end_is_found_when_it_is_freed) {
  cudaStream_t on = stream();
  float *to = allocate<float>(3);
  ASSERT_EQ(run(on, 1, 4, copyKernel, upload(std::vector<float>(4), on), to, 0),
            cudaSuccess);
  EXPECT_EQ(cudaFree(to), cudaSuccess);
  expectReport({"a write 0 bytes past the end", "of 12 bytes"});
}

TEST_F(MemoryTest, a_freed_argument_is_refused) {
  cudaStream_t on = stream();
  float *from = allocate<float>(4);
  float *to = allocate<float>(4);
  ASSERT_EQ(cudaFree(from), cudaSuccess);
  EXPECT_EQ(launch(on, 1, 4, copyKernel, from, to, 0),
            cudaErrorInvalidDevicePointer);
  expectReport({"copyKernel", "argument 0", "freed"});
}

TEST_F(MemoryTest, a_host_argument_is_refused) {
  float host[4] = {};
  EXPECT_EQ(launch(stream(), 1, 4, copyKernel, host, allocate<float>(4), 0),
            cudaErrorInvalidDevicePointer);
  expectReport({"argument 0 is an address of pageable host memory"});
}

__global__ void vectorKernel(const float *from, float4 *to) {
  *to = *reinterpret_cast<const float4 *>(from);
}

TEST_F(MemoryTest, a_vector_must_be_aligned) {
  cudaStream_t on = stream();
  float *from = upload(std::vector<float>{1, 2, 3, 4, 5}, on);
  float4 *to = allocate<float4>(1);
  ASSERT_EQ(run(on, 1, 1, vectorKernel, from, to), cudaSuccess);
  EXPECT_EQ(download(to, 1, on)[0].w, 4);
  EXPECT_EQ(run(on, 1, 1, vectorKernel, from + 1, to),
            cudaErrorMisalignedAddress);
  expectReport({"vectorKernel", "not aligned"});
}

struct Pointers {
  int count;
  const float *from[2];
  float *to;
};

__global__ void pointersKernel(const __grid_constant__ Pointers pointers) {
  for (int i = 0; i < pointers.count; ++i)
    pointers.to[i] = pointers.from[i][0];
}

TEST_F(MemoryTest, addresses_in_structs_work) {
  cudaStream_t on = stream();
  float *a = upload(std::vector<float>{3}, on);
  float *b = upload(std::vector<float>{4}, on);
  Pointers pointers{2, {a, b}, allocate<float>(2)};
  ASSERT_EQ(run(on, 1, 1, pointersKernel, pointers), cudaSuccess);
  EXPECT_EQ(download(pointers.to, 2, on), (std::vector<float>{3, 4}));
}

struct Part {
  int number;
  // Four bytes of padding.
  const float *begin, *end;
  float *sum;
};

__global__ void partKernel(const __grid_constant__ Part part) {
  float sum = static_cast<float>(part.number);
  for (const float *at = part.begin; at != part.end; ++at)
    sum += *at;
  *part.sum = sum;
}

TEST_F(MemoryTest, a_member_may_point_to_the_end) {
  cudaStream_t on = stream();
  float *values = upload(std::vector<float>(1024, 1), on);
  float *gone = allocate<float>(1);
  ASSERT_EQ(cudaFree(gone), cudaSuccess);
  Part part;
  // What the padding holds is nobody's business.
  std::memcpy(static_cast<void *>(&part), &gone, sizeof(gone));
  part.number = 1;
  part.begin = values;
  part.end = values + 1024;
  part.sum = allocate<float>(1);
  ASSERT_EQ(run(on, 1, 1, partKernel, part), cudaSuccess);
  EXPECT_EQ(download(part.sum, 1, on)[0], 1025);
}

TEST_F(MemoryTest, host_code_that_reads_a_device_address_ends) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(
      {
        emulation::reset({});
        stream();
        volatile float *address = allocate<float>(1);
        float value = *address;
        std::exit(value == 0 ? 1 : 2);
      },
      "host code used an address of device memory");
}

TEST_F(MemoryTest, kinds_of_copies_must_fit) {
  cudaStream_t on = stream();
  float host[4] = {};
  float *device = allocate<float>(4);
  EXPECT_EQ(cudaMemcpyAsync(device, host, 16, cudaMemcpyDeviceToHost, on),
            cudaErrorInvalidMemcpyDirection);
  expectReport({"from pageable to device memory"});
  EXPECT_EQ(cudaMemcpyAsync(device, device, 16, cudaMemcpyHostToDevice, on),
            cudaErrorInvalidMemcpyDirection);
  expectReport({"from device to device memory"});
}

TEST_F(MemoryTest, copies_stay_in_their_allocations) {
  cudaStream_t on = stream();
  std::vector<float> host(8);
  float *device = allocate<float>(4);
  EXPECT_EQ(
      cudaMemcpyAsync(device + 1, host.data(), 16, cudaMemcpyHostToDevice, on),
      cudaErrorInvalidValue);
  expectReport({"16 bytes from device memory on that ends before"});
  EXPECT_EQ(cudaMemsetAsync(device, 0, 17, on), cudaErrorInvalidValue);
  expectReport({"17 bytes"});
  EXPECT_EQ(
      cudaMemcpyAsync(device, device + 1, 8, cudaMemcpyDeviceToDevice, on),
      cudaErrorInvalidValue);
  expectReport({"overlap"});
  EXPECT_EQ(cudaMemcpy2DAsync(device, 8, host.data(), 8, 8, 3,
                              cudaMemcpyHostToDevice, on),
            cudaErrorInvalidValue);
  expectReport({"24 bytes"});
}

TEST_F(MemoryTest, rows_are_copied_with_their_pitches) {
  cudaStream_t on = stream();
  std::vector<int> host{1, 2, 3, 4, 5, 6};
  int *device = allocate<int>(8);
  ASSERT_EQ(cudaMemsetAsync(device, 0, 32, on), cudaSuccess);
  ASSERT_EQ(cudaMemcpy2DAsync(device, 16, host.data(), 12, 8, 2,
                              cudaMemcpyHostToDevice, on),
            cudaSuccess);
  EXPECT_EQ(download(device, 8, on),
            (std::vector<int>{1, 2, 0, 0, 4, 5, 0, 0}));
}

TEST_F(MemoryTest, pageable_sources_may_change_after_the_call) {
  cudaStream_t on = stream();
  std::vector<int> host{1};
  int *device = upload(host, on);
  host[0] = 2;
  EXPECT_EQ(download(device, 1, on)[0], 1);
}

TEST_F(MemoryTest, the_memory_of_a_device_ends) {
  emulation::Options options;
  options.memoryBytes = 1 << 20;
  use(options);
  void *first = allocate<char>(1000000);
  void *second = nullptr;
  EXPECT_EQ(cudaMalloc(&second, 100000), cudaErrorMemoryAllocation);
  size_t free = 0, total = 0;
  ASSERT_EQ(cudaMemGetInfo(&free, &total), cudaSuccess);
  EXPECT_EQ(free, (size_t(1) << 20) - 1000000);
  EXPECT_EQ(total, size_t(1) << 20);
  ASSERT_EQ(cudaFree(first), cudaSuccess);
  EXPECT_EQ(cudaMalloc(&second, 100000), cudaSuccess);
  EXPECT_EQ(emulation::bytesInUse(), 100000u);
}

TEST_F(MemoryTest, memory_of_a_peer_needs_access) {
  emulation::Options options;
  options.devices = 2;
  use(options);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  cudaStream_t there = stream();
  float *from = upload(std::vector<float>{5}, there);
  ASSERT_EQ(cudaStreamSynchronize(there), cudaSuccess);
  ASSERT_EQ(cudaSetDevice(0), cudaSuccess);
  cudaStream_t on = stream();
  float *to = allocate<float>(1);
  EXPECT_EQ(launch(on, 1, 1, copyKernel, from, to, 0),
            cudaErrorInvalidDevicePointer);
  expectReport(
      {"argument 0 is memory of device 1, which device 0 may not use"});
  int can = 0;
  ASSERT_EQ(cudaDeviceCanAccessPeer(&can, 0, 1), cudaSuccess);
  EXPECT_EQ(can, 1);
  ASSERT_EQ(cudaDeviceEnablePeerAccess(1, 0), cudaSuccess);
  EXPECT_EQ(cudaDeviceEnablePeerAccess(1, 0),
            cudaErrorPeerAccessAlreadyEnabled);
  EXPECT_EQ(run(on, 1, 1, copyKernel, from, to, 0), cudaSuccess);
  EXPECT_EQ(download(to, 1, on)[0], 5);
}

TEST_F(MemoryTest, devices_that_are_no_peers_say_so) {
  emulation::Options options;
  options.devices = 2;
  options.peers = false;
  use(options);
  int can = 1;
  ASSERT_EQ(cudaDeviceCanAccessPeer(&can, 0, 1), cudaSuccess);
  EXPECT_EQ(can, 0);
  EXPECT_EQ(cudaDeviceEnablePeerAccess(1, 0), cudaErrorPeerAccessUnsupported);
}

TEST_F(MemoryTest, no_device_is_what_every_call_says) {
  emulation::Options options;
  options.devices = 0;
  use(options);
  int count = 0;
  EXPECT_EQ(cudaGetDeviceCount(&count), cudaErrorNoDevice);
  void *memory;
  EXPECT_EQ(cudaMalloc(&memory, 1), cudaErrorNoDevice);
}

} // namespace
