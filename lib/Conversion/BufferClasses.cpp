//===- BufferClasses.cpp - Values that share a buffer ---------------------===//

#include "BufferClasses.h"

using namespace mlir;
using namespace lamina;

BufferClasses::BufferClasses(func::FuncOp step) : points(step) {
  for (Value value : collectActivations(step))
    numbers[value] =
        addClass({getRowKind(value), cast<RankedTensorType>(value.getType()),
                  points.getLifetime(value)});
  // Loops first: what is not joined there is copied in every layer.
  step.getBody().walk<WalkOrder::PreOrder>(
      [&](LayersOp loop) { joinLoop(loop); });
  step.getBody().walk<WalkOrder::PreOrder>(
      [&](Operation *op) { joinInPlace(op); });
}

unsigned BufferClasses::addClass(BufferClass added) {
  leaders.push_back(classes.size());
  classes.push_back(std::move(added));
  return leaders.back();
}

unsigned BufferClasses::findLeader(unsigned number) const {
  while (leaders[number] != number)
    number = leaders[number] = leaders[leaders[number]];
  return number;
}

SmallVector<unsigned> BufferClasses::getNumbers() const {
  SmallVector<unsigned> result;
  for (unsigned number = 0; number < leaders.size(); ++number)
    if (leaders[number] == number)
      result.push_back(number);
  return result;
}

/// Puts `result`, which `at` writes, into the buffer of `operand`, of which
/// `at` is the last reader. Returns false if that cannot be.
bool BufferClasses::join(Value operand, Value result, Operation *at) {
  unsigned from = getNumber(operand), to = getNumber(result);
  if (from == to)
    return true;
  if (classes[from].type != classes[to].type ||
      classes[from].rows != classes[to].rows ||
      operand.getParentBlock() != at->getBlock())
    return false;
  Lifetime untilRead = classes[from].lifetime;
  if (!untilRead.removeLast(points.getWritePoint(at)) ||
      untilRead.overlaps(classes[to].lifetime))
    return false;
  unsigned first = std::min(from, to), second = std::max(from, to);
  classes[first].lifetime.add(classes[second].lifetime);
  leaders[second] = first;
  return true;
}

void BufferClasses::joinLoop(LayersOp loop) {
  // The result is what the last yield wrote: one buffer without a condition.
  for (auto [value, result] :
       llvm::zip_equal(loop.getRegionIterArgs(), loop.getResults())) {
    unsigned number = getNumber(value), other = getNumber(result);
    classes[number].lifetime.add(classes[other].lifetime);
    leaders[other] = number;
  }
  YieldOp yield = loop.getYield();
  for (auto [yielded, value] :
       llvm::zip_equal(yield.getValues(), loop.getRegionIterArgs()))
    join(yielded, value, yield);
  for (auto [init, value] :
       llvm::zip_equal(loop.getInits(), loop.getRegionIterArgs()))
    join(init, value, loop);
}

void BufferClasses::joinInPlace(Operation *op) {
  if (isa<LayersOp>(op))
    return;
  for (OpResult result : op->getResults()) {
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isActivationType(operand.get().getType()) ||
          !mayShareSlot(op, result.getResultNumber(),
                        operand.getOperandNumber()))
        continue;
      // An operand that another result has overwritten is gone.
      bool taken = llvm::any_of(op->getResults(), [&](Value other) {
        return getNumber(other) == getNumber(operand.get());
      });
      if (!taken && join(operand.get(), result, op))
        break;
    }
  }
}

SmallVector<BufferCopy> BufferClasses::orderCopies(LayersOp loop, Operation *at,
                                                   ValueRange sources) {
  SmallVector<BufferCopy> waiting, ordered;
  for (auto [source, value] :
       llvm::zip_equal(sources, loop.getRegionIterArgs()))
    if (getNumber(source) != getNumber(value))
      waiting.push_back({getNumber(source), getNumber(value)});
  while (!waiting.empty()) {
    // A copy may be done once no other waits to read what it overwrites.
    auto *next = llvm::find_if(waiting, [&](const BufferCopy &copy) {
      return llvm::none_of(waiting, [&](const BufferCopy &other) {
        return other.from == copy.to;
      });
    });
    if (next != waiting.end()) {
      ordered.push_back(*next);
      waiting.erase(next);
      continue;
    }
    // A cycle: save what the first copy overwrites.
    unsigned saved = waiting.front().to;
    Lifetime lifetime;
    lifetime.add({points.getReadPoint(at), points.getWritePoint(at)});
    unsigned temporary =
        addClass({classes[saved].rows, classes[saved].type, lifetime});
    ordered.push_back({saved, temporary});
    for (BufferCopy &copy : waiting)
      if (copy.from == saved)
        copy.from = temporary;
  }
  return ordered;
}
