//===- PlanBuffers.cpp - Every activation gets a place in the arena -------===//
//
// classes of values -> offsets: the largest first, each into the smallest gap;
// then again with what ended last in front, as long as bytes are wasted
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

/// Orders in which the classes of a section are placed, at most.
constexpr int kMostOrders = 16;

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
  void place(RowKind rows);
  int64_t placeInOrder(ArrayRef<unsigned> order);
  int32_t getSlot(unsigned number);
  void setCopies(Operation *op, ArrayRef<BufferCopy> copies);

  func::FuncOp step;
  BufferClasses classes;
  BufferPlan plan;
  unsigned numCopies = 0;
};

/// Places the classes in this order; returns the bytes a row that they take.
int64_t Planner::placeInOrder(ArrayRef<unsigned> order) {
  int64_t bytes = 0;
  for (size_t i = 0; i < order.size(); ++i) {
    BufferClass &current = classes[order[i]];
    SmallVector<std::pair<int64_t, int64_t>> taken;
    for (unsigned other : order.take_front(i)) {
      const BufferClass &neighbour = classes[other];
      if (neighbour.lifetime.overlaps(current.lifetime))
        taken.push_back(
            {neighbour.offset, neighbour.offset + neighbour.rowBytes});
    }
    current.offset = findOffset(std::move(taken), current.rowBytes);
    bytes = std::max(bytes, current.offset + current.rowBytes);
  }
  return bytes;
}

/// Places the classes of a section.
void Planner::place(RowKind rows) {
  SmallVector<unsigned> order = classes.getNumbers(), best;
  llvm::erase_if(order,
                 [&](unsigned number) { return classes[number].rows != rows; });
  llvm::sort(order, [&](unsigned a, unsigned b) {
    int64_t bytesA = classes[a].rowBytes;
    int64_t bytesB = classes[b].rowBytes;
    return bytesA != bytesB ? bytesA > bytesB : a < b;
  });
  int64_t fewest = INT64_MAX, live = getLiveBytes(rows);
  for (int i = 0; i < kMostOrders && fewest > live; ++i) {
    int64_t bytes = placeInOrder(order);
    if (bytes < fewest) {
      fewest = bytes;
      best = order;
    }
    // What ends last was too late to find a gap: it is the first to choose
    // next.
    auto *last = llvm::find_if(order, [&](unsigned number) {
      return classes[number].offset + classes[number].rowBytes == bytes;
    });
    if (last != order.end())
      std::rotate(order.begin(), last, std::next(last));
  }
  plan.arenaBytes[unsigned(rows)] = placeInOrder(best);
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
  for (unsigned rows = 0; rows < kNumRowKinds; ++rows)
    place(RowKind(rows));
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
        << remark::metric("LiveBytesPerToken",
                          planner.getLiveBytes(RowKind::tokens))
        << remark::metric("LiveBytesPerLogitRow",
                          planner.getLiveBytes(RowKind::logits))
        << remark::metric("Slots", plan.slots.size())
        << remark::metric("Copies", planner.getNumCopies());
    if (failed(verifyBufferPlan(module)))
      signalPassFailure();
  }
};

} // namespace
