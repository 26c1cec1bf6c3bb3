//===- DerivedWeights.cpp - Making weights out of others ------------------===//

#include "DerivedWeights.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace lamina;

FlatSymbolRefAttr
lamina::getOrCreateDerivedWeight(SymbolTable &symbols, WeightOp behind,
                                 StringRef name, RankedTensorType type,
                                 IntegerAttr layers, Attribute derived,
                                 Location loc) {
  for (auto weight : symbols.getOp()->getRegion(0).getOps<WeightOp>())
    if (weight.getDerivedAttr() == derived && weight.getType() == type &&
        weight.getLayersAttr() == layers)
      return FlatSymbolRefAttr::get(weight.getSymNameAttr());
  OpBuilder builder(behind.getContext());
  auto weight = WeightOp::create(
      builder, loc, builder.getStringAttr(name),
      builder.getStringAttr("private"), TypeAttr::get(type), layers,
      /*source=*/StringAttr(), derived, SplitAttr(), PlacementAttr());
  symbols.insert(weight, std::next(Block::iterator(behind)));
  return FlatSymbolRefAttr::get(weight.getSymNameAttr());
}
