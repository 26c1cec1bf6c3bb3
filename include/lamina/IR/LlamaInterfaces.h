//===- LlamaInterfaces.h - What every op answers once ---------------------===//

#ifndef LAMINA_IR_LLAMAINTERFACES_H
#define LAMINA_IR_LLAMAINTERFACES_H

#include "lamina/IR/LlamaDialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/SymbolTable.h"

namespace lamina {

/// A weight and the layer at which it is read, as an op names them: `@w`,
/// `@w[%l]` or `@w[31]`.
struct WeightRef {
  mlir::FlatSymbolRefAttr symbol; // null for a bare layer
  mlir::Value layer;              // null without a dynamic layer
  mlir::IntegerAttr index;        // null without a static layer

  mlir::ValueRange getLayerRange() const {
    return layer ? mlir::ValueRange(layer) : mlir::ValueRange();
  }
  bool hasLayer() const { return layer || index; }
};

/// What executions of ops cost on one rank. Sums and products stay at the
/// largest number where 64 bits do not hold them. Attention counts the rows of
/// the step only, not the context that it reads.
struct Cost {
  int64_t launches = 0;
  int64_t activationBytesPerToken = 0; // activations read and written

  Cost &operator+=(const Cost &other);
};

/// Returns `a + b` or `a * b` of numbers that are not negative, or the largest
/// int64_t where it does not fit.
int64_t addSaturating(int64_t a, int64_t b);
int64_t multiplySaturating(int64_t a, int64_t b);

} // namespace lamina

#include "lamina/IR/LlamaInterfaces.h.inc"

#endif // LAMINA_IR_LLAMAINTERFACES_H
