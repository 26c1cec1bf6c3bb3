//===- Capture.cpp - Capture and replay of graphs -------------------------===//

#include "Capture.h"
#include "Device.h"
#include "Entry.h"

#include <algorithm>
#include <random>

using namespace emulation;

namespace emulation {
namespace {

struct Captures {
  tsan::Mutex mutex;
  std::set<std::shared_ptr<Capture>> active;
  unsigned long long next = 1;
};

Captures &captures() {
  static Captures &instance = *new Captures;
  return instance;
}

/// Takes all streams out of a capture. Holds the mutex.
void finishCapture(const std::shared_ptr<Capture> &capture) {
  for (cudaStream_t stream : capture->streams) {
    stream->capture.reset();
    stream->lastNodes.clear();
  }
  captures().active.erase(capture);
}

} // namespace

cudaError_t invalidate(const std::shared_ptr<Capture> &capture) {
  std::lock_guard<tsan::Mutex> lock(captures().mutex);
  capture->status = cudaErrorStreamCaptureInvalidated;
  return cudaErrorStreamCaptureUnsupported;
}

// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#prohibited-and-unhandled-operations
cudaError_t checkNoCapture(const char *function) {
  if (inHostFunction()) {
    report(function, "called in a host function of a stream");
    return finish(cudaErrorNotPermitted);
  }
  std::lock_guard<tsan::Mutex> lock(captures().mutex);
  for (const auto &capture : captures().active)
    if (capture->mode == cudaStreamCaptureModeGlobal ||
        capture->thread == std::this_thread::get_id()) {
      capture->status = cudaErrorStreamCaptureInvalidated;
      report(function, "not allowed while a stream is captured");
      return finish(cudaErrorStreamCaptureUnsupported);
    }
  return cudaSuccess;
}

cudaError_t capture(cudaStream_t stream, Operation &operation, bool &captured) {
  std::lock_guard<tsan::Mutex> lock(captures().mutex);
  const auto &capture = stream->capture;
  captured = capture != nullptr;
  if (!captured)
    return cudaSuccess;
  if (capture->status != cudaSuccess)
    return capture->status;
  capture->nodes.push_back(
      {std::make_shared<Operation>(std::move(operation)), stream->lastNodes});
  stream->lastNodes = {capture->nodes.size() - 1};
  return cudaSuccess;
}

// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cross-stream-dependencies-and-events
bool captureRecord(cudaEvent_t event, cudaStream_t stream) {
  std::lock_guard<tsan::Mutex> lock(captures().mutex);
  if (!stream->capture)
    return false;
  std::lock_guard<std::mutex> eventLock(event->mutex);
  event->capture = stream->capture;
  event->nodes = stream->lastNodes;
  return true;
}

cudaError_t captureWait(cudaStream_t stream, cudaEvent_t event,
                        bool &captured) {
  std::lock_guard<tsan::Mutex> lock(captures().mutex);
  std::lock_guard<std::mutex> eventLock(event->mutex);
  const char *name = "cudaStreamWaitEvent";
  bool live = captures().active.count(event->capture) != 0;
  captured = stream->capture != nullptr || live;
  if (event->capture && !live) {
    report(name, "the event was recorded in a capture that has ended");
    return cudaErrorCapturedEvent;
  }
  if (!captured)
    return cudaSuccess;
  if (!event->capture) {
    report(name, "captured work may not depend on work outside");
    stream->capture->status = cudaErrorStreamCaptureInvalidated;
    return cudaErrorStreamCaptureIsolation;
  }
  if (stream->capture && stream->capture != event->capture) {
    report(name, "this would merge two captures");
    return cudaErrorStreamCaptureMerge;
  }
  stream->capture = event->capture;
  stream->capture->streams.insert(stream);
  stream->lastNodes.insert(event->nodes.begin(), event->nodes.end());
  return cudaSuccess;
}

namespace {

/// Whether every node comes before the last ones of the origin, or is one.
bool joined(const Capture &capture) {
  std::vector<bool> reached(capture.nodes.size());
  std::vector<size_t> open(capture.origin->lastNodes.begin(),
                           capture.origin->lastNodes.end());
  while (!open.empty()) {
    size_t node = open.back();
    open.pop_back();
    if (reached[node])
      continue;
    reached[node] = true;
    for (size_t before : capture.nodes[node].after)
      open.push_back(before);
  }
  return std::find(reached.begin(), reached.end(), false) == reached.end();
}

/// Runs all nodes, each after those that it depends on.
cudaError_t replay(const std::vector<Node> &nodes, Engine &engine) {
  std::minstd_rand random(
      static_cast<uint32_t>(options().seed * 977 + engine.runs));
  std::vector<bool> done(nodes.size());
  std::vector<size_t> waiting(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i)
    waiting[i] = i;
  while (!waiting.empty()) {
    // A node is ready within a few of the front: the order is that of capture.
    std::vector<size_t> ready;
    for (size_t i = 0; i < waiting.size() && i < 8; ++i) {
      const auto &after = nodes[waiting[i]].after;
      if (std::all_of(after.begin(), after.end(),
                      [&](size_t before) { return done[before]; }))
        ready.push_back(i);
    }
    size_t pick = ready[random() % ready.size()];
    size_t node = waiting[pick];
    waiting.erase(waiting.begin() + static_cast<ptrdiff_t>(pick));
    ++engine.runs;
    if (cudaError_t status = nodes[node].operation->run(engine))
      return status;
    done[node] = true;
  }
  return cudaSuccess;
}

} // namespace
} // namespace emulation

//===----------------------------------------------------------------------===//
// https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__STREAM.html
//===----------------------------------------------------------------------===//

cudaError_t cudaStreamBeginCapture(cudaStream_t stream,
                                   cudaStreamCaptureMode mode) {
  ENTER();
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  if (mode == cudaStreamCaptureModeRelaxed)
    REFUSE(cudaErrorNotSupported,
           "mode relaxed, which would hide an allocation in a step");
  std::lock_guard<tsan::Mutex> lock(captures().mutex);
  if (stream->capture)
    REFUSE(cudaErrorIllegalState, "the stream is captured already");
  auto capture = std::make_shared<Capture>();
  capture->origin = stream;
  capture->mode = mode;
  capture->id = captures().next++;
  capture->thread = std::this_thread::get_id();
  capture->streams = {stream};
  stream->capture = capture;
  stream->lastNodes.clear();
  captures().active.insert(capture);
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t *out) {
  ENTER();
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  std::lock_guard<tsan::Mutex> lock(captures().mutex);
  std::shared_ptr<Capture> capture = stream->capture;
  *out = nullptr;
  if (!capture)
    REFUSE(cudaErrorIllegalState, "the stream is not captured");
  if (capture->origin != stream)
    REFUSE(cudaErrorStreamCaptureUnmatched,
           "the capture did not begin on this stream");
  if (capture->thread != std::this_thread::get_id())
    REFUSE(cudaErrorStreamCaptureWrongThread,
           "another thread began the capture");
  bool whole = joined(*capture);
  finishCapture(capture);
  if (capture->status != cudaSuccess)
    return finish(capture->status);
  if (!whole)
    REFUSE(cudaErrorStreamCaptureUnjoined,
           "work of another stream was not joined by an event");
  *out = new CUgraph_st{std::move(capture->nodes)};
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t stream,
                                  cudaStreamCaptureStatus *out) {
  ENTER();
  if (cudaError_t status = checkStream(__func__, stream))
    return status;
  std::lock_guard<tsan::Mutex> lock(captures().mutex);
  if (!stream->capture)
    *out = cudaStreamCaptureStatusNone;
  else if (stream->capture->status != cudaSuccess)
    *out = cudaStreamCaptureStatusInvalidated;
  else
    *out = cudaStreamCaptureStatusActive;
  return cudaSuccess;
}

//===----------------------------------------------------------------------===//
// https://docs.nvidia.com/cuda/cuda-runtime-api/group__CUDART__GRAPH.html
//===----------------------------------------------------------------------===//

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t graph,
                                 unsigned long long flags) {
  ENTER();
  if (cudaError_t status = checkNoCapture(__func__))
    return status;
  if (!out || !graph || flags != 0)
    REFUSE(cudaErrorInvalidValue, "flags %llu", flags);
  *out = new CUgraphExec_st;
  (*out)->device = currentDevice();
  (*out)->nodes = graph->nodes;
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t *out,
                                          cudaGraph_t graph,
                                          unsigned long long flags) {
  ENTER();
  return cudaGraphInstantiate(out, graph, flags);
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t *nodes,
                              size_t *count) {
  ENTER();
  if (!graph || !count || nodes)
    REFUSE(cudaErrorNotSupported, "only the number of nodes");
  *count = graph->nodes.size();
  return cudaSuccess;
}

cudaError_t cudaGraphUpload(cudaGraphExec_t graph, cudaStream_t stream) {
  ENTER();
  return checkStreamDevice(__func__, stream);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  ENTER();
  if (cudaError_t status = checkStreamDevice(__func__, stream))
    return status;
  if (!graph)
    REFUSE(cudaErrorInvalidValue, "no graph");
  if (graph->device != stream->device)
    REFUSE(cudaErrorInvalidResourceHandle,
           "a graph of device %d on a stream of device %d", graph->device,
           stream->device);
  if (stream->capture)
    REFUSE(cudaErrorNotSupported, "a graph in a graph");
  return queue(stream, {"cudaGraphLaunch", [graph](Engine &engine) {
                          // Launches of one graph follow each other.
                          std::lock_guard<std::mutex> lock(graph->running);
                          return replay(graph->nodes, engine);
                        }});
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  ENTER();
  if (!graph)
    REFUSE(cudaErrorInvalidValue, "no graph");
  delete graph;
  return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) {
  ENTER();
  if (!graph)
    REFUSE(cudaErrorInvalidValue, "no graph");
  // Launches that are queued still need it.
  drain(graph->device);
  delete graph;
  return cudaSuccess;
}
