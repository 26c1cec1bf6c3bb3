//===- EmitProgramTables.cpp - The tables of a program as constants -------===//
//
// llama.weight, lamina.* -> llvm.mlir.global, @lamina_program_v1
//
//===----------------------------------------------------------------------===//

#include "StructRow.h"
#include "lamina/Conversion/BufferPlan.h"
#include "lamina/Conversion/Passes.h"
#include "lamina/Conversion/ProgramInfo.h"
#include "lamina/Conversion/RuntimeTables.h"
#include "lamina/IR/LlamaWeights.h"
#include "lamina/Support/CheckedMath.h"
#include "lamina/runtime.h"
#include "llvm/Support/MathExtras.h"

namespace lamina {
#define GEN_PASS_DEF_EMITPROGRAMTABLESPASS
#include "lamina/Conversion/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

static_assert(int(RowKind::tokens) == LAMRT_ROWS_TOKENS &&
              int(RowKind::logits) == LAMRT_ROWS_LOGITS &&
              kNumRowKinds == LAMRT_NUM_SECTIONS);

namespace {

/// Returns LAMRT_F32 ... LAMRT_Q6_K.
int32_t getTypeNumber(Type type) {
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

class TableEmitter {
public:
  TableEmitter(ModuleOp module, const ProgramInfo &info, const BufferPlan &plan)
      : module(module), info(info), plan(plan), globals(module) {}

  LogicalResult run();

private:
  /// Ends a table's row; a wrong layout is a bug of this file.
  Attribute finish(const StructRow &row, size_t size, Type &type);
  /// Reads an i64 of the module or of a dictionary on it.
  LogicalResult readNumber(StringRef name, Attribute attribute,
                           int64_t &number);

  LogicalResult emitFiles();
  LogicalResult emitWeights();
  LogicalResult placeLayers(WeightOp weight, Attribute &files,
                            Attribute &offsets);
  Attribute emitParts(WeightOp weight, int32_t &count);
  FailureOr<int32_t> getUses(WeightOp weight);
  LogicalResult emitLists();
  LogicalResult emitFrequencies();
  LogicalResult emitTaps();
  LogicalResult emitVariants();
  Attribute emitSlots();
  FailureOr<StructRow> makeCache();
  void emitNote();
  LogicalResult emitProgram();
  void removeTables();

  /// An array that the program points to.
  struct Table {
    Attribute address;
    int64_t size = 0;
  };
  Table makeTable(StringRef name, Type type, ArrayRef<Attribute> rows) {
    return {globals.addRows(name, type, rows), int64_t(rows.size())};
  }

  ModuleOp module;
  const ProgramInfo &info;
  const BufferPlan &plan;
  GlobalBuilder globals;
  llvm::StringMap<int32_t> fileNumbers;
  DenseMap<StringAttr, int32_t> weightNumbers; // only looked up
  Table files, weights, lists, frequencies, taps, variants;
};

Attribute TableEmitter::finish(const StructRow &row, size_t size, Type &type) {
  if (!row.hasLayout(size))
    llvm::report_fatal_error("a table has not the layout of lamina/runtime.h");
  type = row.getType();
  return row.getValue();
}

LogicalResult TableEmitter::readNumber(StringRef name, Attribute attribute,
                                       int64_t &number) {
  auto integer = dyn_cast_or_null<IntegerAttr>(attribute);
  if (!integer || !integer.getType().isSignlessInteger(64) ||
      integer.getInt() < 0)
    return module.emitError("needs '")
           << name << "', an i64 that is not negative";
  number = integer.getInt();
  return success();
}

//===----------------------------------------------------------------------===//
// Files and weights
//===----------------------------------------------------------------------===//

LogicalResult TableEmitter::emitFiles() {
  Type type;
  SmallVector<Attribute> rows;
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
    rows.push_back(finish(row, sizeof(lamrt_file), type));
  }
  files = makeTable("lamina.files", type, rows);
  return success();
}

/// Where the layers of a source weight lie: their files and offsets.
LogicalResult TableEmitter::placeLayers(WeightOp weight, Attribute &files,
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

Attribute TableEmitter::emitParts(WeightOp weight, int32_t &count) {
  Type type;
  SmallVector<Attribute> rows;
  auto add = [&](FlatSymbolRefAttr part, int64_t begin, int64_t end) {
    StructRow row(globals);
    row.addI32(offsetof(lamrt_part, weight),
               weightNumbers.lookup(part.getAttr()))
        .addI32(offsetof(lamrt_part, layer_begin), begin)
        .addI32(offsetof(lamrt_part, layer_end), end);
    rows.push_back(finish(row, sizeof(lamrt_part), type));
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
  return globals.addRows(
      "lamina.weight." +
          std::to_string(weightNumbers.lookup(weight.getSymNameAttr())) +
          ".parts",
      type, rows);
}

FailureOr<int32_t> TableEmitter::getUses(WeightOp weight) {
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

LogicalResult TableEmitter::emitWeights() {
  for (WeightOp weight : module.getOps<WeightOp>())
    weightNumbers.try_emplace(weight.getSymNameAttr(), weightNumbers.size());
  Type type;
  SmallVector<Attribute> rows;
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
    rows.push_back(finish(row, sizeof(lamrt_weight), type));
  }
  weights = makeTable("lamina.weights", type, rows);
  return success();
}

//===----------------------------------------------------------------------===//
// What operations name by number
//===----------------------------------------------------------------------===//

LogicalResult TableEmitter::emitLists() {
  auto array = module->getAttrOfType<ArrayAttr>(kListsAttr);
  Type type;
  SmallVector<Attribute> rows;
  for (Attribute attribute : array ? array.getValue() : ArrayRef<Attribute>()) {
    auto list = dyn_cast<DenseI32ArrayAttr>(attribute);
    if (!list)
      return module.emitError("needs array<i32: ...> in '")
             << kListsAttr << "', got " << attribute;
    StructRow row(globals);
    row.addI32(offsetof(lamrt_list, size), list.size())
        .addPointer(
            offsetof(lamrt_list, values),
            globals.addNumbers("lamina.list." + std::to_string(rows.size()),
                               list.asArrayRef()));
    rows.push_back(finish(row, sizeof(lamrt_list), type));
  }
  lists = makeTable("lamina.lists", type, rows);
  return success();
}

LogicalResult TableEmitter::emitFrequencies() {
  auto array = module->getAttrOfType<ArrayAttr>(kFrequenciesAttr);
  Type type;
  SmallVector<Attribute> rows;
  for (Attribute attribute : array ? array.getValue() : ArrayRef<Attribute>()) {
    auto rope = dyn_cast<RopeAttr>(attribute);
    if (!rope)
      return module.emitError("needs #llama.rope in '")
             << kFrequenciesAttr << "', got " << attribute;
    ArrayRef<double> values = rope.getInverseFrequencies().asArrayRef();
    StructRow row(globals);
    row.addI32(offsetof(lamrt_frequencies, size), values.size())
        .addPointer(offsetof(lamrt_frequencies, values),
                    globals.addNumbers("lamina.frequencies." +
                                           std::to_string(rows.size()),
                                       values));
    rows.push_back(finish(row, sizeof(lamrt_frequencies), type));
  }
  frequencies = makeTable("lamina.frequencies", type, rows);
  return success();
}

LogicalResult TableEmitter::emitTaps() {
  auto array = module->getAttrOfType<ArrayAttr>(kTapsAttr);
  SmallVector<Attribute> rows;
  for (Attribute attribute : array ? array.getValue() : ArrayRef<Attribute>()) {
    auto name = dyn_cast<StringAttr>(attribute);
    if (!name)
      return module.emitError("needs strings in '")
             << kTapsAttr << "', got " << attribute;
    rows.push_back(globals.addString(name));
  }
  taps = makeTable("lamina.tap_names", globals.getPointerType(), rows);
  return success();
}

Attribute TableEmitter::emitSlots() {
  Type type;
  SmallVector<Attribute> rows;
  for (const Slot &slot : plan.slots) {
    StructRow row(globals);
    row.addI32(offsetof(lamrt_slot, rows), int(slot.rows))
        .addI32(offsetof(lamrt_slot, type),
                getTypeNumber(slot.type.getElementType()))
        .addI64(offsetof(lamrt_slot, features), slot.type.getDimSize(1))
        .addI64(offsetof(lamrt_slot, split_unit), 0)
        .addI64(offsetof(lamrt_slot, offset), slot.offset);
    rows.push_back(finish(row, sizeof(lamrt_slot), type));
  }
  return globals.addRows("lamina.slots", type, rows);
}

LogicalResult TableEmitter::emitVariants() {
  Attribute slots = emitSlots();
  Type type;
  SmallVector<Attribute> rows;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    StringRef number = function.getName();
    int32_t ranks;
    if (!number.consume_front(kStepPrefix) || number.getAsInteger(10, ranks) ||
        ranks < 1)
      continue;
    StructRow row(globals);
    row.addI32(offsetof(lamrt_variant, ranks), ranks)
        .addI32(offsetof(lamrt_variant, num_slots), plan.slots.size())
        .addPointer(offsetof(lamrt_variant, slots), slots)
        .addI64Array(offsetof(lamrt_variant, arena_bytes), plan.arenaBytes)
        .addPointer(offsetof(lamrt_variant, step),
                    FlatSymbolRefAttr::get(function.getSymNameAttr()));
    rows.push_back(finish(row, sizeof(lamrt_variant), type));
  }
  if (rows.empty())
    return module.emitError("needs a function '")
           << kStepPrefix << "1' that is converted to LLVM";
  variants = makeTable("lamina.variants", type, rows);
  return success();
}

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

FailureOr<StructRow> TableEmitter::makeCache() {
  int64_t layers = 0, kvHeads = 0, headDim = 0;
  int32_t type = LAMRT_F32;
  if (Attribute attribute = module->getAttr(kCacheAttr)) {
    auto cache = dyn_cast<DictionaryAttr>(attribute);
    auto element = cache ? cache.getAs<TypeAttr>("type") : TypeAttr();
    if (!element ||
        !isa<Float32Type, Float16Type, BFloat16Type>(element.getValue()) ||
        failed(readNumber("layers", cache.get("layers"), layers)) ||
        failed(readNumber("kv_heads", cache.get("kv_heads"), kvHeads)) ||
        failed(readNumber("head_dim", cache.get("head_dim"), headDim)) ||
        std::max({layers, kvHeads, headDim}) > INT32_MAX)
      return module.emitError("needs '")
             << kCacheAttr << "' {layers, kv_heads, head_dim, type}, got "
             << attribute;
    type = getTypeNumber(element.getValue());
  }
  StructRow row(globals);
  row.addI32(offsetof(lamrt_cache, num_layers), layers)
      .addI32(offsetof(lamrt_cache, kv_heads), kvHeads)
      .addI32(offsetof(lamrt_cache, head_dim), headDim)
      .addI32(offsetof(lamrt_cache, type), type);
  return row;
}

/// The JSON as an ELF note: it is read without running the program.
void TableEmitter::emitNote() {
  OpBuilder &builder = globals.getBuilder();
  constexpr StringLiteral kName = "Lamina";
  constexpr int32_t kType = 1; // the only note of this name
  auto pad = [](StringRef text) {
    std::string padded = text.str();
    padded.resize(llvm::alignTo(text.size() + 1, 4), '\0');
    return padded;
  };
  std::string name = pad(kName), text = pad(info.json);
  auto i32 = builder.getI32Type(), i8 = builder.getI8Type();
  auto type = LLVM::LLVMStructType::getLiteral(
      builder.getContext(),
      {i32, i32, i32, LLVM::LLVMArrayType::get(i8, name.size()),
       LLVM::LLVMArrayType::get(i8, text.size())});
  Attribute fields[] = {builder.getI32IntegerAttr(kName.size() + 1),
                        builder.getI32IntegerAttr(info.json.size()),
                        builder.getI32IntegerAttr(kType),
                        builder.getStringAttr(name),
                        builder.getStringAttr(text)};
  globals.add("lamina.note", type, builder.getArrayAttr(fields));
  auto note = module.lookupSymbol<LLVM::GlobalOp>("lamina.note");
  note.setSection(".note.lamina");
  note.setAlignment(4);
}

LogicalResult TableEmitter::emitProgram() {
  FailureOr<StructRow> cache = makeCache();
  int64_t resultFeatures, vocabulary;
  if (failed(cache) ||
      failed(readNumber(kResultFeaturesAttr,
                        module->getAttr(kResultFeaturesAttr),
                        resultFeatures)) ||
      failed(readNumber(kVocabularyAttr, module->getAttr(kVocabularyAttr),
                        vocabulary)))
    return failure();
  SmallVector<int8_t> bytes(info.tokenizer.begin(), info.tokenizer.end());
  OpBuilder &builder = globals.getBuilder();
  Attribute tokenizer = globals.addNumbers(
      "lamina.tokenizer",
      DenseElementsAttr::get(
          RankedTensorType::get(int64_t(bytes.size()), builder.getI8Type()),
          ArrayRef<int8_t>(bytes)));
  using Program = lamina_program;
  StructRow row(globals);
  row.addI32(offsetof(Program, struct_size), sizeof(Program))
      .addI32(offsetof(Program, abi_version), LAMRT_ABI_VERSION)
      .addPointer(offsetof(Program, json), globals.addString(info.json))
      .addPointer(offsetof(Program, model_path),
                  globals.addString(info.modelPath))
      .addPointer(offsetof(Program, relative_model_path),
                  globals.addString(info.relativeModelPath))
      .addI32(offsetof(Program, num_files), files.size)
      .addI32(offsetof(Program, num_weights), weights.size)
      .addI32(offsetof(Program, num_lists), lists.size)
      .addI32(offsetof(Program, num_frequencies), frequencies.size)
      .addI32(offsetof(Program, num_taps), taps.size)
      .addI32(offsetof(Program, num_variants), variants.size)
      .addPointer(offsetof(Program, files), files.address)
      .addPointer(offsetof(Program, weights), weights.address)
      .addPointer(offsetof(Program, lists), lists.address)
      .addPointer(offsetof(Program, frequencies), frequencies.address)
      .addPointer(offsetof(Program, tap_names), taps.address)
      .addPointer(offsetof(Program, variants), variants.address)
      .addStruct(offsetof(Program, cache), *cache, sizeof(lamrt_cache))
      .addI64(offsetof(Program, result_features), resultFeatures)
      .addI64(offsetof(Program, vocabulary), vocabulary)
      .addI64(offsetof(Program, max_context), info.maxContext)
      .addPointer(offsetof(Program, tokenizer), tokenizer)
      .addI64(offsetof(Program, tokenizer_size), bytes.size());
  Type type;
  Attribute value = finish(row, sizeof(Program), type);
  FlatSymbolRefAttr program = globals.add("lamina.program", type, value);

  auto function = LLVM::LLVMFuncOp::create(
      builder, module.getLoc(), "lamina_program_v1",
      LLVM::LLVMFunctionType::get(globals.getPointerType(), {}));
  OpBuilder body = OpBuilder::atBlockEnd(function.addEntryBlock(builder));
  Value address = LLVM::AddressOfOp::create(
      body, module.getLoc(), globals.getPointerType(), program.getValue());
  LLVM::ReturnOp::create(body, module.getLoc(), address);
  return success();
}

/// The attributes and weights have become constants.
void TableEmitter::removeTables() {
  for (WeightOp weight : llvm::make_early_inc_range(module.getOps<WeightOp>()))
    weight.erase();
  SmallVector<StringAttr> names;
  for (NamedAttribute attribute : module->getDiscardableAttrs())
    if (attribute.getName().getValue().starts_with("lamina.") ||
        attribute.getName() == LlamaDialect::getRanksAttrName())
      names.push_back(attribute.getName());
  for (StringAttr name : names)
    module->removeAttr(name);
}

LogicalResult TableEmitter::run() {
  if (failed(emitFiles()) || failed(emitWeights()) || failed(emitLists()) ||
      failed(emitFrequencies()) || failed(emitTaps()) ||
      failed(emitVariants()) || failed(emitProgram()))
    return failure();
  emitNote();
  removeTables();
  return success();
}

struct EmitProgramTablesPass
    : lamina::impl::EmitProgramTablesPassBase<EmitProgramTablesPass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    FailureOr<ProgramInfo> info = getProgramInfo(module);
    if (failed(info))
      return signalPassFailure();
    FailureOr<BufferPlan> plan = getBufferPlan(module);
    if (failed(plan) || failed(TableEmitter(module, *info, *plan).run()))
      signalPassFailure();
  }
};

} // namespace
