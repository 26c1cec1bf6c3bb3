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

/// A quantity that grows with the number of tokens of a step.
struct LinearInTokens {
  int64_t fixed = 0;
  int64_t perToken = 0;

  LinearInTokens &operator+=(const LinearInTokens &other) {
    fixed += other.fixed;
    perToken += other.perToken;
    return *this;
  }
};

/// What one execution of an op costs on one rank. Attention counts the rows of
/// the step only, not the context that it reads.
struct Cost {
  int64_t launches = 0;
  LinearInTokens activationBytes; // activations read and written
  LinearInTokens weightBytes;     // weights read
  LinearInTokens flops;           // a fused multiply-add is two

  Cost &operator+=(const Cost &other) {
    launches += other.launches;
    activationBytes += other.activationBytes;
    weightBytes += other.weightBytes;
    flops += other.flops;
    return *this;
  }
};

} // namespace lamina

#include "lamina/IR/LlamaInterfaces.h.inc"

#endif // LAMINA_IR_LLAMAINTERFACES_H
