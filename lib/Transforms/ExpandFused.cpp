//===- ExpandFused.cpp - Fused ops -> the ops that define them ------------===//

#include "CollectOps.h"
#include "FusionSites.h"
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

/// Replaces `fused` by `add(residual, update)` and a norm of the sum, and says
/// what this and `sum`, the all_reduce in front (null without one), cost more.
template <typename FusedOp>
void replaceByAddAndNorm(RewriterBase &rewriter, FusedOp fused, Value update,
                         AllReduceOp sum) {
  auto add =
      AddOp::create(rewriter, fused.getLoc(), fused.getNewResidual().getType(),
                    fused.getResidual(), update);
  auto norm = RmsNormOp::create(
      rewriter, fused.getLoc(), fused.getNormed().getType(), add.getSum(),
      fused.getWeightAttr(), fused.getLayer(), fused.getIndexAttr(),
      fused.getEpsAttr(), fused.getNormAttr());
  Cost expansion = add.getCost();
  expansion += norm.getCost();
  if (sum)
    expansion += sum.getCost();
  Cost added = getSavings(expansion, fused.getCost(), getExecutionCount(fused));
  remark::passed(fused.getLoc(), remark::RemarkOpts::name("Expanded")
                                     .category(kCategory)
                                     .function(getFunctionName(fused)))
      << remark::add("expanded {0}", fused->getName().getStringRef())
      << remark::metric("LaunchesAdded", added.launches)
      << remark::metric("ActivationBytesAddedPerToken",
                        added.activationBytesPerToken);
  rewriter.replaceOp(fused, {norm.getNormed(), add.getSum()});
}

void expand(RewriterBase &rewriter, AllReduceResidualRmsNormOp fused) {
  auto sum = AllReduceOp::create(
      rewriter, fused.getLoc(), fused.getResidual().getType(),
      fused.getPartial(), fused.getBiasAttr(), fused.getBiasLayer(),
      fused.getBiasIndexAttr(), fused.getSumAttr(), fused.getTreeAttr());
  replaceByAddAndNorm(rewriter, fused, sum.getReduced(), sum);
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
                            /*sum=*/AllReduceOp());
    }
  }
};

} // namespace
