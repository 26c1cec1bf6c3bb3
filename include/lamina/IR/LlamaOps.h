//===- LlamaOps.h - Ops of the llama dialect ------------------------------===//

#ifndef LAMINA_IR_LLAMAOPS_H
#define LAMINA_IR_LLAMAOPS_H

#include "lamina/IR/LlamaDialect.h"
#include "lamina/IR/LlamaInterfaces.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/LoopLikeInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace lamina {

/// The order of collectives: written by each, so that none is merged, dropped
/// or moved across another.
struct CollectiveOrder : mlir::SideEffects::Resource::Base<CollectiveOrder> {
  llvm::StringRef getName() final { return "CollectiveOrder"; }
};

/// The KV cache of all layers and sequences.
struct KVCache : mlir::SideEffects::Resource::Base<KVCache> {
  llvm::StringRef getName() final { return "KVCache"; }
};

/// What the taps have observed.
struct Taps : mlir::SideEffects::Resource::Base<Taps> {
  llvm::StringRef getName() final { return "Taps"; }
};

} // namespace lamina

#define GET_OP_CLASSES
#include "lamina/IR/LlamaOps.h.inc"

#endif // LAMINA_IR_LLAMAOPS_H
