//===- ExpandFused.cpp - Fused ops -> the ops that define them ------------===//

#include "CollectOps.h"
#include "FusionSites.h"
#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaOps.h"
#include "lamina/Transforms/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

namespace lamina {
#define GEN_PASS_DEF_EXPANDFUSEDPASS
#include "lamina/Transforms/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {

constexpr StringLiteral kCategory = "llama-expand";

/// Replaces `fused` by `add(residual, update)` and a norm of the sum, whose
/// rows are gathered, and says what this and `sum`, the sum over ranks in front
/// (null without one), cost more.
template <typename FusedOp>
void replaceByAddAndNorm(RewriterBase &rewriter, FusedOp fused, Value update,
                         CostOpInterface sum) {
  auto add =
      AddOp::create(rewriter, fused.getLoc(), fused.getNewResidual().getType(),
                    fused.getResidual(), update);
  RankedTensorType whole = fused.getNormed().getType();
  Attribute part = getDistribution(add.getType());
  auto norm = RmsNormOp::create(
      rewriter, fused.getLoc(), withDistribution(whole, part), add.getSum(),
      fused.getWeightAttr(), fused.getLayer(), fused.getIndexAttr(),
      fused.getEpsAttr(), fused.getNormAttr());
  Cost expansion = add.getCost();
  expansion += norm.getCost();
  if (sum)
    expansion += sum.getCost();
  Value normed = norm.getNormed();
  if (part) {
    auto gather = AllGatherOp::create(rewriter, fused.getLoc(), whole, normed);
    expansion += gather.getCost();
    normed = gather.getGathered();
  }
  Cost added = getSavings(expansion, fused.getCost(), getExecutionCount(fused));
  remark::passed(fused.getLoc(), remark::RemarkOpts::name("Expanded")
                                     .category(kCategory)
                                     .function(getFunctionName(fused)))
      << remark::add("expanded {0}", fused->getName().getStringRef())
      << remark::metric("LaunchesAdded", added.launches)
      << remark::metric("ActivationBytesAddedPerToken",
                        added.activationBytesPerToken);
  rewriter.replaceOp(fused, {normed, add.getSum()});
}

template <typename SumOp>
void expandWithSum(RewriterBase &rewriter, AllReduceResidualRmsNormOp fused) {
  auto sum = SumOp::create(
      rewriter, fused.getLoc(), fused.getResidual().getType(),
      fused.getPartial(), fused.getBiasAttr(), fused.getBiasLayer(),
      fused.getBiasIndexAttr(), fused.getSumAttr(), fused.getTreeAttr());
  replaceByAddAndNorm(rewriter, fused, sum.getReduced(),
                      cast<CostOpInterface>(sum.getOperation()));
}

void expand(RewriterBase &rewriter, AllReduceResidualRmsNormOp fused) {
  if (getDistribution(fused.getResidual().getType()))
    expandWithSum<ReduceScatterOp>(rewriter, fused);
  else
    expandWithSum<AllReduceOp>(rewriter, fused);
}

struct ExpandFusedPass : lamina::impl::ExpandFusedPassBase<ExpandFusedPass> {
  void runOnOperation() override {
    IRRewriter rewriter(&getContext());
    for (Operation *op : collectOps<Operation *>(getOperation())) {
      rewriter.setInsertionPoint(op);
      if (auto fused = dyn_cast<AllReduceResidualRmsNormOp>(op))
        expand(rewriter, fused);
      else if (auto fused = dyn_cast<ResidualRmsNormOp>(op))
        replaceByAddAndNorm(rewriter, fused, fused.getUpdate(),
                            /*sum=*/CostOpInterface());
    }
  }
};

} // namespace
