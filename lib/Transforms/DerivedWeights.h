//===- DerivedWeights.h - Making weights out of others --------------------===//

#ifndef LAMINA_LIB_TRANSFORMS_DERIVEDWEIGHTS_H
#define LAMINA_LIB_TRANSFORMS_DERIVEDWEIGHTS_H

#include "lamina/IR/LlamaOps.h"

namespace lamina {

/// Returns the symbol of a weight with this type, layers and derivation: one
/// that the module has, or a new private one, named `name` (made unique) and
/// placed behind `behind`.
mlir::FlatSymbolRefAttr
getOrCreateDerivedWeight(mlir::SymbolTable &symbols, WeightOp behind,
                         llvm::StringRef name, mlir::RankedTensorType type,
                         mlir::IntegerAttr layers, mlir::Attribute derived,
                         mlir::Location loc);

} // namespace lamina

#endif // LAMINA_LIB_TRANSFORMS_DERIVEDWEIGHTS_H
