//===- LayerCloning.cpp - One layer of a loop as straight code ------------===//

#include "LayerCloning.h"

#include "lamina/IR/LlamaWeights.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace lamina;

namespace {

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
