//===- Meeting.h - Where the ranks of one process meet ---------*- C++ -*-===//
//
// The communicator `local`: rank threads in one address space. Between the two
// meetings of a collective each reads and writes the rows of its peers
// directly.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_COMM_MEETING_H
#define LAMINA_RUNTIME_COMM_MEETING_H

#include "Communicator.h"

namespace lamina::runtime {

class Meeting final : public Communicator {
public:
  using Communicator::Communicator;

  bool sharesMemory() const override { return true; }
  lamrt_status open(int32_t rank, const Offer &offer) override;
  lamrt_status close(int32_t rank) override;
  lamrt_status reserve(uint64_t) override { return LAMRT_OK; }
  /// The ranks of a process are made by one thread, one after the other.
  lamrt_status agree(int32_t rank, const Statement &statement,
                     int32_t patience) override;

private:
  void wakeWaiting() override;
  lamrt_status wait(int32_t rank);
  bool park(uint32_t seen, uint64_t number);
  /// Ranks that have not come to meeting `number`.
  Report nameMissing(uint64_t number) const;

  /// Changes when the last rank has come, and when the group ends.
  alignas(64) std::atomic<uint32_t> generation{0};
  alignas(64) std::atomic<uint32_t> present{0};
  alignas(64) std::atomic<uint32_t> parked{0};
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_COMM_MEETING_H
