//===- LayerCloning.h - One layer of a loop as straight code --------------===//

#ifndef LAMINA_LIB_TRANSFORMS_LAYERCLONING_H
#define LAMINA_LIB_TRANSFORMS_LAYERCLONING_H

#include "lamina/IR/LlamaOps.h"

namespace lamina {

/// Writes out layer number `layer` of `loop` at the insertion point, with
/// `carried` as its iteration values, the layer as a static index, and its
/// number in place of `*` in the locations. Returns the yielded values.
llvm::SmallVector<mlir::Value> cloneLayer(LayersOp loop,
                                          mlir::ValueRange carried,
                                          int64_t layer,
                                          mlir::RewriterBase &rewriter);

} // namespace lamina

#endif // LAMINA_LIB_TRANSFORMS_LAYERCLONING_H
