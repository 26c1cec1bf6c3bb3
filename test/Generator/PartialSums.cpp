//===- PartialSums.cpp - Where the partial sums come from -----------------===//

#include "PartialSumsMaker.h"

using namespace mlir;
using namespace lamina;
using namespace lamina::generator;

/// A layer for a weight that gets `layers` layers (0: none).
Layer PartialSumsMaker::pickLayer(int64_t &weightLayers) {
  weightLayers = 0;
  if (layer && random.chance(60)) {
    weightLayers = std::max<int64_t>(layers, 1);
    return {layer, {}};
  }
  if (random.chance(50))
    return {};
  weightLayers = random.between(1, 3);
  return {{}, builder.getI64IntegerAttr(random.below(weightLayers))};
}

WeightOp PartialSumsMaker::addVector(StringRef name, Layer &at) {
  int64_t weightLayers;
  at = pickLayer(weightLayers);
  return builder.addWeight(name, {features}, builder.pickFloat(), weightLayers);
}

/// A row-split product of columns: of an argument, or of the normed value.
Value PartialSumsMaker::createRowSplit() {
  Type storage = builder.pickFloat();
  int64_t unit = random.pick<int64_t>({1, 1, 2, 3, 4});
  if (ranks <= 4 && random.chance(15)) {
    storage = BlockType::get(
        builder.getContext(),
        random.pick({BlockFormat::q8_0, BlockFormat::q4_0, BlockFormat::q5_1}));
    unit = 32;
  }
  int64_t units = ranks + random.below(3) * random.pick<int64_t>({1, ranks});
  int64_t inner = unit * units;
  SmallVector<int64_t> leaves;
  if (units % ranks == 0)
    leaves = builder.pickLeaves(inner / ranks, unit == 32 ? 32 : 1);
  Value input;
  if (random.chance(60)) {
    WeightOp columns =
        builder.addWeight("up", {inner, features}, builder.pickFloat(), 0,
                          getSplit(SplitKind::columns, unit));
    input = builder.createLinear(
        normed, columns, nullptr, {}, builder.pickLeaves(features, 1),
        builder.getRows(inner, normedElement, getColumns(unit)));
  } else {
    keep(normed);
    input = addArgument(
        builder.getRows(inner, builder.pickFloat(), getColumns(unit)));
  }
  int64_t weightLayers;
  Layer at = pickLayer(weightLayers);
  WeightOp rows =
      builder.addWeight("down", {features, inner}, storage, weightLayers,
                        getSplit(SplitKind::rows, unit));
  return builder.createLinear(
      input, rows, nullptr, at, leaves,
      builder.getRows(features, getPartialElement(), getPartial()));
}

Value PartialSumsMaker::createPartial() {
  auto type = builder.getRows(features, getPartialElement(), getPartial());
  int64_t choice = random.below(100);
  if (choice < 55)
    return createRowSplit();
  keep(normed);
  if (choice < 90)
    return addArgument(type);
  WeightOp table = builder.addWeight(
      "embed", {ranks + random.below(9), features}, builder.pickFloat(), 0,
      getSplit(SplitKind::columns, 1));
  return EmbedOp::create(builder, builder.named("embed"), type,
                         addArgument(builder.getRowIndices()),
                         FlatSymbolRefAttr::get(table.getSymNameAttr()));
}

Value PartialSumsMaker::createAllReduce(Value partial, Type result) {
  Layer at;
  FlatSymbolRefAttr bias;
  if (random.chance(30))
    bias = FlatSymbolRefAttr::get(addVector("bias", at).getSymNameAttr());
  // `native` sums in the type of the partial sum.
  if (sum == SumMode::native)
    result = getElementTypeOrSelf(partial.getType());
  return AllReduceOp::create(
      builder, builder.named("sum"), builder.getRows(features, result), partial,
      bias, at.value, at.index, SumModeAttr::get(builder.getContext(), sum),
      builder.getDenseI64ArrayAttr(builder.pickTree(ranks)));
}
