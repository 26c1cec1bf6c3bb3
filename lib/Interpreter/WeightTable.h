//===- WeightTable.h - The weights of a module ------------------*- C++ -*-===//

#ifndef LAMINA_LIB_INTERPRETER_WEIGHTTABLE_H
#define LAMINA_LIB_INTERPRETER_WEIGHTTABLE_H

#include "lamina/IR/LlamaOps.h"
#include "lamina/Interpreter/Interpreter.h"

namespace lamina {

/// One layer of a weight that is not derived.
struct WeightLayer {
  WeightOp weight;
  int64_t layer = 0; // 0 for a weight without layers
};

/// Finds the values behind references to weights. Only reads the module, so
/// that rank threads share one.
class WeightTable {
public:
  /// Weights are read from the files of `folder`, or with an empty one drawn
  /// from `seed`.
  WeightTable(const mlir::SymbolTable &symbols, uint64_t seed,
              std::string folder, WeightCache &cache)
      : symbols(symbols), seed(seed), folder(std::move(folder)), cache(cache) {}

  /// Says what is wrong with the placement of an underived weight or with its
  /// files, so that getValues() can read them; empty if nothing is.
  std::string checkFiles(WeightOp weight, Outcome &outcome) const;

  /// Returns the weight named `symbol`. The module's verifier has seen to it
  /// that there is one.
  WeightOp find(mlir::FlatSymbolRefAttr symbol) const {
    return symbols.lookup<WeightOp>(symbol.getAttr());
  }

  /// Returns the underived weights behind `weight` at `layer`: one, or one for
  /// each part of a weight derived by `columns`. Empty if there is no such
  /// layer.
  llvm::SmallVector<WeightLayer> resolve(WeightOp weight, int64_t layer) const;

  /// Returns the values of an underived weight.
  std::shared_ptr<const WeightValues>
  getValues(const WeightLayer &source) const;

  /// Returns the elements of a vector (a norm or a bias), those of the parts of
  /// a derived one joined. Empty if there is no such layer.
  std::vector<float> getVector(mlir::FlatSymbolRefAttr symbol,
                               int64_t layer) const;

private:
  const mlir::SymbolTable &symbols;
  WeightKey getKey(const WeightLayer &source) const;

  uint64_t seed;
  std::string folder;
  WeightCache &cache;
};

/// Returns the element type of values of type `type` (or of a scalar); nothing
/// for types that the interpreter has no values of.
std::optional<Element> getElement(mlir::Type type);

} // namespace lamina

#endif // LAMINA_LIB_INTERPRETER_WEIGHTTABLE_H
