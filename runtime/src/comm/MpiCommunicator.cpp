//===- MpiCommunicator.cpp - Ranks that are processes ---------------------===//

#include "MpiCommunicator.h"

#include "../core/Failure.h"
#include "../core/Parking.h"
#include "Agreement.h"
#include "MpiCandidates.h"
#include "RunWithin.h"
#include "lamina/Support/CheckedMath.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>
#include <new>
#include <sched.h>

namespace lamina::runtime {

namespace {

enum Tag { kCollective = 1, kAgreement = 2, kSize = 3, kData = 4 };

/// Time without a pause that counts at most: the process may have been stopped.
constexpr int64_t kSlice = 200000000;
/// How long a wait keeps the processor for itself, then for who else wants it.
constexpr int64_t kBusy = 2000000, kNap = 100000;
constexpr int64_t kMillisecond = 1000000;
/// Of a message from rank 0: larger ones are damaged.
constexpr uint64_t kMaxBroadcast = uint64_t(1) << 30;

/// Time limits that the start of MPI may take: launchers start one process
/// after the other, and Open MPI 5 takes a second on two processors.
constexpr int64_t kStartPatience = 5;

constexpr uint32_t kMagic = 0x4c4d5031; // "1PML"

} // namespace

struct MpiCommunicator::Header {
  uint32_t magic;
  int32_t operation, type;
  uint32_t rowBytes;
  uint64_t number; ///< of the collective, from 1
  int64_t rows, features;
  uint64_t arguments;
  char name[64];
  char recent[192]; ///< the last operations, a space before each
};

lamrt_status MpiCommunicator::create(const Launch &launch,
                                     int64_t timeoutMilliseconds,
                                     std::unique_ptr<Communicator> &out) {
  std::unique_ptr<MpiLibrary> library;
  if (lamrt_status status = MpiLibrary::open(getMpiCandidates(launch), library))
    return launch.isSpokenFor() ? fail(status, "%s", "") : status;
  MpiLibrary *mpi = library.get();
  int error = 0;
  int64_t limit = kStartPatience * timeoutMilliseconds;
  if (!runWithin(limit, [mpi] { return mpi->start(); }, error)) {
    (void)library.release(); // a thread is in it still
    return fail(LAMRT_DEVICE,
                "mpi: rank %d waited %lld ms for the %d processes of %s to "
                "start (MPI_Init of %s)",
                launch.rank, static_cast<long long>(limit), launch.size,
                launch.variable, mpi->path().c_str());
  }
  if (error)
    return fail(LAMRT_DEVICE, "mpi: %s: %s", mpi->path().c_str(),
                mpi->describe(error).c_str());
  if (mpi->size() != launch.size && launch.isSpokenFor())
    return fail(LAMRT_DEVICE, "%s", "");
  if (mpi->size() != launch.size)
    return fail(LAMRT_DEVICE,
                "mpi: %s is %d, but %s (%s) sees %d: expected the MPI library "
                "of the launcher; LAMINA_MPI names it",
                launch.variable, launch.size, mpi->path().c_str(),
                mpi->version().c_str(), mpi->size());
  out.reset(new (std::nothrow)
                MpiCommunicator(std::move(library), timeoutMilliseconds));
  if (!out)
    return fail(LAMRT_LIMIT, "memory: cannot make the group");
  return out->reserve(0);
}

MpiCommunicator::MpiCommunicator(std::unique_ptr<MpiLibrary> library,
                                 int64_t timeoutMilliseconds)
    : Communicator(library->size(), timeoutMilliseconds),
      mpi(std::move(library)),
      transfers(std::make_unique<Transfers>(static_cast<size_t>(ranks() - 1))),
      peers(transfers->peers), laidOut(transfers->laidOut) {
  int32_t next = 0;
  for (Peer &peer : peers) {
    next += next == mpi->rank();
    peer.rank = next++;
  }
}

MpiCommunicator::~MpiCommunicator() {
  MpiLibrary *library = mpi.get();
  int error = 0;
  bool isBack =
      !hasFailed() && runWithin(
                          timeoutNanoseconds / kMillisecond,
                          [library] { return library->finish(); }, error);
  if (isBack)
    return;
  // MPI may be using all of this still, until the process ends.
  (void)mpi.release();
  (void)transfers.release();
}

void MpiCommunicator::end(int32_t code) {
  MpiLibrary *library = mpi.get();
  int error = 0;
  (void)runWithin(
      1000, [library, code] { return library->abort(code); }, error);
}

lamrt_status MpiCommunicator::reserve(uint64_t bytes) {
  bytes = std::max<uint64_t>(bytes, sizeof(Statement));
  if (capacity >= bytes)
    return LAMRT_OK;
  // MPI counts in int.
  if (bytes > INT32_MAX - sizeof(Header))
    return fail(LAMRT_LIMIT,
                "mpi: a collective of %" PRIu64
                " bytes, limit %d; a smaller --chunk helps",
                bytes, INT32_MAX);
  for (Peer &peer : peers) {
    peer.received.release();
    if (lamrt_status status =
            peer.received.allocate(sizeof(Header) + bytes, "messages"))
      return status;
  }
  laidOut.release();
  if (lamrt_status status =
          laidOut.allocate(sizeof(Header) + bytes, "messages"))
    return status;
  capacity = bytes;
  return LAMRT_OK;
}

MpiCommunicator::Header *
MpiCommunicator::getHeader(const Memory &memory) const {
  return reinterpret_cast<Header *>(memory.data());
}

void MpiCommunicator::fillHeader(int32_t rank, const Offer &offer) {
  Header &header = *getHeader(laidOut);
  header = {kMagic,
            offer.key.operation,
            offer.key.type,
            static_cast<uint32_t>(offer.in.rowBytes),
            ++numCollectives,
            offer.key.rows,
            offer.key.features,
            offer.key.arguments,
            {},
            {}};
  snprintf(header.name, sizeof(header.name), "%s", offer.key.name);
  Report recent;
  Communicator::describeRank(rank, recent);
  snprintf(header.recent, sizeof(header.recent), "%s", recent.get());
}

lamrt_status MpiCommunicator::open(int32_t rank, const Offer &offer) {
  if (lamrt_status status = begin(rank, RankEvent::offer))
    return status;
  Seat &seat = getSeat(rank);
  seat.offer = offer;
  seat.collectives.fetch_add(1, std::memory_order_relaxed);
  fillHeader(rank, offer);
  auto bytes =
      checkedMul(offer.in.data ? static_cast<uint64_t>(offer.key.rows) : 0,
                 static_cast<uint64_t>(offer.in.rowBytes));
  if (!bytes || *bytes > capacity) {
    abort(rank, LAMRT_INTERNAL, "program: a collective that it does not list");
    return finish(rank, failWaiting());
  }
  if (*bytes > 0)
    memcpy(laidOut.data() + sizeof(Header), offer.in.data, *bytes);
  if (!exchange(kCollective, *bytes, offer.isForRoot, timeoutNanoseconds))
    return failTransfer(rank);
  finish(rank, LAMRT_OK);
  for (const Peer &peer : peers) {
    Header &header = *getHeader(peer.received);
    header.name[sizeof(header.name) - 1] = 0;
    Offer &theirs = getSeat(peer.rank).offer;
    theirs.key = {header.name, header.operation, header.type,
                  header.rows, header.features,  header.arguments};
    theirs.in = offer.in;
    theirs.in.data = peer.received.data() + sizeof(Header);
    if (header.magic != kMagic || header.number != numCollectives ||
        header.rowBytes != static_cast<uint32_t>(offer.in.rowBytes))
      theirs.key.arguments = ~offer.key.arguments;
  }
  return compareKeys(rank);
}

/// What was sent has been sent, and what was received stays until the next
/// collective.
lamrt_status MpiCommunicator::close(int32_t rank) {
  if (lamrt_status status = begin(rank, RankEvent::close))
    return status;
  return finish(rank, LAMRT_OK);
}

lamrt_status MpiCommunicator::agree(int32_t rank, const Statement &statement,
                                    int32_t patience) {
  if (lamrt_status status = begin(rank, RankEvent::agree))
    return status;
  Offer offer;
  offer.key.name = "the agreement";
  getSeat(rank).offer = offer;
  memcpy(laidOut.data() + sizeof(Header), &statement, sizeof(Statement));
  if (!exchange(kAgreement, sizeof(Statement), false,
                timeoutNanoseconds * patience))
    return failTransfer(rank, patience);
  std::vector<const Statement *> statements(static_cast<size_t>(ranks()),
                                            &statement);
  for (const Peer &peer : peers) {
    auto *theirs =
        reinterpret_cast<Statement *>(peer.received.data() + sizeof(Header));
    theirs->message[sizeof(theirs->message) - 1] = 0;
    statements[static_cast<size_t>(peer.rank)] = theirs;
  }
  lamrt_status status = finish(rank, judge(statements), RankEvent::differ);
  // All have the same to say: rank 0 says it.
  return status && rank > 0 ? fail(status, "%s", "") : status;
}

lamrt_status MpiCommunicator::broadcast(const void *data, uint64_t size) {
  if (mpi->rank() != 0)
    return fail(LAMRT_USAGE, "group: rank %d tells, expected rank 0",
                mpi->rank());
  if (lamrt_status status = begin(0, RankEvent::tell))
    return status;
  auto *bytes = static_cast<const uint8_t *>(data);
  transfers->data.assign(bytes, bytes + size);
  transfers->size = size;
  auto sendAll = [&](int tag, const void *from, uint64_t count) {
    for (Peer &peer : peers)
      peer.isSent = isError(
          mpi->send(from, static_cast<int>(count), peer.rank, tag, peer.send),
          peer.rank);
    return poll(timeoutNanoseconds);
  };
  getSeat(0).offer.key = {"a message of rank 0", 0, 0, 0, 0, 0};
  if (!sendAll(kSize, &transfers->size, sizeof(size)) ||
      !sendAll(kData, transfers->data.data(), size))
    return failTransfer(0);
  return finish(0, LAMRT_OK);
}

lamrt_status MpiCommunicator::receive(int32_t patience,
                                      const std::vector<uint8_t> *&data) {
  if (mpi->rank() == 0)
    return fail(LAMRT_USAGE, "group: rank 0 listens, expected another");
  if (lamrt_status status = begin(mpi->rank(), RankEvent::listen))
    return status;
  Peer &root = peers.front();
  auto receiveFromRoot = [&](int tag, void *to, uint64_t count, int64_t limit) {
    root.isReceived = isError(
        mpi->receive(to, static_cast<int>(count), 0, tag, root.receive), 0);
    return poll(limit);
  };
  getSeat(mpi->rank()).offer.key = {"a message of rank 0", 0, 0, 0, 0, 0};
  if (!receiveFromRoot(kSize, &transfers->size, sizeof(transfers->size),
                       patience == 0 ? -1 : timeoutNanoseconds * patience))
    return failTransfer(mpi->rank(), patience);
  if (transfers->size > kMaxBroadcast) {
    abort(0, LAMRT_DEVICE, "sent a message of a wrong size");
    return finish(mpi->rank(), failWaiting());
  }
  transfers->data.resize(transfers->size);
  if (!receiveFromRoot(kData, transfers->data.data(), transfers->size,
                       timeoutNanoseconds))
    return failTransfer(mpi->rank());
  data = &transfers->data;
  return finish(mpi->rank(), LAMRT_OK);
}

bool MpiCommunicator::isError(int error, int32_t peer) {
  if (!error)
    return false;
  if (firstError.isEmpty())
    firstError.add("mpi: rank %d: %s", peer, mpi->describe(error).c_str());
  return true;
}

bool MpiCommunicator::exchange(int tag, uint64_t size, bool isForRoot,
                               int64_t limit) {
  auto whole = static_cast<int>(sizeof(Header) + size);
  for (Peer &peer : peers)
    peer.isReceived =
        isError(mpi->receive(peer.received.data(),
                             static_cast<int>(sizeof(Header) + capacity),
                             peer.rank, tag, peer.receive),
                peer.rank);
  for (Peer &peer : peers) {
    bool isReader = !isForRoot || peer.rank == 0;
    peer.isSent =
        isError(mpi->send(laidOut.data(),
                          isReader ? whole : static_cast<int>(sizeof(Header)),
                          peer.rank, tag, peer.send),
                peer.rank);
  }
  return poll(limit);
}

bool MpiCommunicator::isWaiting() const {
  return std::any_of(peers.begin(), peers.end(), [](const Peer &peer) {
    return !peer.isSent || !peer.isReceived;
  });
}

bool MpiCommunicator::test() {
  for (Peer &peer : peers) {
    if (!peer.isReceived &&
        isError(mpi->test(peer.receive, peer.isReceived), peer.rank))
      peer.isReceived = true;
    if (!peer.isSent && isError(mpi->test(peer.send, peer.isSent), peer.rank))
      peer.isSent = true;
  }
  return !isWaiting();
}

/// A limit below 0 is none. Returns false as exchange does.
bool MpiCommunicator::poll(int64_t limit) {
  int64_t waited = 0, before = getNanoseconds();
  for (int i = 0; !test(); ++i) {
    if (i < kSpins) {
      pauseProcessor();
      continue;
    }
    if (waited < kBusy) {
      sched_yield();
    } else {
      timespec nap = {0, kNap};
      nanosleep(&nap, nullptr);
    }
    // As in Meeting: while the process is stopped, the time does not count.
    int64_t now = getNanoseconds();
    waited += std::min(now - before, kSlice);
    before = now;
    if (limit >= 0 && waited > limit)
      return false;
  }
  return firstError.isEmpty();
}

Report MpiCommunicator::nameMissing() const {
  Report missing;
  for (const Peer &peer : peers)
    if (!peer.isSent || !peer.isReceived)
      missing.add("%s%d", missing.isEmpty() ? "" : ", ", peer.rank);
  return missing;
}

lamrt_status MpiCommunicator::failTransfer(int32_t rank, int32_t limits) {
  if (firstError.isEmpty())
    return reportTimeout(rank, nameMissing().get(), limits);
  abort(rank, LAMRT_DEVICE, firstError.get());
  return finish(rank, failWaiting());
}

/// A peer tells what it did last with each collective.
void MpiCommunicator::describeRank(int32_t rank, Report &report) const {
  if (rank == mpi->rank())
    return Communicator::describeRank(rank, report);
  for (const Peer &peer : peers)
    if (peer.rank == rank) {
      Header &header = *getHeader(peer.received);
      header.recent[sizeof(header.recent) - 1] = 0;
      report.add("%s, then collective %" PRIu64,
                 header.recent[0] ? header.recent : " nothing", header.number);
    }
}

} // namespace lamina::runtime
