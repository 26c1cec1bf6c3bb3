//===- Slices.h - Which part of a value a rank has --------------*- C++ -*-===//
//
// The interpreter's own reading of the encodings (docs/numerics.md, "Ranges of
// a rank"), so that it does not share a fault with the sharding pass.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_LIB_INTERPRETER_SLICES_H
#define LAMINA_LIB_INTERPRETER_SLICES_H

#include "lamina/IR/LlamaDialect.h"
#include "lamina/Interpreter/Tensor.h"

namespace lamina {

/// Elements [begin, end) of a dimension.
struct Span {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
};

/// Returns the part of `size` elements in units of `unit` that a rank has.
Span getRankSpan(int64_t size, int64_t unit, int64_t rank, int64_t ranks);

/// Returns the columns of a value of type `type` that a rank has: all of them
/// unless the encoding is `#llama.columns`.
Span getColumnSpan(mlir::RankedTensorType type, int64_t rank, int64_t ranks);

/// True if each rank has a range of the rows of a value of type `type`.
bool isInRows(mlir::Type type);

/// Returns the part of `rows` rows that a rank has of a value in rows.
Span getRowSpan(int64_t rows, int64_t rank, int64_t ranks);

/// Returns the rows `span` of `whole`.
Tensor sliceRows(const Tensor &whole, Span span);

/// Joins the rows of all ranks in rank order.
Tensor joinRows(llvm::ArrayRef<TensorRef> parts);

/// Returns the columns `span` of `whole`.
Tensor sliceColumns(const Tensor &whole, Span span);

/// Joins the parts of all ranks in rank order; of copies the first counts.
Tensor joinColumns(llvm::ArrayRef<TensorRef> parts,
                   mlir::RankedTensorType type);

} // namespace lamina

#endif // LAMINA_LIB_INTERPRETER_SLICES_H
