//===- MergeProjections.cpp - Products of one input -> one product --------===//

#include "CollectOps.h"
#include "DerivedWeights.h"
#include "FusionSites.h"
#include "lamina/IR/LlamaWeights.h"
#include "lamina/Transforms/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"
#include "llvm/ADT/MapVector.h"

namespace lamina {
#define GEN_PASS_DEF_MERGEPROJECTIONSPASS
#include "lamina/Transforms/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {

constexpr StringLiteral kCategory = "llama-merge";

/// A product with the weights that it names.
struct Projection {
  LinearOp op;
  WeightOp weight;
  WeightOp bias; // null without
};

/// Why `b` cannot join `a`, and what to change; nothing if it can.
struct MergeMiss {
  StringRef name, reason, suggestion;
};

std::optional<MergeMiss> findDifference(Projection a, Projection b) {
  if (a.weight.getStorageType() != b.weight.getStorageType())
    return MergeMiss{"StorageDiffers", "the weights differ in storage type",
                     "store the weights of one layer in one type"};
  if (a.weight.getLayersAttr() != b.weight.getLayersAttr() ||
      a.op.getLayer() != b.op.getLayer() ||
      a.op.getIndexAttr() != b.op.getIndexAttr())
    return MergeMiss{"LayerDiffers", "the weights are read at different layers",
                     "read both weights at one layer"};
  if (a.op.getInt8() != b.op.getInt8())
    return MergeMiss{"InputRoundingDiffers",
                     "only some of the products round their input to int8",
                     "give each product `int8`, or none"};
  if (a.op.getLeaves() != b.op.getLeaves())
    return MergeMiss{"LeavesDiffer", "the products differ in `leaves`",
                     "give both products one summation tree"};
  if (bool(a.bias) != bool(b.bias))
    return MergeMiss{"BiasDiffers", "only some of the products have a bias",
                     "give each product a bias, or none"};
  if (a.bias && a.bias.getStorageType() != b.bias.getStorageType())
    return MergeMiss{"BiasStorageDiffers", "the biases differ in storage type",
                     "store the biases of one layer in one type"};
  return std::nullopt;
}

/// Joins the weights of `group` into one derived by `columns`.
FlatSymbolRefAttr
joinWeights(SymbolTable &symbols, ArrayRef<Projection> group,
            llvm::function_ref<WeightOp(const Projection &)> getWeight,
            Location loc) {
  SmallVector<FlatSymbolRefAttr> parts;
  std::string name;
  int64_t out = 0;
  for (const Projection &projection : group) {
    WeightOp weight = getWeight(projection);
    parts.push_back(FlatSymbolRefAttr::get(weight.getSymNameAttr()));
    name += (name.empty() ? "" : "_") + weight.getSymName().str();
    out += weight.getOut();
  }
  WeightOp last = getWeight(group.back());
  SmallVector<int64_t> shape(last.getTensorType().getShape());
  shape[0] = out;
  return getOrCreateDerivedWeight(
      symbols, last, name, RankedTensorType::get(shape, last.getStorageType()),
      last.getLayersAttr(), ColumnsOfAttr::get(last.getContext(), parts), loc);
}

void merge(SymbolTable &symbols, ArrayRef<Projection> group,
           RewriterBase &rewriter) {
  LinearOp first = group.front().op;
  SmallVector<Location> locations;
  SmallVector<Type> types;
  Cost before;
  for (const Projection &projection : group) {
    LinearOp op = projection.op;
    locations.push_back(op.getLoc());
    types.push_back(op.getProducts().front().getType());
    before += op.getCost();
  }
  Location loc = rewriter.getFusedLoc(locations);
  FlatSymbolRefAttr weight = joinWeights(
      symbols, group, [](const Projection &p) { return p.weight; }, loc);
  FlatSymbolRefAttr bias;
  if (group.front().bias)
    bias = joinWeights(
        symbols, group, [](const Projection &p) { return p.bias; }, loc);
  rewriter.setInsertionPoint(first);
  auto merged = LinearOp::create(rewriter, loc, types, first.getInput(), weight,
                                 first.getLayer(), first.getIndexAttr(), bias,
                                 first.getInt8Attr(), first.getLeavesAttr());
  Cost saved = getSavings(before, merged.getCost(), getExecutionCount(merged));
  remark::passed(
      loc, remark::RemarkOpts::name("Merged").category(kCategory).function(
               getFunctionName(merged)))
      << remark::add("merged {0} products", group.size())
      << remark::metric("LaunchesSaved", saved.launches)
      << remark::metric("ActivationBytesSavedPerToken",
                        saved.activationBytesPerToken);
  for (auto [projection, product] :
       llvm::zip_equal(group, merged.getProducts()))
    rewriter.replaceOp(projection.op, product);
}

/// Merges the products of one input, in groups that can be merged.
void mergeProducts(SymbolTable &symbols, ArrayRef<Projection> products,
                   RewriterBase &rewriter) {
  SmallVector<SmallVector<Projection>> groups;
  for (const Projection &product : products) {
    auto *group = llvm::find_if(groups, [&](auto &members) {
      return !findDifference(members.front(), product);
    });
    if (group != groups.end()) {
      group->push_back(product);
      continue;
    }
    if (!groups.empty()) {
      MergeMiss miss = *findDifference(groups.front().front(), product);
      remark::missed(
          LinearOp(product.op).getLoc(),
          remark::RemarkOpts::name(miss.name).category(kCategory).function(
              getFunctionName(product.op)))
          << remark::reason("{0}", miss.reason)
          << remark::suggest("{0}", miss.suggestion);
    }
    groups.push_back({product});
  }
  for (ArrayRef<Projection> group : groups)
    if (group.size() > 1)
      merge(symbols, group, rewriter);
}

struct MergeProjectionsPass
    : lamina::impl::MergeProjectionsPassBase<MergeProjectionsPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    auto lookup = [&](FlatSymbolRefAttr symbol) {
      auto weight =
          symbol ? symbols.lookup<WeightOp>(symbol.getValue()) : WeightOp();
      return weight;
    };
    // Products by input and block, in program order.
    llvm::MapVector<std::pair<Value, Block *>, SmallVector<Projection>> inputs;
    for (LinearOp op : collectOps<LinearOp>(getOperation())) {
      WeightOp weight = lookup(op.getWeightAttr());
      WeightOp bias = lookup(op.getBiasAttr());
      if (weight.getDerivedAttr() || (bias && bias.getDerivedAttr()))
        continue;
      inputs[{op.getInput(), op->getBlock()}].push_back({op, weight, bias});
    }
    IRRewriter rewriter(&getContext());
    for (auto &[input, products] : inputs)
      mergeProducts(symbols, products, rewriter);
  }
};

} // namespace
