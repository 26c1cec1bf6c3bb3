//===- ModuleBuilder.h - Weights and ops of random programs ---------------===//

#ifndef LAMINA_TEST_GENERATOR_MODULEBUILDER_H
#define LAMINA_TEST_GENERATOR_MODULEBUILDER_H

#include "Random.h"
#include "lamina/IR/LlamaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

namespace lamina::generator {

/// What a random program may be made of.
inline constexpr int64_t kDims[] = {1,  2,  3,  7,  8,  9,  15, 16,  17, 24,
                                    31, 32, 33, 63, 64, 65, 96, 127, 128};
inline constexpr int64_t kTokens[] = {0, 1, 2, 5, 33};
inline constexpr int64_t kRanks[] = {1, 2, 3, 4, 8};

/// How a norm is computed.
struct NormNumerics {
  double eps = 1e-5;
  NormMode mode = NormMode::hf;
  mlir::Type element; // of the result
  mlir::Type storage; // of the weight

  bool operator==(const NormNumerics &other) const {
    return eps == other.eps && mode == other.mode && element == other.element &&
           storage == other.storage;
  }
};

/// Where a weight is read: at a value, at a number, or a weight without layers.
struct Layer {
  mlir::Value value;
  mlir::IntegerAttr index;
};

/// Builds ops at an insertion point, and weights at the top of the module.
/// Every op is named by its location, which remarks report.
class ModuleBuilder : public mlir::OpBuilder {
public:
  ModuleBuilder(mlir::MLIRContext *context, Random &random);

  mlir::ModuleOp getModule() { return module.get(); }
  mlir::OwningOpRef<mlir::ModuleOp> take() { return std::move(module); }

  /// Creates a function without arguments and results, and sets the insertion
  /// point in it.
  mlir::func::FuncOp startFunction(llvm::StringRef name);
  /// Adds an argument to a function that is not finished.
  mlir::Value addArgument(mlir::func::FuncOp function, mlir::Type type) {
    return function.getBody().front().addArgument(type, named("argument"));
  }
  /// Returns `values` and gives the function its type.
  void finishFunction(mlir::func::FuncOp function, mlir::ValueRange values);

  /// Makes `body`, which was built alone and ends in `values`, a loop.
  LayersOp createLayers(int64_t count, mlir::ValueRange inits,
                        mlir::Block *body, mlir::ValueRange values);

  /// Adds a weight named `name` (made unique). `layers` 0: without layers.
  WeightOp addWeight(llvm::StringRef name, llvm::ArrayRef<int64_t> shape,
                     mlir::Type storage, int64_t layers,
                     SplitAttr split = nullptr);
  /// Adds a weight whose layers are those of `source`.
  WeightOp addDerivedWeight(llvm::StringRef name, WeightOp source);

  mlir::Location named(llvm::StringRef name) {
    return mlir::NameLoc::get(getStringAttr(name));
  }
  mlir::RankedTensorType getRows(int64_t features, mlir::Type element,
                                 mlir::Attribute encoding = nullptr) {
    return mlir::RankedTensorType::get({mlir::ShapedType::kDynamic, features},
                                       element, encoding);
  }
  mlir::RankedTensorType getRowIndices() {
    return mlir::RankedTensorType::get({mlir::ShapedType::kDynamic},
                                       getI32Type());
  }

  mlir::Value createNorm(llvm::StringRef name, mlir::Value input,
                         WeightOp weight, Layer layer,
                         const NormNumerics &numerics);
  /// A product of `input` with one weight. `type` is that of the result.
  mlir::Value createLinear(mlir::Value input, WeightOp weight, WeightOp bias,
                           Layer layer, llvm::ArrayRef<int64_t> leaves,
                           mlir::RankedTensorType type);
  mlir::Value createAdd(mlir::Value residual, mlir::Value update);
  /// extf or truncf to `element`; the value itself if it has that type. f16 and
  /// bf16 go through f32.
  mlir::Value createCast(mlir::Value value, mlir::Type element);
  /// To another type and back: the wider f32, which canonicalises away, or for
  /// f32 the narrower bf16, which does not.
  mlir::Value createCastPair(mlir::Value value);
  /// expand_shape of the features and collapse_shape back.
  mlir::Value createReshapePair(mlir::Value value);

  /// A float type of activations.
  mlir::Type pickFloat() {
    return random.pick<mlir::Type>({getF32Type(), getBF16Type(), getF16Type()});
  }
  /// Radices of a tree over whole units of `inner` features.
  llvm::SmallVector<int64_t> pickLeaves(int64_t inner, int64_t unit);
  /// Radices of a tree over `ranks` ranks.
  llvm::SmallVector<int64_t> pickTree(int64_t ranks);
  NormMode pickNormMode() {
    return random.pick(
        {NormMode::hf, NormMode::single, NormMode::zero_centered});
  }
  double pickEps() { return random.pick({1e-5, 1e-6, 1e-4, 0.03125}); }

  Random &random;

private:
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::Operation *lastWeight = nullptr;
  int64_t numWeights = 0;
};

} // namespace lamina::generator

#endif // LAMINA_TEST_GENERATOR_MODULEBUILDER_H
