//===- UnrollLayers.cpp - The loop over the layers -> straight code -------===//

#include "CollectOps.h"
#include "FusionSites.h"
#include "LayerCloning.h"
#include "lamina/Transforms/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/Remarks.h"

namespace lamina {
#define GEN_PASS_DEF_UNROLLLAYERSPASS
#include "lamina/Transforms/Passes.h.inc"
} // namespace lamina

using namespace mlir;
using namespace lamina;

namespace {

/// Layers that are written out; more are a slip or an attack, not a model.
constexpr int64_t kMaxLayers = 65536;

void unroll(LayersOp loop, RewriterBase &rewriter) {
  rewriter.setInsertionPoint(loop);
  SmallVector<Value> carried(loop.getInits());
  for (int64_t layer = 0, end = loop.getCount(); layer < end; ++layer)
    carried = cloneLayer(loop, carried, layer, rewriter);
  remark::passed(loop.getLoc(), remark::RemarkOpts::name("Unrolled")
                                    .category("llama-unroll")
                                    .function(getFunctionName(loop)))
      << "unrolled the layers"
      << remark::metric("Layers", int64_t(loop.getCount()));
  rewriter.replaceOp(loop, carried);
}

struct UnrollLayersPass : lamina::impl::UnrollLayersPassBase<UnrollLayersPass> {
  void runOnOperation() override {
    // Inner loops come first, so that they are unrolled once.
    SmallVector<LayersOp> loops = collectOps<LayersOp>(getOperation());
    for (LayersOp loop : loops)
      if (int64_t layers = getExecutionCount(loop.getYield());
          layers > kMaxLayers) {
        emitError(loop.getLoc(), "has ")
            << layers << " layers to write out, expected at most "
            << kMaxLayers;
        return signalPassFailure();
      }
    IRRewriter rewriter(&getContext());
    for (LayersOp loop : loops)
      if (!readsOwnResult(loop))
        unroll(loop, rewriter);
  }
};

} // namespace
