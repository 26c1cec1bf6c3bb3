//===- Slices.cpp - Which part of a value a rank has ----------------------===//

#include "Slices.h"
#include <algorithm>

using namespace lamina;

Span lamina::getRankSpan(int64_t size, int64_t unit, int64_t rank,
                         int64_t ranks) {
  int64_t units = size / unit;
  int64_t first = rank * units / ranks;
  int64_t last = (rank + 1) * units / ranks;
  if (units < ranks) // copies: one unit on every rank
    last = first + 1;
  return {first * unit, last * unit};
}

Span lamina::getColumnSpan(mlir::RankedTensorType type, int64_t rank,
                           int64_t ranks) {
  int64_t columns = type.getDimSize(1);
  if (auto encoding = llvm::dyn_cast_or_null<ColumnsAttr>(type.getEncoding()))
    return getRankSpan(columns, encoding.getUnit(), rank, ranks);
  return {0, columns};
}

bool lamina::isInRows(mlir::Type type) {
  auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type);
  return tensor && llvm::isa_and_nonnull<RowsAttr>(tensor.getEncoding());
}

Span lamina::getRowSpan(int64_t rows, int64_t rank, int64_t ranks) {
  int64_t share = rows / ranks + (rows % ranks != 0);
  return {std::min(rows, rank * share), std::min(rows, (rank + 1) * share)};
}

Tensor lamina::sliceRows(const Tensor &whole, Span span) {
  Tensor part(whole.element, {span.size(), whole.columns()});
  for (int64_t t = span.begin; t < span.end; ++t)
    std::copy(whole.row(t), whole.row(t) + whole.columns(),
              part.row(t - span.begin));
  return part;
}

Tensor lamina::joinRows(llvm::ArrayRef<TensorRef> parts) {
  int64_t rows = 0;
  for (const TensorRef &part : parts)
    rows += part->rows();
  Tensor whole(parts[0]->element, {rows, parts[0]->columns()});
  int64_t next = 0;
  for (const TensorRef &part : parts)
    for (int64_t t = 0; t < part->rows(); ++t)
      std::copy(part->row(t), part->row(t) + part->columns(),
                whole.row(next++));
  return whole;
}

Tensor lamina::sliceColumns(const Tensor &whole, Span span) {
  Tensor part(whole.element, {whole.rows(), span.size()});
  for (int64_t t = 0; t < whole.rows(); ++t)
    std::copy(whole.row(t) + span.begin, whole.row(t) + span.end, part.row(t));
  return part;
}

Tensor lamina::joinColumns(llvm::ArrayRef<TensorRef> parts,
                           mlir::RankedTensorType type) {
  Tensor whole(parts[0]->element, {parts[0]->rows(), type.getDimSize(1)});
  int64_t ranks = static_cast<int64_t>(parts.size());
  // Backwards, so that the first of several copies is what stays.
  for (int64_t rank = ranks - 1; rank >= 0; --rank) {
    Span span = getColumnSpan(type, rank, ranks);
    for (int64_t t = 0; t < whole.rows(); ++t)
      std::copy(parts[rank]->row(t), parts[rank]->row(t) + span.size(),
                whole.row(t) + span.begin);
  }
  return whole;
}
