//===- CudartMemory.cpp - Allocations and copies --------------------------===//
//
// https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__MEMORY.html
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "Entry.h"
#include "Stream.h"

#include <cstring>

using namespace emulation;

namespace {

const char *const kPlaces[] = {"pageable", "pinned", "device"};

/// Whether `bytes` from an address on lie in one allocation.
bool fits(const char *function, const void *address, size_t bytes) {
  Range range = findRange(address);
  if (range.place == Place::Pageable)
    return true;
  auto *at = static_cast<const char *>(address);
  if (range.alive &&
      bytes <= range.bytes - static_cast<size_t>(at - range.begin))
    return true;
  report(function, "%zu bytes from %s memory on that ends before: %s", bytes,
         kPlaces[static_cast<int>(range.place)], describe(address).c_str());
  return false;
}

bool kindFits(cudaMemcpyKind kind, Place to, Place from) {
  bool toDevice = to == Place::Device, fromDevice = from == Place::Device;
  switch (kind) {
  case cudaMemcpyHostToHost:
    return !toDevice && !fromDevice;
  case cudaMemcpyHostToDevice:
    return toDevice && !fromDevice;
  case cudaMemcpyDeviceToHost:
    return !toDevice && fromDevice;
  case cudaMemcpyDeviceToDevice:
    return toDevice && fromDevice;
  case cudaMemcpyDefault:
    return true;
  }
  return false;
}

cudaError_t checkCopy(const char *function, void *to, const void *from,
                      size_t bytes, cudaMemcpyKind kind) {
  Place toPlace = findRange(to).place, fromPlace = findRange(from).place;
  if (!kindFits(kind, toPlace, fromPlace)) {
    report(function, "kind %d from %s to %s memory", kind,
           kPlaces[static_cast<int>(fromPlace)],
           kPlaces[static_cast<int>(toPlace)]);
    return finish(cudaErrorInvalidMemcpyDirection);
  }
  if (!fits(function, to, bytes) || !fits(function, from, bytes))
    return finish(cudaErrorInvalidValue);
  auto *a = static_cast<char *>(to);
  auto *b = static_cast<const char *>(from);
  if (a < b + bytes && b < a + bytes) {
    report(function, "source and destination overlap");
    return finish(cudaErrorInvalidValue);
  }
  return cudaSuccess;
}

/// Rows of `width` bytes, `height` times.
struct Copy {
  char *to;
  size_t toPitch;
  const char *from;
  size_t fromPitch;
  size_t width, height;
};

// Pageable memory: the source is read before the call returns, and a
// destination has been written by then.
// https://docs.nvidia.com/cuda/cuda-runtime-api/api-sync-behavior.html
cudaError_t queueCopy(const char *function, Copy copy, cudaStream_t stream) {
  bool fromPageable = findRange(copy.from).place == Place::Pageable;
  bool toPageable = findRange(copy.to).place == Place::Pageable;
  if ((fromPageable || toPageable) && stream->capture) {
    report(function, "pageable memory in a capture: a replay would use it");
    return finish(invalidate(stream->capture));
  }
  std::vector<char> staged;
  if (fromPageable) {
    staged.resize(copy.width * copy.height);
    for (size_t row = 0; row < copy.height; ++row)
      std::memcpy(staged.data() + row * copy.width,
                  copy.from + row * copy.fromPitch, copy.width);
    copy.fromPitch = copy.width;
  }
  auto run = [copy, fromPageable, staged = std::move(staged)](Engine &engine) {
    engine.as([&] {
      auto *to = static_cast<char *>(hostView(copy.to));
      auto *from = fromPageable
                       ? staged.data()
                       : static_cast<const char *>(hostView(copy.from));
      for (size_t row = 0; row < copy.height; ++row)
        std::memcpy(to + row * copy.toPitch, from + row * copy.fromPitch,
                    copy.width);
    });
    return cudaSuccess;
  };
  if (cudaError_t status = queue(stream, {function, std::move(run)}))
    return status;
  if (toPageable) {
    stream->drain();
    return finish(deviceError(stream->device));
  }
  return cudaSuccess;
}

} // namespace

cudaError_t cudaMalloc(void **out, size_t bytes) {
  ENTER();
  if (!out)
    REFUSE(cudaErrorInvalidValue, "no place for the address");
  if (cudaError_t status = checkNoCapture(__func__))
    return status;
  *out = nullptr;
  if (bytes == 0)
    return cudaSuccess;
  *out = allocate(currentDevice(), bytes);
  return finish(*out ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaFree(void *address) {
  ENTER();
  if (cudaError_t status = checkNoCapture(__func__))
    return status;
  if (!address)
    return cudaSuccess;
  // It waits for the device: what is queued may still use the memory.
  Range range = findRange(address);
  if (range.place == Place::Device)
    drain(range.device);
  if (!release(address))
    REFUSE(cudaErrorInvalidValue, "%s is no start of an allocation in use",
           describe(address).c_str());
  return cudaSuccess;
}

cudaError_t cudaMallocAsync(void **out, size_t bytes, cudaStream_t stream) {
  ENTER();
  if (cudaError_t status = checkStreamDevice(__func__, stream))
    return status;
  return cudaMalloc(out, bytes);
}

cudaError_t cudaFreeAsync(void *address, cudaStream_t stream) {
  ENTER();
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  if (cudaError_t status = checkNoCapture(__func__))
    return status;
  if (!address)
    return cudaSuccess;
  Range range = findRange(address);
  if (range.place != Place::Device || range.begin != address || !range.alive)
    REFUSE(cudaErrorInvalidValue, "%s is no start of an allocation in use",
           describe(address).c_str());
  return queue(stream, {"cudaFreeAsync", [address](Engine &) {
                          release(address);
                          return cudaSuccess;
                        }});
}

cudaError_t cudaHostAlloc(void **out, size_t bytes, unsigned flags) {
  ENTER();
  if (!out || (flags & ~(cudaHostAllocPortable | cudaHostAllocMapped)) != 0)
    REFUSE(cudaErrorInvalidValue, "flags %u", flags);
  if (cudaError_t status = checkNoCapture(__func__))
    return status;
  *out = bytes ? allocatePinned(bytes) : nullptr;
  return finish(*out || !bytes ? cudaSuccess : cudaErrorMemoryAllocation);
}

cudaError_t cudaMallocHost(void **out, size_t bytes) {
  ENTER();
  return cudaHostAlloc(out, bytes, cudaHostAllocDefault);
}

cudaError_t cudaFreeHost(void *address) {
  ENTER();
  if (cudaError_t status = checkNoCapture(__func__))
    return status;
  if (address && !releasePinned(address))
    REFUSE(cudaErrorInvalidValue, "not allocated by cudaHostAlloc");
  return cudaSuccess;
}

cudaError_t cudaHostGetDevicePointer(void **out, void *host, unsigned flags) {
  ENTER();
  if (!out || flags != 0 || findRange(host).place != Place::Pinned)
    REFUSE(cudaErrorInvalidValue, "not pinned, or flags %u", flags);
  *out = host;
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(size_t *free, size_t *total) {
  ENTER();
  *free = freeBytes(currentDevice());
  *total = options().memoryBytes;
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes *out,
                                     const void *address) {
  ENTER();
  Range range = findRange(address);
  *out = {};
  out->device = range.device;
  out->type = cudaMemoryTypeUnregistered;
  if (range.place == Place::Device && range.alive) {
    out->type = cudaMemoryTypeDevice;
    out->devicePointer = const_cast<void *>(address);
  } else if (range.place == Place::Pinned) {
    out->type = cudaMemoryTypeHost;
    out->hostPointer = out->devicePointer = const_cast<void *>(address);
  }
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes,
                            cudaMemcpyKind kind, cudaStream_t stream) {
  ENTER();
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  if (bytes == 0)
    return cudaSuccess;
  if (cudaError_t status = checkCopy(__func__, to, from, bytes, kind))
    return status;
  return queueCopy(__func__,
                   {static_cast<char *>(to), bytes,
                    static_cast<const char *>(from), bytes, bytes, 1},
                   stream);
}

cudaError_t cudaMemcpy2DAsync(void *to, size_t toPitch, const void *from,
                              size_t fromPitch, size_t width, size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  ENTER();
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  if (width > toPitch || width > fromPitch)
    REFUSE(cudaErrorInvalidPitchValue, "rows of %zu bytes, pitches %zu, %zu",
           width, toPitch, fromPitch);
  if (width == 0 || height == 0)
    return cudaSuccess;
  Place toPlace = findRange(to).place, fromPlace = findRange(from).place;
  if (!kindFits(kind, toPlace, fromPlace))
    REFUSE(cudaErrorInvalidMemcpyDirection, "kind %d from %s to %s memory",
           kind, kPlaces[static_cast<int>(fromPlace)],
           kPlaces[static_cast<int>(toPlace)]);
  if (!fits(__func__, to, toPitch * (height - 1) + width) ||
      !fits(__func__, from, fromPitch * (height - 1) + width))
    return finish(cudaErrorInvalidValue);
  return queueCopy(__func__,
                   {static_cast<char *>(to), toPitch,
                    static_cast<const char *>(from), fromPitch, width, height},
                   stream);
}

cudaError_t cudaMemcpyPeerAsync(void *to, int toDevice, const void *from,
                                int fromDevice, size_t bytes,
                                cudaStream_t stream) {
  ENTER();
  if (findRange(to).device != toDevice || findRange(from).device != fromDevice)
    REFUSE(cudaErrorInvalidValue, "memory that is not of devices %d and %d",
           toDevice, fromDevice);
  return cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, stream);
}

cudaError_t cudaMemsetAsync(void *to, int value, size_t bytes,
                            cudaStream_t stream) {
  ENTER();
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  if (bytes == 0)
    return cudaSuccess;
  if (findRange(to).place != Place::Device)
    REFUSE(cudaErrorInvalidValue, "not device memory");
  if (!fits(__func__, to, bytes))
    return finish(cudaErrorInvalidValue);
  return queue(stream,
               {"cudaMemsetAsync", [=](Engine &engine) {
                  engine.as([&] { std::memset(hostView(to), value, bytes); });
                  return cudaSuccess;
                }});
}

//===----------------------------------------------------------------------===//
// Those without a stream use the legacy default stream, or wait.
//===----------------------------------------------------------------------===//

cudaError_t cudaMemcpy(void *, const void *, size_t, cudaMemcpyKind) {
  ENTER();
  REFUSE(cudaErrorNotSupported, "uses the legacy default stream");
}

cudaError_t cudaMemset(void *, int, size_t) {
  ENTER();
  REFUSE(cudaErrorNotSupported, "uses the legacy default stream");
}
