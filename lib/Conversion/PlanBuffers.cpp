//===- PlanBuffers.cpp - Every activation gets a place in the arena -------===//
//
// classes of values -> offsets: the largest first, each into the smallest gap
//
//===----------------------------------------------------------------------===//

#include "BufferClasses.h"
#include "lamina/Conversion/Passes.h"
#include "lamina/Conversion/RuntimeSupport.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/Remarks.h"

#include <map>

namespace lamina {
#define GEN_PASS_DEF_PLANBUFFERSPASS
#include "lamina/Conversion/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {

/// Returns where `size` bytes fit best beside the `taken` ranges (begin, end):
/// in the smallest gap, else behind them.
int64_t findOffset(SmallVector<std::pair<int64_t, int64_t>> taken,
                   int64_t size) {
  llvm::sort(taken);
  int64_t best = -1, bestGap = INT64_MAX, end = 0;
  for (auto [begin, rangeEnd] : taken) {
    int64_t gap = begin - end;
    if (gap >= size && gap < bestGap) {
      best = end;
      bestGap = gap;
    }
    end = std::max(end, rangeEnd);
  }
  return best < 0 ? end : best;
}

class Planner {
public:
  explicit Planner(func::FuncOp step) : step(step), classes(step) {}

  /// Sets the attributes of the ops and returns the tables.
  BufferPlan run();

  unsigned getNumCopies() const { return numCopies; }
  /// Returns the most bytes a row that are needed at one point.
  int64_t getLiveBytes(RowKind rows);

private:
  void place();
  int32_t getSlot(unsigned number);
  void setCopies(Operation *op, ArrayRef<BufferCopy> copies);

  func::FuncOp step;
  BufferClasses classes;
  BufferPlan plan;
  unsigned numCopies = 0;
};

void Planner::place() {
  SmallVector<unsigned> order = classes.getNumbers();
  llvm::sort(order, [&](unsigned a, unsigned b) {
    int64_t bytesA = classes[a].rowBytes;
    int64_t bytesB = classes[b].rowBytes;
    return bytesA != bytesB ? bytesA > bytesB : a < b;
  });
  SmallVector<unsigned> placed;
  for (unsigned number : order) {
    BufferClass &current = classes[number];
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (unsigned other : placed) {
      const BufferClass &neighbour = classes[other];
      if (neighbour.rows == current.rows &&
          neighbour.lifetime.overlaps(current.lifetime))
        taken.push_back(
            {neighbour.offset, neighbour.offset + neighbour.rowBytes});
    }
    int64_t size = current.rowBytes;
    current.offset = findOffset(std::move(taken), size);
    int64_t &bytes = plan.arenaBytes[unsigned(current.rows)];
    bytes = std::max(bytes, current.offset + size);
    placed.push_back(number);
  }
}

int32_t Planner::getSlot(unsigned number) {
  const BufferClass &found = classes[number];
  Slot slot{found.rows, found.type, found.offset, found.rowBytes};
  auto *known = llvm::find(plan.slots, slot);
  if (known == plan.slots.end()) {
    plan.slots.push_back(slot);
    return plan.slots.size() - 1;
  }
  return known - plan.slots.begin();
}

void Planner::setCopies(Operation *op, ArrayRef<BufferCopy> copies) {
  SmallVector<int32_t> numbers;
  for (BufferCopy copy : copies)
    numbers.append({getSlot(copy.from), getSlot(copy.to)});
  numCopies += copies.size();
  if (!numbers.empty())
    op->setAttr(kCopiesAttr, DenseI32ArrayAttr::get(op->getContext(), numbers));
}

BufferPlan Planner::run() {
  // Copies first: a cycle of them needs a class of its own.
  SmallVector<std::pair<Operation *, SmallVector<BufferCopy>>> copies;
  step.getBody().walk<WalkOrder::PreOrder>([&](LayersOp loop) {
    copies.push_back({loop, classes.orderCopies(loop, loop, loop.getInits())});
    YieldOp yield = loop.getYield();
    copies.push_back(
        {yield, classes.orderCopies(loop, yield, yield.getValues())});
  });
  place();
  step.getBody().walk<WalkOrder::PreOrder>([&](Operation *op) {
    op->removeAttr(kSlotsAttr);
    op->removeAttr(kCopiesAttr);
    SmallVector<int32_t> slots;
    for (Value result : op->getResults())
      if (isActivationType(result.getType()))
        slots.push_back(getSlot(classes.getNumber(result)));
    if (!slots.empty())
      op->setAttr(kSlotsAttr, DenseI32ArrayAttr::get(op->getContext(), slots));
  });
  for (auto &[op, list] : copies)
    setCopies(op, list);
  return plan;
}

int64_t Planner::getLiveBytes(RowKind rows) {
  std::map<int64_t, int64_t> changes; // by point
  for (unsigned number : classes.getNumbers()) {
    BufferClass &current = classes[number];
    if (current.rows != rows)
      continue;
    for (Lifetime::Segment segment : current.lifetime.getSegments()) {
      changes[segment.begin] += current.rowBytes;
      changes[segment.end + 1] -= current.rowBytes;
    }
  }
  int64_t live = 0, most = 0;
  for (auto [point, change] : changes)
    most = std::max(most, live += change);
  return most;
}

struct PlanBuffersPass : lamina::impl::PlanBuffersPassBase<PlanBuffersPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(checkRuntimeSupport(module)))
      return signalPassFailure();
    func::FuncOp step = findStep(module);
    Planner planner(step);
    BufferPlan plan = planner.run();
    setBufferPlan(module, plan);
    remark::analysis(step.getLoc(), remark::RemarkOpts::name("Planned")
                                        .category("llama-plan")
                                        .function(step.getName()))
        << remark::metric("ArenaBytesPerToken", plan.arenaBytes[0])
        << remark::metric("ArenaBytesPerLogitRow", plan.arenaBytes[1])
        << remark::metric("ArenaBytesPerOwnToken", plan.arenaBytes[2])
        << remark::metric("LiveBytesPerToken",
                          planner.getLiveBytes(RowKind::tokens))
        << remark::metric("LiveBytesPerLogitRow",
                          planner.getLiveBytes(RowKind::logits))
        << remark::metric("LiveBytesPerOwnToken",
                          planner.getLiveBytes(RowKind::ownTokens))
        << remark::metric("Slots", plan.slots.size())
        << remark::metric("Copies", planner.getNumCopies());
    if (failed(verifyBufferPlan(module)))
      signalPassFailure();
  }
};

} // namespace
