//===- NcclCollectives.cpp - Collectives of the stand-in for NCCL ---------===//
//
// https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/api/colls.html
//
//===----------------------------------------------------------------------===//

#include "Device.h"
#include "Entry.h"
#include "NcclComm.h"

using namespace emulation;

namespace {

/// Whether a buffer holds that many bytes of the memory of the device.
bool holds(const char *function, const char *what, int device,
           const void *address, size_t bytes) {
  if (bytes == 0)
    return true;
  Range range = findRange(address);
  bool fits =
      range.place == Place::Device && range.alive && range.device == device &&
      bytes <=
          range.bytes - static_cast<size_t>(static_cast<const char *>(address) -
                                            range.begin);
  if (!fits)
    report(function,
           "the %s buffer of %zu bytes, expected memory of device "
           "%d: %s",
           what, bytes, device, describe(address).c_str());
  return fits;
}

/// Buffers may be the same where the documentation says in place, and else
/// must not overlap.
bool apart(const char *function, const Contribution &call, int rank,
           int ranks) {
  size_t size = typeSize(call.type);
  auto *send = static_cast<const char *>(call.send);
  auto *receive = static_cast<const char *>(call.receive);
  size_t sends = call.sendElements(rank, ranks) * size;
  size_t receives = call.receiveElements(rank, ranks) * size;
  size_t part = call.count * size * static_cast<size_t>(rank);
  if (sends == 0 || receives == 0 || send >= receive + receives ||
      receive >= send + sends)
    return true;
  bool inPlace = send == receive;
  if (call.kind == Collective::AllGather || call.kind == Collective::Gather)
    inPlace = send == receive + part;
  else if (call.kind == Collective::ReduceScatter)
    inPlace = receive == send + part;
  if (!inPlace)
    report(function, "rank %d: the buffers overlap and are not in place", rank);
  return inPlace;
}

ncclResult_t checkCollective(const char *function, ncclComm_t comm,
                             const Contribution &call, cudaStream_t stream) {
  int ranks = comm->clique->ranks;
  if (checkStream(function, stream) != cudaSuccess)
    return ncclInvalidArgument;
  if (stream->device != comm->device || currentDevice() != comm->device) {
    report(function,
           "rank %d has device %d, its stream device %d, the current device "
           "is %d",
           comm->rank, comm->device, stream->device, currentDevice());
    return ncclInvalidArgument;
  }
  if (comm->stream && comm->stream != stream) {
    report(function, "rank %d: one communicator on two streams", comm->rank);
    return ncclInvalidUsage;
  }
  comm->stream = stream;
  if (call.root < 0 || call.root >= ranks || call.reduction != ncclSum ||
      std::string(call.text()).find("another type") != std::string::npos) {
    report(function, "%s", call.text().c_str());
    return ncclInvalidArgument;
  }
  size_t size = typeSize(call.type);
  if (!holds(function, "send", comm->device, call.send,
             call.sendElements(comm->rank, ranks) * size) ||
      !holds(function, "receive", comm->device, call.receive,
             call.receiveElements(comm->rank, ranks) * size) ||
      !apart(function, call, comm->rank, ranks))
    return ncclInvalidArgument;
  return ncclSuccess;
}

/// One thread that calls for one rank, and has not called for another that it
/// also drives, would wait for itself.
bool callsForTwoRanks(const char *function, ncclComm_t comm) {
  thread_local std::map<Clique *, int> ranks;
  auto [entry, isNew] = ranks.try_emplace(comm->clique.get(), comm->rank);
  if (isNew || entry->second == comm->rank)
    return false;
  report(function,
         "one thread calls for ranks %d and %d without ncclGroupStart",
         entry->second, comm->rank);
  return true;
}

ncclResult_t collective(const char *function, ncclComm_t comm,
                        const Contribution &call, cudaStream_t stream) {
  bool sticky = false;
  if (int code = plannedFault(function, sticky))
    return static_cast<ncclResult_t>(code);
  if (ncclResult_t status = checkComm(function, comm))
    return status;
  if (ncclResult_t status = checkCollective(function, comm, call, stream))
    return status;
  if (currentGroup().depth == 0 && comm->clique->ranks > 1 &&
      callsForTwoRanks(function, comm))
    return ncclInvalidUsage;
  auto work = [=] {
    std::shared_ptr<Clique> clique = comm->clique;
    auto run = [=](Engine &engine) {
      // A replayed graph counts like a call.
      uint64_t number = comm->operations++;
      clique->meet(comm->rank, number, call, comm->aborted, engine);
      return cudaSuccess;
    };
    return queue(stream, {function, run}) ? ncclUnhandledCudaError
                                          : ncclSuccess;
  };
  if (currentGroup().depth > 0) {
    currentGroup().calls.push_back({comm, work});
    return ncclSuccess;
  }
  return issue(comm, work);
}

} // namespace

ncclResult_t ncclAllReduce(const void *send, void *receive, size_t count,
                           ncclDataType_t type, ncclRedOp_t reduction,
                           ncclComm_t comm, cudaStream_t stream) {
  return collective(
      __func__, comm,
      {Collective::AllReduce, send, receive, count, type, reduction, 0},
      stream);
}

ncclResult_t ncclReduceScatter(const void *send, void *receive, size_t count,
                               ncclDataType_t type, ncclRedOp_t reduction,
                               ncclComm_t comm, cudaStream_t stream) {
  return collective(
      __func__, comm,
      {Collective::ReduceScatter, send, receive, count, type, reduction, 0},
      stream);
}

ncclResult_t ncclAllGather(const void *send, void *receive, size_t count,
                           ncclDataType_t type, ncclComm_t comm,
                           cudaStream_t stream) {
  return collective(
      __func__, comm,
      {Collective::AllGather, send, receive, count, type, ncclSum, 0}, stream);
}

ncclResult_t ncclBroadcast(const void *send, void *receive, size_t count,
                           ncclDataType_t type, int root, ncclComm_t comm,
                           cudaStream_t stream) {
  return collective(
      __func__, comm,
      {Collective::Broadcast, send, receive, count, type, ncclSum, root},
      stream);
}

ncclResult_t ncclReduce(const void *send, void *receive, size_t count,
                        ncclDataType_t type, ncclRedOp_t reduction, int root,
                        ncclComm_t comm, cudaStream_t stream) {
  return collective(
      __func__, comm,
      {Collective::Reduce, send, receive, count, type, reduction, root},
      stream);
}

ncclResult_t ncclGather(const void *send, void *receive, size_t count,
                        ncclDataType_t type, int root, ncclComm_t comm,
                        cudaStream_t stream) {
  return collective(
      __func__, comm,
      {Collective::Gather, send, receive, count, type, ncclSum, root}, stream);
}
