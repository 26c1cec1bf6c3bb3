//===- WeightTable.cpp - The weights of a module --------------------------===//

#include "WeightTable.h"
#include "mlir/IR/TypeUtilities.h"
#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

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

WeightKey WeightTable::getKey(const WeightLayer &source) const {
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
  if (folder.empty())
    return key;
  PlacementAttr placement = *weight.getPlacement();
  int32_t file = placement.getFile()[source.layer];
  llvm::SmallString<128> path(folder);
  llvm::sys::path::append(
      path, cast<StringAttr>(placement.getFiles()[file]).getValue());
  key.file = path.str().str();
  key.offset = static_cast<uint64_t>(placement.getOffset()[source.layer]);
  return key;
}

/// Sets the size of a file that can be read; else says why not.
static std::string getFileSize(const std::string &path, uint64_t &size) {
  namespace fs = llvm::sys::fs;
  fs::file_status status;
  if (std::error_code code = fs::status(path, status))
    return code.message();
  // To open a pipe would wait for its writer.
  if (!fs::is_regular_file(status))
    return "expected a regular file";
  llvm::Expected<fs::file_t> file = fs::openNativeFileForRead(path);
  if (!file)
    return llvm::toString(file.takeError());
  fs::closeFile(*file);
  size = status.getSize();
  return {};
}

std::string WeightTable::checkFiles(WeightOp weight, Outcome &outcome) const {
  std::string name = "weight @" + weight.getSymName().str();
  outcome = Outcome::malformed;
  if (folder.empty())
    return {};
  if (!weight.getPlacement())
    return name + ": no placement, expected one with --weights=model:FOLDER";
  int64_t layers = static_cast<int64_t>(weight.getLayers().value_or(1));
  for (int64_t layer = 0; layer < layers; ++layer) {
    WeightKey key = getKey({weight, layer});
    uint64_t size = 0, begin = key.offset;
    if (std::string unreadable = getFileSize(key.file, size);
        !unreadable.empty()) {
      outcome = Outcome::inputOutput;
      return name + ": " + key.file + ": " + unreadable;
    }
    uint64_t bytes = getStoredBytes(key.storage, key.rows * key.columns);
    if (begin > size || bytes > size - begin)
      return name + ": " + std::to_string(bytes) + " bytes from byte " +
             std::to_string(begin) + " on, but " + key.file + " has " +
             std::to_string(size);
  }
  return {};
}

std::shared_ptr<const WeightValues>
WeightTable::getValues(const WeightLayer &source) const {
  if (auto values = cache.get(getKey(source)))
    return values;
  // checkFiles() has seen the file: it changed since.
  llvm::report_fatal_error("a file of the model has changed", false);
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
