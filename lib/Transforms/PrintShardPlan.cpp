//===- PrintShardPlan.cpp - How the weights are split, as a table ---------===//

#include "ShardPlan.h"
#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaWeights.h"
#include "lamina/Support/CheckedMath.h"
#include "lamina/Transforms/Passes.h"
#include "llvm/Support/FormatVariadic.h"

namespace lamina {
#define GEN_PASS_DEF_PRINTSHARDPLANPASS
#include "lamina/Transforms/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {

/// Bytes of `weight` (all layers) that a rank has; nothing if 64 bits do not
/// hold them.
std::optional<int64_t> getRankBytes(WeightOp weight, SplitAttr split,
                                    int64_t rank, int64_t ranks) {
  SmallVector<int64_t> shape(weight.getTensorType().getShape());
  if (split) {
    int64_t &dim = shape[split.getKind() == SplitKind::rows ? 1 : 0];
    dim = getUnitRange(dim / split.getUnit(), rank, ranks).size() *
          split.getUnit();
  }
  shape.push_back(weight.getLayers().value_or(1));
  auto elements = checkedProduct<int64_t>(shape);
  return elements ? getStorageBytes(weight.getStorageType(), *elements)
                  : std::nullopt;
}

std::optional<int64_t> addBytes(std::optional<int64_t> a,
                                std::optional<int64_t> b) {
  return a && b ? checkedAdd(*a, *b) : std::nullopt;
}

std::string describeBytes(std::optional<int64_t> bytes) {
  return llvm::formatv(" {0,15}",
                       bytes ? std::to_string(*bytes) : "2^63 or more");
}

struct PrintShardPlanPass
    : lamina::impl::PrintShardPlanPassBase<PrintShardPlanPass> {
  using PrintShardPlanPassBase::PrintShardPlanPassBase;

  void runOnOperation() override {
    markAllAnalysesPreserved();
    std::optional<int64_t> sharded = getRanks(getOperation());
    ShardPlan plan = planSharding(getOperation(), sharded ? 1 : ranks.value);
    int64_t count = sharded.value_or(ranks.value);
    std::string table = llvm::formatv("shard plan for {0} ranks, bytes\n{1,-24}"
                                      " {2,-28}",
                                      count, "weight", "rule");
    SmallVector<std::optional<int64_t>> totals(count, 0);
    for (int64_t rank = 0; rank < count; ++rank)
      table += llvm::formatv(" {0,15}", ("rank " + Twine(rank)).str());
    for (auto weight : getOperation().getOps<WeightOp>()) {
      if (weight.getDerivedAttr())
        continue;
      SplitAttr split =
          sharded ? weight.getSplitAttr() : plan.splits.lookup(weight);
      table +=
          llvm::formatv("\n{0,-24} {1,-28}", ("@" + weight.getSymName()).str(),
                        describeSplit(split));
      for (int64_t rank = 0; rank < count; ++rank) {
        std::optional<int64_t> bytes = getRankBytes(weight, split, rank, count);
        totals[rank] = addBytes(totals[rank], bytes);
        table += describeBytes(bytes);
      }
    }
    table += llvm::formatv("\n{0,-53}", "total");
    for (std::optional<int64_t> total : totals)
      table += describeBytes(total);
    for (const ShardProblem &problem : plan.problems)
      table += "\ncannot be: " + problem.subject + ": " + problem.reason;
    llvm::errs() << table << '\n';
    if (!plan.problems.empty()) {
      emitError(getOperation().getLoc(), "cannot be split over ")
          << plan.ranks << " ranks, for the reasons above";
      signalPassFailure();
    }
  }
};

} // namespace
