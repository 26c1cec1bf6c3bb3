//===- ModelForecast.cpp - What must become of a model --------------------===//
//
// Written from DESIGN section 2 and 3, not from the passes.
//
//===----------------------------------------------------------------------===//

#include "ModelPlan.h"

#include "lamina/IR/LlamaWeights.h"

#include <numeric>
#include <optional>

using namespace mlir;
using namespace lamina;
using namespace lamina::generator;

//===----------------------------------------------------------------------===//
// Sharding
//===----------------------------------------------------------------------===//

/// Columns that go together in the query: whole heads, whole blocks of the
/// output projection, and all the heads of a KV head that is not copied.
static int64_t getQueryUnit(const ModelPlan &plan, int64_t ranks) {
  int64_t group = plan.heads / plan.kvHeads;
  int64_t heads = plan.kvHeads < ranks ? plan.headDim : group * plan.headDim;
  return std::lcm(heads, getBlockSize(plan.wo.storage));
}

/// True if `count` units can be dealt to `ranks` ranks.
static bool canDeal(int64_t features, int64_t unit, int64_t ranks) {
  return features % unit == 0 && features / unit >= ranks;
}

/// True if each rank has the KV heads that its query heads read.
static bool ownHeads(const ModelPlan &plan, int64_t queryUnit, int64_t ranks) {
  int64_t group = plan.heads / plan.kvHeads;
  int64_t units = plan.heads * plan.headDim / queryUnit;
  int64_t headsInUnit = queryUnit / plan.headDim;
  bool isCopied = plan.kvHeads < ranks;
  int64_t kvHeadsInUnit = isCopied ? 1 : headsInUnit / group;
  int64_t kvUnits = plan.kvHeads / kvHeadsInUnit;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    int64_t first = rank * units / ranks * headsInUnit / group;
    int64_t last = ((rank + 1) * units / ranks * headsInUnit - 1) / group;
    int64_t begin = rank * kvUnits / ranks * kvHeadsInUnit;
    int64_t end =
        isCopied ? begin + 1 : (rank + 1) * kvUnits / ranks * kvHeadsInUnit;
    if (first < begin || last >= end)
      return false;
  }
  return true;
}

/// True if the model has a layer: without one nothing is split by rows.
static bool hasLayers(const ModelPlan &plan) {
  return llvm::any_of(plan.segments,
                      [](const Segment &segment) { return segment.count > 0; });
}

bool lamina::generator::canSplit(const ModelPlan &plan, int64_t ranks) {
  if (ranks == 1)
    return true;
  if (plan.vocabulary < ranks)
    return false;
  if (!hasLayers(plan))
    return true;
  int64_t unit = getQueryUnit(plan, ranks);
  if (!canDeal(plan.heads * plan.headDim, unit, ranks))
    return false;
  if (plan.kvHeads < ranks && ranks % plan.kvHeads != 0)
    return false;
  if (!ownHeads(plan, unit, ranks))
    return false;
  return canDeal(plan.intermediate, getBlockSize(plan.down.storage), ranks);
}

/// True if a prefix of `leaves` has the product `ranks`.
static bool hasPrefix(ArrayRef<int64_t> leaves, int64_t ranks) {
  int64_t product = 1;
  for (int64_t radix : leaves) {
    if (product >= ranks)
      break;
    product *= radix;
  }
  return product == ranks;
}

bool lamina::generator::hasExactSums(const ModelPlan &plan, int64_t ranks) {
  if (ranks == 1 || !hasLayers(plan))
    return true;
  int64_t queries = plan.heads * plan.headDim / getQueryUnit(plan, ranks);
  int64_t columns = plan.intermediate / getBlockSize(plan.down.storage);
  return hasPrefix(plan.wo.leaves, ranks) && queries % ranks == 0 &&
         hasPrefix(plan.down.leaves, ranks) && columns % ranks == 0;
}

//===----------------------------------------------------------------------===//
// Hoisting and fusing
//===----------------------------------------------------------------------===//

bool lamina::generator::rotates(const Segment &segment) {
  return segment.staysLoop() && segment.firstNorm == FirstNorm::byLayer &&
         segment.feedForward != NearMiss::residualMissing;
}

namespace {

class Forecaster {
public:
  Forecaster(const ModelPlan &plan, int64_t ranks) : plan(plan), ranks(ranks) {}

  FusionForecast run();

private:
  SiteOutcome getOutcome(NearMiss nearMiss) {
    if (nearMiss == NearMiss::deadNorm)
      return kFused; // a second norm is dead; canonicalisation drops it
    return generator::getOutcome(
        nearMiss, {ranks > 1, /*isCanonical=*/true,
                   /*foldsCasts=*/!plan.residual.isF32(), /*layers=*/2,
                   isResidualSum && nearMiss != NearMiss::alreadyReduced});
  }
  void addSite(Twine norm, SiteOutcome outcome, int64_t executions);
  void readStream(Twine norm);
  void addAttention(size_t i);
  void addLoop(size_t i);
  void addStraight(size_t i);
  bool isAbsorbed(size_t i);

  const ModelPlan &plan;
  int64_t ranks;
  FusionForecast forecast;
  /// What becomes of a norm that reads the residual stream here, in straight
  /// code; nothing if the stream comes from no add of the same block.
  std::optional<SiteOutcome> stream;
  bool isTaken = false;      // the next norm became the last of a loop
  bool isResidualSum = true; // the embedding is one, with several ranks
};

void Forecaster::addSite(Twine norm, SiteOutcome outcome, int64_t executions) {
  if (outcome == kFused)
    forecast.fused += executions;
  else if (outcome != kNoSite)
    forecast.missed.insert({norm.str(), outcome.str()});
}

/// A norm of straight code reads the stream.
void Forecaster::readStream(Twine norm) {
  if (isTaken) {
    isTaken = false;
    stream.reset(); // another norm here reads the loop's result
    return;
  }
  if (!stream)
    return;
  addSite(norm, *stream, 1);
  if (*stream == kFused)
    stream = kAlreadyFused;
}

void Forecaster::addAttention(size_t i) {
  const Segment &segment = plan.segments[i];
  SiteOutcome outcome = getOutcome(segment.attention);
  std::string name = "ffn " + std::to_string(i);
  addSite(name, outcome, segment.count);
  if (segment.attention == NearMiss::twoNorms)
    addSite(name + ".second", kAlreadyFused, segment.count);
  isResidualSum = segment.attention == NearMiss::residualMissing;
}

/// True if the first norm behind loop `i` becomes that of its last layer.
bool Forecaster::isAbsorbed(size_t i) {
  const NormNumerics &own = plan.segments[i].attentionNorm;
  for (size_t next = i + 1; next < plan.segments.size(); ++next) {
    const Segment &segment = plan.segments[next];
    if (segment.count == 0 && segment.isLoop)
      continue;
    return !segment.staysLoop() && own == segment.attentionNorm;
  }
  return plan.hasFinalNorm && own == plan.finalNorm;
}

void Forecaster::addLoop(size_t i) {
  const Segment &segment = plan.segments[i];
  std::string name = "attention " + std::to_string(i);
  bool doesRotate = rotates(segment);
  if (doesRotate)
    readStream(name);    // the norm in front of the loop
  isResidualSum = false; // it is an iteration value
  addAttention(i);
  SiteOutcome outcome = getOutcome(segment.feedForward);
  isResidualSum = false;
  if (!doesRotate) {
    stream.reset();
    return;
  }
  isTaken = isAbsorbed(i);
  addSite(name, outcome, isTaken ? segment.count : segment.count - 1);
  if (isTaken)
    stream.reset();
  else
    stream = outcome;
}

void Forecaster::addStraight(size_t i) {
  std::string name = "attention " + std::to_string(i);
  readStream(name);
  if (plan.segments[i].firstNorm == FirstNorm::several)
    readStream(name + ".second");
  addAttention(i);
  stream = getOutcome(plan.segments[i].feedForward);
  isResidualSum = plan.segments[i].feedForward == NearMiss::residualMissing;
}

FusionForecast Forecaster::run() {
  for (size_t i = 0; i < plan.segments.size(); ++i) {
    if (plan.segments[i].isLoop && plan.segments[i].count == 0)
      continue;
    if (plan.segments[i].staysLoop())
      addLoop(i);
    else
      addStraight(i);
  }
  if (plan.hasFinalNorm)
    readStream("final");
  return std::move(forecast);
}

} // namespace

FusionForecast lamina::generator::forecastModel(const ModelPlan &plan,
                                                int64_t ranks) {
  return Forecaster(plan, ranks).run();
}
