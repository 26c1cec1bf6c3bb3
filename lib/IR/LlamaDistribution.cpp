//===- LlamaDistribution.cpp - Which part of a value a rank has -----------===//
//
// For each op, how the distribution of its results follows from that of its
// operands, and the verifier of it. Collectives: LlamaCollectives.cpp; what a
// rank has: LlamaRanges.cpp.
//
//===----------------------------------------------------------------------===//

#include "lamina/IR/LlamaDistribution.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

#include <numeric>

using namespace mlir;
using namespace lamina;

using EmitError = llvm::function_ref<InFlightDiagnostic()>;

//===----------------------------------------------------------------------===//
// Verification
//===----------------------------------------------------------------------===//

/// Checks the encodings of `types` again: a type that was read from bytecode
/// was not checked.
static LogicalResult verifyEncodings(TypeRange types, EmitError emitError) {
  for (Type type : types)
    if (auto encoding =
            dyn_cast_or_null<VerifiableTensorEncoding>(getDistribution(type))) {
      auto tensor = cast<RankedTensorType>(type);
      if (failed(encoding.verifyEncoding(tensor.getShape(),
                                         tensor.getElementType(), emitError)))
        return failure();
    }
  return success();
}

LogicalResult lamina::verifyDistribution(DistributionOpInterface op,
                                         ArrayRef<SplitAttr> splits) {
  auto emitError = [&] { return op->emitOpError(); };
  if (failed(verifyEncodings(op->getOperandTypes(), emitError)) ||
      failed(verifyEncodings(op->getResultTypes(), emitError)))
    return failure();
  auto encodings = [](TypeRange types) {
    return llvm::map_to_vector(types, getDistribution);
  };
  SmallVector<Attribute> operands = encodings(op->getOperandTypes());
  SmallVector<Attribute> actual = encodings(op->getResultTypes());
  std::optional<int64_t> ranks = getRanks(op);
  auto isSet = [](Attribute encoding) { return bool(encoding); };
  if (!ranks && (llvm::any_of(operands, isSet) || llvm::any_of(actual, isSet)))
    return op->emitOpError("needs 'llama.ranks' on its module, since it has a "
                           "distributed value");
  SmallVector<Attribute> expected;
  if (failed(op.inferDistributions(operands, splits, ranks.value_or(1),
                                   expected, emitError)))
    return failure();
  for (auto [i, pair] : llvm::enumerate(llvm::zip_equal(expected, actual))) {
    auto [want, got] = pair;
    if (want != got)
      return op->emitOpError("needs result #")
             << i << " to be " << describeDistribution(want) << ", got "
             << describeDistribution(got);
  }
  return success();
}

/// Fails unless operand number `i` is whole.
static LogicalResult needWhole(ArrayRef<Attribute> operands, unsigned i,
                               StringRef what, EmitError emitError) {
  if (operands[i])
    return emitError() << "needs a whole " << what << ", got "
                       << describeDistribution(operands[i]);
  return success();
}

static bool isRows(Attribute encoding) {
  return isa_and_nonnull<RowsAttr>(encoding);
}

/// Fails unless `encoding` is whole or has columns: each rank has all rows.
static LogicalResult needWholeOrColumns(Attribute encoding, StringRef what,
                                        EmitError emitError) {
  if (encoding && !isa<ColumnsAttr>(encoding))
    return emitError() << "needs " << what << " whole or with columns, got "
                       << describeDistribution(encoding);
  return success();
}

//===----------------------------------------------------------------------===//
// Rows in and out
//===----------------------------------------------------------------------===//

LogicalResult EmbedOp::inferDistributions(ArrayRef<Attribute>,
                                          ArrayRef<SplitAttr> splits, int64_t,
                                          SmallVectorImpl<Attribute> &results,
                                          EmitError emitError) {
  SplitAttr split = splits.empty() ? SplitAttr() : splits.front();
  if (split && split.getKind() != SplitKind::columns)
    return emitError() << "needs a weight that is split over the vocabulary "
                          "(columns), got "
                       << split;
  results.push_back(split ? Attribute(PartialAttr::get(getContext()))
                          : Attribute());
  return success();
}

LogicalResult SelectRowsOp::inferDistributions(
    ArrayRef<Attribute> operands, ArrayRef<SplitAttr>, int64_t,
    SmallVectorImpl<Attribute> &results, EmitError emitError) {
  results.push_back(operands.front());
  return needWholeOrColumns(operands.front(), "its input", emitError);
}

std::optional<int64_t>
SelectRowsOp::getColumnUnit(unsigned operand, int64_t resultUnit, int64_t) {
  return operand == 0 ? std::optional<int64_t>(resultUnit) : std::nullopt;
}

LogicalResult ShardRowsOp::inferDistributions(
    ArrayRef<Attribute> operands, ArrayRef<SplitAttr>, int64_t,
    SmallVectorImpl<Attribute> &results, EmitError emitError) {
  results.push_back(RowsAttr::get(getContext()));
  return needWhole(operands, 0, "value", emitError);
}

//===----------------------------------------------------------------------===//
// Normalisation
//===----------------------------------------------------------------------===//

LogicalResult RmsNormOp::inferDistributions(ArrayRef<Attribute> operands,
                                            ArrayRef<SplitAttr>, int64_t,
                                            SmallVectorImpl<Attribute> &results,
                                            EmitError emitError) {
  results.push_back(operands.front());
  if (isRows(operands.front()))
    return success();
  return needWhole(operands, 0, "input", emitError);
}

LogicalResult ResidualRmsNormOp::inferDistributions(
    ArrayRef<Attribute> operands, ArrayRef<SplitAttr>, int64_t,
    SmallVectorImpl<Attribute> &results, EmitError emitError) {
  results.append(2, {});
  if (failed(needWhole(operands, 0, "update", emitError)))
    return failure();
  return needWhole(operands, 1, "residual", emitError);
}

//===----------------------------------------------------------------------===//
// Products and element-wise ops
//===----------------------------------------------------------------------===//

/// The result of a product whose weight is split by rows.
static LogicalResult inferRowSplit(LinearOp op, Attribute input,
                                   SplitAttr split, int64_t ranks,
                                   Attribute &result, EmitError emitError) {
  auto columns = dyn_cast_or_null<ColumnsAttr>(input);
  if (!columns || columns.getUnit() != split.getUnit())
    return emitError() << "needs an input with columns in units of "
                       << split.getUnit() << ", as its weight is split, got "
                       << describeDistribution(input);
  int64_t features = op.getInput().getType().getDimSize(1);
  if (hasCopies(features, columns.getUnit(), ranks))
    return emitError() << "needs at least one unit of columns for each of the "
                       << ranks << " ranks, got "
                       << features / columns.getUnit();
  result = PartialAttr::get(op.getContext());
  return success();
}

LogicalResult LinearOp::inferDistributions(ArrayRef<Attribute> operands,
                                           ArrayRef<SplitAttr> splits,
                                           int64_t ranks,
                                           SmallVectorImpl<Attribute> &results,
                                           EmitError emitError) {
  for (unsigned i = 0; i < getNumResults(); ++i) {
    SplitAttr split = i < splits.size() ? splits[i] : SplitAttr();
    Attribute &result = results.emplace_back();
    if (split && split.getKind() == SplitKind::rows) {
      if (failed(inferRowSplit(*this, operands.front(), split, ranks, result,
                               emitError)))
        return failure();
      continue;
    }
    if (failed(needWhole(operands, 0, "input", emitError)))
      return failure();
    if (!split)
      continue;
    auto type = cast<RankedTensorType>(getProducts()[i].getType());
    int64_t units = type.getDimSize(1) / split.getUnit();
    if (units < ranks && ranks % units != 0)
      return emitError() << "needs ranks that are a multiple of the " << units
                         << " units of columns that they share, got " << ranks;
    result = ColumnsAttr::get(getContext(), split.getUnit());
  }
  return success();
}

std::optional<int64_t> LinearOp::getColumnUnit(unsigned operand, int64_t,
                                               int64_t) {
  // The sharding pass makes it a multiple of the blocks of the weight.
  return operand == 0 ? std::optional<int64_t>(1) : std::nullopt;
}

/// An element-wise op: all operands are distributed alike.
static LogicalResult inferElementwise(ArrayRef<Attribute> operands,
                                      SmallVectorImpl<Attribute> &results,
                                      EmitError emitError) {
  results.push_back(operands.front());
  if (operands.front() != operands.back())
    return emitError() << "needs operands with one distribution, got "
                       << describeDistribution(operands.front()) << " and "
                       << describeDistribution(operands.back());
  Attribute encoding = operands.front();
  if (encoding && !isa<ColumnsAttr, RowsAttr>(encoding))
    return emitError()
           << "needs its operands whole, with columns or with rows, "
              "got "
           << describeDistribution(encoding);
  return success();
}

LogicalResult SiluMulOp::inferDistributions(ArrayRef<Attribute> operands,
                                            ArrayRef<SplitAttr>, int64_t,
                                            SmallVectorImpl<Attribute> &results,
                                            EmitError emitError) {
  return inferElementwise(operands, results, emitError);
}

std::optional<int64_t> SiluMulOp::getColumnUnit(unsigned, int64_t resultUnit,
                                                int64_t) {
  return resultUnit;
}

LogicalResult AddOp::inferDistributions(ArrayRef<Attribute> operands,
                                        ArrayRef<SplitAttr>, int64_t,
                                        SmallVectorImpl<Attribute> &results,
                                        EmitError emitError) {
  return inferElementwise(operands, results, emitError);
}

std::optional<int64_t> AddOp::getColumnUnit(unsigned, int64_t, int64_t) {
  return std::nullopt; // the residual stream is whole
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

LogicalResult RopeOp::inferDistributions(ArrayRef<Attribute> operands,
                                         ArrayRef<SplitAttr>, int64_t,
                                         SmallVectorImpl<Attribute> &results,
                                         EmitError emitError) {
  Attribute input = operands.front();
  results.push_back(input);
  if (failed(needWholeOrColumns(input, "its input", emitError)))
    return failure();
  int64_t headDim = getFrequencies().getHeadDim();
  if (auto columns = dyn_cast_or_null<ColumnsAttr>(input);
      columns && columns.getUnit() % headDim != 0)
    return emitError() << "needs columns in units of whole heads of " << headDim
                       << ", got " << describeDistribution(input);
  return success();
}

std::optional<int64_t> RopeOp::getColumnUnit(unsigned operand,
                                             int64_t resultUnit, int64_t) {
  if (operand != 0)
    return std::nullopt;
  return std::lcm(resultUnit, getFrequencies().getHeadDim());
}

LogicalResult AttentionOp::inferDistributions(
    ArrayRef<Attribute> operands, ArrayRef<SplitAttr>, int64_t ranks,
    SmallVectorImpl<Attribute> &results, EmitError emitError) {
  Attribute query = operands[0], key = operands[1], value = operands[2];
  results.push_back(query);
  if (!query && !key && !value)
    return success();
  auto queryColumns = dyn_cast_or_null<ColumnsAttr>(query);
  auto keyColumns = dyn_cast_or_null<ColumnsAttr>(key);
  if (!queryColumns || !keyColumns || key != value)
    return emitError() << "needs query, key and value that are all whole or "
                          "all have columns, got "
                       << describeDistribution(query) << ", "
                       << describeDistribution(key) << " and "
                       << describeDistribution(value);
  int64_t headDim = getHeadDim();
  if (queryColumns.getUnit() % headDim || keyColumns.getUnit() % headDim)
    return emitError() << "needs columns in units of whole heads of " << headDim
                       << ", got " << describeDistribution(query) << " and "
                       << describeDistribution(key);
  if (hasCopies(getHeads() * headDim, queryColumns.getUnit(), ranks))
    return emitError() << "needs at least one unit of query heads for each of "
                          "the "
                       << ranks << " ranks, got "
                       << getHeads() * headDim / queryColumns.getUnit();
  int64_t kvUnits = getKvHeads() * headDim / keyColumns.getUnit();
  if (kvUnits < ranks && ranks % kvUnits != 0)
    return emitError() << "needs ranks that are a multiple of the " << kvUnits
                       << " units of key-value heads, got " << ranks;
  if (!ranksOwnTheirHeads(getHeads(), getKvHeads(), headDim, queryColumns,
                          keyColumns, ranks))
    return emitError() << "needs on each rank the key-value heads that its "
                          "query heads read, got "
                       << describeDistribution(query) << " and "
                       << describeDistribution(key) << " on " << ranks
                       << " ranks";
  return success();
}

std::optional<int64_t> AttentionOp::getColumnUnit(unsigned operand,
                                                  int64_t resultUnit,
                                                  int64_t ranks) {
  if (operand > 2)
    return std::nullopt;
  int64_t headDim = getHeadDim(), group = getHeads() / getKvHeads();
  // With at least as many key-value heads as ranks, queries go with their
  // key-value heads; with fewer, key-value heads are copied.
  if (int64_t(getKvHeads()) < ranks)
    return operand == 0 ? std::lcm(resultUnit, headDim) : headDim;
  int64_t query = std::lcm(resultUnit, group * headDim);
  return operand == 0 ? query : query / group;
}

LogicalResult TapOp::inferDistributions(ArrayRef<Attribute> operands,
                                        ArrayRef<SplitAttr>, int64_t,
                                        SmallVectorImpl<Attribute> &,
                                        EmitError emitError) {
  return needWhole(operands, 0, "value", emitError);
}
