//===- Communicator.h - What ranks do together -----------------*- C++ -*-===//
//
// In a collective every rank lays out what it brings and waits for the others;
// then each reads the rows of its peers, and they meet once more before anybody
// changes them. How the rows come to the reader is the communicator's: ranks of
// one process read each other's memory (Meeting), processes send copies
// (MpiCommunicator). The sums are made by who reads, the same way in both.
//
// A rank that waits longer than the time limit, or brings another collective
// than a peer, ends the group: all who wait and all who come fail. The first
// failure is kept, with what each rank did last.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_COMM_COMMUNICATOR_H
#define LAMINA_RUNTIME_COMM_COMMUNICATOR_H

#include "../cpu/Kernels.h"
#include "Protocol.h"
#include "Report.h"

#include <atomic>
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
  /// The rows are read by rank 0 only.
  bool isForRoot = false;
};

/// What a rank says of itself before the first collective.
struct Statement {
  static constexpr int32_t kMaxFields = 12;
  struct Field {
    char name[32];
    uint64_t value;
  };

  /// Why it cannot go on, if it cannot.
  int32_t status = LAMRT_OK;
  int32_t numFields = 0;
  char message[1024] = {};
  /// What must be the same on all ranks.
  Field fields[kMaxFields] = {};

  void add(const char *name, uint64_t value);
};

class Communicator {
public:
  /// Operations of each rank that a report names.
  static constexpr uint32_t kRemembered = 8;

  Communicator(int32_t ranks, int64_t timeoutMilliseconds);
  virtual ~Communicator() = default;
  Communicator(const Communicator &) = delete;
  Communicator &operator=(const Communicator &) = delete;

  int32_t ranks() const { return static_cast<int32_t>(seats.size()); }
  int64_t getTimeoutMilliseconds() const {
    return timeoutNanoseconds / 1000000;
  }
  /// True if ranks may write to the rows that their peers offer as results.
  virtual bool sharesMemory() const = 0;

  /// Lays out `offer` and waits until the offers of all ranks are there, with
  /// the same key. Fails with LAMRT_DEVICE, and then for ever.
  virtual lamrt_status open(int32_t rank, const Offer &offer) = 0;
  /// Waits until this rank may change what it has offered.
  virtual lamrt_status close(int32_t rank) = 0;
  /// Instead of close, if no rank reads what has been offered.
  lamrt_status leave(int32_t rank) { return begin(rank, RankEvent::leave); }
  /// What a rank has laid out; between open and close.
  const Offer &offerOf(int32_t rank) const {
    return seats[static_cast<size_t>(rank)].offer;
  }

  /// The rank that this process is; -1 if all ranks are in it.
  virtual int32_t ownRank() const { return -1; }

  /// Makes room for collectives in which a rank brings at most `bytes`.
  virtual lamrt_status reserve(uint64_t bytes) = 0;
  /// Shows the others the statement of this rank. Fails on all ranks alike, if
  /// one of them cannot go on, or one differs from the others. The ranks may
  /// come `patience` time limits apart.
  virtual lamrt_status agree(int32_t rank, const Statement &statement,
                             int32_t patience) = 0;

  /// Rank 0 of several processes tells the others something.
  virtual lamrt_status broadcast(const void *data, uint64_t size);
  /// What rank 0 tells, until the next call. It may take `patience` time
  /// limits, any time for 0.
  virtual lamrt_status receive(int32_t patience,
                               const std::vector<uint8_t> *&data);
  /// Ends the processes of all ranks with `code`, as far as it can.
  virtual void end(int32_t) {}

  /// Remembers what a rank does, for reports. `name` lives for ever.
  void note(int32_t rank, const char *name) {
    Seat &seat = seats[static_cast<size_t>(rank)];
    uint32_t count = seat.numNoted.load(std::memory_order_relaxed);
    seat.noted[count % kRemembered].store(name, std::memory_order_relaxed);
    seat.numNoted.store(count + 1, std::memory_order_release);
  }

  /// Ends the group, because `rank` failed with `message`.
  void abort(int32_t rank, lamrt_status status, const char *message);

  /// Fails if the group has.
  lamrt_status check() const { return hasFailed() ? failWaiting() : LAMRT_OK; }
  bool hasFailed() const { return failed.load(std::memory_order_acquire); }
  /// The first failure. Only after hasFailed.
  lamrt_status failureStatus() const { return firstStatus; }
  const char *failureMessage() const { return firstReport.get(); }

protected:
  struct alignas(64) Seat {
    /// Meetings that this rank has come to, and collectives it has begun.
    std::atomic<uint64_t> arrivals{0};
    std::atomic<uint64_t> collectives{0};
    std::atomic<uint32_t> numNoted{0};
    std::atomic<const char *> noted[kRemembered] = {};
    Offer offer;
    RankState state = RankState::idle; ///< read and written by the rank itself
  };

  /// A rank begins something: fails if the group has, or ends it if the
  /// protocol does not have that here.
  lamrt_status begin(int32_t rank, RankEvent event);
  /// What a rank has waited for: `status`, which is that of `event` if it is a
  /// failure. Returns it.
  lamrt_status finish(int32_t rank, lamrt_status status,
                      RankEvent event = RankEvent::lose);

  /// Makes those who wait look whether the group has failed.
  virtual void wakeWaiting() = 0;
  /// The last operations of a rank, the latest last.
  virtual void describeRank(int32_t rank, Report &report) const;

  Seat &getSeat(int32_t rank) { return seats[static_cast<size_t>(rank)]; }
  const Seat &getSeat(int32_t rank) const {
    return seats[static_cast<size_t>(rank)];
  }
  /// Fails if the key of some rank is not that of `rank`.
  lamrt_status compareKeys(int32_t rank);
  lamrt_status failWaiting() const;
  /// Ends the group: `rank` waited `limits` time limits for those that
  /// `missing` names.
  lamrt_status reportTimeout(int32_t rank, const char *missing,
                             int32_t limits = 1);

  const int64_t timeoutNanoseconds;

private:
  void describeHistory(Report &report) const;

  std::vector<Seat> seats;
  std::atomic<bool> isFailing{false};
  std::atomic<bool> failed{false};
  lamrt_status firstStatus = LAMRT_OK;
  Report firstReport;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_COMM_COMMUNICATOR_H
