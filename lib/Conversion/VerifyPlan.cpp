//===- VerifyPlan.cpp - Every read of a planned step finds its value ------===//
//
// Runs the step on a symbolic memory: which value lies in which bytes of a
// row. Knows nothing of lifetimes, so it shares no mistake with the planner.
//
//===----------------------------------------------------------------------===//

#include "lamina/Conversion/BufferPlan.h"
#include "lamina/Conversion/Passes.h"
#include "lamina/Conversion/RuntimeSupport.h"
#include "lamina/IR/LlamaOps.h"

#include <map>

namespace lamina {
#define GEN_PASS_DEF_VERIFYPLANPASS
#include "lamina/Conversion/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {

class PlanCheck {
public:
  PlanCheck(func::FuncOp step, const BufferPlan &plan)
      : step(step), plan(plan) {}

  LogicalResult run() { return runBlock(step.getBody().front()); }

private:
  /// Checks the attributes of an op against its results.
  LogicalResult checkAttributes(Operation *op);
  /// Checks that the results of `op` overlap neither each other nor, but in
  /// place, an operand.
  LogicalResult checkResults(Operation *op);
  LogicalResult runBlock(Block &block);
  LogicalResult runOp(Operation *op);
  LogicalResult runLayers(LayersOp loop);
  LogicalResult runCopies(Operation *op);
  /// Checks that slot `number` holds `value`, for `op` to read.
  LogicalResult read(Operation *op, int32_t number, Value value);
  void write(int32_t number, Value value);
  /// Checks that the iteration values hold `values`; then they hold `renamed`.
  LogicalResult rename(Operation *op, LayersOp loop, ValueRange values,
                       ValueRange renamed);
  /// Returns the slot of `value`, as its op says.
  int32_t findSlot(Value value);

  func::FuncOp step;
  const BufferPlan &plan;
  /// What lies in the arena: by section and offset, disjoint.
  struct Content {
    Slot slot;
    Value value;
  };
  std::map<std::pair<RowKind, int64_t>, Content> memory;
};

SmallVector<unsigned> getActivationResults(Operation *op) {
  SmallVector<unsigned> results;
  for (OpResult result : op->getResults())
    if (isActivationType(result.getType()))
      results.push_back(result.getResultNumber());
  return results;
}

int32_t PlanCheck::findSlot(Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  Operation *op =
      argument ? argument.getOwner()->getParentOp() : value.getDefiningOp();
  unsigned number = argument ? argument.getArgNumber() - 1
                             : cast<OpResult>(value).getResultNumber();
  return getSlots(op)[number];
}

LogicalResult PlanCheck::checkAttributes(Operation *op) {
  ArrayRef<int32_t> slots = getSlots(op), copies = getCopies(op);
  unsigned results = getActivationResults(op).size();
  if (slots.size() != results)
    return op->emitOpError("needs '") << kSlotsAttr << "' with " << results
                                      << " slots, got " << slots.size();
  auto isKnown = [&](int32_t slot) {
    return slot >= 0 && size_t(slot) < plan.slots.size();
  };
  if (!llvm::all_of(slots, isKnown) || !llvm::all_of(copies, isKnown))
    return op->emitOpError("needs slots below ")
           << plan.slots.size() << ", got another number";
  for (auto [slot, number] : llvm::zip_equal(slots, getActivationResults(op))) {
    Value result = op->getResult(number);
    if (plan.slots[slot].type != result.getType() ||
        plan.slots[slot].rows != getRowKind(result))
      return op->emitOpError("needs a slot of the type and rows of its result, "
                             "got slot ")
             << slot;
  }
  if (!copies.empty() &&
      (copies.size() % 2 != 0 || !isa<LayersOp, YieldOp>(op)))
    return op->emitOpError("needs pairs of slots in '")
           << kCopiesAttr << "', of llama.layers or llama.yield";
  return success();
}

/// True if result number `result` of `op` may overwrite `value`, as one of the
/// operands that it is.
bool mayOverwrite(Operation *op, unsigned result, Value value) {
  return llvm::any_of(op->getOpOperands(), [&](OpOperand &operand) {
    return operand.get() == value &&
           mayShareSlot(op, result, operand.getOperandNumber());
  });
}

LogicalResult PlanCheck::checkResults(Operation *op) {
  ArrayRef<int32_t> slots = getSlots(op);
  for (unsigned number = 0; number < slots.size(); ++number) {
    int32_t slot = slots[number];
    for (int32_t other : slots.drop_front(number + 1))
      if (plan.slots[slot].overlaps(plan.slots[other]))
        return op->emitOpError("needs results that do not overlap, got slots ")
               << slot << " and " << other;
    for (OpOperand &operand : op->getOpOperands()) {
      if (!isActivationType(operand.get().getType()))
        continue;
      int32_t source = findSlot(operand.get());
      if (plan.slots[slot].overlaps(plan.slots[source]) &&
          (slot != source || !mayOverwrite(op, number, operand.get())))
        return op->emitOpError("cannot write result ")
               << number << " to slot " << slot << " over operand "
               << operand.getOperandNumber() << " in slot " << source;
    }
  }
  return success();
}

LogicalResult PlanCheck::read(Operation *op, int32_t number, Value value) {
  const Slot &slot = plan.slots[number];
  auto found = memory.find({slot.rows, slot.offset});
  if (found != memory.end() && found->second.value == value &&
      found->second.slot == slot)
    return success();
  InFlightDiagnostic error = op->emitOpError("reads slot ")
                             << number << " after it was overwritten";
  error.attachNote(value.getLoc()) << "the value was made here";
  return error;
}

void PlanCheck::write(int32_t number, Value value) {
  const Slot &slot = plan.slots[number];
  for (auto it = memory.lower_bound({slot.rows, 0});
       it != memory.end() && it->first.first == slot.rows;)
    it = it->second.slot.overlaps(slot) ? memory.erase(it) : std::next(it);
  memory[{slot.rows, slot.offset}] = {slot, value};
}

LogicalResult PlanCheck::runCopies(Operation *op) {
  ArrayRef<int32_t> copies = getCopies(op);
  for (; !copies.empty(); copies = copies.drop_front(2)) {
    const Slot &from = plan.slots[copies[0]], &to = plan.slots[copies[1]];
    auto found = memory.find({from.rows, from.offset});
    if (from.type != to.type || from.rows != to.rows || from.overlaps(to) ||
        found == memory.end() || !(found->second.slot == from))
      return op->emitOpError("cannot copy slot ")
             << copies[0] << " to slot " << copies[1];
    write(copies[1], Value(found->second.value));
  }
  return success();
}

LogicalResult PlanCheck::rename(Operation *op, LayersOp loop, ValueRange values,
                                ValueRange renamed) {
  ArrayRef<int32_t> slots = getSlots(loop);
  for (auto [slot, value] : llvm::zip_equal(slots, values))
    if (failed(read(op, slot, value)))
      return failure();
  for (auto [slot, value] : llvm::zip_equal(slots, renamed))
    write(slot, value);
  return success();
}

LogicalResult PlanCheck::runLayers(LayersOp loop) {
  if (failed(runCopies(loop)) ||
      failed(rename(loop, loop, loop.getInits(), loop.getRegionIterArgs())))
    return failure();
  // What the second round finds, every later one does: it writes the same.
  YieldOp yield = loop.getYield();
  for (ValueRange next :
       {ValueRange(loop.getRegionIterArgs()), ValueRange(loop.getResults())}) {
    if (failed(runBlock(*yield->getBlock())) || failed(runCopies(yield)) ||
        failed(rename(yield, loop, yield.getValues(), next)))
      return failure();
  }
  return success();
}

LogicalResult PlanCheck::runOp(Operation *op) {
  if (failed(checkAttributes(op)))
    return failure();
  if (isa<YieldOp>(op))
    return success(); // see runLayers
  if (auto loop = dyn_cast<LayersOp>(op)) {
    for (auto [number, slot] : llvm::enumerate(getSlots(loop)))
      for (int32_t other : getSlots(loop).drop_front(number + 1))
        if (plan.slots[slot].overlaps(plan.slots[other]))
          return op->emitOpError("needs iteration values that do not overlap, "
                                 "got slots ")
                 << slot << " and " << other;
    return runLayers(loop);
  }
  for (Value operand : op->getOperands())
    if (isActivationType(operand.getType()) &&
        failed(read(op, findSlot(operand), operand)))
      return failure();
  if (failed(checkResults(op)))
    return failure();
  for (unsigned result : getActivationResults(op))
    write(getSlots(op)[result], op->getResult(result));
  return success();
}

LogicalResult PlanCheck::runBlock(Block &block) {
  for (Operation &op : block)
    if (failed(runOp(&op)))
      return failure();
  return success();
}

struct VerifyPlanPass : lamina::impl::VerifyPlanPassBase<VerifyPlanPass> {
  void runOnOperation() override {
    if (failed(checkRuntimeSupport(getOperation())) ||
        failed(verifyBufferPlan(getOperation())))
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace

LogicalResult lamina::verifyBufferPlan(ModuleOp module) {
  FailureOr<BufferPlan> plan = getBufferPlan(module);
  if (failed(plan))
    return failure();
  return PlanCheck(findStep(module), *plan).run();
}
