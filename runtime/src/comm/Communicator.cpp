//===- Communicator.cpp - What ranks do together --------------------------===//

#include "Communicator.h"

#include "../core/Failure.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <sched.h>

namespace lamina::runtime {

namespace {

Report describe(const CollectiveKey &key) {
  Report report;
  report.add("%s", key.name);
  if (key.features != 0)
    report.add(" of %" PRId64 " x %" PRId64 " %s", key.rows, key.features,
               cpu::getTypeName(key.type));
  return report;
}

} // namespace

bool CollectiveKey::operator==(const CollectiveKey &other) const {
  return operation == other.operation && type == other.type &&
         rows == other.rows && features == other.features &&
         arguments == other.arguments;
}

void Statement::add(const char *name, uint64_t value) {
  if (numFields == kMaxFields)
    return;
  Field &field = fields[numFields++];
  snprintf(field.name, sizeof(field.name), "%s", name);
  field.value = value;
}

Communicator::Communicator(int32_t ranks, int64_t timeoutMilliseconds)
    : timeoutNanoseconds(timeoutMilliseconds * 1000000),
      seats(static_cast<size_t>(ranks)) {}

lamrt_status Communicator::broadcast(const void *, uint64_t) {
  return fail(LAMRT_USAGE, "group: its ranks are in one process");
}

lamrt_status Communicator::receive(int32_t, const std::vector<uint8_t> *&) {
  return broadcast(nullptr, 0);
}

void Communicator::abort(int32_t rank, lamrt_status status,
                         const char *message) {
  if (!isFailing.exchange(true)) {
    firstStatus = status;
    firstReport.add("rank %d: %s", rank, message);
    failed.store(true, std::memory_order_release);
  }
  // Another rank may be writing the message still.
  while (!hasFailed())
    sched_yield();
  wakeWaiting();
}

lamrt_status Communicator::begin(int32_t rank, RankEvent event) {
  RankState &state = getSeat(rank).state;
  if (lamrt_status status = check())
    return finish(rank, status);
  if (advance(state, event))
    return LAMRT_OK;
  Report report;
  report.add("the protocol has no %s when %s", getName(event), getName(state));
  abort(rank, LAMRT_INTERNAL, report.get());
  return finish(rank, failWaiting());
}

lamrt_status Communicator::finish(int32_t rank, lamrt_status status,
                                  RankEvent event) {
  advance(getSeat(rank).state, status ? event : RankEvent::complete);
  return status;
}

lamrt_status Communicator::failWaiting() const {
  return fail(LAMRT_DEVICE, "group: %s", firstReport.get());
}

lamrt_status Communicator::compareKeys(int32_t rank) {
  const CollectiveKey &mine = offerOf(rank).key;
  for (int32_t other = 0; other < ranks(); ++other) {
    const CollectiveKey &theirs = offerOf(other).key;
    if (mine == theirs)
      continue;
    Report own = describe(mine), peer = describe(theirs), report;
    report.add("came to collective %" PRIu64 " with %s, rank %d with %s%s",
               getSeat(rank).collectives.load(), own.get(), other, peer.get(),
               strcmp(own.get(), peer.get()) ? "" : " and other arguments");
    describeHistory(report);
    abort(rank, LAMRT_DEVICE, report.get());
    return finish(rank, failWaiting(), RankEvent::differ);
  }
  return LAMRT_OK;
}

lamrt_status Communicator::reportTimeout(int32_t rank, const char *missing,
                                         int32_t limits) {
  const Seat &seat = getSeat(rank);
  Report report;
  report.add("waited %" PRId64 " ms in collective %" PRIu64 ", %s, for rank %s",
             timeoutNanoseconds / 1000000 * limits, seat.collectives.load(),
             describe(seat.offer.key).get(), missing);
  describeHistory(report);
  abort(rank, LAMRT_DEVICE, report.get());
  return finish(rank, failWaiting(), RankEvent::late);
}

void Communicator::describeHistory(Report &report) const {
  for (int32_t rank = 0; rank < ranks(); ++rank) {
    report.add("\n  rank %d:", rank);
    describeRank(rank, report);
  }
}

void Communicator::describeRank(int32_t rank, Report &report) const {
  const Seat &seat = getSeat(rank);
  uint32_t count = seat.numNoted.load(std::memory_order_acquire);
  for (uint32_t k = count - std::min(count, kRemembered); k < count; ++k)
    report.add(" %s",
               seat.noted[k % kRemembered].load(std::memory_order_relaxed));
  if (count == 0)
    report.add(" nothing");
}

} // namespace lamina::runtime
