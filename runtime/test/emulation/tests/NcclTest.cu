//===- NcclTest.cu - Collectives between emulated devices -----------------===//

#include "EmulatedTest.h"

#include <chrono>
#include <functional>
#include <nccl.h>
#include <thread>

namespace {

/// What a rank thread has.
struct Rank {
  int rank = 0;
  cudaStream_t stream = nullptr;
  ncclComm_t comm = nullptr;

  /// Polls until the communicator is no longer in progress.
  ncclResult_t poll() const {
    ncclResult_t state = ncclInProgress;
    while (state == ncclInProgress) {
      if (ncclResult_t status = ncclCommGetAsyncError(comm, &state))
        return status;
      std::this_thread::yield();
    }
    return state;
  }
};

class NcclTest : public EmulatedTest {
protected:
  static void deviceOptions(emulation::Options &options, int devices) {
    options.devices = devices;
    options.ncclSeconds = 0.3;
  }

  void useDevices(int devices) {
    emulation::Options options;
    deviceOptions(options, devices);
    use(options);
  }

  /// Runs `body` on a thread for each rank, with a communicator and a stream.
  void onRanks(int ranks, bool blocking,
               const std::function<void(Rank &)> &body) {
    ncclUniqueId id;
    ASSERT_EQ(ncclGetUniqueId(&id), ncclSuccess);
    std::vector<std::thread> threads;
    for (int rank = 0; rank < ranks; ++rank)
      threads.emplace_back([=, &body] {
        ASSERT_EQ(cudaSetDevice(rank), cudaSuccess);
        Rank self;
        self.rank = rank;
        ASSERT_EQ(
            cudaStreamCreateWithFlags(&self.stream, cudaStreamNonBlocking),
            cudaSuccess);
        ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
        config.blocking = blocking;
        ncclResult_t status =
            ncclCommInitRankConfig(&self.comm, ranks, id, rank, &config);
        EXPECT_EQ(status, blocking ? ncclSuccess : ncclInProgress);
        EXPECT_EQ(self.poll(), ncclSuccess);
        body(self);
        EXPECT_EQ(cudaStreamDestroy(self.stream), cudaSuccess);
      });
    for (std::thread &thread : threads)
      thread.join();
  }

  static void end(Rank &self) {
    EXPECT_EQ(cudaStreamSynchronize(self.stream), cudaSuccess);
    EXPECT_EQ(ncclCommDestroy(self.comm), ncclSuccess);
  }
};

TEST_F(NcclTest, sums_are_the_same_on_all_ranks) {
  for (int ranks : {1, 2, 4, 8}) {
    useDevices(ranks);
    onRanks(ranks, true, [&](Rank &self) {
      std::vector<float> mine(1000);
      for (int i = 0; i < 1000; ++i)
        mine[i] = static_cast<float>(i + self.rank);
      float *data = upload(mine, self.stream);
      ASSERT_EQ(ncclAllReduce(data, data, 1000, ncclFloat32, ncclSum, self.comm,
                              self.stream),
                ncclSuccess);
      auto sum = download(data, 1000, self.stream);
      for (int i = 0; i < 1000; ++i)
        ASSERT_EQ(sum[i], ranks * i + ranks * (ranks - 1) / 2);
      end(self);
    });
  }
}

TEST_F(NcclTest, parts_are_scattered_and_gathered) {
  useDevices(2);
  onRanks(2, true, [&](Rank &self) {
    int r = self.rank;
    int *data =
        upload(std::vector<int>{1 + r, 2 + r, 3 + r, 4 + r}, self.stream);
    int *part = allocate<int>(2);
    ASSERT_EQ(ncclReduceScatter(data, part, 2, ncclInt32, ncclSum, self.comm,
                                self.stream),
              ncclSuccess);
    ASSERT_EQ(ncclAllGather(part, data, 2, ncclInt32, self.comm, self.stream),
              ncclSuccess);
    EXPECT_EQ(download(data, 4, self.stream), (std::vector<int>{3, 5, 7, 9}));
    int *all = allocate<int>(4);
    ASSERT_EQ(
        ncclGather(data + r, all, 2, ncclInt32, 1, self.comm, self.stream),
        ncclSuccess);
    if (r == 1) {
      EXPECT_EQ(download(all, 4, self.stream), (std::vector<int>{3, 5, 5, 7}));
    }
    end(self);
  });
}

TEST_F(NcclTest, nothing_is_queued_before_a_poll) {
  useDevices(2);
  onRanks(2, false, [&](Rank &self) {
    float *data = upload(std::vector<float>{1}, self.stream);
    ASSERT_EQ(ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, self.comm,
                            self.stream),
              ncclInProgress);
    EXPECT_EQ(ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, self.comm,
                            self.stream),
              ncclInvalidUsage);
    EXPECT_EQ(cudaMemsetAsync(data, 0, 4, self.stream), cudaErrorNotPermitted);
    ncclResult_t state = ncclSuccess;
    EXPECT_EQ(ncclCommGetAsyncError(self.comm, &state), ncclSuccess);
    EXPECT_EQ(state, ncclInProgress) << "one poll is not enough";
    ASSERT_EQ(self.poll(), ncclSuccess);
    EXPECT_EQ(download(data, 1, self.stream)[0], 2);
    end(self);
  });
  auto reports = emulation::takeReports();
  EXPECT_EQ(reports.size(), 4u);
  EXPECT_THAT(reports, ::testing::Contains(::testing::HasSubstr(
                           "rank 1 is still in progress")));
  EXPECT_THAT(reports, ::testing::Contains(::testing::HasSubstr(
                           "cudaMemsetAsync: after a call of NCCL")));
}

TEST_F(NcclTest, different_operations_name_the_ranks) {
  useDevices(2);
  onRanks(2, true, [&](Rank &self) {
    auto *data = allocate<__nv_bfloat16>(8);
    size_t count = self.rank == 0 ? 8 : 4;
    ASSERT_EQ(ncclAllReduce(data, data, count, ncclBfloat16, ncclSum, self.comm,
                            self.stream),
              ncclSuccess);
    EXPECT_EQ(cudaStreamSynchronize(self.stream), cudaSuccess);
    EXPECT_EQ(self.poll(), ncclInternalError);
    EXPECT_EQ(ncclCommAbort(self.comm), ncclSuccess);
  });
  expectReport({"operation 0: rank",
                "rank 0 has all-reduce of 8 x bfloat16, sum",
                "rank 1 has all-reduce of 4 x bfloat16, sum"});
}

TEST_F(NcclTest, a_rank_that_does_not_come_is_named) {
  useDevices(3);
  onRanks(3, true, [&](Rank &self) {
    float *data = allocate<float>(1);
    if (self.rank != 1) {
      ASSERT_EQ(ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, self.comm,
                              self.stream),
                ncclSuccess);
      EXPECT_EQ(cudaStreamSynchronize(self.stream), cudaSuccess);
      EXPECT_EQ(self.poll(), ncclRemoteError);
    }
    EXPECT_EQ(ncclCommAbort(self.comm), ncclSuccess);
  });
  auto reports = emulation::takeReports();
  ASSERT_GE(reports.size(), 1u);
  EXPECT_THAT(reports[0], ::testing::HasSubstr(
                              "all-reduce of 1 x float, sum: rank 1 did not "
                              "come within 0.3 s"));
}

TEST_F(NcclTest, a_rank_that_does_not_join_is_named) {
  useDevices(2);
  ncclUniqueId id;
  ASSERT_EQ(ncclGetUniqueId(&id), ncclSuccess);
  ncclComm_t comm = nullptr;
  EXPECT_EQ(ncclCommInitRank(&comm, 2, id, 1), ncclSystemError);
  expectReport({"rank 0 of 2 did not come"});
  EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
}

TEST_F(NcclTest, an_abort_frees_its_own_rank) {
  emulation::Options options;
  options.devices = 2;
  options.ncclSeconds = 30;
  use(options);
  onRanks(2, true, [&](Rank &self) {
    float *data = allocate<float>(1);
    if (self.rank == 0) {
      ASSERT_EQ(ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, self.comm,
                              self.stream),
                ncclSuccess);
    }
    // By then the stream of rank 0 waits.
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    EXPECT_EQ(ncclCommAbort(self.comm), ncclSuccess);
    EXPECT_EQ(cudaStreamSynchronize(self.stream), cudaSuccess);
  });
}

TEST_F(NcclTest, one_thread_needs_a_group_for_two_ranks) {
  useDevices(2);
  ncclUniqueId id;
  ASSERT_EQ(ncclGetUniqueId(&id), ncclSuccess);
  ncclComm_t comms[2] = {};
  cudaStream_t streams[2] = {};
  float *data[2] = {};
  ASSERT_EQ(ncclGroupStart(), ncclSuccess);
  for (int rank = 0; rank < 2; ++rank) {
    ASSERT_EQ(cudaSetDevice(rank), cudaSuccess);
    streams[rank] = stream();
    data[rank] = upload(std::vector<float>{3}, streams[rank]);
    ASSERT_EQ(ncclCommInitRank(&comms[rank], 2, id, rank), ncclSuccess);
  }
  ASSERT_EQ(ncclGroupEnd(), ncclSuccess);
  auto reduce = [&](int rank) {
    EXPECT_EQ(cudaSetDevice(rank), cudaSuccess);
    return ncclAllReduce(data[rank], data[rank], 1, ncclFloat32, ncclSum,
                         comms[rank], streams[rank]);
  };
  ASSERT_EQ(ncclGroupStart(), ncclSuccess);
  ASSERT_EQ(reduce(0), ncclSuccess);
  ASSERT_EQ(reduce(1), ncclSuccess);
  ASSERT_EQ(ncclGroupEnd(), ncclSuccess);
  EXPECT_EQ(download(data[1], 1, streams[1])[0], 6);
  ASSERT_EQ(reduce(0), ncclSuccess);
  EXPECT_EQ(reduce(1), ncclInvalidUsage);
  expectReport({"ranks 0 and 1 without ncclGroupStart"});
  for (ncclComm_t comm : comms)
    EXPECT_EQ(ncclCommAbort(comm), ncclSuccess);
  EXPECT_EQ(cudaSetDevice(0), cudaSuccess);
}

TEST_F(NcclTest, buffers_are_checked) {
  useDevices(2);
  onRanks(2, true, [&](Rank &self) {
    float *data = allocate<float>(4);
    EXPECT_EQ(
        ncclAllGather(data + 1, data, 2, ncclFloat32, self.comm, self.stream),
        ncclInvalidArgument);
    EXPECT_EQ(ncclAllReduce(data, data, 5, ncclFloat32, ncclSum, self.comm,
                            self.stream),
              ncclInvalidArgument);
    EXPECT_EQ(ncclAllReduce(data, data, 4, ncclFloat32, ncclMax, self.comm,
                            self.stream),
              ncclInvalidArgument);
    end(self);
  });
  auto reports = emulation::takeReports();
  EXPECT_EQ(reports.size(), 6u);
  EXPECT_THAT(reports, ::testing::Contains(::testing::HasSubstr("overlap")));
  EXPECT_THAT(reports, ::testing::Contains(
                           ::testing::HasSubstr("send buffer of 20 bytes")));
}

TEST_F(NcclTest, an_asynchronous_error_can_be_planned) {
  useDevices(1);
  onRanks(1, true, [&](Rank &self) {
    emulation::failAt("ncclCommGetAsyncError", 1, ncclRemoteError);
    EXPECT_EQ(self.poll(), ncclRemoteError);
    EXPECT_EQ(self.poll(), ncclRemoteError) << "it stays";
    EXPECT_EQ(ncclCommDestroy(self.comm), ncclInvalidUsage);
    EXPECT_EQ(ncclCommAbort(self.comm), ncclSuccess);
  });
  expectReport({"expected ncclCommAbort"});
}

TEST_F(NcclTest, collectives_are_replayed_in_graphs) {
  useDevices(2);
  onRanks(2, false, [&](Rank &self) {
    float *data = upload(std::vector<float>{1}, self.stream);
    ASSERT_EQ(
        cudaStreamBeginCapture(self.stream, cudaStreamCaptureModeThreadLocal),
        cudaSuccess);
    ASSERT_EQ(ncclAllReduce(data, data, 1, ncclFloat32, ncclSum, self.comm,
                            self.stream),
              ncclInProgress);
    ASSERT_EQ(self.poll(), ncclSuccess);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t exec = nullptr;
    ASSERT_EQ(cudaStreamEndCapture(self.stream, &graph), cudaSuccess);
    ASSERT_EQ(cudaGraphInstantiate(&exec, graph, 0), cudaSuccess);
    for (int i = 0; i < 5; ++i)
      ASSERT_EQ(cudaGraphLaunch(exec, self.stream), cudaSuccess);
    EXPECT_EQ(download(data, 1, self.stream)[0], 32);
    EXPECT_EQ(cudaGraphExecDestroy(exec), cudaSuccess);
    EXPECT_EQ(cudaGraphDestroy(graph), cudaSuccess);
    end(self);
  });
}

} // namespace
