//===- Rendezvous.cpp - Where the ranks' collectives meet -----------------===//

#include "Rendezvous.h"
#include "Describe.h"
#include "Slices.h"
#include "llvm/Support/raw_ostream.h"

using namespace lamina;

bool Rendezvous::allMeet() const {
  const Place &first = places.front();
  return llvm::all_of(places, [&](const Place &place) {
    return place.op && first.op && place.op->getName() == first.op->getName() &&
           place.op->getResultTypes() == first.op->getResultTypes() &&
           place.op->getOperand(0).getType() ==
               first.op->getOperand(0).getType() &&
           place.attributes == first.attributes;
  });
}

bool Rendezvous::haveFittingRows() const {
  int64_t ranks = static_cast<int64_t>(places.size()), all = 0;
  for (const Place &place : places)
    all += place.payload.tensor->rows();
  for (auto [rank, place] : llvm::enumerate(places)) {
    const Payload &first = places.front().payload;
    int64_t expected =
        first.isInRows
            ? getRowSpan(all, static_cast<int64_t>(rank), ranks).size()
            : first.tensor->rows();
    if (place.payload.tensor->rows() != expected)
      return false;
  }
  return true;
}

void Rendezvous::resolve(Combine *combine) {
  if (stopped < static_cast<int64_t>(places.size()))
    return;
  if (combine && allMeet() && haveFittingRows()) {
    std::vector<TensorRef> payloads;
    for (Place &place : places) {
      payloads.push_back(std::move(place.payload.tensor));
      place.op = nullptr;
    }
    combined = std::make_shared<const Tensor>((*combine)(payloads));
    stopped = 0;
    ++generation;
  } else {
    isStuck = llvm::any_of(
        places, [](const Place &place) { return place.op != nullptr; });
  }
  changed.notify_all();
}

TensorRef Rendezvous::meet(int64_t rank, mlir::Operation *op,
                           mlir::DictionaryAttr attributes, Payload payload,
                           Combine combine) {
  std::unique_lock<std::mutex> lock(mutex);
  uint64_t mine = generation;
  places[rank].op = op;
  places[rank].attributes = attributes;
  places[rank].payload = std::move(payload);
  ++stopped;
  resolve(&combine);
  changed.wait(lock, [&] { return generation != mine || isStuck; });
  return generation != mine ? combined : nullptr;
}

void Rendezvous::end(int64_t rank, const char *how) {
  std::lock_guard<std::mutex> lock(mutex);
  places[rank].ended = how;
  ++stopped;
  resolve(nullptr);
}

std::string Rendezvous::describeFailure() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (!isStuck)
    return text;
  if (allMeet()) {
    const Place &first = places.front();
    os << describeLocation(first.op->getLoc()) << ": '" << first.op->getName()
       << "': ";
    for (auto [rank, place] : llvm::enumerate(places))
      os << place.payload.tensor->rows() << " rows on rank " << rank << ", ";
    os << (first.payload.isInRows ? "expected equal shares, the last ones less"
                                  : "expected the same number on every rank");
    return text;
  }
  os << "dead-lock, expected all ranks to meet in one collective: ";
  for (auto [rank, place] : llvm::enumerate(places)) {
    os << (rank ? "; " : "") << "rank " << rank << " ";
    if (place.op)
      os << "waits in '" << place.op->getName() << "' at "
         << describeLocation(place.op->getLoc());
    else
      os << place.ended;
  }
  return text;
}
