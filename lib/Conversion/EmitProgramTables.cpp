//===- EmitProgramTables.cpp - The tables of a program as constants -------===//
//
// llama.weight, lamina.* -> llvm.mlir.global, @lamina_program_v1
//
//===----------------------------------------------------------------------===//

#include "StructRow.h"
#include "WeightTables.h"
#include "lamina/Conversion/BufferPlan.h"
#include "lamina/Conversion/DescribeVariants.h"
#include "lamina/Conversion/Passes.h"
#include "lamina/Conversion/ProgramInfo.h"
#include "lamina/Conversion/RuntimeTables.h"
#include "lamina/IR/LlamaWeights.h"
#include "lamina/runtime.h"
#include "llvm/ADT/SmallSet.h"
#include "llvm/Support/MathExtras.h"

namespace lamina {
#define GEN_PASS_DEF_EMITPROGRAMTABLESPASS
#include "lamina/Conversion/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

static_assert(int(RowKind::tokens) == LAMRT_ROWS_TOKENS &&
              int(RowKind::logits) == LAMRT_ROWS_LOGITS &&
              int(RowKind::ownTokens) == LAMRT_ROWS_OWN_TOKENS &&
              kNumRowKinds == LAMRT_NUM_SECTIONS);

namespace {

class TableEmitter {
public:
  TableEmitter(ModuleOp module, const ProgramInfo &info)
      : module(module), info(info), globals(module) {}

  LogicalResult run();

private:
  /// Reads an i64 of the module or of a dictionary on it.
  LogicalResult readNumber(StringRef name, Attribute attribute,
                           int64_t &number);

  LogicalResult emitFrequencies();
  LogicalResult emitTaps();
  LogicalResult emitVariants();
  FailureOr<StructRow> makeVariant(DictionaryAttr variant);
  FailureOr<ConstantArray> emitLists(ArrayAttr lists, StringRef prefix);
  FailureOr<ConstantArray> emitCollectives(ArrayAttr list, StringRef prefix);
  Attribute emitSlots(const BufferPlan &plan, StringRef prefix);
  FailureOr<StructRow> makeCache();
  void emitNote();
  Attribute emitTokenizer();
  void emitEntry(FlatSymbolRefAttr program);
  LogicalResult emitProgram();
  void removeTables();

  ModuleOp module;
  const ProgramInfo &info;
  GlobalBuilder globals;
  WeightTables checkpoint;
  ConstantArray frequencies, taps, variants;
  llvm::SmallSet<int64_t, 8> knownRanks;
  std::string json; // what the program says of itself
};

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
// What operations name by number
//===----------------------------------------------------------------------===//

FailureOr<ConstantArray> TableEmitter::emitLists(ArrayAttr array,
                                                 StringRef prefix) {
  StructTable rows(globals);
  for (Attribute attribute : array) {
    auto list = dyn_cast<DenseI32ArrayAttr>(attribute);
    if (!list)
      return module.emitError("needs array<i32: ...> in the lists of '")
             << kVariantsAttr << "', got " << attribute;
    StructRow row(globals);
    row.addI32(offsetof(lamrt_list, size), list.size())
        .addPointer(offsetof(lamrt_list, values),
                    globals.addNumbers(
                        (prefix + ".list." + std::to_string(rows.size())).str(),
                        list.asArrayRef()));
    rows.add(row, sizeof(lamrt_list));
  }
  return rows.emit((prefix + ".lists").str());
}

LogicalResult TableEmitter::emitFrequencies() {
  auto array = module->getAttrOfType<ArrayAttr>(kFrequenciesAttr);
  StructTable rows(globals);
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
    rows.add(row, sizeof(lamrt_frequencies));
  }
  frequencies = rows.emit("lamina.frequencies");
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
  taps = {globals.addRows("lamina.tap_names", globals.getPointerType(), rows),
          int64_t(rows.size())};
  return success();
}

Attribute TableEmitter::emitSlots(const BufferPlan &plan, StringRef prefix) {
  StructTable rows(globals);
  for (const Slot &slot : plan.slots) {
    Attribute part = slot.type.getEncoding();
    auto columns = dyn_cast_or_null<ColumnsAttr>(part);
    int32_t distribution = !part                 ? LAMRT_WHOLE
                           : columns             ? LAMRT_COLUMNS
                           : isa<RootAttr>(part) ? LAMRT_ROOT
                           : isa<RowsAttr>(part) ? LAMRT_OWN_ROWS
                                                 : LAMRT_PARTIAL;
    StructRow row(globals);
    row.addI32(offsetof(lamrt_slot, rows), int(slot.rows))
        .addI32(offsetof(lamrt_slot, type),
                getTypeNumber(slot.type.getElementType()))
        .addI64(offsetof(lamrt_slot, features), slot.type.getDimSize(1))
        .addI32(offsetof(lamrt_slot, distribution), distribution)
        .addI64(offsetof(lamrt_slot, split_unit),
                columns ? columns.getUnit() : 0)
        .addI64(offsetof(lamrt_slot, offset), slot.offset);
    rows.add(row, sizeof(lamrt_slot));
  }
  return rows.emit((prefix + ".slots").str()).address;
}

FailureOr<ConstantArray> TableEmitter::emitCollectives(ArrayAttr list,
                                                       StringRef prefix) {
  StructTable rows(globals);
  for (Attribute attribute : list) {
    auto entry = dyn_cast<DictionaryAttr>(attribute);
    auto operation =
        entry ? entry.getAs<StringAttr>("operation") : StringAttr();
    auto kind = entry ? entry.getAs<StringAttr>("rows") : StringAttr();
    auto type = entry ? entry.getAs<TypeAttr>("type") : TypeAttr();
    const auto *name = operation
                           ? llvm::find(kCollectiveNames, operation.getValue())
                           : std::end(kCollectiveNames);
    const auto *rowName =
        kind ? llvm::find(kRowNames, kind.getValue()) : std::end(kRowNames);
    int64_t features = 0, times = 0;
    if (name == std::end(kCollectiveNames) || rowName == std::end(kRowNames) ||
        !type ||
        !isa<Float32Type, Float16Type, BFloat16Type>(type.getValue()) ||
        failed(readNumber("features", entry.get("features"), features)) ||
        failed(readNumber("times", entry.get("times"), times)) ||
        std::max(features, times) > INT32_MAX)
      return module.emitError("needs {features, operation, rows, times, type} "
                              "in the collectives of '")
             << kVariantsAttr << "', got " << attribute;
    StructRow row(globals);
    row.addI32(offsetof(lamrt_collective, operation), name - kCollectiveNames)
        .addI32(offsetof(lamrt_collective, rows), rowName - kRowNames)
        .addI32(offsetof(lamrt_collective, type),
                getTypeNumber(type.getValue()))
        .addI32(offsetof(lamrt_collective, times), times)
        .addI64(offsetof(lamrt_collective, features), features);
    rows.add(row, sizeof(lamrt_collective));
  }
  return rows.emit((prefix + ".collectives").str());
}

FailureOr<StructRow> TableEmitter::makeVariant(DictionaryAttr variant) {
  int64_t ranks = 0, kvHeads = 0;
  auto lists = variant ? variant.getAs<ArrayAttr>("lists") : ArrayAttr();
  auto collectives =
      variant ? variant.getAs<ArrayAttr>("collectives") : ArrayAttr();
  if (!lists || !collectives ||
      failed(readNumber("ranks", variant.get("ranks"), ranks)) || ranks < 1 ||
      failed(readNumber("kv_heads", variant.get("kv_heads"), kvHeads)) ||
      std::max(ranks, kvHeads) > INT32_MAX)
    return module.emitError("needs variants {arena, collectives, kv_heads, "
                            "lists, ranks, slots} in '")
           << kVariantsAttr << "', got " << variant;
  if (!knownRanks.insert(ranks).second)
    return module.emitError("has two variants of ")
           << ranks << " ranks in '" << kVariantsAttr << "', expected one";
  std::string name = kStepPrefix.str() + std::to_string(ranks);
  auto function = module.lookupSymbol<LLVM::LLVMFuncOp>(name);
  if (!function)
    return module.emitError("needs a function '")
           << name << "' that is converted to LLVM";
  FailureOr<BufferPlan> plan =
      readBufferPlan(module, variant.get("slots"), variant.get("arena"), ranks);
  std::string prefix = "lamina." + name;
  FailureOr<ConstantArray> listTable = emitLists(lists, prefix);
  FailureOr<ConstantArray> collectiveTable =
      emitCollectives(collectives, prefix);
  if (failed(plan) || failed(listTable) || failed(collectiveTable))
    return failure();
  StructRow row(globals);
  row.addI32(offsetof(lamrt_variant, ranks), ranks)
      .addI32(offsetof(lamrt_variant, num_slots), plan->slots.size())
      .addPointer(offsetof(lamrt_variant, slots), emitSlots(*plan, prefix))
      .addI64Array(offsetof(lamrt_variant, arena_bytes), plan->arenaBytes)
      .addI32(offsetof(lamrt_variant, num_lists), listTable->size)
      .addI32(offsetof(lamrt_variant, num_collectives), collectiveTable->size)
      .addI32(offsetof(lamrt_variant, kv_heads), kvHeads)
      .addPointer(offsetof(lamrt_variant, lists), listTable->address)
      .addPointer(offsetof(lamrt_variant, collectives),
                  collectiveTable->address)
      .addPointer(offsetof(lamrt_variant, step),
                  FlatSymbolRefAttr::get(function.getSymNameAttr()));
  return row;
}

LogicalResult TableEmitter::emitVariants() {
  auto array = module->getAttrOfType<ArrayAttr>(kVariantsAttr);
  if (!array || array.empty())
    return module.emitError("needs '")
           << kVariantsAttr << "', an array of variants";
  StructTable rows(globals);
  for (Attribute attribute : array) {
    FailureOr<StructRow> row = makeVariant(dyn_cast<DictionaryAttr>(attribute));
    if (failed(row))
      return failure();
    rows.add(*row, sizeof(lamrt_variant));
  }
  variants = rows.emit("lamina.variants");
  json = addVariants(module, info.json);
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
  auto pad = [](std::string text) {
    text.resize(llvm::alignTo(text.size(), 4), '\0');
    return text;
  };
  // The name counts with its zero, the description has none.
  std::string name = pad(kName.str() + '\0'), text = pad(json);
  auto i32 = builder.getI32Type(), i8 = builder.getI8Type();
  auto type = LLVM::LLVMStructType::getLiteral(
      builder.getContext(),
      {i32, i32, i32, LLVM::LLVMArrayType::get(i8, name.size()),
       LLVM::LLVMArrayType::get(i8, text.size())});
  Attribute fields[] = {
      builder.getI32IntegerAttr(kName.size() + 1),
      builder.getI32IntegerAttr(json.size()), builder.getI32IntegerAttr(kType),
      builder.getStringAttr(name), builder.getStringAttr(text)};
  globals.add("lamina.note", type, builder.getArrayAttr(fields));
  auto note = module.lookupSymbol<LLVM::GlobalOp>("lamina.note");
  note.setSection(".note.lamina");
  note.setAlignment(4);
}

Attribute TableEmitter::emitTokenizer() {
  SmallVector<int8_t> bytes(info.tokenizer.begin(), info.tokenizer.end());
  auto type = RankedTensorType::get(int64_t(bytes.size()),
                                    globals.getBuilder().getI8Type());
  return globals.addNumbers(
      "lamina.tokenizer",
      DenseElementsAttr::get(type, ArrayRef<int8_t>(bytes)));
}

/// Makes the function that returns the address of `program`.
void TableEmitter::emitEntry(FlatSymbolRefAttr program) {
  OpBuilder &builder = globals.getBuilder();
  auto function = LLVM::LLVMFuncOp::create(
      builder, module.getLoc(), "lamina_program_v1",
      LLVM::LLVMFunctionType::get(globals.getPointerType(), {}));
  OpBuilder body = OpBuilder::atBlockEnd(function.addEntryBlock(builder));
  Value address = LLVM::AddressOfOp::create(
      body, module.getLoc(), globals.getPointerType(), program.getValue());
  LLVM::ReturnOp::create(body, module.getLoc(), address);
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
  Attribute tokenizer = emitTokenizer();
  Attribute packed = info.packedWeights.empty()
                         ? globals.getNull()
                         : globals.addString(info.packedWeights);
  using Program = lamina_program;
  StructRow row(globals);
  row.addI32(offsetof(Program, struct_size), sizeof(Program))
      .addI32(offsetof(Program, abi_version), LAMRT_ABI_VERSION)
      .addPointer(offsetof(Program, json), globals.addString(json))
      .addPointer(offsetof(Program, model_path),
                  globals.addString(info.modelPath))
      .addPointer(offsetof(Program, relative_model_path),
                  globals.addString(info.relativeModelPath))
      .addI32(offsetof(Program, num_files), checkpoint.files.size)
      .addI32(offsetof(Program, num_weights), checkpoint.weights.size)
      .addI32(offsetof(Program, num_frequencies), frequencies.size)
      .addI32(offsetof(Program, num_taps), taps.size)
      .addI32(offsetof(Program, num_variants), variants.size)
      .addPointer(offsetof(Program, files), checkpoint.files.address)
      .addPointer(offsetof(Program, weights), checkpoint.weights.address)
      .addPointer(offsetof(Program, frequencies), frequencies.address)
      .addPointer(offsetof(Program, tap_names), taps.address)
      .addPointer(offsetof(Program, variants), variants.address)
      .addStruct(offsetof(Program, cache), *cache, sizeof(lamrt_cache))
      .addI64(offsetof(Program, result_features), resultFeatures)
      .addI64(offsetof(Program, vocabulary), vocabulary)
      .addI64(offsetof(Program, max_context), info.maxContext)
      .addPointer(offsetof(Program, tokenizer), tokenizer)
      .addI64(offsetof(Program, tokenizer_size), info.tokenizer.size())
      .addPointer(offsetof(Program, packed_weights), packed);
  row.checkLayout(sizeof(Program));
  FlatSymbolRefAttr program =
      globals.add("lamina.program", row.getType(), row.getValue());
  emitEntry(program);
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
  FailureOr<WeightTables> tables = emitWeightTables(module, info, globals);
  if (failed(tables))
    return failure();
  checkpoint = *tables;
  if (failed(emitFrequencies()) || failed(emitTaps()) ||
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
    if (failed(TableEmitter(module, *info).run()))
      signalPassFailure();
  }
};

} // namespace
