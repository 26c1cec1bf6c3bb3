//===- RequireFusion.cpp - Fail if a site is left that did not fuse -------===//

#include "CollectOps.h"
#include "FusionSites.h"
#include "lamina/IR/LlamaDistribution.h"
#include "lamina/Transforms/Passes.h"

namespace lamina {
#define GEN_PASS_DEF_REQUIREFUSIONPASS
#include "lamina/Transforms/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {

constexpr FusionMiss kNotRun = {
    "NotRun", "it matches, but the fusion did not run",
    "run --llama-fuse-all-reduce-residual-rms-norm first"};

struct RequireFusionPass
    : lamina::impl::RequireFusionPassBase<RequireFusionPass> {
  void runOnOperation() override {
    int64_t ranks = getRanks(getOperation()).value_or(1);
    for (RmsNormOp norm : collectOps<RmsNormOp>(getOperation())) {
      if (!isFusionSite(norm, ranks))
        continue;
      FusionResult result = matchFusionSite(norm, ranks);
      auto *found = std::get_if<FusionMiss>(&result);
      const FusionMiss &miss = found ? *found : kNotRun;
      norm.emitError("site did not fuse: ")
          << miss.reason << "; " << miss.suggestion;
      signalPassFailure();
    }
  }
};

} // namespace
