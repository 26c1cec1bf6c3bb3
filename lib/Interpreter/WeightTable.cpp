//===- WeightTable.cpp - The weights of a module --------------------------===//

#include "WeightTable.h"
#include "mlir/IR/TypeUtilities.h"

using namespace lamina;
using namespace mlir;

std::optional<Element> lamina::getElement(Type type) {
  Type element = getElementTypeOrSelf(type);
  if (element.isF32())
    return Element::f32;
  if (element.isF16())
    return Element::f16;
  if (element.isBF16())
    return Element::bf16;
  if (element.isInteger(32) && isa<RankedTensorType>(type))
    return Element::i32;
  return std::nullopt;
}

llvm::SmallVector<WeightLayer> WeightTable::resolve(WeightOp weight,
                                                    int64_t layer) const {
  if (layer < 0 ||
      layer >= static_cast<int64_t>(weight.getLayers().value_or(1)))
    return {};
  if (LayersOfAttr layersOf = weight.getLayersOf()) {
    for (LayerRangeAttr range : layersOf.getRanges()) {
      if (layer < range.getCount())
        return resolve(find(range.getWeight()),
                       range.isWhole() ? 0 : range.getBegin() + layer);
      layer -= range.getCount();
    }
    return {};
  }
  llvm::SmallVector<WeightLayer> sources;
  if (ColumnsOfAttr columnsOf = weight.getColumnsOf()) {
    for (FlatSymbolRefAttr part : columnsOf.getParts())
      sources.append(resolve(find(part), layer));
    return sources;
  }
  sources.push_back({weight, layer});
  return sources;
}

std::shared_ptr<const WeightValues>
WeightTable::getValues(const WeightLayer &source) const {
  WeightOp weight = source.weight;
  WeightKey key;
  key.seed = seed;
  key.name = weight.getSource().value_or(weight.getSymName());
  key.layer = source.layer;
  key.isVector = weight.getTensorType().getRank() == 1;
  key.rows = key.isVector ? 1 : weight.getOut();
  key.columns = key.isVector ? weight.getOut() : weight.getIn();
  if (auto block = dyn_cast<BlockType>(weight.getStorageType()))
    key.storage = *parseQuantFormat(stringifyBlockFormat(block.getFormat()));
  else
    key.storage = *getElement(weight.getStorageType());
  return cache.get(key);
}

std::vector<float> WeightTable::getVector(FlatSymbolRefAttr symbol,
                                          int64_t layer) const {
  std::vector<float> elements;
  for (const WeightLayer &source : resolve(find(symbol), layer)) {
    auto values = getValues(source);
    elements.insert(elements.end(), values->values.begin(),
                    values->values.end());
  }
  return elements;
}
