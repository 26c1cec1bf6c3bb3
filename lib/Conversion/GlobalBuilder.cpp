//===- GlobalBuilder.cpp - Constants with the layout of C structs ---------===//

#include "GlobalBuilder.h"

using namespace mlir;
using namespace lamina;

/// Rows of an array that are built at once. Constants are built element by
/// element, each step a new constant: in blocks, long tables take linear time.
static constexpr size_t kBlockRows = 64;

GlobalBuilder::GlobalBuilder(ModuleOp module)
    : builder(OpBuilder::atBlockEnd(module.getBody())), loc(module.getLoc()),
      pointer(LLVM::LLVMPointerType::get(module.getContext())) {}

LLVM::GlobalOp GlobalBuilder::create(StringRef name, Type type,
                                     Attribute value) {
  return LLVM::GlobalOp::create(builder, loc, type, /*isConstant=*/true,
                                LLVM::Linkage::Internal, name, value);
}

Value GlobalBuilder::build(Type type, Attribute value) {
  if (auto symbol = dyn_cast<FlatSymbolRefAttr>(value))
    return LLVM::AddressOfOp::create(builder, loc, pointer, symbol.getValue());
  if (isa<UnitAttr>(value))
    return LLVM::ZeroOp::create(builder, loc, type);
  auto elements = dyn_cast<ArrayAttr>(value);
  if (!elements)
    return LLVM::ConstantOp::create(builder, loc, type, value);
  Value result = LLVM::ZeroOp::create(builder, loc, type);
  auto structType = dyn_cast<LLVM::LLVMStructType>(type);
  for (auto [index, element] : llvm::enumerate(elements)) {
    Type elementType = structType
                           ? structType.getBody()[index]
                           : cast<LLVM::LLVMArrayType>(type).getElementType();
    if (!isa<UnitAttr>(element))
      result = LLVM::InsertValueOp::create(builder, loc, result,
                                           build(elementType, element), index);
  }
  return result;
}

FlatSymbolRefAttr GlobalBuilder::add(StringRef name, Type type,
                                     Attribute value) {
  LLVM::GlobalOp global = create(name, type, Attribute());
  OpBuilder::InsertionGuard guard(builder);
  builder.createBlock(&global.getInitializerRegion());
  LLVM::ReturnOp::create(builder, loc, build(type, value));
  return FlatSymbolRefAttr::get(global.getSymNameAttr());
}

Attribute GlobalBuilder::addRows(StringRef name, Type type,
                                 ArrayRef<Attribute> rows) {
  if (rows.empty())
    return getNull();
  if (rows.size() <= kBlockRows)
    return add(name, LLVM::LLVMArrayType::get(type, rows.size()),
               builder.getArrayAttr(rows));
  SmallVector<Attribute> blocks;
  for (; !rows.empty();
       rows = rows.drop_front(std::min(kBlockRows, rows.size())))
    blocks.push_back(builder.getArrayAttr(rows.take_front(kBlockRows)));
  Type block = LLVM::LLVMArrayType::get(type, kBlockRows);
  return add(name, LLVM::LLVMArrayType::get(block, blocks.size()),
             builder.getArrayAttr(blocks));
}

Attribute GlobalBuilder::addNumbers(StringRef name, DenseElementsAttr list) {
  if (list.getNumElements() == 0)
    return getNull();
  LLVM::GlobalOp global = create(
      name,
      LLVM::LLVMArrayType::get(list.getElementType(), list.getNumElements()),
      list);
  return FlatSymbolRefAttr::get(global.getSymNameAttr());
}

Attribute GlobalBuilder::addNumbers(StringRef name, ArrayRef<int32_t> numbers) {
  return addNumbers(name, builder.getI32TensorAttr(numbers));
}

Attribute GlobalBuilder::addNumbers(StringRef name, ArrayRef<int64_t> numbers) {
  return addNumbers(name, builder.getI64TensorAttr(numbers));
}

Attribute GlobalBuilder::addNumbers(StringRef name, ArrayRef<double> numbers) {
  auto type =
      RankedTensorType::get(int64_t(numbers.size()), builder.getF64Type());
  return addNumbers(name, DenseElementsAttr::get(type, numbers));
}

FlatSymbolRefAttr GlobalBuilder::addString(StringRef text) {
  StringAttr value = builder.getStringAttr(text + Twine(StringRef("\0", 1)));
  FlatSymbolRefAttr &symbol = strings[value];
  if (symbol)
    return symbol;
  LLVM::GlobalOp global = create(
      "lamina.string." + std::to_string(strings.size() - 1),
      LLVM::LLVMArrayType::get(builder.getI8Type(), value.size()), value);
  symbol = FlatSymbolRefAttr::get(global.getSymNameAttr());
  return symbol;
}
