//===- Rendezvous.cpp - Where the ranks' collectives meet -----------------===//

#include "Rendezvous.h"
#include "Describe.h"
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

void Rendezvous::resolve(Combine *combine) {
  if (stopped < static_cast<int64_t>(places.size()))
    return;
  if (combine && allMeet()) {
    std::vector<TensorRef> payloads;
    for (Place &place : places) {
      payloads.push_back(std::move(place.payload));
      place.op = nullptr;
    }
    combined = std::make_shared<const Tensor>((*combine)(payloads));
    stopped = 0;
    ++generation;
  } else {
    deadLocked = llvm::any_of(
        places, [](const Place &place) { return place.op != nullptr; });
  }
  changed.notify_all();
}

TensorRef Rendezvous::meet(int64_t rank, mlir::Operation *op,
                           mlir::DictionaryAttr attributes, TensorRef payload,
                           Combine combine) {
  std::unique_lock<std::mutex> lock(mutex);
  uint64_t mine = generation;
  places[rank].op = op;
  places[rank].attributes = attributes;
  places[rank].payload = std::move(payload);
  ++stopped;
  resolve(&combine);
  changed.wait(lock, [&] { return generation != mine || deadLocked; });
  return generation != mine ? combined : nullptr;
}

void Rendezvous::end(int64_t rank, const char *how) {
  std::lock_guard<std::mutex> lock(mutex);
  places[rank].ended = how;
  ++stopped;
  resolve(nullptr);
}

std::string Rendezvous::describe() const {
  std::string text;
  llvm::raw_string_ostream os(text);
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
