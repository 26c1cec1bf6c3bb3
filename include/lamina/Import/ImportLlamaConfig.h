//===- ImportLlamaConfig.h - Configuration to IR ----------------*- C++ -*-===//
//
// Builds the `import` stage of a Llama model: paper order, one rank, the
// layers as one loop, weights by name and shape only.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IMPORT_IMPORTLLAMACONFIG_H
#define LAMINA_IMPORT_IMPORTLLAMACONFIG_H

#include "lamina/Import/LlamaConfig.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace lamina {

struct LlamaImportOptions {
  /// Element type of residual and activations; null: the config's type.
  mlir::Type activations;
  /// Storage type of the weights, a float or a block type; null: the config's
  /// type. With a block type, norms and biases are f32, and matrices whose rows
  /// are no whole number of blocks are f16, as in GGUF files.
  mlir::Type weights;
};

/// Returns the storage type with that name (`f32`, `bf16`, `q8_0`, ...), or
/// null if there is none.
mlir::Type getStorageType(mlir::MLIRContext *context, llvm::StringRef name);

/// Builds the module. Its one public function is
/// `@step(ids, positions, sequences, wanted : tensor<?xi32>) -> logits`, with a
/// row for each token (`wanted`: for each row of logits) and logits in f32. The
/// KV cache is f32 with f32 activations, else bf16. Loads the dialects it needs
/// into `context`.
mlir::OwningOpRef<mlir::ModuleOp>
importLlamaConfig(mlir::MLIRContext *context, const LlamaConfig &config,
                  const LlamaImportOptions &options = {});

} // namespace lamina

#endif // LAMINA_IMPORT_IMPORTLLAMACONFIG_H
