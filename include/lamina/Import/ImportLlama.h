//===- ImportLlama.h - A model to IR ----------------------------*- C++ -*-===//

#ifndef LAMINA_IMPORT_IMPORTLLAMA_H
#define LAMINA_IMPORT_IMPORTLLAMA_H

#include "lamina/Import/Model.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace lamina {

struct LlamaImportOptions {
  /// Element type of residual and activations; null: the config's type.
  mlir::Type activations;
  /// Element type of what products read: normed values, attention's result and
  /// the gated value; null: that of the activations.
  mlir::Type productInputs;
  /// Products with a weight of a block type round their input to 8 bits.
  bool int8 = false;
  /// Storage type of the KV cache; null: f32 if all activations are f32, else
  /// bf16.
  mlir::Type cache;
  /// Storage type of the weights, a float or a block type; null: the config's
  /// type. With a block type, norms and biases are f32, and matrices whose rows
  /// are no whole number of blocks are f16, as in GGUF files. Not for
  /// importLlamaModel, whose tensors have types.
  mlir::Type weights;
  /// Adds taps: `hidden.L0` and so on, the residual after each layer, and
  /// `hidden.norm`, the result of the last norm.
  bool taps = false;
};

/// The type that `name` stands for in the IR: `f32`, `f16`, `bf16`, or a block
/// type such as `q4_k`. Null for other names.
mlir::Type getStorageType(mlir::MLIRContext *context, llvm::StringRef name);

/// The `import` stage of a model of which only the config is known: the entry
/// `@step` in the paper's order, for one rank, the layers as one loop.
mlir::OwningOpRef<mlir::ModuleOp>
importLlamaConfig(mlir::MLIRContext *context, const LlamaConfig &config,
                  const LlamaImportOptions &options = {});

/// The same of a model with a checkpoint: weights have the types of its tensors
/// and say where their bytes are. If the types differ from layer to layer, the
/// layers are straight code, and a weight has the layers of one type.
mlir::OwningOpRef<mlir::ModuleOp>
importLlamaModel(mlir::MLIRContext *context, const Model &model,
                 const LlamaImportOptions &options = {});

} // namespace lamina

#endif // LAMINA_IMPORT_IMPORTLLAMA_H
