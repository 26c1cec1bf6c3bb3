//===- WeightTables.cpp - The checkpoint of a program as constants --------===//

#include "WeightTables.h"

#include "lamina/Conversion/RuntimeTables.h"
#include "lamina/IR/LlamaWeights.h"
#include "lamina/Support/CheckedMath.h"
#include "lamina/runtime.h"

using namespace mlir;
using namespace lamina;

int32_t lamina::getTypeNumber(Type type) {
  if (auto block = dyn_cast<BlockType>(type)) {
    switch (block.getFormat()) {
    case BlockFormat::q8_0:
      return LAMRT_Q8_0;
    case BlockFormat::q4_0:
      return LAMRT_Q4_0;
    case BlockFormat::q4_1:
      return LAMRT_Q4_1;
    case BlockFormat::q5_0:
      return LAMRT_Q5_0;
    case BlockFormat::q5_1:
      return LAMRT_Q5_1;
    case BlockFormat::q4_k:
      return LAMRT_Q4_K;
    case BlockFormat::q5_k:
      return LAMRT_Q5_K;
    case BlockFormat::q6_k:
      return LAMRT_Q6_K;
    }
  }
  return type.isF32() ? LAMRT_F32 : type.isF16() ? LAMRT_F16 : LAMRT_BF16;
}

namespace {

class WeightEmitter {
public:
  WeightEmitter(ModuleOp module, const ProgramInfo &info,
                GlobalBuilder &globals)
      : module(module), info(info), globals(globals) {}

  FailureOr<WeightTables> run() {
    if (failed(emitFiles()) || failed(emitWeights()))
      return failure();
    return tables;
  }

private:
  LogicalResult emitFiles();
  LogicalResult emitWeights();
  LogicalResult placeLayers(WeightOp weight, Attribute &files,
                            Attribute &offsets);
  Attribute emitParts(WeightOp weight, int32_t &count);
  FailureOr<int32_t> getUses(WeightOp weight);
  /// The beginning of the names of what belongs to `weight`.
  std::string getPrefix(WeightOp weight) {
    return "lamina.weight." +
           std::to_string(weightNumbers.lookup(weight.getSymNameAttr()));
  }

  ModuleOp module;
  const ProgramInfo &info;
  GlobalBuilder &globals;
  llvm::StringMap<int32_t> fileNumbers;        // only looked up
  DenseMap<StringAttr, int32_t> weightNumbers; // only looked up
  WeightTables tables;
};

LogicalResult WeightEmitter::emitFiles() {
  StructTable rows(globals);
  for (const ProgramFile &file : info.files) {
    if (!fileNumbers.try_emplace(file.name, rows.size()).second)
      return module.emitError("'")
             << kFilesAttr << "' has two files of the name " << file.name;
    StructRow row(globals);
    row.addPointer(offsetof(lamrt_file, name), globals.addString(file.name))
        .addI64(offsetof(lamrt_file, size), file.size)
        .addI64(offsetof(lamrt_file, header_size), file.headerSize)
        .addI64(offsetof(lamrt_file, header_hash), file.headerHash)
        .addI64(offsetof(lamrt_file, sample_hash), file.sampleHash)
        .addI64(offsetof(lamrt_file, full_hash), file.fullHash.value_or(0))
        .addI32(offsetof(lamrt_file, has_full_hash), file.fullHash.has_value());
    rows.add(row, sizeof(lamrt_file));
  }
  tables.files = rows.emit("lamina.files");
  return success();
}

/// Where the layers of a source weight lie: their files and offsets.
LogicalResult WeightEmitter::placeLayers(WeightOp weight, Attribute &files,
                                         Attribute &offsets) {
  PlacementAttr placement = weight.getPlacementAttr();
  if (!placement)
    return weight.emitError("needs a placement in a checkpoint, 'at <...>'");
  std::optional<int64_t> elements =
      checkedProduct<int64_t>(weight.getTensorType().getShape());
  std::optional<int64_t> bytes =
      elements ? getStorageBytes(weight.getStorageType(), *elements)
               : std::nullopt;
  SmallVector<int32_t> numbers;
  for (auto [file, offset] :
       llvm::zip_equal(placement.getFile().asArrayRef(),
                       placement.getOffset().asArrayRef())) {
    auto name = dyn_cast<StringAttr>(placement.getFiles()[file]);
    auto found = name ? fileNumbers.find(name.getValue()) : fileNumbers.end();
    if (found == fileNumbers.end())
      return weight.emitError("lies in ")
             << placement.getFiles()[file] << ", which '" << kFilesAttr
             << "' does not describe";
    std::optional<int64_t> end =
        bytes && offset >= 0 ? checkedAdd(offset, *bytes) : std::nullopt;
    if (!end || uint64_t(*end) > info.files[found->second].size)
      return weight.emitError("needs bytes inside ")
             << name << " of " << info.files[found->second].size
             << " bytes, got offset " << offset;
    numbers.push_back(found->second);
  }
  std::string prefix =
      "lamina.weight." +
      std::to_string(weightNumbers.lookup(weight.getSymNameAttr()));
  files = globals.addNumbers(prefix + ".files", numbers);
  offsets = globals.addNumbers(prefix + ".offsets",
                               placement.getOffset().asArrayRef());
  return success();
}

Attribute WeightEmitter::emitParts(WeightOp weight, int32_t &count) {
  StructTable rows(globals);
  auto add = [&](FlatSymbolRefAttr part, int64_t begin, int64_t end) {
    StructRow row(globals);
    row.addI32(offsetof(lamrt_part, weight),
               weightNumbers.lookup(part.getAttr()))
        .addI32(offsetof(lamrt_part, layer_begin), begin)
        .addI32(offsetof(lamrt_part, layer_end), end);
    rows.add(row, sizeof(lamrt_part));
  };
  if (LayersOfAttr layers = weight.getLayersOf())
    for (LayerRangeAttr range : layers.getRanges())
      range.isWhole()
          ? add(range.getWeight(), 0, 1)
          : add(range.getWeight(), range.getBegin(), range.getEnd());
  if (ColumnsOfAttr columns = weight.getColumnsOf())
    for (FlatSymbolRefAttr part : columns.getParts())
      add(part, 0, 0);
  count = rows.size();
  return rows.emit(getPrefix(weight) + ".parts").address;
}

FailureOr<int32_t> WeightEmitter::getUses(WeightOp weight) {
  Attribute attribute = weight->getAttr(kUsesAttr);
  if (!attribute)
    return 0;
  auto names = dyn_cast<ArrayAttr>(attribute);
  int32_t uses = 0;
  for (Attribute name : names ? names : globals.getBuilder().getArrayAttr({})) {
    auto string = dyn_cast<StringAttr>(name);
    int32_t use = llvm::StringSwitch<int32_t>(string ? string.getValue() : "")
                      .Case("embed", LAMRT_USE_EMBED)
                      .Case("linear", LAMRT_USE_LINEAR)
                      .Case("vector", LAMRT_USE_VECTOR)
                      .Default(0);
    if (use == 0)
      names = {};
    uses |= use;
  }
  if (!names)
    return weight.emitError("needs '")
           << kUsesAttr << "' of \"embed\", \"linear\" and \"vector\", got "
           << attribute;
  return uses;
}

LogicalResult WeightEmitter::emitWeights() {
  for (WeightOp weight : module.getOps<WeightOp>())
    weightNumbers.try_emplace(weight.getSymNameAttr(), weightNumbers.size());
  StructTable rows(globals);
  for (WeightOp weight : module.getOps<WeightOp>()) {
    Attribute null = globals.getNull(), files = null, offsets = null;
    bool derived = bool(weight.getDerivedAttr());
    FailureOr<int32_t> uses = getUses(weight);
    if (failed(uses) ||
        (!derived && failed(placeLayers(weight, files, offsets))))
      return failure();
    int32_t numParts = 0;
    Attribute parts = emitParts(weight, numParts);
    int32_t kind = weight.getLayersOf()    ? LAMRT_WEIGHT_LAYERS
                   : weight.getColumnsOf() ? LAMRT_WEIGHT_COLUMNS
                                           : LAMRT_WEIGHT_SOURCE;
    SplitAttr split = weight.getSplitAttr();
    int32_t splitKind = !split ? LAMRT_SPLIT_NONE
                        : split.getKind() == SplitKind::columns
                            ? LAMRT_SPLIT_COLUMNS
                            : LAMRT_SPLIT_ROWS;
    StringRef name = derived ? weight.getSymName() : *weight.getSource();
    bool isMatrix = weight.getTensorType().getRank() == 2;
    StructRow row(globals);
    row.addPointer(offsetof(lamrt_weight, name), globals.addString(name))
        .addI32(offsetof(lamrt_weight, kind), kind)
        .addI32(offsetof(lamrt_weight, type),
                getTypeNumber(weight.getStorageType()))
        .addI64(offsetof(lamrt_weight, out), weight.getOut())
        .addI64(offsetof(lamrt_weight, in), isMatrix ? weight.getIn() : 0)
        .addI32(offsetof(lamrt_weight, num_layers),
                weight.getLayers().value_or(1))
        .addI32(offsetof(lamrt_weight, split), splitKind)
        .addI64(offsetof(lamrt_weight, split_unit), split ? split.getUnit() : 0)
        .addPointer(offsetof(lamrt_weight, files), files)
        .addPointer(offsetof(lamrt_weight, offsets), offsets)
        .addI32(offsetof(lamrt_weight, num_parts), numParts)
        .addPointer(offsetof(lamrt_weight, parts), parts)
        .addI32(offsetof(lamrt_weight, uses), *uses);
    rows.add(row, sizeof(lamrt_weight));
  }
  tables.weights = rows.emit("lamina.weights");
  return success();
}

} // namespace

FailureOr<WeightTables> lamina::emitWeightTables(ModuleOp module,
                                                 const ProgramInfo &info,
                                                 GlobalBuilder &globals) {
  return WeightEmitter(module, info, globals).run();
}
