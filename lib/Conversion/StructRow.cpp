//===- StructRow.cpp - One C struct as a constant -------------------------===//

#include "StructRow.h"

#include "llvm/Support/ErrorHandling.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lamina;

StructRow &StructRow::add(size_t offset, Type type, Attribute value,
                          size_t size, size_t alignment) {
  ok = ok && offset == llvm::alignTo(end, alignment);
  end = offset + size;
  largestAlignment = std::max(largestAlignment, alignment);
  types.push_back(type);
  values.push_back(value);
  return *this;
}

StructRow &StructRow::addI32(size_t offset, int64_t value) {
  OpBuilder &builder = globals.getBuilder();
  return add(offset, builder.getI32Type(), builder.getI32IntegerAttr(value),
             sizeof(int32_t), alignof(int32_t));
}

StructRow &StructRow::addI64(size_t offset, int64_t value) {
  OpBuilder &builder = globals.getBuilder();
  return add(offset, builder.getI64Type(), builder.getI64IntegerAttr(value),
             sizeof(int64_t), alignof(int64_t));
}

StructRow &StructRow::addPointer(size_t offset, Attribute value) {
  return add(offset, globals.getPointerType(), value, sizeof(void *),
             alignof(void *));
}

StructRow &StructRow::addI64Array(size_t offset, ArrayRef<int64_t> values) {
  OpBuilder &builder = globals.getBuilder();
  Type type = LLVM::LLVMArrayType::get(builder.getI64Type(), values.size());
  return add(offset, type, builder.getI64ArrayAttr(values),
             values.size() * sizeof(int64_t), alignof(int64_t));
}

StructRow &StructRow::addStruct(size_t offset, const StructRow &row,
                                size_t size) {
  row.checkLayout(size);
  return add(offset, row.getType(), row.getValue(), size, row.largestAlignment);
}

void StructRow::checkLayout(size_t size) const {
  if (!ok || llvm::alignTo(end, largestAlignment) != size)
    llvm::report_fatal_error("a table has not the layout of lamina/runtime.h");
}

Type StructRow::getType() const {
  return LLVM::LLVMStructType::getLiteral(globals.getBuilder().getContext(),
                                          types);
}

Attribute StructRow::getValue() const {
  return globals.getBuilder().getArrayAttr(values);
}

void StructTable::add(const StructRow &row, size_t size) {
  row.checkLayout(size);
  type = row.getType();
  values.push_back(row.getValue());
}

ConstantArray StructTable::emit(StringRef name) {
  return {globals.addRows(name, type, values), size()};
}
