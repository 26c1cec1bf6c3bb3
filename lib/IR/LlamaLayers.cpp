//===- LlamaLayers.cpp - The loop over layers -----------------------------===//
//
// Verifier, loop and region interfaces, and canonicalisation of `llama.layers`.
//
//===----------------------------------------------------------------------===//

#include "lamina/IR/LlamaOps.h"

#include "lamina/IR/LlamaWeights.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/BitVector.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace lamina;

YieldOp LayersOp::getYield() {
  return cast<YieldOp>(getBody().front().getTerminator());
}

LogicalResult LayersOp::verify() {
  // C1
  if (int64_t(getCount()) < 0)
    return emitOpError("needs a number of layers that is not negative, got ")
           << int64_t(getCount());
  return success();
}

LogicalResult LayersOp::verifyRegions() {
  // C2
  Block &body = getBody().front();
  if (body.getNumArguments() == 0)
    return emitOpError("needs a body with an argument, the layer, got none");
  if (!body.getArgument(0).getType().isIndex())
    return emitOpError("needs a body whose first argument is the layer, an "
                       "index, got ")
           << body.getArgument(0).getType();
  if (!isa<YieldOp>(body.getTerminator()))
    return emitOpError("needs a body that ends in llama.yield, got ")
           << body.getTerminator()->getName();
  // The loop and region interfaces have compared the types of the inits, the
  // iteration values, the yielded values and the results.
  return success();
}

//===----------------------------------------------------------------------===//
// Names
//===----------------------------------------------------------------------===//

void LayersOp::getAsmBlockArgumentNames(Region &region,
                                        OpAsmSetValueNameFn setName) {
  static constexpr StringLiteral names[] = {"l", "h", "n"};
  for (BlockArgument argument : region.getArguments())
    setName(argument,
            argument.getArgNumber() < 3 ? names[argument.getArgNumber()] : "c");
}

void LayersOp::getAsmResultNames(OpAsmSetValueNameFn setName) {
  if (getNumResults() > 0)
    setName(getResult(0), "x");
}

//===----------------------------------------------------------------------===//
// RegionBranchOpInterface
//===----------------------------------------------------------------------===//

OperandRange LayersOp::getEntrySuccessorOperands(RegionSuccessor) {
  return getInits();
}

void LayersOp::getSuccessorRegions(RegionBranchPoint point,
                                   SmallVectorImpl<RegionSuccessor> &regions) {
  // The edges of a loop of any length, also where it has one layer or none: the
  // canonicalisation of region branches would else drop an iteration value and
  // keep its result.
  regions.emplace_back(&getBody(), getRegionIterArgs());
  if (!point.isParent() || getCount() == 0)
    regions.emplace_back(getOperation(), getResults());
}

void LayersOp::getRegionInvocationBounds(
    ArrayRef<Attribute>, SmallVectorImpl<InvocationBounds> &bounds) {
  unsigned count = std::min<uint64_t>(getCount(), UINT32_MAX);
  bounds.emplace_back(count, count);
}

//===----------------------------------------------------------------------===//
// LoopLikeOpInterface
//===----------------------------------------------------------------------===//

SmallVector<Region *> LayersOp::getLoopRegions() { return {&getBody()}; }

Block::BlockArgListType LayersOp::getRegionIterArgs() {
  // A body without arguments is reported by `verifyRegions`, which runs later.
  auto arguments = getBody().getArguments();
  return arguments.empty() ? arguments : arguments.drop_front();
}

std::optional<MutableArrayRef<OpOperand>> LayersOp::getYieldedValuesMutable() {
  // Also asked, before `verifyRegions`, of a body that ends in another op.
  return getBody().front().getTerminator()->getOpOperands();
}

std::optional<ResultRange> LayersOp::getLoopResults() { return getResults(); }

std::optional<SmallVector<Value>> LayersOp::getLoopInductionVars() {
  return SmallVector<Value>{getLayer()};
}

std::optional<SmallVector<OpFoldResult>> LayersOp::getLoopLowerBounds() {
  return SmallVector<OpFoldResult>{Builder(getContext()).getIndexAttr(0)};
}

std::optional<SmallVector<OpFoldResult>> LayersOp::getLoopUpperBounds() {
  return SmallVector<OpFoldResult>{
      Builder(getContext()).getIndexAttr(getCount())};
}

std::optional<SmallVector<OpFoldResult>> LayersOp::getLoopSteps() {
  return SmallVector<OpFoldResult>{Builder(getContext()).getIndexAttr(1)};
}

std::optional<APInt> LayersOp::getStaticTripCount() {
  return APInt(64, getCount());
}

//===----------------------------------------------------------------------===//
// Canonicalisation
//===----------------------------------------------------------------------===//

namespace {

/// `to 0`: the results are the inits.
struct FoldNoLayers : OpRewritePattern<LayersOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LayersOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getCount() != 0)
      return rewriter.notifyMatchFailure(op, "there are layers");
    rewriter.replaceOp(op, op.getInits());
    return success();
  }
};

/// `to 1`: the body runs once, as layer 0.
struct InlineOnlyLayer : OpRewritePattern<LayersOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LayersOp op,
                                PatternRewriter &rewriter) const override {
    if (op.getCount() != 1)
      return rewriter.notifyMatchFailure(op, "there is not exactly one layer");
    Value layer = op.getLayer();
    if (llvm::any_of(layer.getUsers(), [](Operation *user) {
          return !isa<WeightUserOpInterface>(user);
        }))
      return rewriter.notifyMatchFailure(
          op, "the layer is used by an op that names no weight");
    // An op may use the layer twice, for its weight and for its bias.
    llvm::SmallSetVector<Operation *, 8> users;
    users.insert(layer.user_begin(), layer.user_end());
    for (Operation *user : users)
      rewriter.modifyOpInPlace(user, [&] {
        setStaticLayer(cast<WeightUserOpInterface>(user), layer, 0);
      });
    YieldOp yield = op.getYield();
    SmallVector<Value> finals(yield.getValues());
    SmallVector<Value> arguments{layer}; // no use is left
    llvm::append_range(arguments, op.getInits());
    // A value that the body yields unchanged stands for its init.
    for (Value &value : finals)
      if (auto argument = dyn_cast<BlockArgument>(value);
          argument && argument.getOwner() == &op.getBody().front())
        value = arguments[argument.getArgNumber()];
    rewriter.eraseOp(yield);
    for (auto [argument, init] :
         llvm::zip_equal(op.getRegionIterArgs(), op.getInits()))
      rewriter.replaceAllUsesWith(argument, init);
    Block *body = &op.getBody().front();
    rewriter.setInsertionPoint(op);
    for (Operation &inner : llvm::make_early_inc_range(*body)) {
      inner.walk(
          [](Operation *part) { part->setLoc(nameLayer(part->getLoc(), 0)); });
      rewriter.moveOpBefore(&inner, op);
    }
    rewriter.replaceOp(op, finals);
    return success();
  }
};

/// Returns, for each iteration value of `op`, whether a used result or an op
/// with an effect depends on it.
llvm::BitVector findLiveIterationValues(LayersOp op) {
  Block &body = op.getBody().front();
  OperandRange yielded = op.getYield().getValues();
  llvm::BitVector isLive(yielded.size());
  SmallPtrSet<Operation *, 16> seen;
  SmallVector<Value> needed;
  auto needOperands = [&](Operation *user) {
    if (seen.insert(user).second)
      user->walk([&](Operation *inner) {
        llvm::append_range(needed, inner->getOperands());
      });
  };
  for (Operation &inner : body.without_terminator())
    if (!isMemoryEffectFree(&inner))
      needOperands(&inner);
  for (auto [i, result] : llvm::enumerate(op.getResults()))
    if (!result.use_empty())
      needed.push_back(yielded[i]);
  while (!needed.empty()) {
    Value value = needed.pop_back_val();
    if (Operation *maker = value.getDefiningOp()) {
      if (Operation *inner = body.findAncestorOpInBlock(*maker))
        needOperands(inner);
      continue;
    }
    auto argument = cast<BlockArgument>(value);
    if (argument.getOwner() != &body || argument == op.getLayer())
      continue;
    unsigned i = argument.getArgNumber() - 1;
    if (!isLive.test(i))
      needed.push_back(yielded[i]);
    isLive.set(i);
  }
  return isLive;
}

/// Yields an iteration value unchanged that only itself depends on, so that it
/// is invariant and goes.
struct DropDeadIterationValues : OpRewritePattern<LayersOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(LayersOp op,
                                PatternRewriter &rewriter) const override {
    llvm::BitVector isLive = findLiveIterationValues(op);
    YieldOp yield = op.getYield();
    SmallVector<Value> values(yield.getValues());
    for (auto [i, argument] : llvm::enumerate(op.getRegionIterArgs()))
      // One without a use goes anyway, whatever is yielded for it.
      if (!isLive.test(i) && !argument.use_empty())
        values[i] = argument;
    if (llvm::equal(values, yield.getValues()))
      return rewriter.notifyMatchFailure(op, "no iteration value is dead");
    rewriter.modifyOpInPlace(yield,
                             [&] { yield.getValuesMutable().assign(values); });
    return success();
  }
};

} // namespace

void LayersOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                           MLIRContext *context) {
  patterns.add<FoldNoLayers, InlineOnlyLayer, DropDeadIterationValues>(context);
  // Invariant and repeated iteration values.
  populateRegionBranchOpInterfaceCanonicalizationPatterns(
      patterns, LayersOp::getOperationName());
}
