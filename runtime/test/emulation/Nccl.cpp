//===- Nccl.cpp - Entry points of the stand-in for NCCL -------------------===//
//
// https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/api.html
//
// A non-blocking communicator is taken at its word: what a call asks for is not
// on the stream before ncclCommGetAsyncError has said so, after some polls.
// https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/usage/communicators.html
//
// A fault that is planned for ncclCommGetAsyncError arrives as the asynchronous
// error; for other functions it is what they return.
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "Entry.h"
#include "NcclComm.h"

#include <cstdio>
#include <cstring>

using namespace emulation;

namespace {

struct Cliques {
  tsan::Mutex mutex;
  std::map<std::string, std::shared_ptr<Clique>> byId;
  std::set<ncclComm_t> comms;
  uint64_t next = 1;
};

Cliques &cliques() {
  static Cliques &instance = *new Cliques;
  return instance;
}

thread_local Group group;

#define NCCL_REFUSE(status, ...) return (report(__func__, __VA_ARGS__), status)

#define ENTER_NCCL()                                                           \
  do {                                                                         \
    bool sticky = false;                                                       \
    if (int code = plannedFault(__func__, sticky))                             \
      return static_cast<ncclResult_t>(code);                                  \
  } while (false)

bool exists(ncclComm_t comm) {
  std::lock_guard<tsan::Mutex> lock(cliques().mutex);
  return cliques().comms.count(comm) != 0;
}

/// What a communicator is in: the error of the clique is every rank's.
ncclResult_t stateOf(ncclComm_t comm) {
  std::lock_guard<std::mutex> lock(comm->clique->mutex);
  if (comm->error != ncclSuccess)
    return comm->error;
  return comm->clique->failure;
}

/// Waits for all ranks, if the communicator is a blocking one.
ncclResult_t join(ncclComm_t comm) {
  if (!comm->clique->waitForMembers())
    return ncclSystemError;
  std::lock_guard<std::mutex> lock(comm->clique->mutex);
  comm->joined = true;
  return ncclSuccess;
}

std::vector<std::function<ncclResult_t()>> takePending(ncclComm_t comm) {
  if (comm->stream)
    comm->stream->inProgress -= static_cast<int>(comm->pending.size());
  return std::exchange(comm->pending, {});
}

} // namespace

namespace emulation {

Group &currentGroup() { return group; }

ncclResult_t checkComm(const char *function, ncclComm_t comm) {
  if (!exists(comm)) {
    report(function, "a communicator that does not exist");
    return ncclInvalidArgument;
  }
  if (!comm->pending.empty()) {
    report(function, "rank %d is still in progress: poll ncclCommGetAsyncError",
           comm->rank);
    return ncclInvalidUsage;
  }
  if (!comm->joined && comm->blocking && group.depth == 0) {
    report(function, "the communicator is not initialized");
    return ncclInvalidUsage;
  }
  return stateOf(comm);
}

ncclResult_t issue(ncclComm_t comm, std::function<ncclResult_t()> call) {
  if (comm->blocking)
    return call();
  comm->pending.push_back(std::move(call));
  if (comm->stream)
    ++comm->stream->inProgress;
  comm->polls = 1 + static_cast<int>(options().seed % 3);
  return ncclInProgress;
}

} // namespace emulation

//===----------------------------------------------------------------------===//
// Communicators
//===----------------------------------------------------------------------===//

ncclResult_t ncclGetVersion(int *out) {
  *out = NCCL_VERSION_CODE;
  return ncclSuccess;
}

ncclResult_t ncclGetUniqueId(ncclUniqueId *out) {
  ENTER_NCCL();
  std::lock_guard<tsan::Mutex> lock(cliques().mutex);
  std::memset(out, 0, sizeof(*out));
  std::snprintf(out->internal, sizeof(out->internal), "emulated clique %llu",
                static_cast<unsigned long long>(cliques().next++));
  return ncclSuccess;
}

ncclResult_t ncclCommInitRankConfig(ncclComm_t *out, int ranks, ncclUniqueId id,
                                    int rank, ncclConfig_t *config) {
  ENTER_NCCL();
  const ncclConfig_t initial = NCCL_CONFIG_INITIALIZER;
  if (config && config->magic != initial.magic)
    NCCL_REFUSE(ncclInvalidArgument, "no NCCL_CONFIG_INITIALIZER");
  if (ranks < 1 || rank < 0 || rank >= ranks)
    NCCL_REFUSE(ncclInvalidArgument, "rank %d of %d", rank, ranks);
  std::unique_lock<tsan::Mutex> lock(cliques().mutex);
  std::string key(id.internal, strnlen(id.internal, sizeof(id.internal)));
  if (key.compare(0, 16, "emulated clique ") != 0)
    NCCL_REFUSE(ncclInvalidArgument, "an id that ncclGetUniqueId did not make");
  auto &clique = cliques().byId[key];
  if (!clique)
    clique = std::make_shared<Clique>(ranks);
  auto *comm = new ncclComm;
  comm->clique = clique;
  comm->rank = rank;
  comm->device = currentDevice();
  comm->blocking = !config || config->blocking != 0;
  cliques().comms.insert(comm);
  lock.unlock();
  *out = comm;
  {
    std::lock_guard<std::mutex> cliqueLock(comm->clique->mutex);
    Clique &all = *comm->clique;
    for (auto &[other, device] : all.devices)
      if (device == comm->device)
        NCCL_REFUSE(ncclInvalidUsage, "ranks %d and %d both have device %d",
                    other, rank, device);
    if (all.ranks != ranks || all.members.count(rank))
      NCCL_REFUSE(ncclInvalidArgument, "rank %d of %d came to %d ranks%s", rank,
                  ranks, all.ranks,
                  all.members.count(rank) ? " a second time" : "");
    all.members[rank] = comm;
    all.devices[rank] = comm->device;
    all.changed.notify_all();
  }
  if (!comm->blocking)
    return issue(comm, [=] { return join(comm); });
  if (group.depth > 0) {
    group.joins.push_back([=] { return join(comm); });
    return ncclSuccess;
  }
  return join(comm);
}

ncclResult_t ncclCommInitRank(ncclComm_t *out, int ranks, ncclUniqueId id,
                              int rank) {
  ENTER_NCCL();
  return ncclCommInitRankConfig(out, ranks, id, rank, nullptr);
}

ncclResult_t ncclCommGetAsyncError(ncclComm_t comm, ncclResult_t *out) {
  if (!exists(comm))
    NCCL_REFUSE(ncclInvalidArgument, "a communicator that does not exist");
  bool sticky = false;
  if (int code = plannedFault(__func__, sticky))
    comm->error = static_cast<ncclResult_t>(code);
  *out = stateOf(comm);
  if (*out != ncclSuccess || comm->pending.empty())
    return ncclSuccess;
  *out = ncclInProgress;
  if (--comm->polls > 0)
    return ncclSuccess;
  // A member that has not come keeps its peers in progress; they give up.
  if (!comm->joined) {
    std::lock_guard<std::mutex> lock(comm->clique->mutex);
    if (static_cast<int>(comm->clique->members.size()) < comm->clique->ranks)
      return ncclSuccess;
  }
  auto calls = takePending(comm);
  *out = ncclSuccess;
  for (auto &call : calls)
    if (ncclResult_t status = call())
      *out = comm->error = status;
  return ncclSuccess;
}

ncclResult_t ncclCommCount(const ncclComm_t comm, int *out) {
  ENTER_NCCL();
  if (ncclResult_t status = checkComm(__func__, comm))
    return status;
  *out = comm->clique->ranks;
  return ncclSuccess;
}

ncclResult_t ncclCommUserRank(const ncclComm_t comm, int *out) {
  ENTER_NCCL();
  if (ncclResult_t status = checkComm(__func__, comm))
    return status;
  *out = comm->rank;
  return ncclSuccess;
}

ncclResult_t ncclCommCuDevice(const ncclComm_t comm, int *out) {
  ENTER_NCCL();
  if (ncclResult_t status = checkComm(__func__, comm))
    return status;
  *out = comm->device;
  return ncclSuccess;
}

ncclResult_t ncclCommFinalize(ncclComm_t comm) {
  ENTER_NCCL();
  if (ncclResult_t status = checkComm(__func__, comm))
    return status;
  comm->finalized = true;
  return issue(comm, [] { return ncclSuccess; });
}

namespace {

void forget(ncclComm_t comm) {
  {
    std::lock_guard<tsan::Mutex> lock(cliques().mutex);
    cliques().comms.erase(comm);
  }
  std::lock_guard<std::mutex> lock(comm->clique->mutex);
  comm->clique->gone.insert(comm->rank);
  // Its few bytes stay: streams and graphs may still name it.
}

} // namespace

ncclResult_t ncclCommDestroy(ncclComm_t comm) {
  ENTER_NCCL();
  if (!exists(comm))
    NCCL_REFUSE(ncclInvalidArgument, "a communicator that does not exist");
  if (stateOf(comm) != ncclSuccess)
    NCCL_REFUSE(ncclInvalidUsage,
                "rank %d has an error, expected ncclCommAbort", comm->rank);
  if (!comm->pending.empty())
    NCCL_REFUSE(ncclInvalidUsage, "rank %d is still in progress", comm->rank);
  if (comm->stream && !isIdle(comm->stream))
    NCCL_REFUSE(ncclInvalidUsage, "rank %d has operations on its stream",
                comm->rank);
  forget(comm);
  return ncclSuccess;
}

/// Ends what this rank waits for. Its peers have to abort too.
ncclResult_t ncclCommAbort(ncclComm_t comm) {
  ENTER_NCCL();
  if (!exists(comm))
    NCCL_REFUSE(ncclInvalidArgument, "a communicator that does not exist");
  takePending(comm);
  {
    std::lock_guard<std::mutex> lock(comm->clique->mutex);
    comm->aborted = true;
    comm->clique->changed.notify_all();
  }
  forget(comm);
  return ncclSuccess;
}

const char *ncclGetErrorString(ncclResult_t status) {
  static const char *const texts[] = {
      "no error",
      "unhandled cuda error (run with NCCL_DEBUG=INFO for details)",
      "unhandled system error (run with NCCL_DEBUG=INFO for details)",
      "internal error - please report this issue to the NCCL developers",
      "invalid argument (run with NCCL_DEBUG=WARN for details)",
      "invalid usage (run with NCCL_DEBUG=WARN for details)",
      "remote process exited or there was a network error",
      "NCCL operation in progress"};
  return status >= 0 && status < ncclNumResults ? texts[status]
                                                : "unknown result code";
}

const char *ncclGetLastError(ncclComm_t) { return ""; }

//===----------------------------------------------------------------------===//
// Groups
//===----------------------------------------------------------------------===//

ncclResult_t ncclGroupStart() {
  ENTER_NCCL();
  ++group.depth;
  return ncclSuccess;
}

ncclResult_t ncclGroupEnd() {
  ENTER_NCCL();
  if (group.depth == 0)
    NCCL_REFUSE(ncclInvalidUsage, "without ncclGroupStart");
  if (--group.depth > 0)
    return ncclSuccess;
  auto joins = std::exchange(group.joins, {});
  auto calls = std::exchange(group.calls, {});
  ncclResult_t result = ncclSuccess;
  for (auto &call : joins)
    if (ncclResult_t status = call())
      result = status;
  for (auto &[comm, call] : calls)
    if (ncclResult_t status = issue(comm, call))
      result = status;
  return result;
}
