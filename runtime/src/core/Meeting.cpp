//===- Meeting.cpp - Where the ranks of one process meet ------------------===//

#include "Meeting.h"

#include "Failure.h"
#include "Parking.h"

#include <algorithm>
#include <sched.h>

namespace lamina::runtime {

namespace {

/// Nanoseconds that a rank sleeps at one time.
constexpr int64_t kSlice = 100000000;

std::string describe(const CollectiveKey &key) {
  if (key.features == 0)
    return key.name;
  return std::string(key.name) + " of " + std::to_string(key.rows) + " x " +
         std::to_string(key.features) + " " + cpu::getTypeName(key.type);
}

} // namespace

bool CollectiveKey::operator==(const CollectiveKey &other) const {
  return operation == other.operation && type == other.type &&
         rows == other.rows && features == other.features &&
         arguments == other.arguments;
}

Meeting::Meeting(int32_t ranks, int64_t timeoutMilliseconds)
    : seats(static_cast<size_t>(ranks)),
      timeoutNanoseconds(timeoutMilliseconds * 1000000) {}

lamrt_status Meeting::open(int32_t rank, const Offer &offer) {
  if (lamrt_status status = check())
    return status;
  Seat &seat = seats[static_cast<size_t>(rank)];
  seat.offer = offer;
  seat.collectives.fetch_add(1, std::memory_order_relaxed);
  if (lamrt_status status = wait(rank))
    return status;
  // Every rank looks at all: none touches a row of a group that disagrees.
  for (int32_t other = 0; other < ranks(); ++other)
    if (!(offer.key == offerOf(other).key))
      return reportDifference(rank, other);
  return LAMRT_OK;
}

lamrt_status Meeting::close(int32_t rank) { return wait(rank); }

/// The last rank that comes lets all go on.
lamrt_status Meeting::wait(int32_t rank) {
  uint32_t seen = generation.load();
  if (lamrt_status status = check())
    return status;
  Seat &seat = seats[static_cast<size_t>(rank)];
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
  return isInTime ? check() : reportTimeout(rank, number);
}

/// Waits until the generation is no longer `seen`. Returns false if the time
/// limit has passed and a rank has not come to meeting `number`.
bool Meeting::park(uint32_t seen, uint64_t number) {
  int64_t left = timeoutNanoseconds, before = getNanoseconds();
  while (generation.load() == seen) {
    // If all have come, the last of them is about to wake this one.
    if (left <= 0 && !nameMissing(number).empty())
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

std::string Meeting::nameMissing(uint64_t number) const {
  std::string missing;
  for (size_t i = 0; i < seats.size(); ++i)
    if (seats[i].arrivals.load() < number)
      missing += (missing.empty() ? "" : ", ") + std::to_string(i);
  return missing;
}

void Meeting::abort(int32_t rank, lamrt_status status,
                    const std::string &message) {
  if (!isFailing.exchange(true)) {
    firstStatus = status;
    firstMessage = "rank " + std::to_string(rank) + ": " + message;
    failed.store(true, std::memory_order_release);
  }
  // Another rank may be writing the message still.
  while (!hasFailed())
    sched_yield();
  generation.fetch_add(1);
  wakeAll(generation);
}

lamrt_status Meeting::failWaiting() const {
  return fail(LAMRT_DEVICE, "group: %s", firstMessage.c_str());
}

lamrt_status Meeting::reportTimeout(int32_t rank, uint64_t number) {
  const Seat &seat = seats[static_cast<size_t>(rank)];
  std::string message =
      "waited " + std::to_string(timeoutNanoseconds / 1000000) +
      " ms in collective " + std::to_string(seat.collectives.load()) + ", " +
      describe(seat.offer.key) + ", for rank " + nameMissing(number) +
      describeHistory();
  abort(rank, LAMRT_DEVICE, message);
  return failWaiting();
}

lamrt_status Meeting::reportDifference(int32_t rank, int32_t other) {
  const Seat &seat = seats[static_cast<size_t>(rank)];
  std::string mine = describe(seat.offer.key);
  std::string theirs = describe(offerOf(other).key);
  std::string message =
      "came to collective " + std::to_string(seat.collectives.load()) +
      " with " + mine + ", rank " + std::to_string(other) + " with " + theirs +
      (mine == theirs ? " and other arguments" : "") + describeHistory();
  abort(rank, LAMRT_DEVICE, message);
  return failWaiting();
}

/// The last operations of each rank, a line each, the latest last.
std::string Meeting::describeHistory() const {
  std::string text;
  for (size_t i = 0; i < seats.size(); ++i) {
    uint32_t count = seats[i].numNoted.load(std::memory_order_acquire);
    text += "\n  rank " + std::to_string(i) + ":";
    uint32_t begin = count > kRemembered ? count - kRemembered : 0;
    for (uint32_t k = begin; k < count; ++k)
      text += std::string(" ") +
              seats[i].noted[k % kRemembered].load(std::memory_order_relaxed);
    if (count == 0)
      text += " nothing";
  }
  return text;
}

} // namespace lamina::runtime
