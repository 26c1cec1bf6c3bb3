//===- LlamaOps.cpp - Verifiers of the llama ops --------------------------===//
//
// What an op can check without looking up symbols. The rest is in
// LlamaSymbolUses.cpp (weights, distributions) and LlamaLayers.cpp.
//
//===----------------------------------------------------------------------===//

#include "lamina/IR/LlamaOps.h"

#include "LlamaAssembly.h"
#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaWeights.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OpImplementation.h"
#include "llvm/ADT/SmallString.h"

using namespace mlir;
using namespace lamina;

#include "lamina/IR/LlamaInterfaces.cpp.inc"

#define GET_OP_CLASSES
#include "lamina/IR/LlamaOps.cpp.inc"

//===----------------------------------------------------------------------===//
// Shared checks
//===----------------------------------------------------------------------===//

/// Fails unless `value` is positive and finite.
static LogicalResult verifyPositive(Operation *op, StringRef name,
                                    const APFloat &value) {
  // What is used is the value as f32.
  auto rounded = static_cast<float>(value.convertToDouble());
  if (std::isfinite(rounded) && rounded > 0)
    return success();
  SmallString<24> text;
  value.toString(text, /*FormatPrecision=*/6);
  return op->emitOpError("needs a positive finite ")
         << name << " as f32, got " << text;
}

/// Fails unless the two types have one shape.
static LogicalResult verifySameShape(Operation *op, StringRef leftName,
                                     RankedTensorType left, StringRef rightName,
                                     RankedTensorType right) {
  if (left.getShape() == right.getShape())
    return success();
  return op->emitOpError("needs ")
         << leftName << " and " << rightName << " of one shape, got " << left
         << " and " << right;
}

/// Fails unless every radix is at least 2 and their product is at most
/// `kMaxRanks`; returns the product.
static FailureOr<int64_t> verifyRadices(Operation *op, StringRef name,
                                        ArrayRef<int64_t> radices) {
  int64_t product = 1;
  for (int64_t radix : radices) {
    if (radix < 2)
      return op->emitOpError("needs radices of at least 2 in `")
             << name << "`, got [" << radices << "]";
    if (radix > kMaxRanks / product)
      return op->emitOpError("needs a `")
             << name << "` whose radices multiply to at most " << kMaxRanks
             << ", got [" << radices << "]";
    product *= radix;
  }
  return product;
}

/// Fails unless `tree` combines the ranks of the module.
static LogicalResult verifyTree(Operation *op, ArrayRef<int64_t> tree) {
  FailureOr<int64_t> product = verifyRadices(op, "tree", tree);
  if (failed(product))
    return failure();
  int64_t ranks = getRanks(op).value_or(1);
  if (*product != ranks)
    return op->emitOpError("needs a `tree` over the ")
           << ranks << " ranks of the module, got [" << tree << "] with "
           << *product << " leaves";
  return success();
}

/// Fails unless the element type of a partial sum fits the mode of the sum.
static LogicalResult verifySumMode(Operation *op, SumMode mode,
                                   RankedTensorType partial,
                                   RankedTensorType sum) {
  Type element = partial.getElementType();
  if (mode == SumMode::f32 && !element.isF32())
    return op->emitOpError("needs a partial sum of f32 with `sum f32`, got ")
           << partial;
  if (mode == SumMode::native && element != sum.getElementType())
    return op->emitOpError("needs a partial sum of ")
           << sum.getElementType() << " with `sum native`, got " << partial;
  return success();
}

/// Fails if a bias that is not there has a layer.
static LogicalResult verifyBiasLayer(Operation *op, WeightRef bias) {
  if (bias.hasLayer() && !bias.symbol)
    return op->emitOpError("needs no `bias_layer` and no `bias_index` without "
                           "a bias");
  return success();
}

static LogicalResult verifyDistribution(DistributionOpInterface op) {
  return lamina::verifyDistribution(op, {});
}

/// Checks an op whose result is another part of its operand.
static LogicalResult verifyOtherPart(DistributionOpInterface op,
                                     RankedTensorType operand,
                                     RankedTensorType result) {
  if (operand.getElementType() != result.getElementType())
    return op->emitOpError("needs a result of its operand's element type, ")
           << operand << ", got " << result;
  if (failed(verifySameShape(op, "operand", operand, "result", result)))
    return failure();
  return ::verifyDistribution(op);
}

//===----------------------------------------------------------------------===//
// Rows in and out
//===----------------------------------------------------------------------===//

LogicalResult SelectRowsOp::verify() {
  RankedTensorType input = getInput().getType();
  RankedTensorType selected = getSelected().getType();
  // C2
  if (input.getDimSize(1) != selected.getDimSize(1) ||
      input.getElementType() != selected.getElementType())
    return emitOpError("needs a result with the features and element type of "
                       "its input, ")
           << input << ", got " << selected;
  return ::verifyDistribution(*this);
}

LogicalResult ShardRowsOp::verify() {
  // C1
  return verifyOtherPart(*this, getWhole().getType(), getRows().getType());
}

//===----------------------------------------------------------------------===//
// Normalisation
//===----------------------------------------------------------------------===//

LogicalResult RmsNormOp::verify() {
  // C1
  if (failed(verifySameShape(*this, "input", getInput().getType(), "result",
                             getNormed().getType())))
    return failure();
  // C3
  if (failed(verifyPositive(*this, "eps", getEps())))
    return failure();
  // C4
  return ::verifyDistribution(*this);
}

LogicalResult ResidualRmsNormOp::verify() {
  // C2
  if (failed(verifySameShape(*this, "residual", getResidual().getType(),
                             "normed", getNormed().getType())))
    return failure();
  // C4
  if (failed(verifyPositive(*this, "eps", getEps())))
    return failure();
  // C5
  return ::verifyDistribution(*this);
}

//===----------------------------------------------------------------------===//
// Products and element-wise ops
//===----------------------------------------------------------------------===//

LogicalResult LinearOp::verify() {
  // C1
  if (getProducts().empty())
    return emitOpError("needs at least one result");
  int64_t rows = getInput().getType().getDimSize(0);
  for (Type type : getResultTypes())
    if (cast<RankedTensorType>(type).getDimSize(0) != rows)
      return emitOpError("needs results with the rows of its input, ")
             << getInput().getType() << ", got " << type;
  // C3
  if (failed(verifyRadices(*this, "leaves", getLeaves())))
    return failure();
  // C4
  bool isPartial = llvm::any_of(getResultTypes(), [](Type type) {
    return isa_and_nonnull<PartialAttr>(getDistribution(type));
  });
  if (getBias() && isPartial)
    return emitOpError("needs no bias on a partial sum: it would be added once "
                       "a rank; it belongs to the collective");
  return success();
}

LogicalResult SiluMulOp::verify() {
  // C2
  return ::verifyDistribution(*this);
}

LogicalResult AddOp::verify() {
  // C2
  return ::verifyDistribution(*this);
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

LogicalResult RopeOp::verify() {
  // C2
  ArrayRef<double> frequencies =
      getFrequencies().getInverseFrequencies().asArrayRef();
  int64_t headDim = getFrequencies().getHeadDim();
  int64_t features = getInput().getType().getDimSize(1);
  if (headDim == 0 || features % headDim != 0)
    return emitOpError("needs a head dimension (twice its ")
           << frequencies.size() << " frequencies) that divides the "
           << features << " features";
  for (double frequency : frequencies)
    if (!std::isfinite(frequency))
      return emitOpError("needs finite frequencies, got ") << frequency;
  // C3
  return ::verifyDistribution(*this);
}

LogicalResult AttentionOp::verify() {
  RankedTensorType query = getQuery().getType(), key = getKey().getType();
  int64_t heads = getHeads(), kvHeads = getKvHeads();
  // C1
  if (query.getDimSize(0) != key.getDimSize(0))
    return emitOpError("needs query and key with the same rows, got ")
           << query << " and " << key;
  // C2
  if (kvHeads < 1 || heads < 1 || heads % kvHeads != 0)
    return emitOpError("needs positive `heads` that are a multiple of "
                       "`kv_heads`, got ")
           << heads << " and " << kvHeads;
  if (query.getDimSize(1) % heads != 0 || key.getDimSize(1) % kvHeads != 0 ||
      query.getDimSize(1) / heads != key.getDimSize(1) / kvHeads ||
      query.getElementType() != key.getElementType())
    return emitOpError("needs one head dimension and element type, got ")
           << query << " with " << heads << " heads and " << key << " with "
           << kvHeads;
  // C3
  if (failed(verifyPositive(*this, "scale", getScale())))
    return failure();
  // C4
  if (!isa<Float32Type, Float16Type, BFloat16Type>(getKv()))
    return emitOpError("needs `kv` to be f32, f16 or bf16, got ") << getKv();
  // C5
  if (failed(verifyBareLayer(*this, getWeightRefs().front())))
    return failure();
  // C6
  return ::verifyDistribution(*this);
}

LogicalResult TapOp::verify() {
  // C1
  if (getLabel().empty())
    return emitOpError("needs a label that is not empty");
  // C2
  for (WeightRef ref : getWeightRefs())
    if (failed(verifyBareLayer(*this, ref)))
      return failure();
  // C3
  return ::verifyDistribution(*this);
}

//===----------------------------------------------------------------------===//
// Collectives
//===----------------------------------------------------------------------===//

/// `all_reduce` and `reduce_scatter` differ in which rows they return.
template <typename ReduceOp>
static LogicalResult verifyReduction(ReduceOp op) {
  RankedTensorType partial = op.getPartial().getType();
  RankedTensorType reduced = op.getReduced().getType();
  // C1
  if (failed(verifySameShape(op, "partial sum", partial, "result", reduced)) ||
      failed(::verifyDistribution(op)))
    return failure();
  // C2
  if (failed(verifySumMode(op, op.getSum(), partial, reduced)))
    return failure();
  // C3
  if (failed(verifyTree(op, op.getTree())))
    return failure();
  // C4
  return verifyBiasLayer(
      op, {op.getBiasAttr(), op.getBiasLayer(), op.getBiasIndexAttr()});
}

LogicalResult AllReduceOp::verify() { return verifyReduction(*this); }

LogicalResult ReduceScatterOp::verify() { return verifyReduction(*this); }

LogicalResult AllReduceResidualRmsNormOp::verify() {
  RankedTensorType partial = getPartial().getType();
  RankedTensorType residual = getResidual().getType();
  // C2
  if (failed(verifySameShape(*this, "partial sum", partial, "residual",
                             residual)) ||
      failed(verifySameShape(*this, "residual", residual, "normed",
                             getNormed().getType())))
    return failure();
  // C3
  if (failed(::verifyDistribution(*this)))
    return failure();
  // C4
  if (failed(verifySumMode(*this, getSum(), partial, residual)))
    return failure();
  // C5
  if (failed(verifyTree(*this, getTree())))
    return failure();
  // C6
  if (failed(verifyBiasLayer(
          *this, {getBiasAttr(), getBiasLayer(), getBiasIndexAttr()})))
    return failure();
  // C7
  return verifyPositive(*this, "eps", getEps());
}

LogicalResult AllGatherOp::verify() {
  // C1
  return verifyOtherPart(*this, getParts().getType(), getGathered().getType());
}

LogicalResult GatherOp::verify() {
  // C1
  return verifyOtherPart(*this, getColumns().getType(),
                         getGathered().getType());
}

//===----------------------------------------------------------------------===//
// References of the ops that may have none or several
//===----------------------------------------------------------------------===//

SmallVector<WeightRef> TapOp::getWeightRefs() {
  if (!getLayer() && !getIndexAttr())
    return {};
  return {{FlatSymbolRefAttr(), getLayer(), getIndexAttr()}};
}

void TapOp::setWeightRef(unsigned, WeightRef ref) {
  getLayerMutable().assign(ref.getLayerRange());
  ref.index ? setIndexAttr(ref.index) : (void)removeIndexAttr();
}

/// The reference of an op to its bias, which may be absent.
template <typename ReduceOp>
static SmallVector<WeightRef> getBiasRefs(ReduceOp op) {
  if (!op.getBiasAttr())
    return {};
  return {{op.getBiasAttr(), op.getBiasLayer(), op.getBiasIndexAttr()}};
}

template <typename ReduceOp>
static void setBiasRef(ReduceOp op, WeightRef ref) {
  op.setBiasAttr(ref.symbol);
  op.getBiasLayerMutable().assign(ref.getLayerRange());
  ref.index ? op.setBiasIndexAttr(ref.index) : (void)op.removeBiasIndexAttr();
}

SmallVector<WeightRef> AllReduceOp::getWeightRefs() {
  return getBiasRefs(*this);
}

void AllReduceOp::setWeightRef(unsigned, WeightRef ref) {
  setBiasRef(*this, ref);
}

SmallVector<WeightRef> ReduceScatterOp::getWeightRefs() {
  return getBiasRefs(*this);
}

void ReduceScatterOp::setWeightRef(unsigned, WeightRef ref) {
  setBiasRef(*this, ref);
}

SmallVector<WeightRef> AllReduceResidualRmsNormOp::getWeightRefs() {
  SmallVector<WeightRef> refs{{getWeightAttr(), getLayer(), getIndexAttr()}};
  llvm::append_range(refs, getBiasRefs(*this));
  return refs;
}

void AllReduceResidualRmsNormOp::setWeightRef(unsigned i, WeightRef ref) {
  if (i == 0) {
    setWeightAttr(ref.symbol);
    getLayerMutable().assign(ref.getLayerRange());
    ref.index ? setIndexAttr(ref.index) : (void)removeIndexAttr();
    return;
  }
  setBiasRef(*this, ref);
}
