//===- LayerCloning.h - One layer of a loop as straight code --------------===//

#ifndef LAMINA_LIB_TRANSFORMS_LAYERCLONING_H
#define LAMINA_LIB_TRANSFORMS_LAYERCLONING_H

#include "lamina/IR/LlamaOps.h"

namespace lamina {

/// True if an initial value of `loop` is one of its own results, as code that
/// cannot be reached may have it. Such a loop has no straight code.
bool readsOwnResult(LayersOp loop);

/// Writes out layer number `layer` of `loop` at the insertion point, with
/// `carried` as its iteration values, the layer as a static index, and its
/// number in place of `*` in the locations. Returns the yielded values.
llvm::SmallVector<mlir::Value> cloneLayer(LayersOp loop,
                                          mlir::ValueRange carried,
                                          int64_t layer,
                                          mlir::RewriterBase &rewriter);

} // namespace lamina

#endif // LAMINA_LIB_TRANSFORMS_LAYERCLONING_H
