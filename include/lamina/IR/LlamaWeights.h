//===- LlamaWeights.h - Weights and references to them --------------------===//

#ifndef LAMINA_IR_LLAMAWEIGHTS_H
#define LAMINA_IR_LLAMAWEIGHTS_H

#include "lamina/IR/LlamaOps.h"

namespace lamina {

/// Returns the elements of a block of a storage type: 1 for f32, f16 and bf16.
int64_t getBlockSize(mlir::Type storage);

/// Returns the bytes that `elements` of a storage type take; `elements` is a
/// whole number of blocks. Nothing if the product overflows.
std::optional<int64_t> getStorageBytes(mlir::Type storage, int64_t elements);

/// Returns the weight that `symbol` names at `from`, or null.
WeightOp lookupWeight(mlir::Operation *from, mlir::FlatSymbolRefAttr symbol,
                      mlir::SymbolTableCollection &symbols);

/// Returns the weights that make up `weight`: the parts of a weight derived by
/// `columns`, else the weight itself.
llvm::SmallVector<WeightOp>
getColumnParts(WeightOp weight, mlir::SymbolTableCollection &symbols);

/// Returns the layer that `ref` names as a number or by a constant; nothing if
/// there is no layer or it is not constant.
std::optional<int64_t> getConstantLayer(WeightRef ref);

/// Checks one reference of `op`: the symbol is a weight, it has a layer exactly
/// where the weight has layers, and that layer exists. Emits an error that
/// begins with `what` and returns null if not.
WeightOp verifyWeightRef(mlir::Operation *op, WeightRef ref,
                         llvm::StringRef what,
                         mlir::SymbolTableCollection &symbols);

/// Checks a reference without a symbol: it has one layer, and that is a
/// constant that is not negative, or the layer of `llama.layers`.
mlir::LogicalResult verifyBareLayer(mlir::Operation *op, WeightRef ref);

/// Follows a static index into a weight derived by `layers` to its source
/// (`@next_norm[31]` to `@output_norm`). Returns `ref` unchanged if there is
/// nothing to follow.
WeightRef resolveDerivedLayer(mlir::Operation *from, WeightRef ref);

/// Returns the largest layer that `ref` names: its constant, or the last layer
/// of the `llama.layers` whose layer it is. Nothing if it is neither.
std::optional<int64_t> getLargestLayer(WeightRef ref);

/// Replaces, in all references of `op`, the dynamic layer `layer` by `index`.
void setStaticLayer(WeightUserOpInterface op, mlir::Value layer, int64_t index);

/// Returns `loc` with the layer in place of `*` in its names.
mlir::Location nameLayer(mlir::Location loc, int64_t layer);

} // namespace lamina

#endif // LAMINA_IR_LLAMAWEIGHTS_H
