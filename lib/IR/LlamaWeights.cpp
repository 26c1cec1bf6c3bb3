//===- LlamaWeights.cpp - Weights and references to them ------------------===//

#include "lamina/IR/LlamaWeights.h"

#include "lamina/Support/CheckedMath.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace lamina;

int64_t lamina::getBlockSize(Type storage) {
  auto block = dyn_cast<BlockType>(storage);
  return block ? block.getBlockSize() : 1;
}

std::optional<int64_t> lamina::getStorageBytes(Type storage, int64_t elements) {
  int64_t unitBytes;
  if (auto block = dyn_cast<BlockType>(storage)) {
    elements /= block.getBlockSize();
    unitBytes = block.getBlockBytes();
  } else {
    unitBytes = storage.getIntOrFloatBitWidth() / 8;
  }
  return checkedMul(elements, unitBytes);
}

WeightOp lamina::lookupWeight(Operation *from, FlatSymbolRefAttr symbol,
                              SymbolTableCollection &symbols) {
  return symbols.lookupNearestSymbolFrom<WeightOp>(from, symbol);
}

SmallVector<WeightOp> lamina::getColumnParts(WeightOp weight,
                                             SymbolTableCollection &symbols) {
  ColumnsOfAttr columns = weight.getColumnsOf();
  if (!columns)
    return {weight};
  SmallVector<WeightOp> parts;
  for (FlatSymbolRefAttr symbol : columns.getParts()) {
    WeightOp part = lookupWeight(weight, symbol, symbols);
    if (!part)
      return {};
    parts.push_back(part);
  }
  return parts;
}

//===----------------------------------------------------------------------===//
// References
//===----------------------------------------------------------------------===//

std::optional<int64_t> lamina::getConstantLayer(WeightRef ref) {
  if (ref.index)
    return ref.index.getInt();
  APInt constant;
  if (ref.layer && matchPattern(ref.layer, m_ConstantInt(&constant)))
    return constant.getSExtValue();
  return std::nullopt;
}

/// Returns the largest layer that `ref` reads (-1 in a loop without layers), or
/// nothing if it is neither a constant nor the layer of `llama.layers`.
std::optional<int64_t> lamina::getLargestLayer(WeightRef ref) {
  if (std::optional<int64_t> constant = getConstantLayer(ref))
    return constant;
  Value layer = ref.layer;
  auto argument = dyn_cast<BlockArgument>(layer);
  auto loop =
      argument ? dyn_cast_or_null<LayersOp>(argument.getOwner()->getParentOp())
               : LayersOp();
  if (!loop || argument.getArgNumber() != 0)
    return std::nullopt;
  return int64_t(loop.getCount()) - 1;
}

static std::string describeLayers(WeightOp weight) {
  std::optional<uint64_t> layers = weight.getLayers();
  return layers ? std::to_string(*layers) + " layers" : "no layers";
}

WeightOp lamina::verifyWeightRef(Operation *op, WeightRef ref, StringRef what,
                                 SymbolTableCollection &symbols) {
  WeightOp weight = lookupWeight(op, ref.symbol, symbols);
  if (!weight) {
    op->emitOpError("needs a ")
        << what << " that is a llama.weight, got " << ref.symbol;
    return {};
  }
  std::optional<uint64_t> layers = weight.getLayers();
  if (layers.has_value() != ref.hasLayer()) {
    op->emitOpError("needs ")
        << (layers ? "a layer" : "no layer") << " with the " << what << ' '
        << ref.symbol << ", which has " << describeLayers(weight);
    return {};
  }
  if (!ref.hasLayer())
    return weight;
  if (ref.layer && ref.index) {
    op->emitOpError("needs one layer with the ")
        << what << ' ' << ref.symbol << ", got both a value and the number "
        << ref.index.getInt();
    return {};
  }
  std::optional<int64_t> largest = getLargestLayer(ref);
  if (!largest) {
    op->emitOpError("needs a layer that is a constant or the layer of "
                    "llama.layers with the ")
        << what << ' ' << ref.symbol << ", got another value";
    return {};
  }
  if (*largest >= int64_t(*layers) || (*largest < 0 && getConstantLayer(ref))) {
    op->emitOpError("needs a layer from 0 to ")
        << *layers - 1 << " with the " << what << ' ' << ref.symbol
        << ", got layer " << *largest;
    return {};
  }
  return weight;
}

LogicalResult lamina::verifyBareLayer(Operation *op, WeightRef ref) {
  if (bool(ref.layer) == bool(ref.index))
    return op->emitOpError("needs one layer, got ")
           << (ref.index ? "both a value and a number" : "none");
  if (std::optional<int64_t> layer = getConstantLayer(ref); layer && *layer < 0)
    return op->emitOpError("needs a layer that is not negative, got ")
           << *layer;
  if (!getLargestLayer(ref))
    return op->emitOpError("needs a layer that is a constant or the layer of "
                           "llama.layers");
  return success();
}

WeightRef lamina::resolveDerivedLayer(Operation *from, WeightRef ref) {
  if (!ref.symbol || !ref.index)
    return ref;
  auto weight =
      SymbolTable::lookupNearestSymbolFrom<WeightOp>(from, ref.symbol);
  LayersOfAttr derived = weight ? weight.getLayersOf() : LayersOfAttr();
  if (!derived)
    return ref;
  int64_t layer = ref.index.getInt();
  for (LayerRangeAttr range : derived.getRanges()) {
    if (layer >= range.getCount()) {
      layer -= range.getCount();
      continue;
    }
    if (range.isWhole())
      return {range.getWeight(), Value(), IntegerAttr()};
    return {range.getWeight(), Value(),
            IntegerAttr::get(ref.index.getType(), range.getBegin() + layer)};
  }
  return ref;
}

void lamina::setStaticLayer(WeightUserOpInterface op, Value layer,
                            int64_t index) {
  auto attribute =
      IntegerAttr::get(IntegerType::get(op.getContext(), 64), index);
  for (auto [i, ref] : llvm::enumerate(op.getWeightRefs()))
    if (ref.layer == layer)
      op.setWeightRef(i, {ref.symbol, Value(), attribute});
}

Location lamina::nameLayer(Location loc, int64_t layer) {
  if (auto name = dyn_cast<NameLoc>(loc)) {
    std::string text = name.getName().str();
    size_t star = text.find('*');
    if (star != std::string::npos)
      text.replace(star, 1, std::to_string(layer));
    return NameLoc::get(StringAttr::get(loc.getContext(), text),
                        nameLayer(name.getChildLoc(), layer));
  }
  if (auto site = dyn_cast<CallSiteLoc>(loc))
    return CallSiteLoc::get(nameLayer(site.getCallee(), layer),
                            nameLayer(site.getCaller(), layer));
  if (auto fused = dyn_cast<FusedLoc>(loc)) {
    SmallVector<Location> parts;
    for (Location part : fused.getLocations())
      parts.push_back(nameLayer(part, layer));
    return FusedLoc::get(loc.getContext(), parts, fused.getMetadata());
  }
  return loc;
}

//===----------------------------------------------------------------------===//
// llama.weight
//===----------------------------------------------------------------------===//

/// C1, C2
static LogicalResult verifyWeightType(WeightOp op) {
  RankedTensorType type = op.getTensorType();
  Type storage = type.getElementType();
  if (!isa<Float32Type, Float16Type, BFloat16Type, BlockType>(storage) ||
      type.getRank() < 1 || type.getRank() > 2 || !type.hasStaticShape() ||
      type.getEncoding() ||
      llvm::any_of(type.getShape(), [](int64_t dim) { return dim < 1; }))
    return op.emitOpError("needs a vector or matrix of f32, f16, bf16 or a "
                          "block type with static positive dimensions, got ")
           << type;
  auto block = dyn_cast<BlockType>(storage);
  if (block &&
      (type.getRank() != 2 || type.getDimSize(1) % block.getBlockSize() != 0))
    return op.emitOpError("needs a matrix whose rows are whole blocks of ")
           << block.getBlockSize() << ", got " << type;
  auto elements = checkedProduct<int64_t>(type.getShape());
  if (!elements || !getStorageBytes(storage, *elements))
    return op.emitOpError("needs a size in bytes below 2^63, got ") << type;
  return success();
}

/// C8
static LogicalResult verifySplit(WeightOp op) {
  SplitAttr split = op.getSplitAttr();
  if (!split)
    return success();
  RankedTensorType type = op.getTensorType();
  bool isRows = split.getKind() == SplitKind::rows;
  if (isRows && type.getRank() == 1)
    return op.emitOpError("needs a vector to be split by columns, got ")
           << split;
  int64_t dim = type.getDimSize(isRows ? 1 : 0);
  if (split.getUnit() < 1 || dim % split.getUnit() != 0)
    return op.emitOpError("needs a positive split unit that divides ")
           << dim << ", got " << split;
  if (isRows && split.getUnit() % getBlockSize(op.getStorageType()) != 0)
    return op.emitOpError("needs a split by rows in whole blocks of ")
           << getBlockSize(op.getStorageType()) << ", got " << split;
  return success();
}

/// C9
static LogicalResult verifyPlacement(WeightOp op) {
  PlacementAttr placement = op.getPlacementAttr();
  if (!placement)
    return success();
  int64_t entries = op.getLayers().value_or(1);
  if (placement.getFile().size() != entries ||
      placement.getOffset().size() != entries)
    return op.emitOpError("needs a placement with ")
           << entries << " files and offsets, got "
           << placement.getFile().size() << " and "
           << placement.getOffset().size();
  int64_t files = placement.getFiles().size();
  for (Attribute file : placement.getFiles())
    if (!isa<StringAttr>(file))
      return op.emitOpError("needs file names in its placement, got ") << file;
  for (int32_t file : placement.getFile().asArrayRef())
    if (file < 0 || file >= files)
      return op.emitOpError("needs a placement in one of its ")
             << files << " files, got number " << file;
  for (int64_t offset : placement.getOffset().asArrayRef())
    if (offset < 0)
      return op.emitOpError("needs byte offsets that are not negative, got ")
             << offset;
  return success();
}

LogicalResult WeightOp::verify() {
  if (failed(verifyWeightType(*this)))
    return failure();
  // C3
  if (getLayers() && int64_t(*getLayers()) < 1)
    return emitOpError("needs a positive number of layers, got ")
           << int64_t(*getLayers());
  // C4
  if (bool(getSourceAttr()) == bool(getDerivedAttr()))
    return emitOpError("needs either a source name or a derivation, got ")
           << (getSourceAttr() ? "both" : "neither");
  if (getDerivedAttr() && (getSplitAttr() || getPlacementAttr()))
    return emitOpError("needs no split and no placement on a derived weight: "
                       "they are those of its parts, got ")
           << (getSplitAttr() ? Attribute(getSplitAttr())
                              : Attribute(getPlacementAttr()));
  // C10
  if (getSource() && getSource()->count('*') != (getLayers() ? 1 : 0))
    return emitOpError("needs a source name with ")
           << (getLayers() ? "one '*' for the layer" : "no '*'") << ", got "
           << getSourceAttr();
  if (failed(verifySplit(*this)))
    return failure();
  return verifyPlacement(*this);
}

/// Returns the part that `symbol` names (C5), or null after an error.
static WeightOp verifyPart(WeightOp op, FlatSymbolRefAttr symbol,
                           SymbolTableCollection &symbols) {
  WeightOp part = lookupWeight(op, symbol, symbols);
  if (!part || part.getDerivedAttr()) {
    op.emitOpError("needs parts that are weights and not derived, got ")
        << symbol
        << (part ? ", which is derived" : ", which is no llama.weight");
    return {};
  }
  return part;
}

/// C6: the range lies in its weight.
static LogicalResult verifyRange(WeightOp op, LayerRangeAttr range,
                                 WeightOp part) {
  std::optional<uint64_t> layers = part.getLayers();
  bool lies =
      range.isWhole() ? !layers : layers && range.getEnd() <= int64_t(*layers);
  if (lies)
    return success();
  InFlightDiagnostic error = op.emitOpError("needs ");
  if (layers)
    error << "a range of the " << int64_t(*layers) << " layers of ";
  else
    error << "the whole of ";
  error << range.getWeight() << ", got ";
  if (range.isWhole())
    return error << "no range";
  return error << "[" << range.getBegin() << " to " << range.getEnd() << "]";
}

/// C6
static LogicalResult verifyLayersOf(WeightOp op, LayersOfAttr derived,
                                    SymbolTableCollection &symbols) {
  if (op.getTensorType().getRank() != 1)
    return op.emitOpError("needs a vector to be derived by layers, got ")
           << op.getType();
  int64_t count = 0;
  for (LayerRangeAttr range : derived.getRanges()) {
    WeightOp part = verifyPart(op, range.getWeight(), symbols);
    if (!part)
      return failure();
    if (failed(verifyRange(op, range, part)))
      return failure();
    if (part.getType() != op.getType())
      return op.emitOpError("needs parts of its type ")
             << op.getType() << ", got " << range.getWeight() << " of type "
             << part.getType();
    if (part.getSplitAttr())
      return op.emitOpError("needs parts that are whole on every rank, got ")
             << range.getWeight() << " with " << part.getSplitAttr();
    std::optional<int64_t> sum = checkedAdd(count, range.getCount());
    if (!sum)
      return op.emitOpError("needs fewer than 2^63 layers in its ranges, got "
                            "more");
    count = *sum;
  }
  if (!op.getLayers() || int64_t(*op.getLayers()) != count)
    return op.emitOpError("needs ")
           << count << " layers, as its ranges have, got "
           << (op.getLayers() ? std::to_string(*op.getLayers()) : "none");
  return success();
}

/// C7
static LogicalResult verifyColumnsOf(WeightOp op, ColumnsOfAttr derived,
                                     SymbolTableCollection &symbols) {
  int64_t out = 0;
  RankedTensorType type = op.getTensorType();
  for (FlatSymbolRefAttr symbol : derived.getParts()) {
    WeightOp part = verifyPart(op, symbol, symbols);
    if (!part)
      return failure();
    RankedTensorType partType = part.getTensorType();
    if (part.getLayers() != op.getLayers() ||
        partType.getElementType() != type.getElementType() ||
        partType.getShape().drop_front() != type.getShape().drop_front())
      return op.emitOpError("needs parts with its layers, storage type and "
                            "input features, got ")
             << symbol << " of type " << partType << " with "
             << describeLayers(part);
    std::optional<int64_t> sum = checkedAdd(out, part.getOut());
    if (!sum)
      return op.emitOpError("needs fewer than 2^63 output features in its "
                            "parts, got more");
    out = *sum;
  }
  if (out != op.getOut())
    return op.emitOpError("needs the ")
           << out << " output features of its parts, got " << op.getOut();
  return success();
}

LogicalResult WeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (LayersOfAttr derived = getLayersOf())
    return verifyLayersOf(*this, derived, symbols);
  if (ColumnsOfAttr derived = getColumnsOf())
    return verifyColumnsOf(*this, derived, symbols);
  return success();
}
