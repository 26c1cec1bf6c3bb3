//===- BufferClasses.cpp - Values that share a buffer ---------------------===//

#include "BufferClasses.h"

#include "lamina/IR/LlamaDistribution.h"

using namespace mlir;
using namespace lamina;

BufferClasses::BufferClasses(func::FuncOp step) : points(step) {
  for (Value value : collectActivations(step)) {
    auto type = cast<RankedTensorType>(value.getType());
    BufferClass added{getRowKind(value),
                      type,
                      getRowBytes(type, getRanks(step).value_or(1)),
                      points.getLifetime(value),
                      {}};
    for (Lifetime::Segment segment : added.lifetime.getSegments())
      added.members.push_back({segment, value});
    numbers[value] = addClass(std::move(added));
  }
  // A result is what the last yield wrote: one buffer without a condition.
  step.getBody().walk<WalkOrder::PreOrder>([&](LayersOp loop) {
    for (auto [value, result] :
         llvm::zip_equal(loop.getRegionIterArgs(), loop.getResults()))
      merge(getNumber(value), getNumber(result));
  });
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

/// True if `second` begins as its op overwrites `first`, in place.
bool BufferClasses::mayOverwrite(const BufferClass::Member &first,
                                 const BufferClass::Member &second) const {
  int64_t point = second.segment.begin;
  if (first.segment.end != point)
    return false;
  Value value = second.value;
  auto result = dyn_cast<OpResult>(value);
  LayersOp loop = result
                      ? dyn_cast<LayersOp>(result.getOwner())
                      : cast<LayersOp>(value.getParentBlock()->getParentOp());
  if (!loop)
    return llvm::any_of(
        result.getOwner()->getOpOperands(), [&](OpOperand &operand) {
          return operand.get() == first.value &&
                 mayShareSlot(result.getOwner(), result.getResultNumber(),
                              operand.getOperandNumber());
        });
  unsigned number = result ? result.getResultNumber()
                           : cast<BlockArgument>(value).getArgNumber() - 1;
  // At the loop its init becomes the iteration value, else what it yields.
  return point == points.getWritePoint(loop)
             ? loop.getInits()[number] == first.value
             : loop.getYield().getValues()[number] == first.value;
}

/// True if no member of `a` is needed together with one of `b`.
bool BufferClasses::areDisjoint(const BufferClass &a,
                                const BufferClass &b) const {
  if (a.members.size() < b.members.size())
    return areDisjoint(b, a);
  // Members of a class overlap at single points at most, so that their ends
  // ascend as well.
  for (const BufferClass::Member &member : b.members) {
    const auto *other =
        llvm::partition_point(a.members, [&](const BufferClass::Member &found) {
          return found.segment.end < member.segment.begin;
        });
    for (;
         other != a.members.end() && other->segment.begin <= member.segment.end;
         ++other)
      if (!mayOverwrite(*other, member) && !mayOverwrite(member, *other))
        return false;
  }
  return true;
}

/// Makes two classes one, which keeps the number of the first.
void BufferClasses::merge(unsigned first, unsigned second) {
  leaders[second] = first;
  classes[first].lifetime.add(classes[second].lifetime);
  auto &members = classes[first].members;
  for (const BufferClass::Member &member : classes[second].members) {
    auto key = [](const BufferClass::Member &of) {
      return std::make_pair(of.segment.begin, of.segment.end);
    };
    auto *place =
        llvm::partition_point(members, [&](const BufferClass::Member &other) {
          return key(other) < key(member);
        });
    members.insert(place, member);
  }
  classes[second].members.clear();
}

/// Puts two values into one buffer. Returns false if that cannot be.
bool BufferClasses::join(Value a, Value b) {
  unsigned first = getNumber(a), second = getNumber(b);
  if (first == second)
    return true;
  if (classes[first].type != classes[second].type ||
      classes[first].rows != classes[second].rows ||
      !areDisjoint(classes[first], classes[second]))
    return false;
  merge(std::min(first, second), std::max(first, second));
  return true;
}

void BufferClasses::joinLoop(LayersOp loop) {
  for (auto [yielded, value] :
       llvm::zip_equal(loop.getYield().getValues(), loop.getRegionIterArgs()))
    join(yielded, value);
  for (auto [init, value] :
       llvm::zip_equal(loop.getInits(), loop.getRegionIterArgs()))
    join(init, value);
}

void BufferClasses::joinInPlace(Operation *op) {
  if (isa<LayersOp>(op))
    return;
  for (OpResult result : op->getResults())
    for (OpOperand &operand : op->getOpOperands())
      if (isActivationType(operand.get().getType()) &&
          mayShareSlot(op, result.getResultNumber(),
                       operand.getOperandNumber()) &&
          join(operand.get(), result))
        break;
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
    unsigned temporary = addClass({classes[saved].rows,
                                   classes[saved].type,
                                   classes[saved].rowBytes,
                                   lifetime,
                                   {}});
    ordered.push_back({saved, temporary});
    for (BufferCopy &copy : waiting)
      if (copy.from == saved)
        copy.from = temporary;
  }
  return ordered;
}
