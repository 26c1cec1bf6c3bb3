//===- BufferLifetimes.cpp - When the values of a step are needed ---------===//

#include "BufferLifetimes.h"

using namespace mlir;
using namespace lamina;

//===----------------------------------------------------------------------===//
// Lifetime
//===----------------------------------------------------------------------===//

void Lifetime::add(Segment segment) {
  // The segments that touch the new one, which become part of it.
  auto *first = llvm::partition_point(segments, [&](const Segment &other) {
    return other.end + 1 < segment.begin;
  });
  auto *last = std::find_if(first, segments.end(), [&](const Segment &other) {
    return other.begin > segment.end + 1;
  });
  if (first != last) {
    segment.begin = std::min(segment.begin, first->begin);
    segment.end = std::max(segment.end, std::prev(last)->end);
    first = segments.erase(first, last);
  }
  segments.insert(first, segment);
}

void Lifetime::add(const Lifetime &other) {
  for (Segment segment : other.segments)
    add(segment);
}

bool Lifetime::overlaps(const Lifetime &other) const {
  const auto *mine = segments.begin();
  const auto *theirs = other.segments.begin();
  while (mine != segments.end() && theirs != other.segments.end()) {
    if (mine->end < theirs->begin)
      ++mine;
    else if (theirs->end < mine->begin)
      ++theirs;
    else
      return true;
  }
  return false;
}

//===----------------------------------------------------------------------===//
// Points
//===----------------------------------------------------------------------===//

ProgramPoints::ProgramPoints(func::FuncOp step) {
  int64_t next = 0;
  step.getBody().walk<WalkOrder::PreOrder>(
      [&](Operation *op) { positions[op] = next++; });
}

Lifetime ProgramPoints::getLifetime(Value value) const {
  Lifetime lifetime;
  int64_t begin;
  Operation *op = value.getDefiningOp();
  if (!op) {
    // The loop writes it, and so does each yield.
    auto loop = cast<LayersOp>(value.getParentBlock()->getParentOp());
    int64_t again = getWritePoint(loop.getYield());
    lifetime.add({again, again});
    begin = getWritePoint(loop);
  } else if (auto loop = dyn_cast<LayersOp>(op)) {
    begin = getWritePoint(loop.getYield());
  } else {
    begin = getWritePoint(op);
  }
  int64_t end = begin;
  for (Operation *user : value.getUsers()) {
    int64_t last = getWritePoint(user);
    while (user->getBlock() != value.getParentBlock()) {
      user = user->getParentOp();
      last = getWritePoint(cast<LayersOp>(user).getYield());
    }
    end = std::max(end, last);
  }
  lifetime.add({begin, end});
  return lifetime;
}

SmallVector<Value> lamina::collectActivations(func::FuncOp step) {
  SmallVector<Value> values;
  step.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    if (auto loop = dyn_cast<LayersOp>(op))
      llvm::append_range(values, loop.getRegionIterArgs());
    for (Value result : op->getResults())
      if (isActivationType(result.getType()))
        values.push_back(result);
  });
  return values;
}
