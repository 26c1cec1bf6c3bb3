//===- Stream.h - Streams, events, graphs ----------------------*- C++ -*-===//
//
// A stream is an OS thread with a queue. What is queued while the stream is
// captured becomes nodes of a graph instead; a replay runs them in an order
// that the seed chooses among those that the dependences allow.
//
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#streams
// https://docs.nvidia.com/cuda/cuda-c-programming-guide/#cuda-graphs
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_EMULATION_STREAM_H
#define LAMINA_TEST_EMULATION_STREAM_H

#include "Tsan.h"

#include <cuda_runtime_api.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace emulation {

/// Who runs operations: one for each stream.
struct Engine {
  int device = 0;
  void *tsan = nullptr;    ///< what the stream as such has seen
  uint64_t runs = 0;       ///< operations so far: for seeds
  tsan::Contexts contexts; ///< for threads of kernels

  /// Calls `work` as the stream: its reads and writes follow those before.
  void as(const std::function<void()> &work) {
    void *self = tsan::self();
    tsan::switchTo(tsan);
    work();
    tsan::switchTo(self);
  }
};

/// One piece of work of a stream, or one node of a graph.
struct Operation {
  std::string name;
  /// An error loses the device.
  std::function<cudaError_t(Engine &)> run;
  char queued = 0; ///< what the stream acquires of the caller
};

/// One record of an event.
struct Completion {
  std::mutex mutex;
  std::condition_variable changed;
  bool done = false;
  double time = 0;
  char sync = 0; ///< what the stream releases

  void complete();
  void wait();
};

struct Node {
  std::shared_ptr<Operation> operation;
  std::set<size_t> after; ///< numbers of earlier nodes
};

/// A capture under way. Several streams may take part.
struct Capture {
  cudaStream_t origin = nullptr;
  cudaStreamCaptureMode mode{};
  unsigned long long id = 0;
  std::thread::id thread; ///< that began it
  std::vector<Node> nodes;
  std::set<cudaStream_t> streams;
  cudaError_t status = cudaSuccess; ///< once invalidated
};

/// Queues an operation, or adds it to the capture of the stream.
cudaError_t queue(cudaStream_t stream, Operation operation);

/// Checks a stream given to `function`; success if it may be used.
cudaError_t checkStream(const char *function, cudaStream_t stream);
/// As checkStream, and that it belongs to the current device.
cudaError_t checkStreamDevice(const char *function, cudaStream_t stream);

/// Refuses what may not be called while this thread, or in global mode any
/// thread, captures; the capture is lost with it.
cudaError_t checkNoCapture(const char *function);
/// Spoils the capture of a stream, if there is one.
cudaError_t invalidate(const std::shared_ptr<Capture> &capture);

/// Waits for all streams of a device.
void drain(int device);

/// Whether a stream has nothing left to do; also if it does not exist any more.
bool isIdle(cudaStream_t stream);

/// Whether this thread runs a host function of a stream.
bool inHostFunction();

} // namespace emulation

struct CUstream_st {
  emulation::Engine engine;
  int device = 0;
  unsigned flags = 0;
  int priority = 0;
  bool alive = true;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<std::shared_ptr<emulation::Operation>> operations;
  bool busy = false;
  bool ending = false;
  std::thread worker;

  /// Calls of NCCL that are not on the stream yet, though they have returned.
  std::atomic<int> inProgress{0};

  // While it is captured; guarded by the lock of all captures.
  std::shared_ptr<emulation::Capture> capture;
  std::set<size_t> lastNodes;

  char sync = 0; ///< what a host thread acquires that waits for the stream

  void work();
  void push(emulation::Operation operation);
  void drain();
};

struct CUevent_st {
  int device = 0;
  unsigned flags = 0;
  bool alive = true;
  std::mutex mutex;
  std::shared_ptr<emulation::Completion> last;
  // Recorded in a capture:
  std::shared_ptr<emulation::Capture> capture;
  std::set<size_t> nodes;
};

struct CUgraph_st {
  std::vector<emulation::Node> nodes;
};

struct CUgraphExec_st {
  int device = 0;
  std::vector<emulation::Node> nodes;
  std::mutex running; ///< launches of one graph follow each other
};

#endif // LAMINA_TEST_EMULATION_STREAM_H
