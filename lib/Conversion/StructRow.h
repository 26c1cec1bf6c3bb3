//===- StructRow.h - One C struct as a constant -----------------*- C++ -*-===//

#ifndef LAMINA_LIB_CONVERSION_STRUCTROW_H
#define LAMINA_LIB_CONVERSION_STRUCTROW_H

#include "GlobalBuilder.h"

namespace lamina {

/// Collects the fields of a C struct in order, each with the offset that the C
/// compiler gives it, and checks that LLVM's struct has the same layout: that
/// of natural alignment.
class StructRow {
public:
  explicit StructRow(GlobalBuilder &globals) : globals(globals) {}

  StructRow &addI32(size_t offset, int64_t value);
  StructRow &addI64(size_t offset, int64_t value);
  StructRow &addPointer(size_t offset, mlir::Attribute value);
  StructRow &addI64Array(size_t offset, llvm::ArrayRef<int64_t> values);
  /// Adds a struct that was built from the same C compiler's layout.
  StructRow &addStruct(size_t offset, const StructRow &row, size_t size);

  /// Ends the process, a bug of the caller, unless every offset was as expected
  /// and the struct takes `size` bytes.
  void checkLayout(size_t size) const;
  mlir::Type getType() const;
  mlir::Attribute getValue() const;

private:
  StructRow &add(size_t offset, mlir::Type type, mlir::Attribute value,
                 size_t size, size_t alignment);

  GlobalBuilder &globals;
  llvm::SmallVector<mlir::Type> types;
  llvm::SmallVector<mlir::Attribute> values;
  size_t end = 0, largestAlignment = 1;
  bool ok = true;
};

/// An array of constants, by its address: null if it is empty.
struct ConstantArray {
  mlir::Attribute address;
  int64_t size = 0;
};

/// Collects the elements of an array of C structs.
class StructTable {
public:
  explicit StructTable(GlobalBuilder &globals) : globals(globals) {}

  /// Adds an element, of `size` bytes in C.
  void add(const StructRow &row, size_t size);
  int64_t size() const { return values.size(); }
  bool empty() const { return values.empty(); }
  /// Makes the array a global.
  ConstantArray emit(llvm::StringRef name);

private:
  GlobalBuilder &globals;
  mlir::Type type; // of all elements
  llvm::SmallVector<mlir::Attribute> values;
};

} // namespace lamina

#endif // LAMINA_LIB_CONVERSION_STRUCTROW_H
