//===- BufferClasses.h - Values that share a buffer -----------------------===//

#ifndef LAMINA_LIB_CONVERSION_BUFFERCLASSES_H
#define LAMINA_LIB_CONVERSION_BUFFERCLASSES_H

#include "BufferLifetimes.h"
#include "lamina/Conversion/BufferPlan.h"

namespace lamina {

/// Values of one type and kind of rows, of which no two are needed at once but
/// at the point where one overwrites the other in place.
struct BufferClass {
  /// When a value is needed.
  struct Member {
    Lifetime::Segment segment;
    mlir::Value value;
  };

  RowKind rows;
  mlir::RankedTensorType type;
  int64_t rowBytes;                     // of the largest part of a rank
  Lifetime lifetime;                    // of all members
  llvm::SmallVector<Member, 2> members; // by begin
  int64_t offset = 0;                   // bytes a row, once placed
};

/// A copy from one class to another, by number.
struct BufferCopy {
  unsigned from, to;
};

/// The classes of the activations of a step.
class BufferClasses {
public:
  /// Joins all values that can share a buffer.
  explicit BufferClasses(mlir::func::FuncOp step);

  /// Returns the number of the class of `value`.
  unsigned getNumber(mlir::Value value) const {
    return findLeader(numbers.lookup(value));
  }
  const BufferClass &get(mlir::Value value) const {
    return classes[getNumber(value)];
  }
  BufferClass &operator[](unsigned number) { return classes[number]; }

  /// Returns the numbers of all classes, by the first value of each.
  llvm::SmallVector<unsigned> getNumbers() const;

  /// Returns the copies that bring `sources` to the iteration values of `loop`
  /// at `at`: the loop itself, or its yield. Done in this order they act as if
  /// done at once; a cycle goes through a class of its own, which is added.
  llvm::SmallVector<BufferCopy> orderCopies(LayersOp loop, mlir::Operation *at,
                                            mlir::ValueRange sources);

private:
  unsigned addClass(BufferClass added);
  unsigned findLeader(unsigned number) const;
  bool mayOverwrite(const BufferClass::Member &first,
                    const BufferClass::Member &second) const;
  bool areDisjoint(const BufferClass &a, const BufferClass &b) const;
  void merge(unsigned first, unsigned second);
  bool join(mlir::Value a, mlir::Value b);
  void joinLoop(LayersOp loop);
  void joinInPlace(mlir::Operation *op);

  ProgramPoints points;
  llvm::DenseMap<mlir::Value, unsigned> numbers; // only looked up
  llvm::SmallVector<BufferClass> classes;
  mutable llvm::SmallVector<unsigned> leaders; // by number; a cache of paths
};

} // namespace lamina

#endif // LAMINA_LIB_CONVERSION_BUFFERCLASSES_H
