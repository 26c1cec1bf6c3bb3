//===- WeightImporter.h - The weights of a module --------------*- C++ -*-===//
//
// Declares the weights of a model and answers, for a role and a layer, which
// weight an op names.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_LIB_IMPORT_WEIGHTIMPORTER_H
#define LAMINA_LIB_IMPORT_WEIGHTIMPORTER_H

#include "lamina/IR/LlamaOps.h"
#include "lamina/Import/ImportLlama.h"
#include "mlir/IR/Builders.h"

#include <map>

namespace lamina {

/// What an op at one layer names.
struct ImportedWeight {
  WeightOp weight;
  /// Of the products with a matrix; null if it has none.
  mlir::FlatSymbolRefAttr bias;
  /// Its layer in the weight; null where the loop's layer is meant, or the
  /// weight has no layers.
  mlir::IntegerAttr index;
};

class WeightImporter {
public:
  /// With `model` null the weights have names and shapes only.
  WeightImporter(const LlamaConfig &config, const Model *model,
                 const LlamaImportOptions &options, mlir::OpBuilder &builder);

  /// Declares all weights at the builder's insertion point.
  void addWeights();

  /// Whether all layers have the same storage types, so that they can be a
  /// loop.
  bool isUniform() const { return uniform; }

  /// The weight of a role; `layer` matters only if layers are not uniform.
  ImportedWeight get(TensorRole role, int64_t layer) const;
  /// The summation tree of products with a matrix.
  llvm::SmallVector<int64_t> getLeaves(TensorRole role, WeightOp weight) const;

  /// The location of an op: `name` is the checkpoint's, with `*` for the layer,
  /// and `key` the key of the config that shapes the op.
  mlir::Location locate(llvm::StringRef name, llvm::StringRef key) const;

private:
  mlir::Type getRoleType(TensorRole role, int64_t layer) const;
  mlir::Type getConfigType(TensorRole role) const;
  WeightOp addWeight(TensorRole role, llvm::StringRef symbol,
                     llvm::ArrayRef<int64_t> layers);
  PlacementAttr getPlacement(TensorRole role,
                             llvm::ArrayRef<int64_t> layers) const;
  void addRole(TensorRole role);
  void addMatrix(TensorRole role, TensorRole bias);
  int64_t getUnit(TensorRole role) const;

  const LlamaConfig &config;
  const Model *model;
  mlir::OpBuilder &builder;
  mlir::Type storage;      // of matrices, without a checkpoint
  mlir::Type plainStorage; // of norms and biases, without a checkpoint
  bool uniform = true;
  int64_t rowSplitWays = 1;
  /// By role; one entry, or one a layer.
  std::array<llvm::SmallVector<ImportedWeight>, kNumTensorRoles> weights;
};

} // namespace lamina

#endif // LAMINA_LIB_IMPORT_WEIGHTIMPORTER_H
