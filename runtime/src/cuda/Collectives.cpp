//===- Collectives.cpp - What the GPUs of a group do together -------------===//
//
// The way that always works: NCCL sums or gathers in f32, then one kernel does
// the rest. The communicator does not block: a rank that waits for another
// looks for errors of NCCL, for a failure of the group, and at the time limit.
//
//===----------------------------------------------------------------------===//

#include "CudaRank.h"

#include <chrono>
#include <cstring>
#include <ctime>
#include <vector>

namespace lamina::cuda {

namespace {

using Clock = std::chrono::steady_clock;

/// Turns of a wait before the processor is given away.
constexpr int kSpins = 1000;

void yieldProcessor() {
  const timespec moment = {0, 20000};
  (void)nanosleep(&moment, nullptr);
}

} // namespace

template <typename Condition>
lamrt_status CudaRank::waitFor(const char *what, Condition isDone) {
  auto end =
      Clock::now() + std::chrono::milliseconds(options.timeoutMilliseconds);
  for (int turn = 0;; ++turn) {
    bool done = false;
    if (lamrt_status status = isDone(done)) {
      abortCommunicator();
      return status;
    }
    if (done)
      return LAMRT_OK;
    if (host->hasFailed(options.group)) {
      abortCommunicator();
      return fail(LAMRT_DEVICE, "cuda: another rank has failed");
    }
    if (Clock::now() >= end) {
      abortCommunicator();
      return fail(LAMRT_DEVICE,
                  "cuda: rank %d waited %d ms for the other ranks, %s",
                  options.rank, options.timeoutMilliseconds, what);
    }
    if (turn > kSpins)
      yieldProcessor();
  }
}

lamrt_status CudaRank::finishCall(ncclResult_t status, const char *what) {
  if (status != ncclInProgress)
    return check(status, what);
  return waitFor(what, [&](bool &done) -> lamrt_status {
    ncclResult_t state = ncclSuccess;
    LAMINA_RETURN_IF_FAILED(check(ncclCommGetAsyncError(comm, &state), what));
    done = state != ncclInProgress;
    return done ? check(state, what) : lamrt_status(LAMRT_OK);
  });
}

lamrt_status CudaRank::waitForStream() {
  return waitFor(lastOperation, [&](bool &done) -> lamrt_status {
    ncclResult_t state = ncclSuccess;
    LAMINA_RETURN_IF_FAILED(
        check(ncclCommGetAsyncError(comm, &state), lastOperation));
    if (state != ncclInProgress)
      LAMINA_RETURN_IF_FAILED(check(state, lastOperation));
    // What is not "not ready" is told by whoever synchronises next.
    done = cudaStreamQuery(stream) != cudaErrorNotReady;
    return LAMRT_OK;
  });
}

void CudaRank::abortCommunicator() {
  if (comm)
    (void)ncclCommAbort(comm);
  comm = nullptr;
}

lamrt_status CudaRank::connect() {
  ncclUniqueId id;
  memset(&id, 0, sizeof(id));
  if (options.rank == 0)
    LAMINA_RETURN_IF_FAILED(check(ncclGetUniqueId(&id), "ncclGetUniqueId"));
  std::vector<ncclUniqueId> all(static_cast<size_t>(options.ranks));
  LAMINA_RETURN_IF_FAILED(
      host->exchange(options.group, options.rank, &id, all.data(), sizeof(id)));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  return finishCall(ncclCommInitRankConfig(&comm, options.ranks, all[0],
                                           options.rank, &config),
                    "start");
}

lamrt_status CudaRank::reduce(const runtime::ReduceWork &work) {
  if (work.rows == 0)
    return LAMRT_OK;
  const char *name = work.norm ? "all_reduce_residual_rms_norm" : "all_reduce";
  lastOperation = name;
  // Rows with what pads them: it is summed too, and not read.
  cpu::Rows sum = {wide, work.partial.rowBytes, LAMRT_F32};
  auto count =
      static_cast<size_t>(work.rows * work.partial.rowBytes) / sizeof(float);
  LAMINA_RETURN_IF_FAILED(
      finishCall(ncclAllReduce(work.partial.data, sum.data, count, ncclFloat32,
                               ncclSum, comm, stream),
                 name));
  if (!work.norm)
    return launched(launchConvert(sum, work.bias, work.out, work.features,
                                  work.rows, stream),
                    name);
  NormWork norm = *work.norm;
  norm.update = sum;
  return launched(launchNorm(norm, stream), name);
}

lamrt_status CudaRank::gather(const runtime::GatherWork &work) {
  if (work.rows == 0)
    return LAMRT_OK;
  const char *name = work.toAll ? "all_gather" : "gather";
  lastOperation = name;
  int64_t bytes = work.rows * work.in.rowBytes;
  LAMINA_RETURN_IF_FAILED(finishCall(ncclAllGather(work.in.data, gathered,
                                                   static_cast<size_t>(bytes),
                                                   ncclInt8, comm, stream),
                                     name));
  if (!work.toAll && options.rank != 0)
    return LAMRT_OK;
  for (int32_t r = 0; r < options.ranks; ++r) {
    cpu::Rows from = {gathered + r * bytes, work.in.rowBytes, work.in.type};
    LAMINA_RETURN_IF_FAILED(
        launched(launchJoinColumns(from, work.rows, work.begins[r],
                                   work.begins[r + 1] - work.begins[r],
                                   work.out, stream),
                 name));
  }
  return LAMRT_OK;
}

} // namespace lamina::cuda
