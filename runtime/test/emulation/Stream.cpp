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
  std::mutex mutex;
  std::set<cudaStream_t> streams;
};

Registry &registry() {
  static Registry &instance = *new Registry;
  return instance;
}

thread_local bool hostFunction = false;

} // namespace

bool inHostFunction() { return hostFunction; }

void Completion::complete() {
  std::lock_guard<std::mutex> lock(mutex);
  done = true;
  time = secondsNow();
  changed.notify_all();
}

void Completion::wait() {
  std::unique_lock<std::mutex> lock(mutex);
  changed.wait(lock, [this] { return done; });
}

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
  std::lock_guard<std::mutex> lock(registry().mutex);
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

void drain(int device) {
  std::vector<cudaStream_t> streams;
  {
    std::lock_guard<std::mutex> lock(registry().mutex);
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
  std::lock_guard<std::mutex> lock(registry().mutex);
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
    std::lock_guard<std::mutex> lock(registry().mutex);
    registry().streams.erase(stream);
  }
  {
    std::lock_guard<std::mutex> lock(stream->mutex);
    stream->ending = true;
    stream->changed.notify_all();
  }
  stream->worker.join();
  delete stream;
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

//===----------------------------------------------------------------------===//
// Entry points: events
// https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__EVENT.html
//===----------------------------------------------------------------------===//

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *out, unsigned flags) {
  ENTER();
  *out = new CUevent_st;
  (*out)->device = currentDevice();
  (*out)->flags = flags;
  return cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t *out) {
  ENTER();
  return cudaEventCreateWithFlags(out, cudaEventDefault);
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  bool sticky = false;
  if (int code = plannedFault(__func__, sticky))
    return finish(static_cast<cudaError_t>(code));
  if (!event || !event->alive)
    REFUSE(cudaErrorInvalidResourceHandle, "an event that does not exist");
  // Its few bytes stay, so that a second use is found.
  event->alive = false;
  event->last.reset();
  return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  ENTER();
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  if (!event || !event->alive)
    REFUSE(cudaErrorInvalidResourceHandle, "an event that does not exist");
  if (event->device != stream->device)
    REFUSE(cudaErrorInvalidResourceHandle,
           "an event of device %d on a stream of device %d", event->device,
           stream->device);
  if (captureRecord(event, stream))
    return cudaSuccess;
  auto completion = std::make_shared<Completion>();
  {
    std::lock_guard<std::mutex> lock(event->mutex);
    event->last = completion;
    event->capture.reset();
  }
  // Waiters go on also when the device is lost: work() skips this then.
  struct Completer {
    std::shared_ptr<Completion> completion;
    ~Completer() { completion->complete(); }
  };
  std::shared_ptr<Completer> completer(new Completer{completion});
  return queue(stream, {"cudaEventRecord", [completer](Engine &engine) {
                          engine.as([&] {
                            tsan::release(&completer->completion->sync);
                          });
                          completer->completion->complete();
                          return cudaSuccess;
                        }});
}

cudaError_t cudaEventRecordWithFlags(cudaEvent_t event, cudaStream_t stream,
                                     unsigned flags) {
  ENTER();
  if (flags != cudaEventRecordDefault)
    REFUSE(cudaErrorNotSupported, "flags %u", flags);
  return cudaEventRecord(event, stream);
}

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event,
                                unsigned flags) {
  ENTER();
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  if (!event || !event->alive)
    REFUSE(cudaErrorInvalidResourceHandle, "an event that does not exist");
  if (flags != cudaEventWaitDefault)
    REFUSE(cudaErrorNotSupported, "flags %u", flags);
  bool captured = false;
  if (cudaError_t status = captureWait(stream, event, captured))
    return finish(status);
  if (captured)
    return cudaSuccess;
  std::shared_ptr<Completion> completion;
  {
    std::lock_guard<std::mutex> lock(event->mutex);
    completion = event->last;
  }
  if (!completion)
    REFUSE(cudaErrorInvalidValue, "an event that was never recorded");
  return queue(stream, {"cudaStreamWaitEvent", [completion](Engine &engine) {
                          completion->wait();
                          engine.as([&] { tsan::acquire(&completion->sync); });
                          return cudaSuccess;
                        }});
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  ENTER();
  if (!event || !event->alive)
    REFUSE(cudaErrorInvalidResourceHandle, "an event that does not exist");
  if (cudaError_t status = checkNoCapture(__func__))
    return status;
  if (event->capture)
    REFUSE(cudaErrorCapturedEvent, "the event was last recorded in a capture");
  std::shared_ptr<Completion> completion = event->last;
  if (completion) {
    completion->wait();
    tsan::acquire(&completion->sync);
  }
  return finish(deviceError(event->device));
}

cudaError_t cudaEventQuery(cudaEvent_t event) {
  ENTER();
  if (!event || !event->alive)
    REFUSE(cudaErrorInvalidResourceHandle, "an event that does not exist");
  if (event->capture)
    REFUSE(cudaErrorCapturedEvent, "the event was last recorded in a capture");
  std::shared_ptr<Completion> completion = event->last;
  if (!completion)
    return cudaSuccess;
  {
    std::lock_guard<std::mutex> lock(completion->mutex);
    if (!completion->done)
      return cudaErrorNotReady;
  }
  tsan::acquire(&completion->sync);
  return finish(deviceError(event->device));
}

cudaError_t cudaEventElapsedTime(float *out, cudaEvent_t start,
                                 cudaEvent_t end) {
  ENTER();
  for (cudaEvent_t event : {start, end}) {
    if (!event || !event->alive || !event->last)
      REFUSE(cudaErrorInvalidResourceHandle, "an event without a record");
    if (event->flags & cudaEventDisableTiming)
      REFUSE(cudaErrorInvalidResourceHandle, "an event that takes no time");
    std::lock_guard<std::mutex> lock(event->last->mutex);
    if (!event->last->done)
      return finish(cudaErrorNotReady);
  }
  *out = static_cast<float>((end->last->time - start->last->time) * 1e3);
  return cudaSuccess;
}
