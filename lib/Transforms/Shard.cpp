//===- Shard.cpp - Split weights and activations over the ranks -----------===//
//
// linear (rows) -> partial sum, all_reduce; linear (columns) -> columns;
// embed -> partial sum, all_reduce; returned columns -> gather
//
//===----------------------------------------------------------------------===//

#include "CollectOps.h"
#include "FusionSites.h"
#include "ShardPlan.h"
#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaWeights.h"
#include "lamina/Transforms/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

namespace lamina {
#define GEN_PASS_DEF_SHARDPASS
#include "lamina/Transforms/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {

constexpr StringLiteral kCategory = "llama-shard";

/// The summation tree of a row-split product: `tree` over the ranks, `leaves`
/// within one.
struct SplitTree {
  SmallVector<int64_t> tree, leaves;
  bool isExact = true; // the same sum as on one rank
};

SplitTree splitTree(ArrayRef<int64_t> leaves, int64_t units, int64_t ranks) {
  int64_t product = 1;
  size_t prefix = 0;
  while (prefix < leaves.size() && product < ranks)
    product *= leaves[prefix++];
  if (product == ranks && units % ranks == 0)
    return {SmallVector<int64_t>(leaves.take_front(prefix)),
            SmallVector<int64_t>(leaves.drop_front(prefix)), true};
  return {{ranks}, {}, false};
}

remark::RemarkOpts getRemarkOptions(StringRef name, Operation *op) {
  return remark::RemarkOpts::name(name).category(kCategory).function(
      getFunctionName(op));
}

class Sharder {
public:
  Sharder(ModuleOp module, const ShardPlan &plan, SumMode sum)
      : module(module), plan(plan), rewriter(module.getContext()),
        sum(SumModeAttr::get(module.getContext(), sum)) {}

  void run();

private:
  void shard(Operation *op);
  void shardEmbed(EmbedOp op);
  void shardRows(LinearOp op);
  void reportColumns(LinearOp op);
  void gatherColumns(LinearOp op);
  AllReduceOp makeWhole(Value partial, RankedTensorType whole,
                        FlatSymbolRefAttr bias, WeightRef at,
                        ArrayRef<int64_t> tree, Location loc);
  RankedTensorType getPartialType(RankedTensorType whole);

  ModuleOp module;
  const ShardPlan &plan;
  IRRewriter rewriter;
  SumModeAttr sum;
};

RankedTensorType Sharder::getPartialType(RankedTensorType whole) {
  Type element = sum.getValue() == SumMode::f32 ? rewriter.getF32Type()
                                                : whole.getElementType();
  return RankedTensorType::get(whole.getShape(), element,
                               PartialAttr::get(module.getContext()));
}

/// Makes `partial`, which took the place of a whole value, whole for all its
/// other users, at the insertion point.
AllReduceOp Sharder::makeWhole(Value partial, RankedTensorType whole,
                               FlatSymbolRefAttr bias, WeightRef at,
                               ArrayRef<int64_t> tree, Location loc) {
  auto reduced = AllReduceOp::create(rewriter, loc, whole, partial, bias,
                                     bias ? at.layer : Value(),
                                     bias ? at.index : IntegerAttr(), sum,
                                     rewriter.getDenseI64ArrayAttr(tree));
  rewriter.replaceAllUsesExcept(partial, reduced.getReduced(), reduced);
  return reduced;
}

void Sharder::shardEmbed(EmbedOp op) {
  remark::passed(op.getLoc(), getRemarkOptions("VocabularySplit", op))
      << "split over the vocabulary; the rows become whole by an all_reduce"
      << remark::metric("Ranks", plan.ranks);
  RankedTensorType whole = op.getType();
  op.getEmbedded().setType(getPartialType(whole));
  rewriter.setInsertionPointAfter(op);
  makeWhole(op.getEmbedded(), whole, {}, {}, {plan.ranks}, op.getLoc());
}

void Sharder::shardRows(LinearOp op) {
  ColumnsAttr columns = plan.columns.lookup(op.getInput());
  int64_t units = op.getInput().getType().getDimSize(1) / columns.getUnit();
  SplitTree split = splitTree(op.getLeaves(), units, plan.ranks);
  if (sum.getValue() == SumMode::native)
    remark::passed(op.getLoc(), getRemarkOptions("RowSplit", op))
        << "split by rows; the sum is rounded after each add"
        << remark::metric("Ranks", plan.ranks);
  else if (split.isExact)
    remark::passed(op.getLoc(), getRemarkOptions("RowSplit", op))
        << "split by rows; the sum has the bits of one rank"
        << remark::metric("Ranks", plan.ranks);
  else
    remark::missed(op.getLoc(), getRemarkOptions("NotBitEqual", op))
        << remark::reason("no leading radices of `leaves` fit {0} ranks: the "
                          "sum is close to that of one rank, not equal",
                          plan.ranks)
        << remark::suggest("choose a number of ranks that is a product of "
                           "leading radices");
  WeightRef at = op.getWeightRefs().front();
  FlatSymbolRefAttr bias = op.getBiasAttr();
  op.removeBiasAttr();
  op.setLeaves(split.leaves);
  SmallVector<FlatSymbolRefAttr> biases(op.getNumResults(), bias);
  if (bias && op.getNumResults() > 1) {
    SymbolTableCollection symbols;
    auto parts = getColumnParts(lookupWeight(op, bias, symbols), symbols);
    for (auto [part, own] : llvm::zip_equal(parts, biases))
      own = FlatSymbolRefAttr::get(part.getSymNameAttr());
  }
  rewriter.setInsertionPointAfter(op);
  for (auto [product, own] : llvm::zip_equal(op.getProducts(), biases)) {
    auto whole = cast<RankedTensorType>(product.getType());
    product.setType(getPartialType(whole));
    makeWhole(product, whole, own, at, split.tree, op.getLoc());
  }
}

/// Says how a product is split by columns; its type and its weight are.
void Sharder::reportColumns(LinearOp op) {
  for (Value product : op.getProducts()) {
    int64_t features = cast<RankedTensorType>(product.getType()).getDimSize(1);
    int64_t unit = plan.columns.lookup(product).getUnit();
    remark::passed(op.getLoc(), getRemarkOptions("ColumnSplit", op))
        << remark::add("split by columns in units of {0}{1}", unit,
                       hasCopies(features, unit, plan.ranks)
                           ? "; ranks have copies of a unit"
                           : "")
        << remark::metric("Ranks", plan.ranks)
        << remark::metric("Units", features / unit);
  }
}

/// Gathers columns that the function returns on rank 0.
void Sharder::gatherColumns(LinearOp op) {
  remark::passed(op.getLoc(), getRemarkOptions("Gathered", op))
      << "the columns are gathered on rank 0, which returns them"
      << remark::metric("Ranks", plan.ranks);
  rewriter.setInsertionPointAfter(op);
  for (Value product : op.getProducts()) {
    auto root = withDistribution(cast<RankedTensorType>(product.getType()),
                                 RootAttr::get(module.getContext()));
    auto gathered = GatherOp::create(rewriter, op.getLoc(), root, product);
    rewriter.replaceAllUsesExcept(product, gathered.getGathered(), gathered);
  }
  auto function = op->getParentOfType<func::FuncOp>();
  Operation *terminator = function.getBody().back().getTerminator();
  function.setFunctionType(rewriter.getFunctionType(
      function.getArgumentTypes(), terminator->getOperandTypes()));
}

/// Splits `op`, if the plan does; the types and weights of the plan are set.
void Sharder::shard(Operation *op) {
  if (auto embed = dyn_cast<EmbedOp>(op)) {
    SymbolTableCollection symbols;
    if (plan.splits.lookup(
            lookupWeight(module, embed.getWeightAttr(), symbols)))
      shardEmbed(embed);
    return;
  }
  auto linear = dyn_cast<LinearOp>(op);
  if (!linear)
    return;
  if (plan.columns.contains(linear.getInput()))
    return shardRows(linear);
  if (!plan.columns.contains(linear.getProducts().front()))
    return;
  reportColumns(linear);
  if (isGatheredAtRoot(linear))
    gatherColumns(linear);
}

void Sharder::run() {
  SmallVector<Operation *> ops = collectOps<Operation *>(module);
  module->setAttr(LlamaDialect::getRanksAttrName(),
                  rewriter.getI64IntegerAttr(plan.ranks));
  for (auto [weight, split] : plan.splits)
    cast<WeightOp>(weight).setSplitAttr(split);
  for (auto [value, columns] : plan.columns)
    Value(value).setType(
        withDistribution(cast<RankedTensorType>(value.getType()), columns));
  for (Operation *op : ops)
    shard(op);
}

struct ShardPass : lamina::impl::ShardPassBase<ShardPass> {
  using ShardPassBase::ShardPassBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (std::optional<int64_t> has = getRanks(module)) {
      if (*has == ranks.value)
        return;
      emitError(module.getLoc(), "is sharded for ")
          << *has << " ranks already, cannot be sharded for " << ranks.value;
      return signalPassFailure();
    }
    if (failed(verifyNoDistribution(module)))
      return signalPassFailure();
    ShardPlan plan = planSharding(module, ranks.value);
    if (!plan.problems.empty()) {
      reportProblems(plan);
      return signalPassFailure();
    }
    if (ranks.value == 1) {
      module->setAttr(LlamaDialect::getRanksAttrName(),
                      Builder(&getContext()).getI64IntegerAttr(1));
      return;
    }
    Sharder(module, plan, sum).run();
  }

  /// Without `llama.ranks` nobody has checked what touches an encoded value.
  LogicalResult verifyNoDistribution(ModuleOp module) {
    WalkResult result = module->walk<WalkOrder::PreOrder>([](Operation *op) {
      Type found = findDistributedType(op);
      if (!found)
        return WalkResult::advance();
      op->emitOpError("has a value of type ")
          << found << ", but its module has no 'llama.ranks'";
      return WalkResult::interrupt();
    });
    return failure(result.wasInterrupted());
  }

  /// One error with a table of all reasons.
  void reportProblems(const ShardPlan &plan) {
    InFlightDiagnostic error =
        emitError(getOperation().getLoc(), "cannot be split over ")
        << plan.ranks << " ranks:";
    for (const ShardProblem &problem : plan.problems)
      error << "\n  " << problem.subject << ": " << problem.reason;
    error << "\nhelp: ranks that would do, up to " << kMostRanksTried << ": "
          << findPossibleRanks(getOperation());
  }
};

} // namespace
