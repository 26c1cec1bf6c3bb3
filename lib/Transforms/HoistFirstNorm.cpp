//===- HoistFirstNorm.cpp - The first norm moves in front of the layers ---===//
//
// layers (h) { n = norm(h, w[l]) ... yield h2 }; norm(x, final)
//   -> n0 = norm(x0, w[0])
//      layers (h, n) { ... yield h2, norm(h2, next[l]) }
//      with next = w[1], w[2], ..., final
//
//===----------------------------------------------------------------------===//

#include "CollectOps.h"
#include "DerivedWeights.h"
#include "FusionSites.h"
#include "LayerCloning.h"
#include "lamina/IR/LlamaWeights.h"
#include "lamina/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

namespace lamina {
#define GEN_PASS_DEF_HOISTFIRSTNORMPASS
#include "lamina/Transforms/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {

constexpr StringLiteral kCategory = "llama-hoist";

/// A loop that can rotate by one norm.
struct Rotation {
  LayersOp loop;
  RmsNormOp first; // reads iteration value number `value`
  unsigned value;
  WeightOp weight;  // of `first`
  RmsNormOp final;  // behind the loop; null if the last layer is peeled
  StringRef peeled; // why it is peeled
  int64_t sitesGained;
};

/// Why a loop does not rotate, and what to change.
struct HoistMiss {
  StringRef name, reason, suggestion;
};

constexpr HoistMiss kSeveralNorms = {
    "SeveralNorms", "more than one norm reads an iteration value",
    "let the layer read its input through one norm"};
constexpr HoistMiss kNotByLayer = {
    "WeightNotByLayer", "the weight of the first norm is not read at the layer",
    "give each layer its own norm weight"};
constexpr HoistMiss kDerivedWeight = {"DerivedWeight",
                                      "the weight of the first norm is derived",
                                      "name the weight that it is taken from"};
constexpr HoistMiss kNoResidualAdd = {
    "NoResidualAdd", "the layer does not end in a residual add",
    "yield the sum of the residual stream and the last product"};

/// Returns why `final`, behind the loop, cannot be the norm of the last layer;
/// empty if it can.
StringRef findDifference(RmsNormOp first, WeightOp weight, RmsNormOp final,
                         SymbolTable &symbols) {
  auto finalWeight = symbols.lookup<WeightOp>(final.getWeight());
  if (final.getEpsAttr() != first.getEpsAttr())
    return "the final norm has another eps";
  if (final.getNormAttr() != first.getNormAttr())
    return "the final norm has another mode";
  if (final.getType() != first.getType())
    return "the final norm has another result type";
  if (finalWeight.getType() != weight.getType())
    return "the weight of the final norm has another type";
  if (final.getLayer() || finalWeight.getDerivedAttr())
    return "the weight of the final norm is derived or read at a layer";
  return {};
}

/// Finds the norm of the loop's result, in the block of the loop, that can be
/// the norm of the last layer: the first one if there are several. Without one,
/// says why the last layer is peeled.
void findFinalNorm(Rotation &rotation, SymbolTable &symbols) {
  LayersOp loop = rotation.loop;
  SmallVector<RmsNormOp> norms;
  for (Operation *user : loop.getResult(rotation.value).getUsers())
    if (auto norm = dyn_cast<RmsNormOp>(user);
        norm && norm->getBlock() == loop->getBlock())
      norms.push_back(norm);
  llvm::sort(norms,
             [](RmsNormOp a, RmsNormOp b) { return a->isBeforeInBlock(b); });
  // The last layer's add becomes a site if a norm reads it, peeled or not.
  rotation.sitesGained = loop.getCount() - (norms.empty() ? 1 : 0);
  if (norms.empty())
    rotation.peeled = "no norm reads the loop's result";
  for (RmsNormOp norm : norms) {
    StringRef difference =
        findDifference(rotation.first, rotation.weight, norm, symbols);
    if (difference.empty()) {
      rotation.final = norm;
      return;
    }
    if (rotation.peeled.empty())
      rotation.peeled = difference;
  }
}

/// Returns the norms of the body that read an iteration value.
SmallVector<RmsNormOp> findFirstNorms(LayersOp loop) {
  SmallVector<RmsNormOp> norms;
  for (auto norm : loop.getBody().front().getOps<RmsNormOp>())
    if (auto input = dyn_cast<BlockArgument>(norm.getInput());
        input && input.getOwner() == &loop.getBody().front())
      norms.push_back(norm);
  return norms;
}

/// Fills `rotation`; returns why the loop does not rotate, if so.
std::optional<HoistMiss> match(Rotation &rotation, ArrayRef<RmsNormOp> norms,
                               SymbolTable &symbols) {
  if (norms.size() > 1)
    return kSeveralNorms;
  LayersOp loop = rotation.loop;
  RmsNormOp first = norms.front();
  rotation.first = first;
  rotation.value = cast<BlockArgument>(first.getInput()).getArgNumber() - 1;
  if (first.getLayer() != loop.getLayer())
    return kNotByLayer;
  rotation.weight = symbols.lookup<WeightOp>(first.getWeight());
  if (rotation.weight.getDerivedAttr())
    return kDerivedWeight;
  auto add = loop.getYield().getValues()[rotation.value].getDefiningOp<AddOp>();
  if (!add || add->getBlock() != &loop.getBody().front())
    return kNoResidualAdd;
  findFinalNorm(rotation, symbols);
  return std::nullopt;
}

/// Returns the weight of the norms that the rotated loop ends its layers with.
FlatSymbolRefAttr getNextWeight(Rotation &rotation, int64_t count,
                                SymbolTable &symbols) {
  MLIRContext *context = rotation.loop.getContext();
  SmallVector<LayerRangeAttr> ranges;
  auto symbol = FlatSymbolRefAttr::get(rotation.weight.getSymNameAttr());
  int64_t own = rotation.final ? count : count + 1;
  if (own > 1)
    ranges.push_back(LayerRangeAttr::get(context, symbol, 1, own));
  WeightOp behind = rotation.weight;
  if (RmsNormOp final = rotation.final) {
    behind = symbols.lookup<WeightOp>(final.getWeight());
    int64_t index = final.getIndex().value_or(-1);
    ranges.push_back(LayerRangeAttr::get(context, final.getWeightAttr(), index,
                                         index < 0 ? -1 : index + 1));
    if (behind->isBeforeInBlock(rotation.weight))
      behind = rotation.weight;
  }
  return getOrCreateDerivedWeight(
      symbols, behind, "next_norm", rotation.weight.getTensorType(),
      Builder(context).getI64IntegerAttr(count),
      LayersOfAttr::get(context, ranges), rotation.first.getLoc());
}

/// Moves the body into a loop `to count` that also carries the normed value.
LayersOp buildRotatedLoop(Rotation &rotation, int64_t count, Value firstNormed,
                          SymbolTable &symbols, RewriterBase &rewriter) {
  LayersOp loop = rotation.loop;
  RmsNormOp first = rotation.first;
  FlatSymbolRefAttr next = getNextWeight(rotation, count, symbols);
  SmallVector<Value> inits(loop.getInits());
  inits.push_back(firstNormed);
  auto rotated =
      LayersOp::create(rewriter, loop.getLoc(), ValueRange(inits).getTypes(),
                       rewriter.getI64IntegerAttr(count), inits);
  rotated->setDiscardableAttrs(loop->getDiscardableAttrDictionary());
  rewriter.inlineRegionBefore(loop.getBody(), rotated.getBody(),
                              rotated.getBody().end());
  Block &body = rotated.getBody().front();
  BlockArgument normed = body.addArgument(first.getType(), first.getLoc());
  rewriter.replaceAllUsesWith(first.getNormed(), normed);

  YieldOp yield = rotated.getYield();
  rewriter.setInsertionPoint(yield);
  SmallVector<Location> locations{first.getLoc()};
  if (rotation.final)
    locations.push_back(rotation.final.getLoc());
  auto last = RmsNormOp::create(
      rewriter, rewriter.getFusedLoc(locations), normed.getType(),
      yield.getValues()[rotation.value], next, rotated.getLayer(),
      /*index=*/IntegerAttr(), first.getEpsAttr(), first.getNormAttr());
  yield.getValuesMutable().append(last.getNormed());
  rewriter.eraseOp(first); // last: the new norm copies from it
  return rotated;
}

void rotate(Rotation &rotation, SymbolTable &symbols, RewriterBase &rewriter) {
  LayersOp loop = rotation.loop;
  RmsNormOp first = rotation.first;
  int64_t layers = loop.getCount();
  remark::passed(first.getLoc(),
                 remark::RemarkOpts::name(rotation.final ? "Hoisted" : "Peeled")
                     .category(kCategory)
                     .function(getFunctionName(loop)))
      << "the first norm moved in front of the layers"
      << remark::metric("SitesGained", rotation.sitesGained)
      << remark::reason("{0}", rotation.final
                                   ? StringRef("the final norm is that of the "
                                               "last layer")
                                   : rotation.peeled);

  rewriter.setInsertionPoint(loop);
  auto hoisted = RmsNormOp::create(
      rewriter, first.getLoc(), first.getType(),
      loop.getInits()[rotation.value], first.getWeightAttr(), /*layer=*/Value(),
      rewriter.getI64IntegerAttr(0), first.getEpsAttr(), first.getNormAttr());
  if (rotation.final) {
    LayersOp rotated = buildRotatedLoop(rotation, layers, hoisted.getNormed(),
                                        symbols, rewriter);
    rewriter.replaceOp(rotation.final, rotated.getResults().back());
    rewriter.replaceOp(loop, rotated.getResults().drop_back());
    return;
  }
  // Peel: the last layer reads what the loop carries, and has no norm behind.
  rewriter.setInsertionPointAfter(loop);
  SmallVector<Value> carried(loop.getInits());
  Value normed = hoisted.getNormed();
  OpBuilder::InsertPoint behind = rewriter.saveInsertionPoint();
  LayersOp original = loop.clone(); // the body before the rotation
  if (layers > 1) {
    rewriter.setInsertionPoint(loop);
    LayersOp rotated =
        buildRotatedLoop(rotation, layers - 1, normed, symbols, rewriter);
    carried.assign(rotated.getResults().begin(),
                   std::prev(rotated.getResults().end()));
    normed = rotated.getResults().back();
  }
  RmsNormOp originalFirst = findFirstNorms(original).front();
  rewriter.replaceOp(originalFirst, normed);
  rewriter.restoreInsertionPoint(behind);
  rewriter.replaceOp(loop, cloneLayer(original, carried, layers - 1, rewriter));
  original->erase();
}

struct HoistFirstNormPass
    : lamina::impl::HoistFirstNormPassBase<HoistFirstNormPass> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    IRRewriter rewriter(&getContext());
    // Inner loops come first.
    for (LayersOp loop : collectOps<LayersOp>(getOperation()))
      hoist(loop, symbols, rewriter);
  }

  void hoist(LayersOp loop, SymbolTable &symbols, RewriterBase &rewriter) {
    SmallVector<RmsNormOp> norms = findFirstNorms(loop);
    if (loop.getCount() == 0 || norms.empty() || readsOwnResult(loop))
      return;
    Rotation rotation;
    rotation.loop = loop;
    std::optional<HoistMiss> miss = match(rotation, norms, symbols);
    if (!miss)
      return rotate(rotation, symbols, rewriter);
    remark::missed(norms.front().getLoc(), remark::RemarkOpts::name(miss->name)
                                               .category(kCategory)
                                               .function(getFunctionName(loop)))
        << remark::reason("{0}", miss->reason)
        << remark::suggest("{0}", miss->suggestion);
  }
};

} // namespace
