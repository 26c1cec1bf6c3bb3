//===- BufferLifetimes.h - When the values of a step are needed -----------===//

#ifndef LAMINA_LIB_CONVERSION_BUFFERLIFETIMES_H
#define LAMINA_LIB_CONVERSION_BUFFERLIFETIMES_H

#include "lamina/IR/LlamaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace lamina {

/// Points at which something is needed: disjoint ranges in ascending order,
/// both ends included.
class Lifetime {
public:
  struct Segment {
    int64_t begin, end;
  };

  void add(Segment segment);
  void add(const Lifetime &other);
  bool overlaps(const Lifetime &other) const;
  llvm::ArrayRef<Segment> getSegments() const { return segments; }

private:
  llvm::SmallVector<Segment, 2> segments;
};

/// The points of a step: an op reads at one and writes at the next. The loop
/// `llama.layers` reads its inits and writes its iteration values; its `yield`
/// writes them again, for the next layer, and the results.
class ProgramPoints {
public:
  explicit ProgramPoints(mlir::func::FuncOp step);

  int64_t getReadPoint(mlir::Operation *op) const {
    return 2 * positions.lookup(op);
  }
  int64_t getWritePoint(mlir::Operation *op) const {
    return 2 * positions.lookup(op) + 1;
  }

  /// Returns when `value`, an activation, is needed: up to the write of the
  /// last op that reads it, and through a whole loop that it stands before.
  Lifetime getLifetime(mlir::Value value) const;

private:
  llvm::DenseMap<mlir::Operation *, int64_t> positions; // only looked up
};

/// Returns the activations of `step` in program order: results of ops, and the
/// iteration values of a loop before its body.
llvm::SmallVector<mlir::Value> collectActivations(mlir::func::FuncOp step);

} // namespace lamina

#endif // LAMINA_LIB_CONVERSION_BUFFERLIFETIMES_H
