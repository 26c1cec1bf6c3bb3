//===- Occupancy.cpp - Blocks of a kernel that are resident together ------===//
//
// Reads lines `ARCH REGISTERS THREADS SHARED` (sm_90 62 256 36) and prints for
// each how many such blocks a multiprocessor holds, and how many
// multiprocessors the data-center GPU of that architecture has. NVIDIA's own
// formula; no device is asked. utils/ci/cuda_static.py calls it.
//
//===----------------------------------------------------------------------===//

#include <cuda_occupancy.h>

#include <iostream>
#include <string>

namespace {

/// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#features-and-technical-specifications
/// Multiprocessors: the data sheets of A100 and H100 (SXM).
struct Device {
  const char *name;
  int major, multiprocessors;
  size_t sharedBytes;
};
constexpr Device kDevices[] = {{"sm_80", 8, 108, 164 << 10},
                               {"sm_90", 9, 132, 228 << 10}};

cudaOccDeviceProp describe(const Device &device) {
  cudaOccDeviceProp made;
  made.computeMajor = device.major;
  made.computeMinor = 0;
  made.maxThreadsPerBlock = 1024;
  made.maxThreadsPerMultiprocessor = 2048;
  made.regsPerBlock = made.regsPerMultiprocessor = 65536;
  made.warpSize = 32;
  made.sharedMemPerBlock = 48 << 10;
  made.sharedMemPerMultiprocessor = device.sharedBytes;
  made.numSms = device.multiprocessors;
  made.sharedMemPerBlockOptin = device.sharedBytes - 1024;
  made.reservedSharedMemPerBlock = 1024;
  return made;
}

} // namespace

int main() {
  std::string name;
  int registers = 0, threads = 0;
  size_t shared = 0;
  while (std::cin >> name >> registers >> threads >> shared) {
    const Device *found = nullptr;
    for (const Device &device : kDevices)
      if (name == device.name)
        found = &device;
    if (!found) {
      std::cerr << "error: " << name << ": expected sm_80 or sm_90\n";
      return 2;
    }
    cudaOccFuncAttributes kernel;
    kernel.maxThreadsPerBlock = threads;
    kernel.numRegs = registers;
    kernel.sharedSizeBytes = shared;
    kernel.partitionedGCConfig = PARTITIONED_GC_OFF;
    kernel.shmemLimitConfig = FUNC_SHMEM_LIMIT_DEFAULT;
    kernel.maxDynamicSharedSizeBytes = 48 << 10;
    kernel.numBlockBarriers = 1;
    cudaOccDeviceProp device = describe(*found);
    cudaOccDeviceState state;
    cudaOccResult result;
    if (cudaOccMaxActiveBlocksPerMultiprocessor(
            &result, &device, &kernel, &state, threads, 0) != CUDA_OCC_SUCCESS)
      return 1;
    std::cout << result.activeBlocksPerMultiprocessor << " "
              << found->multiprocessors << "\n";
  }
  return 0;
}
