//===- Clique.cpp - Where ranks meet, and what they compute ---------------===//

#include "Clique.h"
#include "Device.h"
#include "Elements.h"
#include "Entry.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace emulation {
namespace {

const char *name(Collective kind) {
  switch (kind) {
  case Collective::AllReduce:
    return "all-reduce";
  case Collective::AllGather:
    return "all-gather";
  case Collective::ReduceScatter:
    return "reduce-scatter";
  case Collective::Broadcast:
    return "broadcast";
  case Collective::Reduce:
    return "reduce";
  case Collective::Gather:
    return "gather";
  }
  return "?";
}

bool reduces(Collective kind) {
  return kind == Collective::AllReduce || kind == Collective::ReduceScatter ||
         kind == Collective::Reduce;
}

bool hasRoot(Collective kind) {
  return kind == Collective::Broadcast || kind == Collective::Reduce ||
         kind == Collective::Gather;
}

const char *name(ncclDataType_t type) {
  switch (type) {
  case ncclFloat32:
    return "float";
  case ncclFloat16:
    return "half";
  case ncclBfloat16:
    return "bfloat16";
  case ncclInt32:
    return "int32";
  case ncclInt64:
    return "int64";
  case ncclInt8:
  case ncclUint8:
    return "byte";
  default:
    return "another type";
  }
}

/// Adds in the type of the elements, rounded each time, from a rank on that
/// depends on the place, as a ring does.
template <typename T>
void addUp(const std::vector<const void *> &from, size_t count, T *to) {
  size_t ranks = from.size();
  for (size_t i = 0; i < count; ++i) {
    size_t first = (i / 64 + options().seed) % ranks;
    T sum = static_cast<const T *>(from[first])[i];
    for (size_t step = 1; step < ranks; ++step) {
      T next = static_cast<const T *>(from[(first + step) % ranks])[i];
      if constexpr (std::is_integral_v<T>)
        sum = static_cast<T>(sum + next);
      else
        sum = fromDouble<T>(double(toFloat(sum)) + double(toFloat(next)));
    }
    to[i] = sum;
  }
}

void addUp(ncclDataType_t type, const std::vector<const void *> &from,
           size_t count, void *to) {
  switch (type) {
  case ncclFloat32:
    return addUp(from, count, static_cast<float *>(to));
  case ncclFloat16:
    return addUp(from, count, static_cast<__half *>(to));
  case ncclBfloat16:
    return addUp(from, count, static_cast<__nv_bfloat16 *>(to));
  case ncclInt32:
    return addUp(from, count, static_cast<int32_t *>(to));
  default:
    return addUp(from, count, static_cast<int64_t *>(to));
  }
}

using Arrived = std::map<int, Contribution>;

/// What one rank receives, from all that arrived.
std::vector<char> result(const Arrived &arrived, int rank) {
  const Contribution &own = arrived.at(rank);
  int ranks = static_cast<int>(arrived.size());
  size_t size = typeSize(own.type);
  std::vector<char> out(own.receiveElements(rank, ranks) * size);
  if (out.empty())
    return out;
  std::vector<const void *> from;
  for (auto &[other, contribution] : arrived)
    from.push_back(hostView(contribution.send));
  if (reduces(own.kind)) {
    if (own.kind == Collective::ReduceScatter)
      for (const void *&part : from)
        part = static_cast<const char *>(part) + rank * own.count * size;
    addUp(own.type, from, own.count, out.data());
  } else if (own.kind == Collective::Broadcast) {
    std::memcpy(out.data(), from[own.root], out.size());
  } else {
    for (int other = 0; other < ranks; ++other)
      std::memcpy(out.data() + other * own.count * size, from[other],
                  own.count * size);
  }
  return out;
}

} // namespace

size_t typeSize(ncclDataType_t type) {
  switch (type) {
  case ncclInt8:
  case ncclUint8:
    return 1;
  case ncclFloat16:
  case ncclBfloat16:
    return 2;
  case ncclFloat32:
  case ncclInt32:
  case ncclUint32:
    return 4;
  default:
    return 8;
  }
}

std::string Contribution::text() const {
  std::string text = std::string(name(kind)) + " of " + std::to_string(count) +
                     " x " + name(type);
  if (reduces(kind))
    text += reduction == ncclSum ? ", sum" : ", not a sum";
  if (hasRoot(kind))
    text += ", root " + std::to_string(root);
  return text;
}

bool Contribution::matches(const Contribution &other) const {
  return kind == other.kind && count == other.count && type == other.type &&
         (!reduces(kind) || reduction == other.reduction) &&
         (!hasRoot(kind) || root == other.root);
}

size_t Contribution::sendElements(int rank, int ranks) const {
  if (kind == Collective::Broadcast && rank != root)
    return 0;
  return kind == Collective::ReduceScatter ? count * ranks : count;
}

size_t Contribution::receiveElements(int rank, int ranks) const {
  if ((kind == Collective::Reduce || kind == Collective::Gather) &&
      rank != root)
    return 0;
  bool all = kind == Collective::AllGather || kind == Collective::Gather;
  return all ? count * ranks : count;
}

template <typename Map>
std::string Clique::missing(const Map &present) const {
  std::string text;
  int count = 0;
  for (int rank = 0; rank < ranks; ++rank)
    if (!present.count(rank)) {
      text += (text.empty() ? "" : ", ") + std::to_string(rank);
      ++count;
    }
  return (count == 1 ? "rank " : "ranks ") + text;
}

void Clique::fail(ncclResult_t result) {
  if (failure == ncclSuccess)
    failure = result;
  changed.notify_all();
}

bool Clique::waitForMembers() {
  std::unique_lock<std::mutex> lock(mutex);
  auto limit = std::chrono::duration<double>(options().ncclSeconds);
  bool all = changed.wait_for(lock, limit, [this] {
    return static_cast<int>(members.size()) == ranks || failure != ncclSuccess;
  });
  if (all && failure == ncclSuccess)
    return true;
  if (failure == ncclSuccess)
    report("ncclCommInitRank", "%s of %d did not come within %.1f s",
           missing(members).c_str(), ranks, options().ncclSeconds);
  fail(ncclSystemError);
  return false;
}

/// Computes all results before the first is stored: ranks may work in place.
void Clique::finish(Slot &slot) {
  tsan::acquire(&slot.arrivals);
  std::map<int, std::vector<char>> results;
  for (auto &[rank, contribution] : slot.arrived) {
    size_t size = typeSize(contribution.type);
    tsan::read(hostView(contribution.send),
               contribution.sendElements(rank, ranks) * size);
    results[rank] = result(slot.arrived, rank);
  }
  for (auto &[rank, bytes] : results) {
    if (bytes.empty())
      continue;
    void *to = hostView(slot.arrived.at(rank).receive);
    tsan::write(to, bytes.size());
    std::memcpy(to, bytes.data(), bytes.size());
  }
  tsan::release(&slot.results);
}

void Clique::meet(int rank, uint64_t number, const Contribution &contribution,
                  const bool &aborted, Engine &engine) {
  std::unique_lock<std::mutex> lock(mutex);
  auto &entry = slots[number];
  if (!entry)
    entry = std::make_shared<Slot>();
  std::shared_ptr<Slot> slot = entry;
  if (failure != ncclSuccess || aborted)
    return;
  if (!slot->arrived.empty()) {
    auto &[other, theirs] = *slot->arrived.begin();
    if (!contribution.matches(theirs)) {
      report("NCCL", "operation %llu: rank %d has %s, rank %d has %s",
             static_cast<unsigned long long>(number), other,
             theirs.text().c_str(), rank, contribution.text().c_str());
      return fail(ncclInternalError);
    }
  }
  engine.as([&] { tsan::release(&slot->arrivals); });
  slot->arrived[rank] = contribution;
  if (static_cast<int>(slot->arrived.size()) == ranks) {
    engine.as([&] { finish(*slot); });
    slot->done = true;
    slots.erase(number);
    changed.notify_all();
  }
  auto limit = std::chrono::duration<double>(options().ncclSeconds);
  bool in_time = changed.wait_for(lock, limit, [&] {
    return slot->done || failure != ncclSuccess || aborted;
  });
  if (!in_time) {
    report("NCCL", "operation %llu, %s: %s did not come within %.1f s",
           static_cast<unsigned long long>(number), contribution.text().c_str(),
           missing(slot->arrived).c_str(), options().ncclSeconds);
    fail(ncclRemoteError);
  }
  if (slot->done)
    engine.as([&] { tsan::acquire(&slot->results); });
}

} // namespace emulation
