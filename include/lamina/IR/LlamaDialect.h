//===- LlamaDialect.h - The llama dialect, its attributes and types -------===//

#ifndef LAMINA_IR_LLAMADIALECT_H
#define LAMINA_IR_LLAMADIALECT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/TensorEncoding.h"

#include "lamina/IR/LlamaEnums.h.inc"

#include "lamina/IR/LlamaDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "lamina/IR/LlamaAttrs.h.inc"

#define GET_TYPEDEF_CLASSES
#include "lamina/IR/LlamaTypes.h.inc"

namespace lamina {

/// Largest number of ranks that `llama.ranks` may hold.
inline constexpr int64_t kMaxRanks = 1024;

/// True for a tokens x features tensor of f32, f16 or bf16 whose features are
/// static and positive, and which has no encoding but a distribution.
bool isActivationType(mlir::Type type);

/// True for a rank-1 tensor of i32 without an encoding.
bool isRowIndicesType(mlir::Type type);

/// Returns the type of one i32 for each row of `activation`.
mlir::Type getRowIndicesType(mlir::Type activation);

} // namespace lamina

#endif // LAMINA_IR_LLAMADIALECT_H
