//===- ExpandFused.cpp - Fused ops -> the ops that define them ------------===//

#include "CollectOps.h"
#include "lamina/IR/LlamaOps.h"
#include "lamina/Transforms/Passes.h"
#include "mlir/IR/PatternMatch.h"

namespace lamina {
#define GEN_PASS_DEF_EXPANDFUSEDPASS
#include "lamina/Transforms/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {

/// Replaces `fused` by `add(residual, update)` and a norm of the sum.
template <typename FusedOp>
void replaceByAddAndNorm(RewriterBase &rewriter, FusedOp fused, Value update) {
  auto add =
      AddOp::create(rewriter, fused.getLoc(), fused.getNewResidual().getType(),
                    fused.getResidual(), update);
  auto norm = RmsNormOp::create(
      rewriter, fused.getLoc(), fused.getNormed().getType(), add.getSum(),
      fused.getWeightAttr(), fused.getLayer(), fused.getIndexAttr(),
      fused.getEpsAttr(), fused.getNormAttr());
  rewriter.replaceOp(fused, {norm.getNormed(), add.getSum()});
}

void expand(RewriterBase &rewriter, AllReduceResidualRmsNormOp fused) {
  auto sum = AllReduceOp::create(
      rewriter, fused.getLoc(), fused.getResidual().getType(),
      fused.getPartial(), fused.getBiasAttr(), fused.getBiasLayer(),
      fused.getBiasIndexAttr(), fused.getSumAttr(), fused.getTreeAttr());
  replaceByAddAndNorm(rewriter, fused, sum.getReduced());
}

struct ExpandFusedPass : lamina::impl::ExpandFusedPassBase<ExpandFusedPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    for (Operation *op : collectOps<Operation *>(getOperation())) {
      rewriter.setInsertionPoint(op);
      if (auto fused = dyn_cast<AllReduceResidualRmsNormOp>(op))
        expand(rewriter, fused);
      else if (auto fused = dyn_cast<ResidualRmsNormOp>(op))
        replaceByAddAndNorm(rewriter, fused, fused.getUpdate());
    }
  }
};

} // namespace
