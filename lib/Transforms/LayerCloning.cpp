//===- LayerCloning.cpp - One layer of a loop as straight code ------------===//

#include "LayerCloning.h"

#include "lamina/IR/LlamaWeights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace lamina;

namespace {

/// Returns `loc` with `*` in its names replaced by the layer.
Location nameLayer(Location loc, int64_t layer) {
  if (auto name = dyn_cast<NameLoc>(loc)) {
    std::string text = name.getName().str();
    size_t star = text.find('*');
    if (star != std::string::npos)
      text.replace(star, 1, std::to_string(layer));
    return NameLoc::get(StringAttr::get(loc.getContext(), text),
                        nameLayer(name.getChildLoc(), layer));
  }
  if (auto site = dyn_cast<CallSiteLoc>(loc))
    return CallSiteLoc::get(nameLayer(site.getCallee(), layer),
                            nameLayer(site.getCaller(), layer));
  if (auto fused = dyn_cast<FusedLoc>(loc)) {
    SmallVector<Location> parts;
    for (Location part : fused.getLocations())
      parts.push_back(nameLayer(part, layer));
    return FusedLoc::get(loc.getContext(), parts, fused.getMetadata());
  }
  return loc;
}

/// Replaces the uses of the loop's layer in `op` (a clone) by the static
/// `layer`: in references, or as a constant.
void setLayer(Operation *op, Value variable, int64_t layer,
              OpBuilder &builder) {
  op->walk([&](Operation *inner) {
    inner->setLoc(nameLayer(inner->getLoc(), layer));
    if (auto user = dyn_cast<WeightUserOpInterface>(inner))
      setStaticLayer(user, variable, layer);
    if (!llvm::is_contained(inner->getOperands(), variable))
      return;
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(op);
    Value constant =
        arith::ConstantIndexOp::create(builder, inner->getLoc(), layer);
    inner->replaceUsesOfWith(variable, constant);
  });
}

} // namespace

bool lamina::readsOwnResult(LayersOp loop) {
  return llvm::any_of(loop.getInits(),
                      [&](Value init) { return init.getDefiningOp() == loop; });
}

SmallVector<Value> lamina::cloneLayer(LayersOp loop, ValueRange carried,
                                      int64_t layer, RewriterBase &rewriter) {
  IRMapping mapping;
  mapping.map(loop.getRegionIterArgs(), carried);
  for (Operation &op : loop.getBody().front().without_terminator())
    setLayer(rewriter.clone(op, mapping), loop.getLayer(), layer, rewriter);
  Location loc = loop.getYield().getLoc();
  return llvm::map_to_vector(
      loop.getYield().getValues(), [&](Value value) -> Value {
        if (value == loop.getLayer())
          return arith::ConstantIndexOp::create(rewriter, loc, layer);
        return mapping.lookupOrDefault(value);
      });
}
