//===- LlamaDistribution.h - Which part of a value a rank has -------------===//

#ifndef LAMINA_IR_LLAMADISTRIBUTION_H
#define LAMINA_IR_LLAMADISTRIBUTION_H

#include "lamina/IR/LlamaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace lamina {

/// A half-open range of units or columns.
struct Range {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};

/// Returns the units of `units` that rank `rank` of `ranks` has:
/// `[floor(r*U/n), floor((r+1)*U/n))`, or the one unit `floor(r*U/n)` where
/// there are fewer units than ranks (DESIGN section 3).
Range getUnitRange(int64_t units, int64_t rank, int64_t ranks);

/// Returns the columns of `features` that a rank has under `encoding`: the
/// whole range unless it is `#llama.columns`.
Range getColumnRange(int64_t features, mlir::Attribute encoding, int64_t rank,
                     int64_t ranks);

/// True if `#llama.columns<unit = unit>` of `features` has fewer units than
/// ranks, so that ranks hold copies.
bool hasCopies(int64_t features, int64_t unit, int64_t ranks);

/// Returns the encoding of a tensor type, null for other types.
mlir::Attribute getDistribution(mlir::Type type);

/// Returns a type with a distribution among those of the operands, results and
/// block arguments of `op`, null without one.
mlir::Type findDistributedType(mlir::Operation *op);

/// Returns `type` with another encoding (null: whole on every rank).
mlir::RankedTensorType withDistribution(mlir::RankedTensorType type,
                                        mlir::Attribute encoding);

/// Returns the number of ranks of the module around `op`: `llama.ranks`, or
/// nothing without that attribute.
std::optional<int64_t> getRanks(mlir::Operation *op);

/// True if `op` itself writes the order of collectives.
bool isCollective(mlir::Operation *op);

/// True if a collective may stand in a region of `parent`: a function of one
/// block, which every rank runs, or `llama.layers` of one.
bool isCollectivePlace(mlir::Operation *parent);

/// Returns the op that says which rows `value` has, found through ops and loops
/// that keep them: a `llama.embed`, a `llama.select_rows`, or an op of another
/// dialect; null for an argument of a function.
mlir::Operation *findRowSource(mlir::Value value);

/// Prints a distribution as a user would say it: `whole`, or the encoding.
std::string describeDistribution(mlir::Attribute encoding);

/// Checks that, for every rank, the key-value heads that its query heads read
/// are on that rank. `query` and `key` are the encodings of whole heads.
bool ranksOwnTheirHeads(int64_t heads, int64_t kvHeads, int64_t headDim,
                        ColumnsAttr query, ColumnsAttr key, int64_t ranks);

/// Checks an op's tensor types against `inferDistributions` with these splits,
/// and that the module has `llama.ranks` if any of its values is encoded.
mlir::LogicalResult verifyDistribution(DistributionOpInterface op,
                                       llvm::ArrayRef<SplitAttr> splits);

} // namespace lamina

#endif // LAMINA_IR_LLAMADISTRIBUTION_H
