//===- Meeting.cpp - Where the ranks of one process meet ------------------===//

#include "Meeting.h"

#include "../core/Failure.h"
#include "../core/Parking.h"

#include <algorithm>

namespace lamina::runtime {

namespace {

/// Nanoseconds that a rank sleeps at one time.
constexpr int64_t kSlice = 100000000;

} // namespace

lamrt_status Meeting::open(int32_t rank, const Offer &offer) {
  if (lamrt_status status = begin(rank, RankEvent::offer))
    return status;
  Seat &seat = getSeat(rank);
  seat.offer = offer;
  seat.collectives.fetch_add(1, std::memory_order_relaxed);
  if (lamrt_status status = finish(rank, wait(rank)))
    return status;
  // Every rank looks at all: none touches a row of a group that disagrees.
  return compareKeys(rank);
}

lamrt_status Meeting::close(int32_t rank) {
  if (lamrt_status status = begin(rank, RankEvent::close))
    return status;
  return finish(rank, wait(rank));
}

lamrt_status Meeting::agree(int32_t rank, const Statement &statement, int32_t) {
  if (lamrt_status status = begin(rank, RankEvent::agree))
    return status;
  lamrt_status status = LAMRT_OK;
  if (statement.status)
    status = fail(statement.status, "%s", statement.message);
  return finish(rank, status, RankEvent::differ);
}

/// The last rank that comes lets all go on.
lamrt_status Meeting::wait(int32_t rank) {
  uint32_t seen = generation.load();
  if (lamrt_status status = check())
    return status;
  Seat &seat = getSeat(rank);
  uint64_t number = seat.arrivals.load(std::memory_order_relaxed) + 1;
  seat.arrivals.store(number);
  if (present.fetch_add(1) + 1 == static_cast<uint32_t>(ranks())) {
    present.store(0);
    generation.fetch_add(1);
    if (parked.load())
      wakeAll(generation);
    return LAMRT_OK;
  }
  for (int i = 0; i < kSpins; ++i) {
    if (generation.load(std::memory_order_acquire) != seen)
      return check();
    pauseProcessor();
  }
  parked.fetch_add(1);
  bool isInTime = park(seen, number);
  parked.fetch_sub(1);
  return isInTime ? check() : reportTimeout(rank, nameMissing(number).get());
}

/// Waits until the generation is no longer `seen`. Returns false if the time
/// limit has passed and a rank has not come to meeting `number`.
bool Meeting::park(uint32_t seen, uint64_t number) {
  int64_t left = timeoutNanoseconds, before = getNanoseconds();
  while (generation.load() == seen) {
    // If all have come, the last of them is about to wake this one.
    if (left <= 0 && !nameMissing(number).isEmpty())
      return false;
    waitForChange(generation, seen, left > 0 ? std::min(left, kSlice) : kSlice);
    // The clock goes on while the process is stopped (job control, a
    // debugger). Then no rank can come, and the time does not count.
    int64_t now = getNanoseconds();
    left -= std::min(now - before, 2 * kSlice);
    before = now;
  }
  return true;
}

Report Meeting::nameMissing(uint64_t number) const {
  Report missing;
  for (int32_t rank = 0; rank < ranks(); ++rank)
    if (getSeat(rank).arrivals.load() < number)
      missing.add("%s%d", missing.isEmpty() ? "" : ", ", rank);
  return missing;
}

void Meeting::wakeWaiting() {
  generation.fetch_add(1);
  wakeAll(generation);
}

} // namespace lamina::runtime
