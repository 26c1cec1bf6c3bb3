//===- LlamaCost.cpp - What each op costs on one rank ---------------------===//

#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaOps.h"
#include "lamina/IR/LlamaWeights.h"

using namespace mlir;
using namespace lamina;

/// Features of a value that one rank holds; the largest share where uneven.
static int64_t getLocalFeatures(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  auto columns = dyn_cast_or_null<ColumnsAttr>(getDistribution(type));
  if (!columns)
    return type.getDimSize(1);
  int64_t ranks = getRanks(value.getParentRegion()->getParentOp()).value_or(1);
  int64_t units = type.getDimSize(1) / columns.getUnit();
  return llvm::divideCeil(units, ranks) * columns.getUnit();
}

/// Bytes of one row of `value` on one rank; row indices are one i32.
static int64_t getRowBytes(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return 0;
  int64_t elementBytes = type.getElementTypeBitWidth() / 8;
  return type.getRank() == 1 ? elementBytes
                             : elementBytes * getLocalFeatures(value);
}

/// One launch that reads every operand and writes every result once.
static Cost getStreamingCost(Operation *op, int64_t flopsPerFeature) {
  Cost cost;
  cost.launches = 1;
  for (Value value : op->getOperands())
    cost.activationBytes.perToken += getRowBytes(value);
  for (Value value : op->getResults())
    cost.activationBytes.perToken += getRowBytes(value);
  if (op->getNumResults() > 0 && flopsPerFeature > 0)
    cost.flops.perToken = flopsPerFeature * getLocalFeatures(op->getResult(0));
  return cost;
}

/// Bytes of a weight of `elements` elements, as far as they can be counted.
static int64_t getWeightBytes(Operation *op, FlatSymbolRefAttr symbol) {
  SymbolTableCollection symbols;
  WeightOp weight = symbol ? lookupWeight(op, symbol, symbols) : WeightOp();
  if (!weight)
    return 0;
  return getStorageBytes(weight.getStorageType(),
                         weight.getTensorType().getNumElements())
      .value_or(0);
}

Cost EmbedOp::getCost() { return getStreamingCost(*this, 0); }
Cost SelectRowsOp::getCost() { return getStreamingCost(*this, 0); }
Cost SiluMulOp::getCost() { return getStreamingCost(*this, 5); }
Cost AddOp::getCost() { return getStreamingCost(*this, 1); }
Cost RopeOp::getCost() { return getStreamingCost(*this, 3); }
Cost AllReduceOp::getCost() { return getStreamingCost(*this, 1); }
Cost AllGatherOp::getCost() { return getStreamingCost(*this, 0); }
Cost GatherOp::getCost() { return getStreamingCost(*this, 0); }
Cost AttentionOp::getCost() { return getStreamingCost(*this, 4); }

Cost RmsNormOp::getCost() {
  Cost cost = getStreamingCost(*this, 4);
  cost.weightBytes.fixed = getWeightBytes(*this, getWeightAttr());
  return cost;
}

Cost ResidualRmsNormOp::getCost() {
  Cost cost = getStreamingCost(*this, 5);
  cost.weightBytes.fixed = getWeightBytes(*this, getWeightAttr());
  return cost;
}

Cost AllReduceResidualRmsNormOp::getCost() {
  Cost cost = getStreamingCost(*this, 6);
  cost.weightBytes.fixed = getWeightBytes(*this, getWeightAttr()) +
                           getWeightBytes(*this, getBiasAttr());
  return cost;
}

Cost LinearOp::getCost() {
  Cost cost = getStreamingCost(*this, 0);
  int64_t in = getLocalFeatures(getInput());
  int64_t out = 0, allOut = 0;
  for (Value product : getProducts()) {
    out += getLocalFeatures(product);
    allOut += cast<RankedTensorType>(product.getType()).getDimSize(1);
  }
  cost.flops.perToken = 2 * in * out;
  // The share of the weight that a rank has: in x out of the whole.
  double share =
      double(in) / getInput().getType().getDimSize(1) * (double(out) / allOut);
  cost.weightBytes.fixed =
      int64_t(share * getWeightBytes(*this, getWeightAttr()));
  return cost;
}
