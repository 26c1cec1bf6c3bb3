//===- Meeting.h - Where the ranks of one process meet ---------*- C++ -*-===//
//
// The communicator `local`: rank threads in one address space. In a collective
// every rank lays out what it brings and waits for the others; then each reads
// and writes the rows of its peers directly, and they meet once more before
// anybody goes on.
//
// A rank that waits longer than the time limit, or brings another collective
// than a peer, ends the group: all who wait and all who come fail. The first
// failure is kept, with what each rank did last.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_MEETING_H
#define LAMINA_RUNTIME_CORE_MEETING_H

#include "../cpu/Kernels.h"

#include <atomic>
#include <string>
#include <vector>

namespace lamina::runtime {

/// What all ranks must agree on before a collective moves a byte.
struct CollectiveKey {
  const char *name = ""; ///< of the operation
  int32_t operation = 0;
  int32_t type = 0; ///< of the elements that are sent
  int64_t rows = 0;
  int64_t features = 0; ///< of the whole value
  /// Of all other arguments: the same on every rank.
  uint64_t arguments = 0;

  bool operator==(const CollectiveKey &other) const;
};

/// What a rank brings: its rows, and where the results of it are.
struct Offer {
  CollectiveKey key;
  cpu::Rows in = {};
  cpu::Rows outs[2] = {};
};

class Meeting {
public:
  /// Operations of each rank that a report names.
  static constexpr uint32_t kRemembered = 8;

  Meeting(int32_t ranks, int64_t timeoutMilliseconds);

  int32_t ranks() const { return static_cast<int32_t>(seats.size()); }

  /// Lays out `offer` and waits until all ranks have come with the same key.
  /// Fails with LAMRT_DEVICE, and then for ever.
  lamrt_status open(int32_t rank, const Offer &offer);
  /// Waits until all ranks are done with the offers.
  lamrt_status close(int32_t rank);
  /// What a rank has laid out; between open and close.
  const Offer &offerOf(int32_t rank) const {
    return seats[static_cast<size_t>(rank)].offer;
  }

  /// Remembers what a rank does, for reports. `name` lives for ever.
  void note(int32_t rank, const char *name) {
    Seat &seat = seats[static_cast<size_t>(rank)];
    uint32_t count = seat.numNoted.load(std::memory_order_relaxed);
    seat.noted[count % kRemembered].store(name, std::memory_order_relaxed);
    seat.numNoted.store(count + 1, std::memory_order_release);
  }

  /// Ends the group, because `rank` failed with `message`.
  void abort(int32_t rank, lamrt_status status, const std::string &message);

  /// Fails if the group has.
  lamrt_status check() const { return hasFailed() ? failWaiting() : LAMRT_OK; }
  bool hasFailed() const { return failed.load(std::memory_order_acquire); }
  /// The first failure. Only after hasFailed.
  lamrt_status failureStatus() const { return firstStatus; }
  const std::string &failureMessage() const { return firstMessage; }

private:
  struct alignas(64) Seat {
    /// Meetings that this rank has come to, and collectives it has begun.
    std::atomic<uint64_t> arrivals{0};
    std::atomic<uint64_t> collectives{0};
    std::atomic<uint32_t> numNoted{0};
    std::atomic<const char *> noted[kRemembered] = {};
    Offer offer;
  };

  lamrt_status wait(int32_t rank);
  bool park(uint32_t seen, uint64_t number);
  /// Ranks that have not come to meeting `number`.
  std::string nameMissing(uint64_t number) const;
  lamrt_status failWaiting() const;
  lamrt_status reportTimeout(int32_t rank, uint64_t number);
  lamrt_status reportDifference(int32_t rank, int32_t other);
  std::string describeHistory() const;

  std::vector<Seat> seats;
  int64_t timeoutNanoseconds;
  /// Changes when the last rank has come, and when the group ends.
  alignas(64) std::atomic<uint32_t> generation{0};
  alignas(64) std::atomic<uint32_t> present{0};
  alignas(64) std::atomic<uint32_t> parked{0};
  std::atomic<bool> isFailing{false};
  std::atomic<bool> failed{false};
  lamrt_status firstStatus = LAMRT_OK;
  std::string firstMessage;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_MEETING_H
