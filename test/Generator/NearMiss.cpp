//===- NearMiss.cpp - What the fusion must make of each near miss ---------===//

#include "NearMiss.h"

#include "llvm/Support/ErrorHandling.h"

using namespace lamina::generator;

namespace {

struct Entry {
  NearMiss nearMiss;
  llvm::StringLiteral name;
};

constexpr Entry kEntries[] = {
    {NearMiss::none, "none"},
    {NearMiss::swapped, "swapped operands"},
    {NearMiss::residualReturned, "residual shared"},
    {NearMiss::residualMissing, "residual missing"},
    {NearMiss::residualTwice, "residual used twice"},
    {NearMiss::sumTwice, "sum used twice"},
    {NearMiss::sumOtherUser, "sum with another user"},
    {NearMiss::partialOtherUser, "partial sum with another user"},
    {NearMiss::twoNorms, "two norms on one sum"},
    {NearMiss::castPairUpdate, "cast pair before the add"},
    {NearMiss::castPairNorm, "cast pair before the norm"},
    {NearMiss::loneCastUpdate, "lone cast before the add"},
    {NearMiss::loneCastNorm, "lone cast before the norm"},
    {NearMiss::reshapePairUpdate, "reshape pair before the add"},
    {NearMiss::reshapePairNorm, "reshape pair before the norm"},
    {NearMiss::allReduceBetween, "all_reduce in between"},
    {NearMiss::gatherBetween, "all_gather in between"},
    {NearMiss::layersBetween, "loop with a collective in between"},
    {NearMiss::callBetween, "call in between"},
    {NearMiss::pureBetween, "pure op in between"},
    {NearMiss::alreadyReduced, "already reduced input"},
    {NearMiss::residualIsSum, "residual is a sum over ranks"},
    {NearMiss::deadNorm, "dead norm"},
    {NearMiss::deadSite, "dead norm and add"},
    {NearMiss::normInOtherBlock, "norm in another block"},
    {NearMiss::sumInOtherBlock, "sum in another block"},
    {NearMiss::lateLayer, "late layer"},
};

} // namespace

llvm::ArrayRef<NearMiss> lamina::generator::getNearMisses() {
  static const auto all = [] {
    std::array<NearMiss, std::size(kEntries)> array;
    for (size_t i = 0; i < std::size(kEntries); ++i)
      array[i] = kEntries[i].nearMiss;
    return array;
  }();
  return all;
}

llvm::StringRef lamina::generator::getName(NearMiss nearMiss) {
  for (const Entry &entry : kEntries)
    if (entry.nearMiss == nearMiss)
      return entry.name;
  llvm_unreachable("a near miss has a name");
}

/// The outcomes that depend on the all_reduce: with one rank none is needed.
static SiteOutcome getSumOutcome(NearMiss nearMiss,
                                 const SiteContext &context) {
  bool isGone = context.isCanonical && context.layers == 0;
  SiteOutcome noSum =
      context.isResidualSum ? SiteOutcome("SumHasOtherUsers") : kNoSite;
  // A sum of the residual itself comes before one behind a cast.
  SiteOutcome cast =
      context.isResidualSum ? SiteOutcome("SumHasOtherUsers") : kCastBeforeAdd;
  switch (nearMiss) {
  case NearMiss::residualTwice:
  case NearMiss::alreadyReduced:
    return noSum;
  case NearMiss::loneCastUpdate:
    return cast;
  case NearMiss::castPairUpdate:
    return context.isCanonical && context.foldsCasts ? kFused : cast;
  case NearMiss::reshapePairUpdate:
    return context.isCanonical ? kFused : cast;
  case NearMiss::sumTwice:
  case NearMiss::sumOtherUser:
    return "SumHasOtherUsers";
  case NearMiss::allReduceBetween:
  case NearMiss::gatherBetween:
  case NearMiss::callBetween:
    return "CollectiveBetween";
  case NearMiss::layersBetween:
    return isGone ? kFused : SiteOutcome("CollectiveBetween");
  case NearMiss::sumInOtherBlock:
    return context.isCanonical && context.layers == 1
               ? kFused
               : SiteOutcome("SumInOtherBlock");
  default:
    return kFused;
  }
}

SiteOutcome lamina::generator::getOutcome(NearMiss nearMiss,
                                          const SiteContext &context) {
  bool isCanonical = context.isCanonical;
  switch (nearMiss) {
  case NearMiss::residualMissing:
    return kNoSite;
  case NearMiss::loneCastNorm:
    return kCastBeforeNorm;
  case NearMiss::castPairNorm:
    return isCanonical && context.foldsCasts ? kFused : kCastBeforeNorm;
  case NearMiss::reshapePairNorm:
    return isCanonical ? kFused : kCastBeforeNorm;
  case NearMiss::deadNorm:
  case NearMiss::deadSite:
    return isCanonical ? kNoSite : kFused;
  case NearMiss::normInOtherBlock:
    return isCanonical && context.layers == 1 ? kFused
                                              : SiteOutcome("NormInOtherBlock");
  case NearMiss::lateLayer:
    return isCanonical ? kFused : SiteOutcome("LateLayer");
  default:
    return context.hasSeveralRanks ? getSumOutcome(nearMiss, context) : kFused;
  }
}
