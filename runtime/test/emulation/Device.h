//===- Device.h - Emulated devices and their memory ------------*- C++ -*-===//
//
// Each device has two address ranges of one size. What cudaMalloc returns lies
// in the first, which is never mapped: host code that reads through it ends
// like on a real machine. Kernels get the same offset in the second, where the
// memory is. Ranges are never used twice, and pages around each allocation stay
// unmapped.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_EMULATION_DEVICE_H
#define LAMINA_TEST_EMULATION_DEVICE_H

#include "Emulation.h"

#include <cuda_runtime_api.h>

namespace emulation {

int currentDevice();
void setCurrentDevice(int device);

/// The error that a lost device answers with, or cudaSuccess.
cudaError_t deviceError(int device);
/// The first error of a device stays: its context is of no more use.
void loseDevice(int device, cudaError_t status);
void resetDevices();

cudaError_t takeLastError();
cudaError_t peekLastError();
bool eagerLaunchesForbidden();

/// https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__PEER.html
bool peerEnabled(int device, int peer);
cudaError_t enablePeer(int device, int peer);
cudaError_t disablePeer(int device, int peer);

enum class Place { Pageable, Pinned, Device };

/// What an address belongs to.
struct Range {
  Place place = Place::Pageable;
  int device = -1;
  char *begin = nullptr; ///< of the allocation
  size_t bytes = 0;      ///< of the allocation
  bool alive = true;     ///< not freed
};

/// Looks an address up: in device memory by its exact allocation (a range of no
/// bytes and not alive if there is none), else in pinned memory, else pageable.
Range findRange(const void *address);

/// Where the bytes of a device address are; other addresses stay.
void *hostView(const void *address);

/// Whether an address lies in the range of any device.
bool isDeviceAddress(const void *address);
/// The device whose range, seen by kernels, holds an address; -1: none.
int deviceOfKernelAddress(const void *address);

/// Device memory, filled with NaN; null when the device has no more.
void *allocate(int device, size_t bytes);
/// False if `address` is no allocation that is alive.
bool release(void *address);
size_t freeBytes(int device);

void *allocatePinned(size_t bytes);
bool releasePinned(void *address);

/// "allocation 3 of device 0, 256 bytes, freed": for reports.
std::string describe(const void *address);

} // namespace emulation

#endif // LAMINA_TEST_EMULATION_DEVICE_H
