//===- Clique.h - The ranks of one NCCL communicator -----------*- C++ -*-===//
//
// Ranks meet when their streams reach an operation. What they bring is compared
// before a byte moves; a rank that does not come is named. Results are the same
// bits on all ranks, in an order of additions that the seed chooses.
//
// https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/api.html
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_EMULATION_CLIQUE_H
#define LAMINA_TEST_EMULATION_CLIQUE_H

#include "Stream.h"

#include <nccl.h>

#include <map>

namespace emulation {

enum class Collective {
  AllReduce,
  AllGather,
  ReduceScatter,
  Broadcast,
  Reduce,
  Gather
};

/// What one rank brings to an operation.
struct Contribution {
  Collective kind{};
  const void *send = nullptr;
  void *receive = nullptr;
  size_t count = 0;
  ncclDataType_t type{};
  ncclRedOp_t reduction{};
  int root = 0;

  /// "all-reduce of 64 x bfloat16, sum".
  std::string text() const;
  bool matches(const Contribution &other) const;
  /// Elements that are read and written by `rank` of `ranks`.
  size_t sendElements(int rank, int ranks) const;
  size_t receiveElements(int rank, int ranks) const;
};

size_t typeSize(ncclDataType_t type);

/// One operation that the ranks meet in.
struct Slot {
  std::map<int, Contribution> arrived;
  std::map<int, std::thread::id> callers;
  bool done = false;
  char arrivals = 0, results = 0; ///< for ThreadSanitizer
};

struct Clique {
  explicit Clique(int ranks) : ranks(ranks) {}

  const int ranks;
  std::mutex mutex;
  std::condition_variable changed;
  std::map<int, ncclComm_t> members; ///< that have joined, by rank
  std::map<int, int> devices;
  std::set<int> gone; ///< aborted or destroyed
  std::map<uint64_t, std::shared_ptr<Slot>> slots;
  ncclResult_t failure = ncclSuccess; ///< seen by all ranks

  /// The ranks that are not among `present`: "rank 2", "ranks 1, 3".
  template <typename Map>
  std::string missing(const Map &present) const;

  /// Waits until all ranks have joined; false after the time limit.
  bool waitForMembers();
  /// A rank's stream has reached its operation `number`.
  void meet(int rank, uint64_t number, const Contribution &contribution,
            const bool &aborted, Engine &engine);

private:
  void finish(Slot &slot);
  void fail(ncclResult_t result);
};

} // namespace emulation

struct ncclComm {
  std::shared_ptr<emulation::Clique> clique;
  int rank = 0;
  int device = 0;
  bool blocking = true;
  bool joined = false;
  bool finalized = false;
  bool aborted = false;
  cudaStream_t stream = nullptr; ///< of all its operations
  uint64_t operations = 0;       ///< that its stream has begun
  int polls = 0; ///< of ncclCommGetAsyncError until what is pending is done
  std::vector<std::function<ncclResult_t()>> pending;
  ncclResult_t error = ncclSuccess;
};

#endif // LAMINA_TEST_EMULATION_CLIQUE_H
