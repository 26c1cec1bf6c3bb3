//===- RuntimeSupport.cpp - What the runtime can do -----------------------===//
//
// One place for every reason why a valid module cannot become a program, so
// that the passes behind may rely on what is checked here.
//
//===----------------------------------------------------------------------===//

#include "lamina/Conversion/RuntimeSupport.h"

#include "lamina/Conversion/BufferPlan.h"
#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaWeights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace lamina;

func::FuncOp lamina::findStep(ModuleOp module) {
  return module.lookupSymbol<func::FuncOp>("step");
}

namespace {

/// Numbers of the tables are 32-bit; wider sizes are kept below 2^31 as well,
/// so that sums of a module's row bytes fit 64 bits.
constexpr int64_t kLargest = INT32_MAX;

/// The four index lists of the entry, in order.
enum EntryArgument { kIds, kPositions, kSequences, kWanted, kNumArguments };
constexpr StringLiteral kArgumentNames[] = {"ids", "positions", "sequences",
                                            "wanted"};

class SupportCheck {
public:
  explicit SupportCheck(ModuleOp module)
      : module(module), step(findStep(module)) {}

  LogicalResult run();

private:
  /// Counts an error at `op`.
  InFlightDiagnostic fail(Operation *op) {
    ok = false;
    return op->emitOpError("is not supported by the runtime: ");
  }

  void checkModule();
  bool checkEntry();
  void checkTypes(Operation *op);
  void checkRows(Operation *op);
  void checkIndices(Operation *op, Value value, EntryArgument argument);
  void checkKind(Operation *op);
  void checkOp(Operation *op);
  void checkAttention(AttentionOp op);
  void checkEmbed(EmbedOp op);
  void checkSum(Operation *op, SumMode sum);
  void checkLayers(LayersOp op);

  ModuleOp module;
  func::FuncOp step;
  SymbolTableCollection symbols;
  AttentionOp firstAttention;
  WeightOp table; // of the first embed
  bool ok = true;
};

void SupportCheck::checkModule() {
  for (Operation &op : *module.getBody()) {
    if (auto weight = dyn_cast<WeightOp>(op)) {
      if (weight.getLayers() && int64_t(*weight.getLayers()) > kLargest)
        fail(weight) << "it has " << *weight.getLayers()
                     << " layers, expected at most " << kLargest;
    } else if (&op != step.getOperation()) {
      fail(&op) << "it stands beside @step, expected weights only";
    }
  }
}

/// Returns false if the body cannot be looked at.
bool SupportCheck::checkEntry() {
  if (!step) {
    fail(module) << "it has no function @step";
    return false;
  }
  auto isIndices = [](Type type) {
    return isRowIndicesType(type) &&
           cast<RankedTensorType>(type).isDynamicDim(0);
  };
  FunctionType type = step.getFunctionType();
  if (type.getNumInputs() != kNumArguments ||
      !llvm::all_of(type.getInputs(), isIndices) || type.getNumResults() != 1)
    fail(step) << "it has the type " << type
               << ", expected four tensor<?xi32> (ids, positions, sequences, "
                  "wanted) and one result";
  if (!step.getBody().hasOneBlock()) {
    fail(step) << "it has " << step.getBody().getBlocks().size()
               << " blocks, expected 1";
    return false;
  }
  if (!ok)
    return false;
  auto result = dyn_cast<RankedTensorType>(type.getResult(0));
  if (!result || !isActivationType(result) ||
      !result.getElementType().isF32() ||
      (result.getEncoding() && !isa<RootAttr>(result.getEncoding())))
    fail(step) << "its result is " << type.getResult(0)
               << ", expected whole rows of f32, on the root at least";
  return ok;
}

void SupportCheck::checkTypes(Operation *op) {
  for (Type type : op->getResultTypes())
    if (isActivationType(type) &&
        cast<RankedTensorType>(type).getDimSize(1) > kLargest)
      fail(op) << "a result has " << cast<RankedTensorType>(type).getDimSize(1)
               << " features, expected at most " << kLargest;
}

/// The activations that `op` reads have one kind of rows.
void SupportCheck::checkRows(Operation *op) {
  std::optional<RowKind> rows;
  // A value in rows is one of the step: there is no section of wanted rows of a
  // rank.
  if (isa<SelectRowsOp, RopeOp, AttentionOp, ShardRowsOp, ReduceScatterOp>(op))
    rows = RowKind::tokens;
  if (isa<func::ReturnOp>(op))
    rows = RowKind::logits;
  if (isa<LayersOp, YieldOp>(op))
    return;
  auto describe = [](RowKind rows) {
    return rows == RowKind::tokens ? "the rows of the step" : "the wanted rows";
  };
  for (Value operand : op->getOperands()) {
    if (!isActivationType(operand.getType()))
      continue;
    RowKind found = getWholeRowKind(operand);
    if (!rows)
      rows = found;
    if (*rows != found)
      return void(fail(op) << "it reads " << describe(found) << ", expected "
                           << describe(*rows));
  }
}

void SupportCheck::checkIndices(Operation *op, Value value,
                                EntryArgument argument) {
  if (value != step.getArgument(argument))
    fail(op) << "it reads other " << kArgumentNames[argument]
             << " than argument " << int(argument) << " of @step";
}

void SupportCheck::checkAttention(AttentionOp op) {
  checkIndices(op, op.getPositions(), kPositions);
  checkIndices(op, op.getSequences(), kSequences);
  if (std::optional<int64_t> layer = getLargestLayer(op.getWeightRefs()[0]);
      layer && *layer >= kLargest)
    fail(op) << "its layer is " << *layer << ", expected at most "
             << kLargest - 1;
  if (op.getHeads() > uint64_t(kLargest))
    fail(op) << "it has " << op.getHeads() << " heads, expected at most "
             << kLargest;
  if (!firstAttention)
    firstAttention = op;
  if (op.getKvHeads() != firstAttention.getKvHeads() ||
      op.getHeadDim() != firstAttention.getHeadDim() ||
      op.getKv() != firstAttention.getKv())
    fail(op) << "its cache has " << op.getKvHeads() << " heads of "
             << op.getHeadDim() << ' ' << op.getKv()
             << ", expected those of the first attention, "
             << firstAttention.getKvHeads() << " heads of "
             << firstAttention.getHeadDim() << ' ' << firstAttention.getKv();
}

void SupportCheck::checkEmbed(EmbedOp op) {
  checkIndices(op, op.getIds(), kIds);
  WeightOp weight = lookupWeight(op, op.getWeightAttr(), symbols);
  if (!table)
    table = weight;
  if (weight.getOut() != table.getOut())
    fail(op) << "its table has " << weight.getOut()
             << " rows, expected those of the first embed, " << table.getOut();
}

void SupportCheck::checkSum(Operation *op, SumMode sum) {
  if (sum != SumMode::f32)
    fail(op) << "its sum is rounded after each add (sum native), expected sum "
                "f32";
}

void SupportCheck::checkLayers(LayersOp op) {
  if (op.getCount() > uint64_t(kLargest))
    fail(op) << "it has " << op.getCount() << " layers, expected at most "
             << kLargest;
  for (auto [init, yielded] :
       llvm::zip_equal(op.getInits(), op.getYield().getValues())) {
    if (getWholeRowKind(init) != getWholeRowKind(yielded))
      fail(op) << "an iteration value has the rows of the step and the wanted "
                  "rows, expected one of them";
  }
}

/// Checks that `op` is one that a call, or nothing, stands for.
void SupportCheck::checkKind(Operation *op) {
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (!constant.getType().isIndex())
      fail(op) << "it is a " << constant.getType()
               << ", expected the index of a layer";
  } else if (!isa<SelectRowsOp, RmsNormOp, ResidualRmsNormOp, LinearOp,
                  SiluMulOp, AddOp, RopeOp, YieldOp, func::ReturnOp, TapOp,
                  EmbedOp, LayersOp, AttentionOp, AllReduceOp, ShardRowsOp,
                  ReduceScatterOp, AllReduceResidualRmsNormOp, AllGatherOp,
                  GatherOp>(op)) {
    fail(op) << "no call of the runtime does what it does";
  }
  if (auto loop = dyn_cast<LayersOp>(op))
    for (Value init : loop.getInits())
      if (!isActivationType(init.getType()))
        fail(op) << "it carries a value of type " << init.getType()
                 << ", expected activations only";
}

/// Checks what `op` reads. All ops of the step have passed `checkKind`, so that
/// every activation comes from an embed.
void SupportCheck::checkOp(Operation *op) {
  checkTypes(op);
  checkRows(op);
  if (auto reduce = dyn_cast<AllReduceOp>(op))
    checkSum(op, reduce.getSum());
  if (auto scatter = dyn_cast<ReduceScatterOp>(op))
    checkSum(op, scatter.getSum());
  if (auto fused = dyn_cast<AllReduceResidualRmsNormOp>(op))
    checkSum(op, fused.getSum());
  if (auto select = dyn_cast<SelectRowsOp>(op))
    checkIndices(op, select.getWanted(), kWanted);
  if (auto rope = dyn_cast<RopeOp>(op))
    checkIndices(op, rope.getPositions(), kPositions);
  if (auto attention = dyn_cast<AttentionOp>(op))
    checkAttention(attention);
  if (auto embed = dyn_cast<EmbedOp>(op))
    checkEmbed(embed);
  if (auto layers = dyn_cast<LayersOp>(op))
    checkLayers(layers);
}

LogicalResult SupportCheck::run() {
  checkModule();
  if (!checkEntry())
    return failure();
  step.getBody().walk<WalkOrder::PreOrder>(
      [&](Operation *op) { checkKind(op); });
  if (ok)
    step.getBody().walk<WalkOrder::PreOrder>(
        [&](Operation *op) { checkOp(op); });
  return success(ok);
}

} // namespace

LogicalResult lamina::checkRuntimeSupport(ModuleOp module) {
  return SupportCheck(module).run();
}
