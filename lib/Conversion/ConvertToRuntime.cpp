//===- ConvertToRuntime.cpp - Ops of a planned step -> runtime calls ------===//
//
// %g = llama.silu_mul %a, %b {lamina.slots = array<i32: 3>}
//   -> call @lamrt_silu_mul(%rank, slot of %a, slot of %b, 3)
//
//===----------------------------------------------------------------------===//

#include "lamina/Conversion/BufferPlan.h"
#include "lamina/Conversion/Passes.h"
#include "lamina/Conversion/RuntimeSupport.h"
#include "lamina/Conversion/RuntimeTables.h"
#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaWeights.h"
#include "lamina/runtime.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/TypeSwitch.h"

namespace lamina {
#define GEN_PASS_DEF_CONVERTTORUNTIMEPASS
#include "lamina/Conversion/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

static_assert(int(NormMode::hf) == LAMRT_NORM_HF &&
              int(NormMode::single) == LAMRT_NORM_SINGLE &&
              int(NormMode::zero_centered) == LAMRT_NORM_ZERO_CENTERED);
static_assert(int(RopePairing::halves) == LAMRT_PAIRING_HALVES &&
              int(RopePairing::adjacent) == LAMRT_PAIRING_ADJACENT);

namespace {

/// Builds the function of one number of ranks beside the step of the tensors.
class StepConverter {
public:
  StepConverter(ModuleOp module, func::FuncOp step);

  void run(int64_t ranks);

private:
  /// The number of a constant: one op for each, at the start of the function.
  Value getConstant(TypedAttr value);
  Value getNumber(int64_t value) {
    return getConstant(builder.getI32IntegerAttr(value));
  }
  Value getSlot(Value activation) { return getNumber(findSlot(activation)); }
  int32_t findSlot(Value activation);
  /// Returns the number of the weight that `op` reads as `use`.
  Value getWeight(Operation *op, FlatSymbolRefAttr symbol, StringRef use);
  Value getLayer(WeightRef ref);
  /// Returns the numbers of a bias and of its layer, -1 and 0 without one.
  std::pair<Value, Value> getBias(Operation *op, ArrayRef<WeightRef> refs);
  Value getList(ArrayRef<int32_t> numbers);

  /// Calls `name` with the rank and `operands`.
  func::CallOp call(StringRef name, ValueRange operands,
                    TypeRange results = {});
  void copy(Operation *op);

  void convertBlock(Block &block);
  void convert(Operation *op);
  void convert(EmbedOp op);
  void convert(RmsNormOp op);
  void convert(ResidualRmsNormOp op);
  void convert(LinearOp op);
  void convert(RopeOp op);
  void convert(AttentionOp op);
  /// `all_reduce` and `reduce_scatter`.
  template <typename ReduceOp>
  void convertSum(ReduceOp op, int32_t operation, StringRef name);
  void convert(AllReduceResidualRmsNormOp op);
  void convert(AllGatherOp op);
  void convert(GatherOp op);
  void convert(TapOp op);
  void convert(LayersOp op);
  void convert(func::ReturnOp op);
  /// Records that the step has this collective here.
  void addCollective(int32_t operation, Value brought, ValueRange shared);
  void setTables();
  void setVariant(int64_t ranks);

  ModuleOp module;
  func::FuncOp step;
  OpBuilder builder, constants;
  Location loc; // of the op that is converted
  Value rank;
  SymbolTableCollection symbols;
  DenseMap<Operation *, int32_t> weights; // only looked up
  llvm::MapVector<Operation *, llvm::SetVector<Attribute>> uses;
  DenseMap<Attribute, Value> constantValues; // only looked up
  llvm::StringSet<> declared;                // only looked up
  DenseMap<Value, Value> layers;             // only looked up
  llvm::SetVector<Attribute> lists, frequencies, taps;
  DictionaryAttr cache;
  int64_t cacheLayers = 0;
  IntegerAttr vocabulary;
  SmallVector<Attribute> collectives; // in program order
  int64_t cachedHeads = 0;            // of the key-value heads, most on a rank
  int64_t times = 1; // that the op which is converted runs in a step
};

StepConverter::StepConverter(ModuleOp module, func::FuncOp step)
    : module(module), step(step), builder(module.getContext()),
      constants(module.getContext()), loc(step.getLoc()) {
  for (WeightOp weight : module.getOps<WeightOp>())
    weights.try_emplace(weight, weights.size());
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

Value StepConverter::getConstant(TypedAttr value) {
  Value &constant = constantValues[value];
  if (!constant)
    constant = arith::ConstantOp::create(constants, step.getLoc(), value);
  return constant;
}

int32_t StepConverter::findSlot(Value activation) {
  auto argument = dyn_cast<BlockArgument>(activation);
  if (argument)
    return getSlots(
        argument.getOwner()->getParentOp())[argument.getArgNumber() - 1];
  return getSlots(
      activation.getDefiningOp())[cast<OpResult>(activation).getResultNumber()];
}

Value StepConverter::getWeight(Operation *op, FlatSymbolRefAttr symbol,
                               StringRef use) {
  WeightOp weight = lookupWeight(op, symbol, symbols);
  uses[weight].insert(builder.getStringAttr(use));
  return getNumber(weights.lookup(weight));
}

/// 0 for a weight without layers.
Value StepConverter::getLayer(WeightRef ref) {
  if (std::optional<int64_t> constant =
          ref.hasLayer() ? getConstantLayer(ref) : 0)
    return getNumber(*constant);
  return layers.lookup(ref.layer);
}

std::pair<Value, Value> StepConverter::getBias(Operation *op,
                                               ArrayRef<WeightRef> refs) {
  if (refs.empty())
    return {getNumber(-1), getNumber(0)};
  return {getWeight(op, refs[0].symbol, "vector"), getLayer(refs[0])};
}

Value StepConverter::getList(ArrayRef<int32_t> numbers) {
  Attribute list = builder.getDenseI32ArrayAttr(numbers);
  lists.insert(list);
  return getNumber(llvm::find(lists, list) - lists.begin());
}

//===----------------------------------------------------------------------===//
// Calls
//===----------------------------------------------------------------------===//

func::CallOp StepConverter::call(StringRef name, ValueRange operands,
                                 TypeRange results) {
  SmallVector<Value> all{rank};
  llvm::append_range(all, operands);
  if (declared.insert(name).second) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(step);
    auto callee = func::FuncOp::create(
        builder, step.getLoc(), name,
        builder.getFunctionType(ValueRange(all).getTypes(), results));
    callee.setPrivate();
  }
  return func::CallOp::create(builder, loc, name, results, all);
}

void StepConverter::copy(Operation *op) {
  for (ArrayRef<int32_t> copies = getCopies(op); !copies.empty();
       copies = copies.drop_front(2))
    call("lamrt_copy", {getNumber(copies[0]), getNumber(copies[1])});
}

void StepConverter::convert(EmbedOp op) {
  WeightOp weight = lookupWeight(op, op.getWeightAttr(), symbols);
  vocabulary = builder.getI64IntegerAttr(weight.getOut());
  call("lamrt_embed",
       {getWeight(op, op.getWeightAttr(), "embed"), getSlot(op.getEmbedded())});
}

void StepConverter::convert(RmsNormOp op) {
  call("lamrt_rms_norm",
       {getSlot(op.getInput()), getWeight(op, op.getWeightAttr(), "vector"),
        getLayer(op.getWeightRefs()[0]), getConstant(op.getEpsAttr()),
        getNumber(int(op.getNorm())), getSlot(op.getNormed())});
}

void StepConverter::convert(ResidualRmsNormOp op) {
  call("lamrt_residual_rms_norm",
       {getSlot(op.getUpdate()), getSlot(op.getResidual()),
        getWeight(op, op.getWeightAttr(), "vector"),
        getLayer(op.getWeightRefs()[0]), getConstant(op.getEpsAttr()),
        getNumber(int(op.getNorm())), getSlot(op.getNormed()),
        getSlot(op.getNewResidual())});
}

void StepConverter::convert(LinearOp op) {
  SmallVector<int32_t> leaves(op.getLeaves()), outs;
  for (Value product : op.getProducts())
    outs.push_back(findSlot(product));
  Value bias = op.getBiasAttr() ? getWeight(op, op.getBiasAttr(), "vector")
                                : getNumber(-1);
  call("lamrt_linear",
       {getSlot(op.getInput()), getWeight(op, op.getWeightAttr(), "linear"),
        getLayer(op.getWeightRefs()[0]), bias, getList(leaves), getList(outs),
        getNumber(op.getInt8() ? LAMRT_LINEAR_INT8 : 0)});
}

void StepConverter::convert(RopeOp op) {
  frequencies.insert(op.getFrequencies());
  int64_t number = llvm::find(frequencies, Attribute(op.getFrequencies())) -
                   frequencies.begin();
  call("lamrt_rope",
       {getSlot(op.getInput()), getNumber(number),
        getNumber(int(op.getPairing())), getSlot(op.getRotated())});
}

void StepConverter::convert(AttentionOp op) {
  WeightRef layer = op.getWeightRefs()[0];
  cacheLayers = std::max(cacheLayers, *getLargestLayer(layer) + 1);
  cache = builder.getDictionaryAttr({
      builder.getNamedAttr("head_dim",
                           builder.getI64IntegerAttr(op.getHeadDim())),
      builder.getNamedAttr("kv_heads", op.getKvHeadsAttr()),
      builder.getNamedAttr("layers", builder.getI64IntegerAttr(cacheLayers)),
      builder.getNamedAttr("type", op.getKvAttr()),
  });
  RankedTensorType key = op.getKey().getType();
  int64_t heads = op.getKvHeads();
  if (auto columns = dyn_cast_or_null<ColumnsAttr>(key.getEncoding()))
    heads = llvm::divideCeil(key.getDimSize(1) / columns.getUnit(),
                             getRanks(op).value_or(1)) *
            (columns.getUnit() / int64_t(op.getHeadDim()));
  cachedHeads = std::max(cachedHeads, heads);
  call("lamrt_attention",
       {getSlot(op.getQuery()), getSlot(op.getKey()), getSlot(op.getValue()),
        getLayer(layer), getNumber(op.getHeads()), getNumber(op.getKvHeads()),
        getConstant(op.getScaleAttr()), getSlot(op.getAttended())});
}

/// Adds a collective to which a rank brings `brought`. Of `shared`, results, a
/// rank that does a row gives it to the others, unless it keeps its rows.
void StepConverter::addCollective(int32_t operation, Value brought,
                                  ValueRange shared) {
  auto type = cast<RankedTensorType>(brought.getType());
  int64_t resultBytes = 0;
  bool keepsRows = false;
  for (Value result : shared) {
    auto resultType = cast<RankedTensorType>(result.getType());
    if (isa_and_nonnull<RowsAttr>(resultType.getEncoding()))
      keepsRows = true;
    else
      resultBytes = addSaturating(
          resultBytes,
          multiplySaturating(resultType.getDimSize(1),
                             resultType.getElementTypeBitWidth() / 8));
  }
  SmallVector<NamedAttribute> entry = {
      builder.getNamedAttr("features",
                           builder.getI64IntegerAttr(type.getDimSize(1))),
      builder.getNamedAttr("operation",
                           builder.getStringAttr(kCollectiveNames[operation])),
      builder.getNamedAttr(
          "rows",
          builder.getStringAttr(kRowNames[unsigned(getWholeRowKind(brought))])),
      builder.getNamedAttr("result_bytes",
                           builder.getI64IntegerAttr(resultBytes)),
      builder.getNamedAttr("times", builder.getI64IntegerAttr(times)),
      builder.getNamedAttr("type", TypeAttr::get(type.getElementType())),
  };
  if (keepsRows)
    entry.push_back(builder.getNamedAttr("keeps_rows", builder.getUnitAttr()));
  collectives.push_back(builder.getDictionaryAttr(entry));
}

/// The radices of a tree over ranks.
static SmallVector<int32_t> getRadices(ArrayRef<int64_t> tree) {
  return {tree.begin(), tree.end()};
}

template <typename ReduceOp>
void StepConverter::convertSum(ReduceOp op, int32_t operation, StringRef name) {
  addCollective(operation, op.getPartial(), op->getResults());
  auto [bias, biasLayer] = getBias(op, op.getWeightRefs());
  call(name, {getSlot(op.getPartial()), bias, biasLayer,
              getList(getRadices(op.getTree())), getSlot(op.getReduced())});
}

void StepConverter::convert(AllReduceResidualRmsNormOp op) {
  addCollective(LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM, op.getPartial(),
                op->getResults());
  SmallVector<WeightRef> refs = op.getWeightRefs();
  auto [bias, biasLayer] = getBias(op, ArrayRef(refs).drop_front());
  call("lamrt_all_reduce_residual_rms_norm",
       {getSlot(op.getPartial()), getSlot(op.getResidual()),
        getWeight(op, op.getWeightAttr(), "vector"), getLayer(refs[0]), bias,
        biasLayer, getConstant(op.getEpsAttr()), getNumber(int(op.getNorm())),
        getList(getRadices(op.getTree())), getSlot(op.getNormed()),
        getSlot(op.getNewResidual())});
}

void StepConverter::convert(AllGatherOp op) {
  addCollective(LAMRT_ALL_GATHER, op.getParts(), {});
  call("lamrt_all_gather", {getSlot(op.getParts()), getSlot(op.getGathered())});
}

void StepConverter::convert(GatherOp op) {
  addCollective(LAMRT_GATHER, op.getColumns(), {});
  call("lamrt_gather", {getSlot(op.getColumns()), getSlot(op.getGathered())});
}

void StepConverter::convert(TapOp op) {
  SmallVector<WeightRef> layer = op.getWeightRefs();
  taps.insert(op.getLabelAttr());
  int64_t number =
      llvm::find(taps, Attribute(op.getLabelAttr())) - taps.begin();
  call("lamrt_tap",
       {getNumber(number), layer.empty() ? getNumber(-1) : getLayer(layer[0]),
        getSlot(op.getObserved())});
}

void StepConverter::convert(LayersOp op) {
  copy(op);
  auto loop = scf::ForOp::create(builder, loc, getNumber(0),
                                 getNumber(op.getCount()), getNumber(1));
  layers[op.getLayer()] = loop.getInductionVar();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(loop.getBody()->getTerminator());
  int64_t outside = times;
  times = std::min<int64_t>(times * int64_t(op.getCount()), INT32_MAX);
  convertBlock(op.getBody().front());
  times = outside;
}

void StepConverter::convert(func::ReturnOp op) {
  call("lamrt_result", getSlot(op.getOperand(0)));
  func::CallOp end = call("lamrt_step_end", {}, builder.getI32Type());
  func::ReturnOp::create(builder, loc, end.getResults());
}

void StepConverter::convert(Operation *op) {
  loc = op->getLoc();
  llvm::TypeSwitch<Operation *>(op)
      .Case<EmbedOp, RmsNormOp, ResidualRmsNormOp, LinearOp, RopeOp,
            AttentionOp, TapOp, LayersOp, AllReduceResidualRmsNormOp,
            AllGatherOp, GatherOp, func::ReturnOp>(
          [&](auto found) { convert(found); })
      .Case([&](AllReduceOp found) {
        convertSum(found, LAMRT_ALL_REDUCE, "lamrt_all_reduce");
      })
      .Case([&](ReduceScatterOp found) {
        convertSum(found, LAMRT_REDUCE_SCATTER, "lamrt_reduce_scatter");
      })
      .Case([&](ShardRowsOp found) {
        call("lamrt_shard_rows",
             {getSlot(found.getWhole()), getSlot(found.getRows())});
      })
      .Case([&](SelectRowsOp found) {
        call("lamrt_select_rows",
             {getSlot(found.getInput()), getSlot(found.getSelected())});
      })
      .Case([&](AddOp found) {
        call("lamrt_add",
             {getSlot(found.getResidual()), getSlot(found.getUpdate()),
              getSlot(found.getSum())});
      })
      .Case([&](SiluMulOp found) {
        call("lamrt_silu_mul",
             {getSlot(found.getGate()), getSlot(found.getUp()),
              getSlot(found.getGated())});
      })
      .Case([&](YieldOp found) { copy(found); })
      .Case([&](arith::ConstantOp) {}) // a layer, read where it is used
      .Default([](Operation *) {
        llvm_unreachable("checkRuntimeSupport knows all ops");
      });
}

void StepConverter::convertBlock(Block &block) {
  for (Operation &op : block)
    convert(&op);
}

//===----------------------------------------------------------------------===//
// The module
//===----------------------------------------------------------------------===//

void StepConverter::setTables() {
  module->setAttr(kFrequenciesAttr,
                  builder.getArrayAttr(frequencies.getArrayRef()));
  module->setAttr(kTapsAttr, builder.getArrayAttr(taps.getArrayRef()));
  if (cache)
    module->setAttr(kCacheAttr, cache);
  auto result = cast<RankedTensorType>(step.getFunctionType().getResult(0));
  module->setAttr(kResultFeaturesAttr,
                  builder.getI64IntegerAttr(result.getDimSize(1)));
  module->setAttr(kVocabularyAttr, vocabulary);
  for (auto &[weight, names] : uses) {
    SmallVector<Attribute> sorted = names.takeVector();
    llvm::sort(sorted, [](Attribute a, Attribute b) {
      return cast<StringAttr>(a).getValue() < cast<StringAttr>(b).getValue();
    });
    weight->setAttr(kUsesAttr, builder.getArrayAttr(sorted));
  }
}

/// Moves the plan and what else belongs to this number of ranks to the table of
/// variants.
void StepConverter::setVariant(int64_t ranks) {
  module->setAttr(
      kVariantsAttr,
      builder.getArrayAttr(builder.getDictionaryAttr({
          builder.getNamedAttr("arena", module->getAttr(kArenaAttr)),
          builder.getNamedAttr("collectives",
                               builder.getArrayAttr(collectives)),
          builder.getNamedAttr("kv_heads",
                               builder.getI64IntegerAttr(cachedHeads)),
          builder.getNamedAttr("lists",
                               builder.getArrayAttr(lists.getArrayRef())),
          builder.getNamedAttr("ranks", builder.getI64IntegerAttr(ranks)),
          builder.getNamedAttr("slots", module->getAttr(kSlotTableAttr)),
      })));
  for (StringRef name : {StringRef(kArenaAttr), StringRef(kSlotTableAttr),
                         StringRef(LlamaDialect::getRanksAttrName())})
    module->removeAttr(name);
}

void StepConverter::run(int64_t ranks) {
  auto pointer = LLVM::LLVMPointerType::get(module.getContext());
  builder.setInsertionPointAfter(step);
  auto function = func::FuncOp::create(
      builder, step.getLoc(), kStepPrefix.str() + std::to_string(ranks),
      builder.getFunctionType({pointer, pointer}, builder.getI32Type()));
  Block *entry = function.addEntryBlock();
  rank = entry->getArgument(0);
  builder.setInsertionPointToEnd(entry);
  call("lamrt_step_begin", entry->getArgument(1));
  constants.setInsertionPointToStart(entry);
  convertBlock(step.getBody().front());
  setTables();
  setVariant(ranks);
  step.erase();
}

struct ConvertToRuntimePass
    : lamina::impl::ConvertToRuntimePassBase<ConvertToRuntimePass> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(checkRuntimeSupport(module)) || failed(verifyBufferPlan(module)))
      return signalPassFailure();
    StepConverter(module, findStep(module)).run(getRanks(module).value_or(1));
  }
};

} // namespace
