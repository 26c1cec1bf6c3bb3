//===- StreamsTest.cu - Streams, events, capture and replay ---------------===//

#include "EmulatedTest.h"

namespace {

class StreamsTest : public EmulatedTest {
protected:
  /// Captures what `work` queues on a stream.
  template <typename Work>
  cudaGraphExec_t captured(cudaStream_t on, Work work) {
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamBeginCapture(on, cudaStreamCaptureModeGlobal),
              cudaSuccess);
    work();
    EXPECT_EQ(cudaStreamEndCapture(on, &graph), cudaSuccess);
    cudaGraphExec_t made = nullptr;
    EXPECT_EQ(cudaGraphInstantiate(&made, graph, 0), cudaSuccess);
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
    return made;
  }

  cudaEvent_t event() {
    cudaEvent_t made = nullptr;
    EXPECT_EQ(cudaEventCreateWithFlags(&made, cudaEventDisableTiming),
              cudaSuccess);
    return made;
  }
};

__global__ void addKernel(int *to, const int *amount) { *to += *amount; }
__global__ void doubleKernel(int *to) { *to *= 2; }

TEST_F(StreamsTest, a_stream_keeps_its_order) {
  cudaStream_t on = stream();
  int *value = upload(std::vector<int>{1}, on);
  int *one = upload(std::vector<int>{1}, on);
  for (int i = 0; i < 10; ++i) {
    ASSERT_EQ(launch(on, 1, 1, doubleKernel, value), cudaSuccess);
    ASSERT_EQ(launch(on, 1, 1, addKernel, value, one), cudaSuccess);
  }
  EXPECT_EQ(download(value, 1, on)[0], 2047);
}

TEST_F(StreamsTest, an_event_orders_two_streams) {
  for (uint64_t seed = 1; seed < 20; ++seed) {
    emulation::Options options;
    options.seed = seed;
    use(options);
    cudaStream_t first = stream(), second = stream();
    int *value = upload(std::vector<int>{3}, first);
    cudaEvent_t done = event();
    for (int i = 0; i < 20; ++i)
      ASSERT_EQ(launch(first, 1, 1, doubleKernel, value), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(done, first), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(second, done, 0), cudaSuccess);
    ASSERT_EQ(download(value, 1, second)[0], 3 << 20);
    ASSERT_EQ(cudaEventQuery(done), cudaSuccess);
    ASSERT_EQ(cudaEventDestroy(done), cudaSuccess);
  }
}

TEST_F(StreamsTest, the_default_stream_is_refused) {
  int *value = allocate<int>(1);
  EXPECT_EQ(launch(nullptr, 1, 1, doubleKernel, value), cudaErrorNotSupported);
  expectReport({"on the default stream"});
  EXPECT_EQ(cudaMemsetAsync(value, 0, 4, cudaStreamLegacy),
            cudaErrorNotSupported);
  expectReport({"cudaMemsetAsync: on the default stream"});
  EXPECT_EQ(cudaMemcpy(value, value, 4, cudaMemcpyDefault),
            cudaErrorNotSupported);
  expectReport({"uses the legacy default stream"});
}

TEST_F(StreamsTest, the_current_device_must_be_that_of_the_stream) {
  emulation::Options options;
  options.devices = 2;
  use(options);
  cudaStream_t on = stream();
  int *value = allocate<int>(1);
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  EXPECT_EQ(launch(on, 1, 1, doubleKernel, value),
            cudaErrorInvalidDevicePointer)
      << "the memory is that of device 0 too";
  expectReport({"argument 0 is memory of device 0"});
  cudaStream_t there = stream();
  int *memoryThere = allocate<int>(1);
  EXPECT_EQ(launch(on, 1, 1, doubleKernel, memoryThere),
            cudaErrorInvalidResourceHandle);
  expectReport({"on a stream of device 0, the current device is 1"});
  cudaEvent_t record = event();
  EXPECT_EQ(cudaEventRecord(record, on), cudaErrorInvalidResourceHandle);
  expectReport({"an event of device 1 on a stream of device 0"});
  EXPECT_EQ(cudaEventRecord(record, there), cudaSuccess);
  EXPECT_EQ(cudaSetDevice(2), cudaErrorInvalidDevice);
}

TEST_F(StreamsTest, what_is_destroyed_is_refused) {
  cudaStream_t made = nullptr;
  ASSERT_EQ(cudaStreamCreateWithFlags(&made, cudaStreamNonBlocking),
            cudaSuccess);
  ASSERT_EQ(cudaStreamDestroy(made), cudaSuccess);
  EXPECT_EQ(cudaStreamSynchronize(made), cudaErrorInvalidResourceHandle);
  expectReport({"a stream that does not exist"});
  cudaEvent_t gone = event();
  ASSERT_EQ(cudaEventDestroy(gone), cudaSuccess);
  EXPECT_EQ(cudaEventSynchronize(gone), cudaErrorInvalidResourceHandle);
  expectReport({"an event that does not exist"});
}

TEST_F(StreamsTest, host_functions_run_in_order_and_may_not_call_cuda) {
  cudaStream_t on = stream();
  struct Call {
    cudaStream_t on;
    cudaError_t status;
  } call{on, cudaSuccess};
  ASSERT_EQ(cudaLaunchHostFunc(
                on,
                [](void *data) {
                  auto *call = static_cast<Call *>(data);
                  call->status = cudaStreamSynchronize(call->on);
                },
                &call),
            cudaSuccess);
  ASSERT_EQ(cudaStreamSynchronize(on), cudaSuccess);
  EXPECT_EQ(call.status, cudaErrorNotPermitted);
  expectReport({"cudaStreamSynchronize: called in a host function"});
}

TEST_F(StreamsTest, a_graph_reads_what_is_there_at_its_replay) {
  cudaStream_t on = stream();
  int *value = upload(std::vector<int>{1}, on);
  int *amount = upload(std::vector<int>{1}, on);
  cudaGraphExec_t graph = captured(on, [&] {
    ASSERT_EQ(launch(on, 1, 1, doubleKernel, value), cudaSuccess);
    ASSERT_EQ(launch(on, 1, 1, addKernel, value, amount), cudaSuccess);
  });
  EXPECT_EQ(download(value, 1, on)[0], 1) << "a capture runs nothing";
  ASSERT_EQ(cudaGraphLaunch(graph, on), cudaSuccess);
  EXPECT_EQ(download(value, 1, on)[0], 3);
  ASSERT_EQ(launch(on, 1, 1, doubleKernel, amount), cudaSuccess);
  ASSERT_EQ(cudaGraphLaunch(graph, on), cudaSuccess);
  EXPECT_EQ(download(value, 1, on)[0], 8);
  EXPECT_EQ(cudaGraphExecDestroy(graph), cudaSuccess);
}

TEST_F(StreamsTest, a_capture_may_fork_and_join) {
  cudaStream_t on = stream(), side = stream();
  int *left = upload(std::vector<int>{1}, on);
  int *right = upload(std::vector<int>{10}, on);
  cudaEvent_t forked = event(), joined = event();
  cudaGraphExec_t graph = captured(on, [&] {
    ASSERT_EQ(launch(on, 1, 1, doubleKernel, right), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(forked, on), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(side, forked, 0), cudaSuccess);
    ASSERT_EQ(launch(side, 1, 1, doubleKernel, right), cudaSuccess);
    ASSERT_EQ(launch(on, 1, 1, doubleKernel, left), cudaSuccess);
    ASSERT_EQ(cudaEventRecord(joined, side), cudaSuccess);
    ASSERT_EQ(cudaStreamWaitEvent(on, joined, 0), cudaSuccess);
    ASSERT_EQ(launch(on, 1, 1, addKernel, left, right), cudaSuccess);
  });
  ASSERT_EQ(cudaGraphLaunch(graph, on), cudaSuccess);
  EXPECT_EQ(download(left, 1, on)[0], 42);
  ASSERT_EQ(cudaGraphLaunch(graph, on), cudaSuccess);
  EXPECT_EQ(download(left, 1, on)[0], 42 * 2 + 160);
  EXPECT_EQ(cudaGraphExecDestroy(graph), cudaSuccess);
}

TEST_F(StreamsTest, work_that_is_not_joined_spoils_a_capture) {
  cudaStream_t on = stream(), side = stream();
  int *value = allocate<int>(1);
  cudaEvent_t forked = event();
  ASSERT_EQ(cudaStreamBeginCapture(on, cudaStreamCaptureModeGlobal),
            cudaSuccess);
  ASSERT_EQ(cudaEventRecord(forked, on), cudaSuccess);
  ASSERT_EQ(cudaStreamWaitEvent(side, forked, 0), cudaSuccess);
  ASSERT_EQ(launch(side, 1, 1, doubleKernel, value), cudaSuccess);
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(on, &graph), cudaErrorStreamCaptureUnjoined);
  EXPECT_EQ(graph, nullptr);
  expectReport({"was not joined"});
}

TEST_F(StreamsTest, a_capture_may_not_wait_for_work_outside) {
  cudaStream_t on = stream(), side = stream();
  cudaEvent_t outside = event();
  ASSERT_EQ(cudaEventRecord(outside, side), cudaSuccess);
  ASSERT_EQ(cudaStreamBeginCapture(on, cudaStreamCaptureModeGlobal),
            cudaSuccess);
  EXPECT_EQ(cudaStreamWaitEvent(on, outside, 0),
            cudaErrorStreamCaptureIsolation);
  expectReport({"may not depend on work outside"});
  cudaGraph_t graph = nullptr;
  EXPECT_EQ(cudaStreamEndCapture(on, &graph),
            cudaErrorStreamCaptureInvalidated);
}

TEST_F(StreamsTest, no_allocation_and_no_wait_in_a_capture) {
  cudaStream_t on = stream();
  int *value = allocate<int>(1);
  int pageable = 0;
  struct Case {
    const char *name;
    std::function<cudaError_t()> call;
  };
  void *memory = nullptr;
  for (const Case &c : std::vector<Case>{
           {"cudaMalloc", [&] { return cudaMalloc(&memory, 4); }},
           {"cudaFree", [&] { return cudaFree(value); }},
           {"cudaHostAlloc", [&] { return cudaHostAlloc(&memory, 4, 0); }},
           {"cudaStreamSynchronize", [&] { return cudaStreamSynchronize(on); }},
           {"cudaDeviceSynchronize", [&] { return cudaDeviceSynchronize(); }},
           {"cudaMemcpyAsync", [&] {
              return cudaMemcpyAsync(value, &pageable, 4,
                                     cudaMemcpyHostToDevice, on);
            }}}) {
    ASSERT_EQ(cudaStreamBeginCapture(on, cudaStreamCaptureModeThreadLocal),
              cudaSuccess);
    EXPECT_EQ(c.call(), cudaErrorStreamCaptureUnsupported) << c.name;
    expectReport({c.name});
    EXPECT_EQ(launch(on, 1, 1, doubleKernel, value),
              cudaErrorStreamCaptureInvalidated);
    cudaGraph_t graph = nullptr;
    EXPECT_EQ(cudaStreamEndCapture(on, &graph),
              cudaErrorStreamCaptureInvalidated);
  }
  EXPECT_EQ(cudaFree(value), cudaSuccess);
}

TEST_F(StreamsTest, eager_launches_can_be_forbidden) {
  cudaStream_t on = stream();
  int *value = upload(std::vector<int>{1}, on);
  cudaGraphExec_t graph = captured(on, [&] {
    ASSERT_EQ(launch(on, 1, 1, doubleKernel, value), cudaSuccess);
  });
  emulation::forbidEagerLaunches(true);
  EXPECT_EQ(cudaGraphLaunch(graph, on), cudaSuccess);
  EXPECT_EQ(launch(on, 1, 1, doubleKernel, value), cudaErrorNotPermitted);
  expectReport({"doubleKernel: outside of a graph"});
  emulation::forbidEagerLaunches(false);
  EXPECT_EQ(download(value, 1, on)[0], 2);
  EXPECT_EQ(cudaGraphExecDestroy(graph), cudaSuccess);
}

TEST_F(StreamsTest, a_lost_device_lets_nobody_wait) {
  emulation::Options options;
  options.devices = 2;
  use(options);
  cudaStream_t on = stream();
  cudaEvent_t done = event();
  int *value = allocate<int>(1);
  emulation::failAt("cudaMemsetAsync", 1, cudaErrorECCUncorrectable, true);
  EXPECT_EQ(cudaMemsetAsync(value, 0, 4, on), cudaErrorECCUncorrectable);
  EXPECT_EQ(cudaEventRecord(done, on), cudaErrorECCUncorrectable);
  // The other device goes on.
  ASSERT_EQ(cudaSetDevice(1), cudaSuccess);
  cudaStream_t other = stream();
  int *there = upload(std::vector<int>{1}, other);
  EXPECT_EQ(run(other, 1, 1, doubleKernel, there), cudaSuccess);
}

} // namespace
