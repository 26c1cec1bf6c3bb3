//===- ShardPlan.cpp - How a module is split over the ranks ---------------===//
//
// 1. Which activations have columns: the largest set such that each is made by
//    a product of a whole input or by an op of such values, and is read by
//    products (which are row-split then) and by ops of such values.
// 2. In which units: from the readers back to the products.
// 3. The splits of the weights that follow.
//
//===----------------------------------------------------------------------===//

#include "ShardPlan.h"

#include "CollectOps.h"
#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaWeights.h"
#include "llvm/ADT/SetVector.h"

#include <numeric>

using namespace mlir;
using namespace lamina;

bool lamina::isGatheredAtRoot(LinearOp linear) {
  auto function = linear->getParentOfType<func::FuncOp>();
  if (!function || linear->getBlock()->getParentOp() != function ||
      !function.getBody().hasOneBlock())
    return false;
  bool isReturned = llvm::all_of(linear.getProducts(), [](Value product) {
    return !product.use_empty() &&
           llvm::all_of(product.getUsers(), [](Operation *user) {
             return isa<func::ReturnOp>(user);
           });
  });
  return isReturned && SymbolTable::symbolKnownUseEmpty(
                           function, function->getParentOfType<ModuleOp>());
}

namespace {

class Planner {
public:
  Planner(ModuleOp module, int64_t ranks) : module(module) {
    plan.ranks = ranks;
  }

  ShardPlan run() {
    if (plan.ranks == 1)
      return std::move(plan);
    findConditionalFunctions();
    collectCandidates();
    while (dropImpossible())
      ;
    findUnits();
    splitWeights();
    return std::move(plan);
  }

private:
  void collectCandidates();
  bool dropImpossible();
  bool canHaveColumns(Value value);
  bool operandsAgree(DistributionOpInterface op);
  bool canHoldCollective(Operation *op);
  void findConditionalFunctions();
  void findUnits();
  int64_t getUnit(Value value);
  bool raiseUnit(Value value, int64_t unit);
  bool alignUnits(Operation *op);
  void splitWeights();
  void splitLinear(LinearOp op);
  void splitEmbeds();
  void checkAttention(AttentionOp op);
  void setSplit(WeightOp weight, SplitAttr split);
  void readWhole(WeightUserOpInterface op);
  void addProblem(Twine subject, Twine reason);
  SplitAttr getSplit(SplitKind kind, int64_t unit) {
    return SplitAttr::get(module.getContext(), kind, unit);
  }

  WeightOp lookup(FlatSymbolRefAttr symbol) {
    return lookupWeight(module, symbol, symbols);
  }

  ModuleOp module;
  ShardPlan plan;
  SymbolTableCollection symbols;
  llvm::SetVector<Value> candidates; // in program order
  llvm::DenseMap<Value, int64_t> units;
  llvm::DenseSet<Operation *> conditional; // only asked
};

void Planner::collectCandidates() {
  for (auto op : collectOps<DistributionOpInterface>(module)) {
    if (isa<EmbedOp>(op.getOperation()))
      continue;
    for (Value result : op->getResults())
      if (!getDistribution(result.getType()))
        candidates.insert(result);
  }
}

/// True if every rank reaches `op`, so that a collective may stand there.
bool Planner::canHoldCollective(Operation *op) {
  return isCollectivePlace(op->getParentOp()) &&
         !conditional.contains(op->getParentOfType<func::FuncOp>());
}

/// Finds the functions that not every rank may run: they are called where no
/// collective may stand, by such a function, or by their address.
void Planner::findConditionalFunctions() {
  llvm::MapVector<Operation *, SmallVector<Operation *>> callees;
  SmallVector<Operation *> open;
  for (auto call : collectOps<func::CallOp>(module)) {
    Operation *callee = symbols.lookupNearestSymbolFrom(
        call, cast<SymbolRefAttr>(call.getCalleeAttr()));
    if (isCollectivePlace(call->getParentOp()))
      callees[call->getParentOfType<func::FuncOp>()].push_back(callee);
    else
      open.push_back(callee);
  }
  for (auto constant : collectOps<func::ConstantOp>(module))
    open.push_back(symbols.lookupNearestSymbolFrom(
        constant, cast<SymbolRefAttr>(constant.getValueAttr())));
  while (!open.empty()) {
    Operation *function = open.pop_back_val();
    if (conditional.insert(function).second)
      llvm::append_range(open, callees.lookup(function));
  }
}

/// True if all operands of `op` that can have columns are candidates.
bool Planner::operandsAgree(DistributionOpInterface op) {
  bool any = false;
  for (OpOperand &operand : op->getOpOperands()) {
    if (!op.getColumnUnit(operand.getOperandNumber(), 1, plan.ranks))
      continue;
    any = true;
    if (!candidates.contains(operand.get()))
      return false;
  }
  return any;
}

bool Planner::canHaveColumns(Value value) {
  Operation *maker = value.getDefiningOp();
  if (auto linear = dyn_cast<LinearOp>(maker)) {
    if (candidates.contains(linear.getInput()))
      return false; // row-split: a partial sum
    if (!canHoldCollective(linear))
      return false;
    if (isGatheredAtRoot(linear))
      return true;
  } else if (!operandsAgree(cast<DistributionOpInterface>(maker))) {
    return false;
  }
  if (value.use_empty())
    return false;
  return llvm::all_of(value.getUses(), [&](OpOperand &use) {
    if (auto linear = dyn_cast<LinearOp>(use.getOwner()))
      return canHoldCollective(linear);
    auto reader = dyn_cast<DistributionOpInterface>(use.getOwner());
    return reader &&
           reader.getColumnUnit(use.getOperandNumber(), 1, plan.ranks) &&
           candidates.contains(reader->getResult(0)) && operandsAgree(reader);
  });
}

bool Planner::dropImpossible() {
  return candidates.remove_if(
      [&](Value value) { return !canHaveColumns(value); });
}

/// The smallest unit that every reader of `value` accepts.
int64_t Planner::getUnit(Value value) {
  int64_t unit = 1;
  for (OpOperand &use : value.getUses()) {
    if (auto linear = dyn_cast<LinearOp>(use.getOwner())) {
      for (WeightOp part :
           getColumnParts(lookup(linear.getWeightAttr()), symbols))
        unit = std::lcm(unit, getBlockSize(part.getStorageType()));
      continue;
    }
    auto reader = dyn_cast<DistributionOpInterface>(use.getOwner());
    if (!reader)
      continue;
    Value result = reader->getResult(0);
    if (std::optional<int64_t> demanded = reader.getColumnUnit(
            use.getOperandNumber(), units.lookup_or(result, 1), plan.ranks))
      unit = std::lcm(unit, *demanded);
  }
  return unit;
}

/// Makes the unit of `value` a multiple of `unit`; true if it was none.
bool Planner::raiseUnit(Value value, int64_t unit) {
  int64_t &own = units[value];
  int64_t raised = std::lcm(own, unit);
  bool isRaised = raised != own;
  own = raised;
  return isRaised;
}

/// Gives one unit to what has one distribution: the result of an op and its
/// first operand, and operands of one type. True if a unit was raised.
bool Planner::alignUnits(Operation *op) {
  bool isRaised = false;
  auto align = [&](Value a, Value b) {
    isRaised |= raiseUnit(a, units.lookup(b));
    isRaised |= raiseUnit(b, units.lookup(a));
  };
  align(op->getResult(0), op->getOperand(0));
  for (Value a : op->getOperands())
    for (Value b : op->getOperands())
      if (a.getType() == b.getType() && candidates.contains(a))
        align(a, b);
  return isRaised;
}

/// Raises units until every op agrees. Each demand divides the features of its
/// value, so that the units do too.
void Planner::findUnits() {
  for (Value value : candidates)
    units[value] = 1;
  bool isRaised = true;
  while (isRaised) {
    isRaised = false;
    for (Value value : llvm::reverse(candidates)) {
      isRaised |= raiseUnit(value, getUnit(value));
      if (!isa<LinearOp>(value.getDefiningOp()))
        isRaised |= alignUnits(value.getDefiningOp());
    }
  }
  for (Value value : candidates)
    plan.columns[value] =
        ColumnsAttr::get(module.getContext(), units.lookup(value));
}

/// Adds a problem once, however many ops have it.
void Planner::addProblem(Twine subject, Twine reason) {
  ShardProblem problem{subject.str(), reason.str()};
  if (llvm::none_of(plan.problems, [&](const ShardProblem &other) {
        return other.subject == problem.subject &&
               other.reason == problem.reason;
      }))
    plan.problems.push_back(problem);
}

/// Plans how `weight` is split (null: whole); all readers need to agree.
void Planner::setSplit(WeightOp weight, SplitAttr split) {
  auto [entry, isNew] = plan.splits.insert({weight, split});
  if (!isNew && entry->second != split)
    addProblem("@" + weight.getSymName(),
               "its readers differ: " + describeSplit(entry->second) + ", " +
                   describeSplit(split));
}

/// Plans the weights of an op that is not split as whole.
void Planner::readWhole(WeightUserOpInterface op) {
  for (WeightRef ref : op.getWeightRefs()) {
    if (!ref.symbol)
      continue;
    WeightOp weight = lookup(ref.symbol);
    for (WeightOp part : getColumnParts(weight, symbols))
      setSplit(part, {});
    if (LayersOfAttr layers = weight.getLayersOf())
      for (LayerRangeAttr range : layers.getRanges())
        setSplit(lookup(range.getWeight()), {});
  }
}

/// True if the value is a key or value of attention, whose heads may be copied.
static bool mayBeCopied(Value value) {
  return llvm::all_of(value.getUses(), [](OpOperand &use) {
    if (auto attention = dyn_cast<AttentionOp>(use.getOwner()))
      return use.getOperandNumber() > 0;
    auto rope = dyn_cast<RopeOp>(use.getOwner());
    return rope && mayBeCopied(rope.getRotated());
  });
}

void Planner::splitLinear(LinearOp op) {
  ColumnsAttr input = plan.columns.lookup(op.getInput());
  SmallVector<WeightOp> biases;
  if (op.getBiasAttr())
    biases = getColumnParts(lookup(op.getBiasAttr()), symbols);
  for (auto [i, part] :
       llvm::enumerate(getColumnParts(lookup(op.getWeightAttr()), symbols))) {
    ColumnsAttr columns = plan.columns.lookup(op.getProducts()[i]);
    std::string subject = ("@" + part.getSymName()).str();
    if (input) {
      int64_t units = part.getIn() / input.getUnit();
      if (units < plan.ranks)
        addProblem(subject, Twine(part.getIn()) +
                                " input features in units of " +
                                Twine(input.getUnit()) + ": " + Twine(units) +
                                " units for " + Twine(plan.ranks) + " ranks");
      setSplit(part, getSplit(SplitKind::rows, input.getUnit()));
    } else if (columns) {
      int64_t units = part.getOut() / columns.getUnit();
      if (units < plan.ranks &&
          !(mayBeCopied(op.getProducts()[i]) && plan.ranks % units == 0))
        addProblem(subject, Twine(part.getOut()) +
                                " output features in units of " +
                                Twine(columns.getUnit()) + ": " + Twine(units) +
                                " units for " + Twine(plan.ranks) + " ranks");
      setSplit(part, getSplit(SplitKind::columns, columns.getUnit()));
    } else {
      setSplit(part, {});
    }
    // A bias is split as the columns that it is added to; with partial sums it
    // moves to the collective, whole.
    if (!biases.empty())
      setSplit(biases[i], columns
                              ? getSplit(SplitKind::columns, columns.getUnit())
                              : SplitAttr());
  }
}

/// Splits the tables of embeddings over the vocabulary, unless another op reads
/// the table whole (a tied head whose logits all ranks need) or a collective
/// may not stand where the rows are read.
void Planner::splitEmbeds() {
  llvm::MapVector<WeightOp, SmallVector<EmbedOp>> readers;
  for (EmbedOp op : collectOps<EmbedOp>(module))
    readers[lookup(op.getWeightAttr())].push_back(op);
  for (auto &[weight, ops] : readers) {
    auto *other = plan.splits.find(weight);
    bool isWhole =
        (other != plan.splits.end() && !other->second) ||
        !llvm::all_of(ops, [&](EmbedOp op) { return canHoldCollective(op); });
    setSplit(weight, isWhole ? SplitAttr() : getSplit(SplitKind::columns, 1));
    if (!isWhole && weight.getOut() < plan.ranks)
      addProblem("@" + weight.getSymName(),
                 "a vocabulary of " + Twine(weight.getOut()) + " for " +
                     Twine(plan.ranks) + " ranks");
  }
}

/// Asks attention whether it accepts the columns that are planned.
void Planner::checkAttention(AttentionOp op) {
  ColumnsAttr query = plan.columns.lookup(op.getQuery());
  if (!query || hasCopies(op.getQuery().getType().getDimSize(1),
                          query.getUnit(), plan.ranks))
    return; // whole, or reported for the weight of the query
  auto operands = llvm::map_to_vector(op->getOperands(), [&](Value operand) {
    return Attribute(plan.columns.lookup(operand));
  });
  SmallVector<Attribute> results;
  std::string reason;
  ScopedDiagnosticHandler handler(
      op.getContext(), [&](Diagnostic &error) { reason = error.str(); });
  if (failed(op.inferDistributions(operands, {}, plan.ranks, results,
                                   [&] { return emitError(op.getLoc()); })))
    addProblem("llama.attention", reason);
}

void Planner::splitWeights() {
  for (Operation *op : collectOps<Operation *>(module)) {
    if (auto linear = dyn_cast<LinearOp>(op))
      splitLinear(linear);
    else if (auto user = dyn_cast<WeightUserOpInterface>(op))
      readWhole(user);
    if (auto attention = dyn_cast<AttentionOp>(op))
      checkAttention(attention);
  }
  splitEmbeds();
}

} // namespace

std::string lamina::describeSplit(SplitAttr split) {
  if (!split)
    return "whole";
  return (stringifySplitKind(split.getKind()) + " in units of " +
          Twine(split.getUnit()))
      .str();
}

ShardPlan lamina::planSharding(ModuleOp module, int64_t ranks) {
  return Planner(module, ranks).run();
}

SmallVector<int64_t> lamina::findPossibleRanks(ModuleOp module) {
  auto candidates = llvm::seq_inclusive<int64_t>(1, kMostRanksTried);
  SmallVector<int64_t> possible;
  llvm::copy_if(candidates, std::back_inserter(possible), [&](int64_t ranks) {
    return planSharding(module, ranks).problems.empty();
  });
  return possible;
}
