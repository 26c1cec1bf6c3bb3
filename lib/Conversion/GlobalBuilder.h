//===- GlobalBuilder.h - Constants with the layout of C structs -----------===//

#ifndef LAMINA_LIB_CONVERSION_GLOBALBUILDER_H
#define LAMINA_LIB_CONVERSION_GLOBALBUILDER_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/BuiltinOps.h"

namespace lamina {

/// Makes internal constants at the end of a module. A constant is described by
/// its type and an attribute:
///
/// | type               | attribute                                          |
/// |--------------------|----------------------------------------------------|
/// | integer, float     | IntegerAttr, FloatAttr of the type                 |
/// | pointer            | FlatSymbolRefAttr of a symbol, UnitAttr for null    |
/// | struct, array      | ArrayAttr, an element each; UnitAttr for all zeros  |
class GlobalBuilder {
public:
  explicit GlobalBuilder(mlir::ModuleOp module);

  mlir::OpBuilder &getBuilder() { return builder; }
  mlir::Type getPointerType() { return pointer; }
  mlir::Attribute getNull() { return builder.getUnitAttr(); }

  /// Makes a global and returns its symbol.
  mlir::FlatSymbolRefAttr add(llvm::StringRef name, mlir::Type type,
                              mlir::Attribute value);
  /// Makes an array of structs; null for none.
  mlir::Attribute addRows(llvm::StringRef name, mlir::Type type,
                          llvm::ArrayRef<mlir::Attribute> rows);
  /// Makes an array of numbers; null for none. The type is that of the
  /// elements.
  mlir::Attribute addNumbers(llvm::StringRef name,
                             mlir::DenseElementsAttr list);
  mlir::Attribute addNumbers(llvm::StringRef name,
                             llvm::ArrayRef<int32_t> numbers);
  mlir::Attribute addNumbers(llvm::StringRef name,
                             llvm::ArrayRef<int64_t> numbers);
  mlir::Attribute addNumbers(llvm::StringRef name,
                             llvm::ArrayRef<double> numbers);
  /// Makes a string with a zero at its end; one global for equal strings.
  mlir::FlatSymbolRefAttr addString(llvm::StringRef text);

private:
  mlir::LLVM::GlobalOp create(llvm::StringRef name, mlir::Type type,
                              mlir::Attribute value);
  mlir::Value build(mlir::Type type, mlir::Attribute value);

  mlir::OpBuilder builder;
  mlir::Location loc;
  mlir::LLVM::LLVMPointerType pointer;
  llvm::DenseMap<mlir::Attribute, mlir::FlatSymbolRefAttr> strings; // a cache
};

} // namespace lamina

#endif // LAMINA_LIB_CONVERSION_GLOBALBUILDER_H
