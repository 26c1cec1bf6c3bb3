//===- FuseAllReduceResidualRmsNorm.cpp -----------------------------------===//
//
// rms_norm(residual + all_reduce(partial)) -> all_reduce_residual_rms_norm
// all_gather(rms_norm(residual + reduce_scatter(partial))), of rows -> the same
// rms_norm(residual + update) -> residual_rms_norm, with one rank
//
//===----------------------------------------------------------------------===//

#include "CollectOps.h"
#include "FusionSites.h"
#include "lamina/IR/LlamaDistribution.h"
#include "lamina/Transforms/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

namespace lamina {
#define GEN_PASS_DEF_FUSEALLREDUCERESIDUALRMSNORMPASS
#include "lamina/Transforms/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {

constexpr StringLiteral kCategory = "llama-fuse";

remark::RemarkOpts getRemarkOptions(StringRef name, Operation *op) {
  return remark::RemarkOpts::name(name).category(kCategory).function(
      getFunctionName(op));
}

template <typename SumOp>
Operation *buildWithSum(RewriterBase &rewriter, Location loc, Type normedType,
                        const FusionMatch &match, SumOp sum) {
  RmsNormOp norm = match.norm;
  return AllReduceResidualRmsNormOp::create(
      rewriter, loc, normedType, match.residual.getType(), match.update,
      match.residual, norm.getWeightAttr(), norm.getLayer(),
      norm.getIndexAttr(), sum.getBiasAttr(), sum.getBiasLayer(),
      sum.getBiasIndexAttr(), norm.getEpsAttr(), norm.getNormAttr(),
      sum.getSumAttr(), sum.getTreeAttr());
}

/// Builds the fused op at the add.
Operation *buildFused(RewriterBase &rewriter, FusionMatch &match) {
  RmsNormOp norm = match.norm;
  rewriter.setInsertionPoint(match.add);
  SmallVector<Location> locations;
  if (match.sum)
    locations.push_back(match.sum->getLoc());
  locations.append({match.add.getLoc(), norm.getLoc()});
  if (match.gather)
    locations.push_back(match.gather.getLoc());
  Location loc = rewriter.getFusedLoc(locations);
  if (!match.sum)
    return ResidualRmsNormOp::create(
        rewriter, loc, norm.getType(), match.residual.getType(), match.update,
        match.residual, norm.getWeightAttr(), norm.getLayer(),
        norm.getIndexAttr(), norm.getEpsAttr(), norm.getNormAttr());
  Type normedType = norm.getType();
  if (match.gather)
    normedType = match.gather.getType();
  if (auto sum = dyn_cast<ReduceScatterOp>(match.sum))
    return buildWithSum(rewriter, loc, normedType, match, sum);
  return buildWithSum(rewriter, loc, normedType, match,
                      cast<AllReduceOp>(match.sum));
}

/// Replaces the ops of a site by the fused op; says and returns what it saves
/// in one step, in which it runs `executions` times.
Cost fuse(RewriterBase &rewriter, FusionMatch &match, int64_t executions) {
  Cost before;
  before += match.norm.getCost();
  before += match.add.getCost();
  for (Operation *op : {match.sum, match.gather.getOperation()})
    if (op)
      before += cast<CostOpInterface>(op).getCost();
  Location loc = match.norm.getLoc();
  Operation *fused = buildFused(rewriter, match);
  Cost saved =
      getSavings(before, cast<CostOpInterface>(fused).getCost(), executions);
  if (match.gather) {
    rewriter.replaceOp(match.gather, fused->getResult(0));
    rewriter.eraseOp(match.norm);
  } else {
    rewriter.replaceOp(match.norm, fused->getResult(0));
  }
  rewriter.replaceOp(match.add, fused->getResult(1));
  if (match.sum)
    rewriter.eraseOp(match.sum);
  remark::passed(loc, getRemarkOptions("Fused", fused))
      << remark::add("fused into {0}", fused->getName().getStringRef())
      << remark::metric("LaunchesSaved", saved.launches)
      << remark::metric("ActivationBytesSavedPerToken",
                        saved.activationBytesPerToken);
  return saved;
}

/// How many of the sites of a function fused and what that saves, as they run
/// in one step.
struct SiteTotals {
  int64_t fused = 0;
  int64_t all = 0;
  Cost saved;
};

void reportTotals(func::FuncOp function, const SiteTotals &totals) {
  remark::analysis(function->getLoc(),
                   remark::RemarkOpts::name("FusionSites")
                       .category(kCategory)
                       .function(SymbolTable::getSymbolName(function)))
      << remark::add("{0} of {1} sites fused", totals.fused, totals.all)
      << remark::metric("Fused", totals.fused)
      << remark::metric("Sites", totals.all)
      << remark::metric("LaunchesSaved", totals.saved.launches)
      << remark::metric("ActivationBytesSavedPerToken",
                        totals.saved.activationBytesPerToken);
}

/// Fuses those of `sites` that match and returns the others, in their order.
SmallVector<RmsNormOp> fuseMatches(ArrayRef<RmsNormOp> sites, int64_t ranks,
                                   SiteTotals &totals) {
  SmallVector<RmsNormOp> left;
  for (RmsNormOp norm : sites) {
    FusionResult result = matchFusionSite(norm, ranks);
    auto *match = std::get_if<FusionMatch>(&result);
    if (!match) {
      left.push_back(norm);
      continue;
    }
    IRRewriter rewriter(norm->getContext());
    int64_t executions = getExecutionCount(norm);
    totals.fused = addSaturating(totals.fused, executions);
    totals.saved += fuse(rewriter, *match, executions);
  }
  return left;
}

void fuseSites(func::FuncOp function, int64_t ranks) {
  SiteTotals totals;
  SmallVector<RmsNormOp> sites;
  for (RmsNormOp norm : collectOps<RmsNormOp>(function)) {
    if (!isFusionSite(norm, ranks))
      continue;
    totals.all = addSaturating(totals.all, getExecutionCount(norm));
    sites.push_back(norm);
  }
  // A fused op stands at its add: the all_reduce of a later site no longer
  // stands in the way of an earlier one. So sites that are left are tried
  // again.
  for (size_t before = SIZE_MAX; sites.size() < before;) {
    before = sites.size();
    sites = fuseMatches(sites, ranks, totals);
  }
  for (RmsNormOp norm : sites) {
    FusionResult result = matchFusionSite(norm, ranks);
    const FusionMiss &miss = std::get<FusionMiss>(result);
    remark::missed(norm.getLoc(), getRemarkOptions(miss.name, norm))
        << remark::reason("{0}", miss.reason)
        << remark::suggest("{0}", miss.suggestion);
  }
  if (totals.all > 0)
    reportTotals(function, totals);
}

struct FuseAllReduceResidualRmsNormPass
    : lamina::impl::FuseAllReduceResidualRmsNormPassBase<
          FuseAllReduceResidualRmsNormPass> {
  void runOnOperation() override {
    int64_t ranks = getRanks(getOperation()).value_or(1);
    for (auto function : getOperation().getOps<func::FuncOp>())
      fuseSites(function, ranks);
  }
};

} // namespace
