//===- LlamaCost.cpp - What each op costs on one rank ---------------------===//

#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaOps.h"
#include "lamina/Support/CheckedMath.h"

using namespace mlir;
using namespace lamina;

/// Returns the ranks of the module around `value`.
static int64_t getRanksOf(Value value) {
  return getRanks(value.getParentRegion()->getParentOp()).value_or(1);
}

/// Features of a value that one rank holds; the largest share where uneven.
static int64_t getLocalFeatures(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  auto columns = dyn_cast_or_null<ColumnsAttr>(getDistribution(type));
  if (!columns)
    return type.getDimSize(1);
  int64_t units = type.getDimSize(1) / columns.getUnit();
  return llvm::divideCeil(units, getRanksOf(value)) * columns.getUnit();
}

/// Bytes that one row of `value` costs one rank; row indices are one i32. Of
/// rows that lie on the ranks, each has its share.
static int64_t getRowBytes(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  if (!type)
    return 0;
  int64_t elementBytes = type.getElementTypeBitWidth() / 8;
  if (type.getRank() == 1)
    return elementBytes;
  int64_t bytes = multiplySaturating(elementBytes, getLocalFeatures(value));
  return isa_and_nonnull<RowsAttr>(getDistribution(type))
             ? llvm::divideCeil(bytes, getRanksOf(value))
             : bytes;
}

/// One launch that reads every operand and writes every result once.
static Cost getStreamingCost(Operation *op) {
  Cost cost;
  cost.launches = 1;
  auto addRows = [&](ValueRange values) {
    for (Value value : values)
      cost.activationBytesPerToken =
          addSaturating(cost.activationBytesPerToken, getRowBytes(value));
  };
  addRows(op->getOperands());
  addRows(op->getResults());
  return cost;
}

int64_t lamina::addSaturating(int64_t a, int64_t b) {
  return checkedAdd(a, b).value_or(INT64_MAX);
}

int64_t lamina::multiplySaturating(int64_t a, int64_t b) {
  return checkedMul(a, b).value_or(INT64_MAX);
}

Cost &Cost::operator+=(const Cost &other) {
  launches = addSaturating(launches, other.launches);
  activationBytesPerToken =
      addSaturating(activationBytesPerToken, other.activationBytesPerToken);
  return *this;
}

Cost EmbedOp::getCost() { return getStreamingCost(*this); }
Cost SelectRowsOp::getCost() { return getStreamingCost(*this); }
Cost ShardRowsOp::getCost() { return getStreamingCost(*this); }
Cost RmsNormOp::getCost() { return getStreamingCost(*this); }
Cost ResidualRmsNormOp::getCost() { return getStreamingCost(*this); }
Cost LinearOp::getCost() { return getStreamingCost(*this); }
Cost SiluMulOp::getCost() { return getStreamingCost(*this); }
Cost AddOp::getCost() { return getStreamingCost(*this); }
Cost RopeOp::getCost() { return getStreamingCost(*this); }
Cost AttentionOp::getCost() { return getStreamingCost(*this); }
Cost AllReduceOp::getCost() { return getStreamingCost(*this); }
Cost ReduceScatterOp::getCost() { return getStreamingCost(*this); }
Cost AllReduceResidualRmsNormOp::getCost() { return getStreamingCost(*this); }
Cost AllGatherOp::getCost() { return getStreamingCost(*this); }
Cost GatherOp::getCost() { return getStreamingCost(*this); }
