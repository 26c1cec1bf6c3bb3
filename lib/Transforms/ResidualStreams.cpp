//===- ResidualStreams.cpp - Where fused ops hand the residual on ---------===//

#include "ResidualStreams.h"

#include "CollectOps.h"
#include "FusionSites.h"
#include "lamina/IR/LlamaDistribution.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace lamina;

namespace {

/// The values of all streams of a function, and which belong together.
class StreamFinder {
public:
  explicit StreamFinder(func::FuncOp function);

  SmallVector<ResidualStream> run();

private:
  void findLoopValues();
  void joinAll();
  void countReaders(ResidualStream &stream, Value value);
  bool isOfStream(OpOperand &use) const;

  bool contains(Value value) const { return numbers.contains(value); }
  void add(Value value) {
    if (numbers.try_emplace(value, leaders.size()).second)
      leaders.push_back(leaders.size());
  }
  unsigned findLeader(Value value) const;
  void join(Value a, Value b);

  SmallVector<AllReduceResidualRmsNormOp> sites;
  SmallVector<LayersOp> loops;
  /// The loops that carry a stream, and by which iteration value.
  SmallVector<std::pair<LayersOp, unsigned>> carriers;
  llvm::MapVector<Value, unsigned> numbers;
  SmallVector<unsigned> leaders; // by number
};

StreamFinder::StreamFinder(func::FuncOp function)
    : loops(collectOps<LayersOp>(function)) {
  for (auto site : collectOps<AllReduceResidualRmsNormOp>(function)) {
    if (getDistribution(site.getResidual().getType()))
      continue;
    sites.push_back(site);
    add(site.getNewResidual());
  }
}

/// Adds the iteration values and results for which a value of a stream is
/// yielded, as often as this finds another.
void StreamFinder::findLoopValues() {
  for (bool changed = true; changed;) {
    changed = false;
    for (LayersOp loop : loops)
      for (auto [i, yielded] : llvm::enumerate(loop.getYield().getValues())) {
        if (!contains(yielded) || contains(loop.getResult(i)))
          continue;
        add(loop.getRegionIterArgs()[i]);
        add(loop.getResult(i));
        carriers.push_back({loop, i});
        changed = true;
      }
  }
}

unsigned StreamFinder::findLeader(Value value) const {
  unsigned number = numbers.lookup(value);
  while (leaders[number] != number)
    number = leaders[number];
  return number;
}

void StreamFinder::join(Value a, Value b) {
  if (!contains(a) || !contains(b))
    return;
  unsigned first = findLeader(a), second = findLeader(b);
  leaders[std::max(first, second)] = std::min(first, second);
}

void StreamFinder::joinAll() {
  for (AllReduceResidualRmsNormOp site : sites)
    join(site.getResidual(), site.getNewResidual());
  for (auto [loop, i] : carriers) {
    Value result = loop.getResult(i);
    join(loop.getRegionIterArgs()[i], result);
    join(loop.getYield().getValues()[i], result);
    join(loop.getInits()[i], result);
  }
}

/// True if `use`, of a value of a stream, hands it on.
bool StreamFinder::isOfStream(OpOperand &use) const {
  Operation *user = use.getOwner();
  if (auto site = dyn_cast<AllReduceResidualRmsNormOp>(user))
    return &use == &site.getResidualMutable();
  auto loop = dyn_cast<LayersOp>(user);
  if (isa<YieldOp>(user))
    loop = cast<LayersOp>(user->getParentOp());
  return loop && contains(loop.getResult(use.getOperandNumber()));
}

void StreamFinder::countReaders(ResidualStream &stream, Value value) {
  auto uses = value.getUses();
  auto other =
      llvm::find_if_not(uses, [&](OpOperand &use) { return isOfStream(use); });
  if (other == uses.end())
    return;
  stream.reader = other->getOwner();
  // An iteration value is made once a layer.
  Operation *maker = value.getDefiningOp();
  if (!maker)
    maker = &value.getParentBlock()->front();
  stream.gathersRun =
      addSaturating(stream.gathersRun, getExecutionCount(maker));
}

SmallVector<ResidualStream> StreamFinder::run() {
  findLoopValues();
  joinAll();
  llvm::MapVector<unsigned, ResidualStream> streams;
  for (AllReduceResidualRmsNormOp site : sites) {
    ResidualStream &stream = streams[findLeader(site.getNewResidual())];
    stream.sites.push_back(site);
    stream.sitesRun = addSaturating(stream.sitesRun, getExecutionCount(site));
  }
  for (auto [loop, i] : carriers)
    streams[findLeader(loop.getResult(i))].loops.push_back({loop, i});
  for (auto [value, number] : numbers)
    countReaders(streams[findLeader(value)], value);
  SmallVector<ResidualStream> found;
  for (auto &[number, stream] : streams)
    found.push_back(std::move(stream));
  return found;
}

} // namespace

SmallVector<ResidualStream> lamina::findResidualStreams(func::FuncOp function) {
  return StreamFinder(function).run();
}
