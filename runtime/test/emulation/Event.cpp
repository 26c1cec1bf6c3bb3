//===- Event.cpp - Events of streams --------------------------------------===//
//
// https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__EVENT.html
//
//===----------------------------------------------------------------------===//

#include "Capture.h"
#include "Device.h"
#include "Entry.h"
#include "Grid.h"

using namespace emulation;

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
