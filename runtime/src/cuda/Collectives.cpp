//===- Collectives.cpp - How the GPUs of a group come together ------------===//
//
// The communicator of NCCL does not block: a rank that waits for another looks
// for errors of NCCL, for a failure of the group, and at the time limit.
//
//===----------------------------------------------------------------------===//

#include "CudaRank.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <ctime>
#include <unistd.h>
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
  // Kernels that wait for a peer leave.
  if (stopFlag.data())
    __atomic_store_n(reinterpret_cast<uint32_t *>(stopFlag.data()), 1u,
                     __ATOMIC_RELEASE);
  if (comm)
    (void)ncclCommAbort(comm);
  comm = nullptr;
}

lamrt_status CudaRank::stop() {
  (void)cudaSetDevice(device);
  dropCapture();
  abortCommunicator();
  // The step's failure is told already.
  (void)cudaStreamSynchronize(stream);
  return LAMRT_OK;
}

/// Flags of all meetings begin at 0, before any rank can write to them.
lamrt_status CudaRank::preparePeers() {
  constexpr size_t words = kMaxMeetingBlocks * (kMaxPeers + 1);
  LAMINA_RETURN_IF_FAILED(
      meetingFlags.allocate(words * sizeof(uint32_t), "flags"));
  LAMINA_RETURN_IF_FAILED(stopFlag.allocatePinned(sizeof(uint32_t), "flags"));
  memset(stopFlag.data(), 0, sizeof(uint32_t));
  LAMINA_RETURN_IF_FAILED(check(
      cudaMemsetAsync(meetingFlags.data(), 0, words * sizeof(uint32_t), stream),
      "flags"));
  // All blocks of a kernel wait for those of other ranks: none may come later.
  int32_t oneShot = 0, twoShot = 0;
  const char *what = "cudaOccupancyMaxActiveBlocksPerMultiprocessor";
  LAMINA_RETURN_IF_FAILED(
      check(countOneShotBlocks(multiprocessors, oneShot), what));
  LAMINA_RETURN_IF_FAILED(
      check(countTwoShotBlocks(multiprocessors, twoShot), what));
  meetingBlocks = std::min({oneShot, twoShot, kMaxMeetingBlocks});
  return LAMRT_OK;
}

struct CudaRank::Card {
  ncclUniqueId id; ///< of rank 0
  void *arena, *flags;
  int64_t process; ///< the same for ranks of one process, and only for them
  int32_t device, blocks;
  int32_t seesAll; ///< the devices of all ranks, as this process counts them
  uint64_t choicesHash;
};

lamrt_status CudaRank::openPeers(const Card *all) {
  seesPeers = options.ranks <= kMaxPeers;
  for (int32_t r = 0; r < options.ranks; ++r) {
    // Ranks in different kernels would wait for each other for ever.
    if (all[r].choicesHash != all[0].choicesHash)
      return fail(LAMRT_DEVICE,
                  "cuda: rank %d chooses algorithms by another table than rank "
                  "0",
                  r);
    seesPeers = seesPeers && all[r].seesAll && all[r].process == all[0].process;
    meetingBlocks = std::min(meetingBlocks, all[r].blocks);
  }
  seesPeers = seesPeers && meetingBlocks > 0;
  if (!seesPeers)
    return LAMRT_OK;
  peers.ranks = options.ranks;
  peers.rank = options.rank;
  for (int32_t r = 0; r < options.ranks; ++r) {
    peers.arenas[r] = static_cast<uint8_t *>(all[r].arena);
    peers.flags[r] = static_cast<uint32_t *>(all[r].flags);
    if (r == options.rank)
      continue;
    cudaError_t status = cudaDeviceEnablePeerAccess(all[r].device, 0);
    if (status == cudaErrorPeerAccessAlreadyEnabled) {
      (void)cudaGetLastError(); // it would be told to whoever asks next
      status = cudaSuccess;
    }
    LAMINA_RETURN_IF_FAILED(check(status, "cudaDeviceEnablePeerAccess"));
  }
  peers.numbers = reinterpret_cast<uint32_t *>(meetingFlags.data()) +
                  kMaxMeetingBlocks * kMaxPeers;
  peers.stop = reinterpret_cast<const uint32_t *>(stopFlag.data());
  return LAMRT_OK;
}

lamrt_status CudaRank::connect() {
  Card card;
  memset(&card, 0, sizeof(card));
  if (options.rank == 0)
    LAMINA_RETURN_IF_FAILED(
        check(ncclGetUniqueId(&card.id), "ncclGetUniqueId"));
  card.arena = arena.data();
  card.flags = meetingFlags.data();
  // Processes of two hosts may have one number, but hardly from one moment.
  static const int64_t process =
      Clock::now().time_since_epoch().count() ^ int64_t(getpid()) << 40;
  card.process = process;
  card.device = device;
  card.blocks = meetingBlocks;
  card.seesAll = 1;
  card.choicesHash = options.choicesHash;
  // Rank r of a process has device r.
  for (int32_t r = 0; r < options.ranks; ++r) {
    int can = r == device;
    if (!can && cudaDeviceCanAccessPeer(&can, device, r) != cudaSuccess)
      can = 0;
    card.seesAll &= can;
  }
  std::vector<Card> all(static_cast<size_t>(options.ranks));
  LAMINA_RETURN_IF_FAILED(host->exchange(options.group, options.rank, &card,
                                         all.data(), sizeof(card)));
  LAMINA_RETURN_IF_FAILED(openPeers(all.data()));
  ncclConfig_t config = NCCL_CONFIG_INITIALIZER;
  config.blocking = 0;
  return finishCall(ncclCommInitRankConfig(&comm, options.ranks, all[0].id,
                                           options.rank, &config),
                    "start");
}

} // namespace lamina::cuda
