//===- LlamaCollectives.cpp - Distributions of the collectives ------------===//
//
// How the distribution of the results of a collective follows from that of its
// operands.
//
//===----------------------------------------------------------------------===//

#include "lamina/IR/LlamaDistribution.h"

using namespace mlir;
using namespace lamina;

using EmitError = llvm::function_ref<InFlightDiagnostic()>;

static LogicalResult needPartial(Attribute encoding, EmitError emitError) {
  if (!isa_and_nonnull<PartialAttr>(encoding))
    return emitError() << "needs a partial sum (#llama.partial), got "
                       << describeDistribution(encoding);
  return success();
}

LogicalResult AllReduceOp::inferDistributions(
    ArrayRef<Attribute> operands, ArrayRef<SplitAttr>, int64_t,
    SmallVectorImpl<Attribute> &results, EmitError emitError) {
  results.push_back({});
  return needPartial(operands.front(), emitError);
}

LogicalResult ReduceScatterOp::inferDistributions(
    ArrayRef<Attribute> operands, ArrayRef<SplitAttr>, int64_t,
    SmallVectorImpl<Attribute> &results, EmitError emitError) {
  results.push_back(RowsAttr::get(getContext()));
  return needPartial(operands.front(), emitError);
}

LogicalResult AllReduceResidualRmsNormOp::inferDistributions(
    ArrayRef<Attribute> operands, ArrayRef<SplitAttr>, int64_t,
    SmallVectorImpl<Attribute> &results, EmitError emitError) {
  results.append({Attribute(), operands[1]});
  if (failed(needPartial(operands[0], emitError)))
    return failure();
  if (operands[1] && !isa<RowsAttr>(operands[1]))
    return emitError() << "needs a residual that is whole or has rows, got "
                       << describeDistribution(operands[1]);
  return success();
}

/// The operand of a gather: columns of which each lies on one rank. `accepted`
/// says what the gather takes.
static LogicalResult needColumns(RankedTensorType type, Attribute encoding,
                                 int64_t ranks, StringRef accepted,
                                 EmitError emitError) {
  auto columns = dyn_cast_or_null<ColumnsAttr>(encoding);
  if (!columns)
    return emitError() << "needs " << accepted << ", got "
                       << describeDistribution(encoding);
  if (hasCopies(type.getDimSize(1), columns.getUnit(), ranks))
    return emitError() << "needs at least one unit of columns for each of the "
                       << ranks << " ranks, got "
                       << type.getDimSize(1) / columns.getUnit();
  return success();
}

LogicalResult AllGatherOp::inferDistributions(
    ArrayRef<Attribute> operands, ArrayRef<SplitAttr>, int64_t ranks,
    SmallVectorImpl<Attribute> &results, EmitError emitError) {
  results.push_back({});
  if (isa_and_nonnull<RowsAttr>(operands.front()))
    return success();
  return needColumns(getParts().getType(), operands.front(), ranks,
                     "columns or rows (#llama.columns, #llama.rows)",
                     emitError);
}

LogicalResult GatherOp::inferDistributions(ArrayRef<Attribute> operands,
                                           ArrayRef<SplitAttr>, int64_t ranks,
                                           SmallVectorImpl<Attribute> &results,
                                           EmitError emitError) {
  results.push_back(RootAttr::get(getContext()));
  return needColumns(getColumns().getType(), operands.front(), ranks,
                     "columns (#llama.columns)", emitError);
}
