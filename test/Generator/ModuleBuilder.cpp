//===- ModuleBuilder.cpp - Weights and ops of random programs -------------===//

#include "ModuleBuilder.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"

using namespace mlir;
using namespace lamina;
using namespace lamina::generator;

ModuleBuilder::ModuleBuilder(MLIRContext *context, Random &random)
    : OpBuilder(context), random(random),
      module(ModuleOp::create(UnknownLoc::get(context))) {
  setInsertionPointToEnd(module->getBody());
}

func::FuncOp ModuleBuilder::startFunction(StringRef name) {
  setInsertionPointToEnd(module->getBody());
  auto function =
      func::FuncOp::create(*this, named(name), name, getFunctionType({}, {}));
  setInsertionPointToStart(function.addEntryBlock());
  return function;
}

void ModuleBuilder::finishFunction(func::FuncOp function, ValueRange values) {
  func::ReturnOp::create(*this, named("return"), values);
  function.setFunctionType(getFunctionType(
      function.getBody().front().getArgumentTypes(), values.getTypes()));
}

LayersOp ModuleBuilder::createLayers(int64_t count, ValueRange inits,
                                     Block *body, ValueRange values) {
  InsertionGuard guard(*this);
  auto loop =
      LayersOp::create(*this, named("layers"), inits.getTypes(), count, inits);
  loop.getBody().push_back(body);
  setInsertionPointToEnd(body);
  YieldOp::create(*this, named("yield"), values);
  return loop;
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

WeightOp ModuleBuilder::addWeight(StringRef name, ArrayRef<int64_t> shape,
                                  Type storage, int64_t layers,
                                  SplitAttr split) {
  InsertionGuard guard(*this);
  if (lastWeight)
    setInsertionPointAfter(lastWeight);
  else
    setInsertionPointToStart(module->getBody());
  std::string symbol = (name + "_" + Twine(numWeights++)).str();
  std::string source =
      (Twine("model.") + (layers ? "layers.*." : "") + symbol + ".weight")
          .str();
  auto weight = WeightOp::create(
      *this, named(source), getStringAttr(symbol), getStringAttr("private"),
      TypeAttr::get(RankedTensorType::get(shape, storage)),
      layers ? getI64IntegerAttr(layers) : IntegerAttr(), getStringAttr(source),
      /*derived=*/Attribute(), split, PlacementAttr());
  lastWeight = weight;
  return weight;
}

WeightOp ModuleBuilder::addDerivedWeight(StringRef name, WeightOp source) {
  InsertionGuard guard(*this);
  setInsertionPointAfter(lastWeight);
  int64_t layers = *source.getLayers();
  auto range = LayerRangeAttr::get(
      getContext(), FlatSymbolRefAttr::get(source.getSymNameAttr()), 0, layers);
  auto weight = WeightOp::create(
      *this, named(name),
      getStringAttr((name + "_" + Twine(numWeights++)).str()),
      getStringAttr("private"), source.getTypeAttr(), source.getLayersAttr(),
      StringAttr(), LayersOfAttr::get(getContext(), range), SplitAttr(),
      PlacementAttr());
  lastWeight = weight;
  return weight;
}

//===----------------------------------------------------------------------===//
// Ops
//===----------------------------------------------------------------------===//

Value ModuleBuilder::createNorm(StringRef name, Value input, WeightOp weight,
                                Layer layer, const NormNumerics &numerics) {
  auto type = cast<RankedTensorType>(input.getType());
  return RmsNormOp::create(
      *this, named(name), getRows(type.getDimSize(1), numerics.element), input,
      FlatSymbolRefAttr::get(weight.getSymNameAttr()), layer.value, layer.index,
      getF64FloatAttr(numerics.eps),
      NormModeAttr::get(getContext(), numerics.mode));
}

Value ModuleBuilder::createLinear(Value input, WeightOp weight, WeightOp bias,
                                  Layer layer, ArrayRef<int64_t> leaves,
                                  RankedTensorType type) {
  FlatSymbolRefAttr biasSymbol;
  if (bias)
    biasSymbol = FlatSymbolRefAttr::get(bias.getSymNameAttr());
  auto linear = LinearOp::create(
      *this, named(weight.getSymName()), TypeRange{type}, input,
      FlatSymbolRefAttr::get(weight.getSymNameAttr()), layer.value, layer.index,
      biasSymbol, /*int8=*/UnitAttr(), getDenseI64ArrayAttr(leaves));
  return linear.getProducts().front();
}

Value ModuleBuilder::createAdd(Value residual, Value update) {
  return AddOp::create(*this, named("add"), residual.getType(), residual,
                       update);
}

Value ModuleBuilder::createCast(Value value, Type element) {
  auto type = cast<RankedTensorType>(value.getType());
  Type from = type.getElementType();
  if (from == element)
    return value;
  if (!from.isF32() && !element.isF32())
    return createCast(createCast(value, getF32Type()), element);
  Type result = type.clone(element);
  if (element.isF32())
    return arith::ExtFOp::create(*this, named("cast"), result, value);
  return arith::TruncFOp::create(*this, named("cast"), result, value);
}

Value ModuleBuilder::createCastPair(Value value) {
  Type element = getElementTypeOrSelf(value.getType());
  Type other = element.isF32() ? Type(getBF16Type()) : Type(getF32Type());
  return createCast(createCast(value, other), element);
}

Value ModuleBuilder::createReshapePair(Value value) {
  auto type = cast<RankedTensorType>(value.getType());
  int64_t features = type.getDimSize(1), inner = 1;
  for (int64_t divisor : {3, 2})
    if (features % divisor == 0)
      inner = divisor;
  Location loc = named("reshape");
  auto wide = RankedTensorType::get(
      {ShapedType::kDynamic, features / inner, inner}, type.getElementType());
  SmallVector<ReassociationIndices> groups = {{0}, {1, 2}};
  Value zero = arith::ConstantIndexOp::create(*this, loc, 0);
  OpFoldResult tokens =
      tensor::DimOp::create(*this, loc, value, zero).getResult();
  Value expanded = tensor::ExpandShapeOp::create(
      *this, loc, wide, value, groups,
      {tokens, getIndexAttr(features / inner), getIndexAttr(inner)});
  return tensor::CollapseShapeOp::create(*this, loc, type, expanded, groups);
}

SmallVector<int64_t> ModuleBuilder::pickLeaves(int64_t inner, int64_t unit) {
  SmallVector<int64_t> leaves;
  int64_t blocks = inner / unit;
  for (int i = 0; i < 4 && random.chance(70); ++i) {
    int64_t radix = random.pick<int64_t>({2, 2, 3, 4, 8});
    if (blocks % radix != 0)
      continue;
    blocks /= radix;
    leaves.push_back(radix);
  }
  return leaves;
}

SmallVector<int64_t> ModuleBuilder::pickTree(int64_t ranks) {
  const SmallVector<int64_t> ofFour[] = {{4}, {2, 2}};
  const SmallVector<int64_t> ofEight[] = {{8}, {2, 2, 2}, {4, 2}, {2, 4}};
  switch (ranks) {
  case 1:
    return {};
  case 4:
    return ofFour[random.below(2)];
  case 8:
    return ofEight[random.below(4)];
  default:
    return {ranks};
  }
}
