//===- Stream.cpp - Streams and events ------------------------------------===//

#include "Stream.h"
#include "Capture.h"
#include "Device.h"
#include "Entry.h"
#include "Grid.h"

#include <unistd.h>

using namespace emulation;

namespace emulation {
namespace {

struct Registry {
  tsan::Mutex mutex;
  std::set<cudaStream_t> streams;
};

Registry &registry() {
  static Registry &instance = *new Registry;
  return instance;
}

thread_local bool hostFunction = false;

} // namespace

bool inHostFunction() { return hostFunction; }

cudaError_t checkStream(const char *function, cudaStream_t stream) {
  if (inHostFunction()) {
    report(function, "called in a host function of a stream");
    return finish(cudaErrorNotPermitted);
  }
  if (stream == nullptr || stream == cudaStreamLegacy ||
      stream == cudaStreamPerThread) {
    report(function, "on the default stream, expected a stream of our own");
    return finish(cudaErrorNotSupported);
  }
  std::lock_guard<tsan::Mutex> lock(registry().mutex);
  if (registry().streams.count(stream))
    return cudaSuccess;
  report(function, "on a stream that does not exist");
  return finish(cudaErrorInvalidResourceHandle);
}

// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#stream-and-event-behavior
cudaError_t checkStreamDevice(const char *function, cudaStream_t stream) {
  if (cudaError_t status = checkStream(function, stream))
    return status;
  if (stream->device == currentDevice())
    return cudaSuccess;
  report(function, "on a stream of device %d, the current device is %d",
         stream->device, currentDevice());
  return finish(cudaErrorInvalidResourceHandle);
}

cudaError_t queue(cudaStream_t stream, Operation operation) {
  if (stream->inProgress > 0) {
    report(operation.name.c_str(), "after a call of NCCL that is still in "
                                   "progress and not on the stream yet");
    return finish(cudaErrorNotPermitted);
  }
  bool captured = false;
  if (cudaError_t status = capture(stream, operation, captured))
    return finish(status);
  if (!captured)
    stream->push(std::move(operation));
  return cudaSuccess;
}

bool isIdle(cudaStream_t stream) {
  {
    std::lock_guard<tsan::Mutex> lock(registry().mutex);
    if (!registry().streams.count(stream))
      return true;
  }
  std::lock_guard<std::mutex> lock(stream->mutex);
  return stream->operations.empty() && !stream->busy;
}

void drain(int device) {
  std::vector<cudaStream_t> streams;
  {
    std::lock_guard<tsan::Mutex> lock(registry().mutex);
    for (cudaStream_t stream : registry().streams)
      if (stream->device == device)
        streams.push_back(stream);
  }
  for (cudaStream_t stream : streams)
    stream->drain();
}

} // namespace emulation

void CUstream_st::push(Operation operation) {
  auto shared = std::make_shared<Operation>(std::move(operation));
  tsan::release(&shared->queued);
  std::lock_guard<std::mutex> lock(mutex);
  operations.push_back(std::move(shared));
  changed.notify_all();
}

void CUstream_st::drain() {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [this] { return operations.empty() && !busy; });
  lock.unlock();
  tsan::acquire(&sync);
}

void CUstream_st::work() {
  tsan::LeftOut leftOut;
  engine.device = device;
  engine.tsan = tsan::create();
  setCurrentDevice(device);
  std::unique_lock<std::mutex> lock(mutex);
  for (;;) {
    changed.wait(lock, [this] { return !operations.empty() || ending; });
    if (operations.empty())
      break;
    std::shared_ptr<Operation> operation = std::move(operations.front());
    operations.pop_front();
    busy = true;
    lock.unlock();
    // Now and then late, so that what only happens to be in time is found.
    uint64_t chance = (options().seed * 31 + ++engine.runs) * 2654435761u;
    if (options().seed && chance % 16 == 0)
      usleep(static_cast<useconds_t>(chance / 16 % 100));
    engine.as([&] { tsan::acquire(&operation->queued); });
    if (deviceError(device) == cudaSuccess)
      if (cudaError_t status = operation->run(engine))
        loseDevice(device, status);
    engine.as([&] {
      operation.reset();
      tsan::release(&sync);
    });
    lock.lock();
    busy = false;
    changed.notify_all();
  }
  tsan::destroy(engine.tsan);
  engine.contexts.clear();
}

//===----------------------------------------------------------------------===//
// Entry points: streams
// https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__STREAM.html
//===----------------------------------------------------------------------===//

cudaError_t cudaStreamCreateWithPriority(cudaStream_t *out, unsigned flags,
                                         int priority) {
  ENTER();
  if (!out || (flags != cudaStreamDefault && flags != cudaStreamNonBlocking))
    REFUSE(cudaErrorInvalidValue, "flags %u", flags);
  if (cudaError_t status = checkNoCapture(__func__))
    return status;
  auto *stream = new CUstream_st;
  stream->device = currentDevice();
  stream->flags = flags;
  stream->priority = priority;
  stream->worker = std::thread([stream] { stream->work(); });
  std::lock_guard<tsan::Mutex> lock(registry().mutex);
  registry().streams.insert(stream);
  *out = stream;
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *out, unsigned flags) {
  ENTER();
  return cudaStreamCreateWithPriority(out, flags, 0);
}

cudaError_t cudaStreamCreate(cudaStream_t *out) {
  ENTER();
  return cudaStreamCreateWithPriority(out, cudaStreamDefault, 0);
}

cudaError_t cudaDeviceGetStreamPriorityRange(int *least, int *greatest) {
  ENTER();
  *least = 0;
  *greatest = -5;
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  // Also of a lost device: what is queued there was dropped.
  bool sticky = false;
  if (int code = plannedFault(__func__, sticky))
    return finish(static_cast<cudaError_t>(code));
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  if (stream->capture)
    REFUSE(cudaErrorStreamCaptureUnsupported, "the stream is captured");
  {
    std::lock_guard<tsan::Mutex> lock(registry().mutex);
    registry().streams.erase(stream);
  }
  {
    std::lock_guard<std::mutex> lock(stream->mutex);
    stream->ending = true;
    stream->changed.notify_all();
  }
  stream->worker.join();
  // Its few bytes stay: communicators may still name it.
  return deviceError(currentDevice());
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  ENTER();
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  if (cudaError_t status = checkNoCapture(__func__))
    return status;
  stream->drain();
  return finish(deviceError(stream->device));
}

cudaError_t cudaStreamQuery(cudaStream_t stream) {
  ENTER();
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  if (stream->capture)
    return finish(invalidate(stream->capture));
  std::unique_lock<std::mutex> lock(stream->mutex);
  if (!stream->operations.empty() || stream->busy)
    return cudaErrorNotReady;
  lock.unlock();
  tsan::acquire(&stream->sync);
  return finish(deviceError(stream->device));
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function,
                               void *data) {
  ENTER();
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  return queue(stream, {"cudaLaunchHostFunc", [=](Engine &engine) {
                          // Those may not call CUDA.
                          engine.as([&] {
                            hostFunction = true;
                            function(data);
                            hostFunction = false;
                          });
                          return cudaSuccess;
                        }});
}
