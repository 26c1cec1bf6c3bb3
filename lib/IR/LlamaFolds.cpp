//===- LlamaFolds.cpp - Canonicalisation of references and adds -----------===//

#include "lamina/IR/LlamaOps.h"

#include "lamina/IR/LlamaWeights.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lamina;

namespace {

/// `@w[%c3]` -> `@w[3]`, and `@next_norm[3]` -> the weight it is taken from.
struct ResolveLayer : OpInterfaceRewritePattern<WeightUserOpInterface> {
  using OpInterfaceRewritePattern::OpInterfaceRewritePattern;

  LogicalResult matchAndRewrite(WeightUserOpInterface op,
                                PatternRewriter &rewriter) const override {
    bool changed = false;
    for (auto [i, ref] : llvm::enumerate(op.getWeightRefs())) {
      WeightRef resolved = ref;
      APInt constant;
      if (ref.layer && matchPattern(ref.layer, m_ConstantInt(&constant)))
        resolved = {ref.symbol, Value(),
                    rewriter.getI64IntegerAttr(constant.getSExtValue())};
      resolved = resolveDerivedLayer(op, resolved);
      if (resolved.symbol == ref.symbol && resolved.layer == ref.layer &&
          resolved.index == ref.index)
        continue;
      unsigned number = i; // a structured binding cannot be captured
      rewriter.modifyOpInPlace(op, [&] { op.setWeightRef(number, resolved); });
      changed = true;
    }
    if (!changed)
      return rewriter.notifyMatchFailure(op, "no layer to resolve");
    return success();
  }
};

/// True for what is added to the residual stream: a product, whole or summed. A
/// constant stays on the right as well, where MLIR puts it in commutative ops.
bool isUpdate(Value value) {
  return matchPattern(value, m_Constant()) ||
         (value.getDefiningOp() &&
          isa<LinearOp, AllReduceOp, ReduceScatterOp, AllGatherOp>(
              value.getDefiningOp()));
}

} // namespace

void LlamaDialect::getCanonicalizationPatterns(
    RewritePatternSet &patterns) const {
  patterns.add<ResolveLayer>(getContext());
}

/// shard_rows(all_gather(x)) -> x: the all_gather stays, as a collective.
OpFoldResult ShardRowsOp::fold(FoldAdaptor) {
  auto gather = getWhole().getDefiningOp<AllGatherOp>();
  if (!gather || gather.getParts().getType() != getType())
    return {};
  return gather.getParts();
}

/// Puts the residual first.
LogicalResult AddOp::canonicalize(AddOp op, PatternRewriter &rewriter) {
  if (!isUpdate(op.getResidual()) || isUpdate(op.getUpdate()))
    return rewriter.notifyMatchFailure(op, "the residual is first");
  rewriter.modifyOpInPlace(op, [&] {
    Value update = op.getResidual();
    op.getResidualMutable().assign(op.getUpdate());
    op.getUpdateMutable().assign(update);
  });
  return success();
}
