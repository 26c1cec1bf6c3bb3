//===- CudartDevice.cpp - Devices, versions and errors --------------------===//
//
// https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__DEVICE.html
// https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__ERROR.html
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "Entry.h"
#include "Grid.h"
#include "Stream.h"

#include <cstdio>
#include <cstring>

using namespace emulation;

namespace {

/// The names of the error codes that the emulation or a test returns.
struct ErrorName {
  cudaError_t code;
  const char *name;
  const char *text;
};

#define ERROR_NAME(code, text) {code, #code, text}
constexpr ErrorName kErrors[] = {
    ERROR_NAME(cudaSuccess, "no error"),
    ERROR_NAME(cudaErrorInvalidValue, "invalid argument"),
    ERROR_NAME(cudaErrorMemoryAllocation, "out of memory"),
    ERROR_NAME(cudaErrorInitializationError, "initialization error"),
    ERROR_NAME(cudaErrorInvalidConfiguration, "invalid configuration argument"),
    ERROR_NAME(cudaErrorInvalidDevicePointer, "invalid device pointer"),
    ERROR_NAME(cudaErrorInvalidMemcpyDirection,
               "invalid copy direction for memcpy"),
    ERROR_NAME(cudaErrorStubLibrary, "CUDA driver is a stub library"),
    ERROR_NAME(cudaErrorInsufficientDriver,
               "CUDA driver version is insufficient for CUDA runtime version"),
    ERROR_NAME(cudaErrorNoDevice, "no CUDA-capable device is detected"),
    ERROR_NAME(cudaErrorInvalidDevice, "invalid device ordinal"),
    ERROR_NAME(cudaErrorNoKernelImageForDevice,
               "no kernel image is available for execution on the device"),
    ERROR_NAME(cudaErrorInvalidResourceHandle, "invalid resource handle"),
    ERROR_NAME(cudaErrorNotReady, "device not ready"),
    ERROR_NAME(cudaErrorIllegalAddress,
               "an illegal memory access was encountered"),
    ERROR_NAME(cudaErrorMisalignedAddress, "misaligned address"),
    ERROR_NAME(cudaErrorLaunchTimeout,
               "the launch timed out and was terminated"),
    ERROR_NAME(cudaErrorLaunchFailure, "unspecified launch failure"),
    ERROR_NAME(cudaErrorNotPermitted, "operation not permitted"),
    ERROR_NAME(cudaErrorNotSupported, "operation not supported"),
    ERROR_NAME(cudaErrorStreamCaptureUnsupported,
               "operation not permitted when stream is capturing"),
    ERROR_NAME(cudaErrorStreamCaptureInvalidated,
               "operation failed due to a previous error during capture"),
    ERROR_NAME(cudaErrorStreamCaptureUnjoined,
               "capturing stream has unjoined work"),
};
#undef ERROR_NAME

const ErrorName *findError(cudaError_t code) {
  for (const ErrorName &error : kErrors)
    if (error.code == code)
      return &error;
  return nullptr;
}

bool isDevice(int device) { return device >= 0 && device < options().devices; }

int attribute(cudaDeviceAttr what, bool &known) {
  known = true;
  switch (what) {
  case cudaDevAttrComputeCapabilityMajor:
    return options().capabilityMajor;
  case cudaDevAttrComputeCapabilityMinor:
    return options().capabilityMinor;
  case cudaDevAttrMultiProcessorCount:
    return kMultiprocessors;
  case cudaDevAttrMaxThreadsPerBlock:
    return kMaxThreadsPerBlock;
  case cudaDevAttrMaxThreadsPerMultiProcessor:
    return kMaxThreadsPerMultiprocessor;
  case cudaDevAttrMaxBlocksPerMultiprocessor:
    return kMaxBlocksPerMultiprocessor;
  case cudaDevAttrMaxSharedMemoryPerBlock:
    return kSharedPerBlock;
  case cudaDevAttrMaxSharedMemoryPerBlockOptin:
    return kSharedPerBlockOptin;
  case cudaDevAttrMaxSharedMemoryPerMultiprocessor:
    return kSharedPerMultiprocessor;
  case cudaDevAttrReservedSharedMemoryPerBlock:
    return kReservedShared;
  case cudaDevAttrWarpSize:
    return 32;
  case cudaDevAttrUnifiedAddressing:
  case cudaDevAttrMemoryPoolsSupported:
    return 1;
  default:
    known = false;
    return 0;
  }
}

} // namespace

cudaError_t cudaGetDeviceCount(int *out) {
  ENTER();
  *out = options().devices;
  return cudaSuccess;
}

cudaError_t cudaGetDevice(int *out) {
  ENTER();
  *out = currentDevice();
  return cudaSuccess;
}

cudaError_t cudaSetDevice(int device) {
  bool sticky = false;
  if (int code = plannedFault(__func__, sticky))
    return finish(static_cast<cudaError_t>(code));
  if (!isDevice(device))
    return finish(options().devices ? cudaErrorInvalidDevice
                                    : cudaErrorNoDevice);
  setCurrentDevice(device);
  return finish(deviceError(device));
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int device) {
  ENTER();
  if (!isDevice(device))
    return finish(cudaErrorInvalidDevice);
  *out = {};
  std::snprintf(out->name, sizeof(out->name), "Emulated device %d", device);
  out->totalGlobalMem = options().memoryBytes;
  out->sharedMemPerBlock = kSharedPerBlock;
  out->sharedMemPerBlockOptin = kSharedPerBlockOptin;
  out->sharedMemPerMultiprocessor = kSharedPerMultiprocessor;
  out->reservedSharedMemPerBlock = kReservedShared;
  out->warpSize = 32;
  out->maxThreadsPerBlock = kMaxThreadsPerBlock;
  out->maxThreadsPerMultiProcessor = kMaxThreadsPerMultiprocessor;
  out->maxBlocksPerMultiProcessor = kMaxBlocksPerMultiprocessor;
  out->multiProcessorCount = kMultiprocessors;
  out->major = options().capabilityMajor;
  out->minor = options().capabilityMinor;
  out->unifiedAddressing = 1;
  out->regsPerBlock = out->regsPerMultiprocessor = 65536;
  return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int *out, cudaDeviceAttr what, int device) {
  ENTER();
  if (!isDevice(device))
    return finish(cudaErrorInvalidDevice);
  bool known;
  int value = attribute(what, known);
  if (!known)
    REFUSE(cudaErrorNotSupported, "attribute %d", what);
  *out = value;
  return cudaSuccess;
}

cudaError_t cudaDeviceSynchronize(void) {
  ENTER();
  if (cudaError_t status = checkNoCapture(__func__))
    return status;
  drain(currentDevice());
  return finish(deviceError(currentDevice()));
}

cudaError_t cudaDeviceCanAccessPeer(int *out, int device, int peer) {
  ENTER();
  if (!isDevice(device) || !isDevice(peer))
    return finish(cudaErrorInvalidDevice);
  *out = options().peers && device != peer;
  return cudaSuccess;
}

cudaError_t cudaDeviceEnablePeerAccess(int peer, unsigned flags) {
  ENTER();
  if (!isDevice(peer))
    return finish(cudaErrorInvalidDevice);
  if (flags != 0)
    REFUSE(cudaErrorInvalidValue, "flags %u", flags);
  if (!options().peers || peer == currentDevice())
    return finish(cudaErrorPeerAccessUnsupported);
  return finish(enablePeer(currentDevice(), peer));
}

cudaError_t cudaDeviceDisablePeerAccess(int peer) {
  ENTER();
  if (!isDevice(peer))
    return finish(cudaErrorInvalidDevice);
  drain(currentDevice());
  return finish(disablePeer(currentDevice(), peer));
}

cudaError_t cudaDriverGetVersion(int *out) {
  ENTER();
  *out = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *out) {
  *out = CUDART_VERSION;
  return cudaSuccess;
}

cudaError_t cudaGetLastError(void) {
  cudaError_t sticky =
      options().devices ? deviceError(currentDevice()) : cudaSuccess;
  cudaError_t last = takeLastError();
  return sticky ? sticky : last;
}

cudaError_t cudaPeekAtLastError(void) {
  cudaError_t sticky =
      options().devices ? deviceError(currentDevice()) : cudaSuccess;
  return sticky ? sticky : peekLastError();
}

const char *cudaGetErrorName(cudaError_t code) {
  const ErrorName *found = findError(code);
  return found ? found->name : "unrecognized error code";
}

const char *cudaGetErrorString(cudaError_t code) {
  const ErrorName *found = findError(code);
  return found ? found->text : "unrecognized error code";
}
