//===- LlamaSymbolUses.cpp - Verifiers that look up weights ---------------===//

#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaOps.h"
#include "lamina/IR/LlamaWeights.h"

using namespace mlir;
using namespace lamina;

/// Checks that `ref` is a vector over `features`, whole on every rank.
static LogicalResult verifyVector(Operation *op, WeightRef ref, StringRef what,
                                  int64_t features,
                                  SymbolTableCollection &symbols) {
  WeightOp weight = verifyWeightRef(op, ref, what, symbols);
  if (!weight)
    return failure();
  RankedTensorType type = weight.getTensorType();
  if (type.getRank() != 1 || type.getDimSize(0) != features)
    return op->emitOpError("needs a ")
           << what << " that is a vector over the " << features
           << " features, got " << ref.symbol << " of type " << type;
  if (weight.getSplitAttr())
    return op->emitOpError("needs a ")
           << what << " that is whole on every rank, got " << ref.symbol
           << " with " << weight.getSplitAttr();
  if (weight.getColumnsOf())
    return op->emitOpError("needs a ")
           << what << " that is not derived by columns, got " << ref.symbol;
  return success();
}

LogicalResult EmbedOp::verifySymbolUses(SymbolTableCollection &symbols) {
  WeightOp weight = verifyWeightRef(
      *this, {getWeightAttr(), Value(), IntegerAttr()}, "weight", symbols);
  if (!weight)
    return failure();
  // C2
  RankedTensorType type = weight.getTensorType();
  int64_t features = getEmbedded().getType().getDimSize(1);
  if (type.getRank() != 2 || type.getDimSize(1) != features)
    return emitOpError("needs a weight of type vocabulary x ")
           << features << ", got " << getWeightAttr() << " of type " << type;
  if (weight.getDerivedAttr())
    return emitOpError("needs a weight that is not derived, got ")
           << getWeightAttr();
  // C3: a row of the table that two ranks had would be added twice.
  SplitAttr split = weight.getSplitAttr();
  int64_t ranks = getRanks(*this).value_or(1);
  if (split && hasCopies(type.getDimSize(0), split.getUnit(), ranks))
    return emitOpError("needs at least one unit of the vocabulary for each of "
                       "the ")
           << ranks << " ranks, got " << type.getDimSize(0) / split.getUnit();
  return verifyDistribution(*this, split);
}

LogicalResult RmsNormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // C2
  return verifyVector(*this, getWeightRefs().front(), "weight",
                      getInput().getType().getDimSize(1), symbols);
}

LogicalResult
ResidualRmsNormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // C3
  return verifyVector(*this, getWeightRefs().front(), "weight",
                      getResidual().getType().getDimSize(1), symbols);
}

/// C4 of `all_reduce` and `reduce_scatter`.
template <typename ReduceOp>
static LogicalResult verifyBiasOfSum(ReduceOp op,
                                     SymbolTableCollection &symbols) {
  for (WeightRef ref : op.getWeightRefs())
    if (failed(verifyVector(op, ref, "bias",
                            op.getReduced().getType().getDimSize(1), symbols)))
      return failure();
  return success();
}

LogicalResult AllReduceOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyBiasOfSum(*this, symbols);
}

LogicalResult
ReduceScatterOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyBiasOfSum(*this, symbols);
}

LogicalResult
AllReduceResidualRmsNormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // C6
  for (auto [i, ref] : llvm::enumerate(getWeightRefs()))
    if (failed(verifyVector(*this, ref, i == 0 ? "weight" : "bias",
                            getResidual().getType().getDimSize(1), symbols)))
      return failure();
  return success();
}

LogicalResult AttentionOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return success(); // a bare layer of the KV cache: checked by `verify`
}

//===----------------------------------------------------------------------===//
// Linear
//===----------------------------------------------------------------------===//

/// C2: one result for each part, of its output features.
static LogicalResult verifyParts(LinearOp op, WeightOp weight,
                                 MutableArrayRef<WeightOp> parts) {
  int64_t features = op.getInput().getType().getDimSize(1);
  RankedTensorType type = weight.getTensorType();
  if (type.getRank() != 2 || type.getDimSize(1) != features)
    return op.emitOpError("needs a weight of type out x ")
           << features << ", got " << op.getWeightAttr() << " of type " << type;
  if (parts.size() != op.getNumResults())
    return op.emitOpError("needs one result for each of the ")
           << parts.size() << " parts of " << op.getWeightAttr() << ", got "
           << op.getNumResults();
  for (auto [part, product] : llvm::zip_equal(parts, op.getProducts())) {
    int64_t out = cast<RankedTensorType>(product.getType()).getDimSize(1);
    if (part.getOut() != out)
      return op.emitOpError("needs a result of ")
             << part.getOut() << " features for @" << part.getSymName()
             << ", got " << product.getType();
  }
  return success();
}

/// C3: `leaves` cut the input features of a rank into whole blocks. A rank that
/// has an uneven share takes them in one leaf.
static LogicalResult verifyLeaves(LinearOp op, WeightOp weight) {
  int64_t leaves = 1;
  for (int64_t radix : op.getLeaves())
    leaves *= radix;
  if (leaves == 1)
    return success();
  RankedTensorType input = op.getInput().getType();
  int64_t ranks = getRanks(op).value_or(1);
  int64_t chunks = leaves * getBlockSize(weight.getStorageType());
  for (int64_t rank = 0; rank < ranks; ++rank) {
    Range share = getColumnRange(input.getDimSize(1), getDistribution(input),
                                 rank, ranks);
    if (share.size() % chunks != 0)
      return op.emitOpError("needs `leaves` that cut the ")
             << share.size() << " input features of rank " << rank
             << " into equal chunks of whole blocks, got [" << op.getLeaves()
             << "]";
  }
  return success();
}

/// C4: the bias has the parts of the weight, split as they are.
static LogicalResult verifyBias(LinearOp op, WeightRef ref, int64_t out,
                                MutableArrayRef<WeightOp> parts,
                                SymbolTableCollection &symbols) {
  WeightOp bias = verifyWeightRef(op, ref, "bias", symbols);
  if (!bias)
    return failure();
  RankedTensorType type = bias.getTensorType();
  if (type.getRank() != 1 || type.getDimSize(0) != out)
    return op.emitOpError("needs a bias that is a vector over the ")
           << out << " features, got " << ref.symbol << " of type " << type;
  SmallVector<WeightOp> biases = getColumnParts(bias, symbols);
  if (bias.getLayersOf() || biases.size() != parts.size())
    return op.emitOpError("needs a bias with the ")
           << parts.size() << " parts of " << op.getWeightAttr() << ", got "
           << ref.symbol;
  for (auto [part, own] : llvm::zip_equal(parts, biases)) {
    if (own.getOut() != part.getOut())
      return op.emitOpError("needs a bias of ")
             << part.getOut() << " features for @" << part.getSymName()
             << ", got @" << own.getSymName() << " of type " << own.getType();
    SplitAttr split = part.getSplitAttr();
    bool isRows = split && split.getKind() == SplitKind::rows;
    if (!isRows && own.getSplitAttr() != split)
      return op.emitOpError("needs a bias that is split as @")
             << part.getSymName() << " is, got @" << own.getSymName();
  }
  return success();
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &symbols) {
  WeightRef ref = getWeightRefs().front();
  WeightOp weight = verifyWeightRef(*this, ref, "weight", symbols);
  if (!weight)
    return failure();
  SmallVector<WeightOp> parts = getColumnParts(weight, symbols);
  if (parts.empty())
    return success(); // the weight's own verifier reports it
  if (failed(verifyParts(*this, weight, parts)) ||
      failed(verifyLeaves(*this, weight)))
    return failure();
  // C6
  if (getInt8() && !isa<BlockType>(weight.getStorageType()))
    return emitOpError("needs a weight of a block type with `int8`, got ")
           << getWeightAttr() << " of type " << weight.getTensorType();
  // C4
  if (getBiasAttr()) {
    WeightRef bias{getBiasAttr(), ref.layer, ref.index};
    if (failed(verifyBias(*this, bias, weight.getOut(), parts, symbols)))
      return failure();
  }
  // C5
  return verifyDistribution(*this,
                            llvm::map_to_vector(parts, [](WeightOp part) {
                              return part.getSplitAttr();
                            }));
}
