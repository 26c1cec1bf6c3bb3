//===- LlamaDialect.cpp - Registration and attributes ---------------------===//

#include "lamina/IR/LlamaDialect.h"

#include "LlamaBytecode.h"
#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaOps.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectImplementation.h"
#include "mlir/Transforms/InliningUtils.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace lamina;

/// `[1.0, 0.1]`, each in the shortest form that reads back as the same f64.
static ParseResult parseFrequencies(AsmParser &parser,
                                    DenseF64ArrayAttr &frequencies) {
  auto parsed =
      dyn_cast_or_null<DenseF64ArrayAttr>(DenseF64ArrayAttr::parse(parser, {}));
  if (!parsed)
    return failure();
  frequencies = parsed;
  return success();
}

static void printFrequencies(AsmPrinter &printer,
                             DenseF64ArrayAttr frequencies) {
  printer << '[';
  llvm::interleaveComma(
      frequencies.asArrayRef(), printer,
      [&](double frequency) { printer.printFloat(APFloat(frequency)); });
  printer << ']';
}

#include "lamina/IR/LlamaDialect.cpp.inc"
#include "lamina/IR/LlamaEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "lamina/IR/LlamaAttrs.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "lamina/IR/LlamaTypes.cpp.inc"

namespace {

/// Writes the dialect's version, and refuses a newer one.
struct LlamaBytecode : BytecodeDialectInterface {
  explicit LlamaBytecode(Dialect *dialect)
      : BytecodeDialectInterface(dialect) {}

  void writeVersion(DialectBytecodeWriter &writer) const final {
    writer.writeVarInt(LlamaDialect::getVersion());
  }

  std::unique_ptr<DialectVersion>
  readVersion(DialectBytecodeReader &reader) const final {
    uint64_t number;
    if (failed(reader.readVarInt(number)))
      return nullptr;
    if (number == 0 || number > uint64_t(LlamaDialect::getVersion())) {
      reader.emitError("module made by version ")
          << number << " of the llama dialect, this is version "
          << LlamaDialect::getVersion();
      return nullptr;
    }
    return std::make_unique<LlamaVersion>(number);
  }
};

/// Every op of the dialect may be inlined where it may stand.
struct LlamaInliner : DialectInlinerInterface {
  explicit LlamaInliner(Dialect *dialect) : DialectInlinerInterface(dialect) {}

  bool isLegalToInline(Region *, Region *, bool, IRMapping &) const final {
    return true;
  }
  bool isLegalToInline(Operation *op, Region *into, bool,
                       IRMapping &) const final {
    // Several blocks would leave no place for the caller's collectives.
    return (!isCollective(op) || isCollectivePlace(into->getParentOp())) &&
           op->getParentRegion()->hasOneBlock();
  }
};

} // namespace

void LlamaDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "lamina/IR/LlamaOps.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "lamina/IR/LlamaAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "lamina/IR/LlamaTypes.cpp.inc"
      >();
  addInterfaces<LlamaBytecode, LlamaInliner>();
}

//===----------------------------------------------------------------------===//
// Type predicates
//===----------------------------------------------------------------------===//

bool lamina::isActivationType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 2 && !tensor.isDynamicDim(1) &&
         tensor.getDimSize(1) > 0 &&
         (!tensor.getEncoding() || getDistribution(type)) &&
         isa<Float32Type, Float16Type, BFloat16Type>(tensor.getElementType());
}

bool lamina::isRowIndicesType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 1 && !tensor.getEncoding() &&
         tensor.getElementType().isInteger(32);
}

Type lamina::getRowIndicesType(Type activation) {
  return RankedTensorType::get(
      cast<RankedTensorType>(activation).getShape().take_front(),
      IntegerType::get(activation.getContext(), 32));
}

//===----------------------------------------------------------------------===//
// Encodings
//===----------------------------------------------------------------------===//

/// C1 of every encoding.
static LogicalResult
verifyTokensByFeatures(ArrayRef<int64_t> shape,
                       llvm::function_ref<InFlightDiagnostic()> emitError) {
  constexpr StringLiteral need = "a distribution needs a tokens x features "
                                 "tensor with static features, got ";
  if (shape.size() != 2)
    return emitError() << need << shape.size() << " dimensions";
  if (ShapedType::isDynamic(shape[1]))
    return emitError() << need << "dynamic features";
  return success();
}

LogicalResult PartialAttr::verifyEncoding(
    ArrayRef<int64_t> shape, Type,
    llvm::function_ref<InFlightDiagnostic()> emitError) const {
  return verifyTokensByFeatures(shape, emitError);
}

LogicalResult RowsAttr::verifyEncoding(
    ArrayRef<int64_t> shape, Type,
    llvm::function_ref<InFlightDiagnostic()> emitError) const {
  return verifyTokensByFeatures(shape, emitError);
}

LogicalResult RootAttr::verifyEncoding(
    ArrayRef<int64_t> shape, Type,
    llvm::function_ref<InFlightDiagnostic()> emitError) const {
  return verifyTokensByFeatures(shape, emitError);
}

/// A unit of columns, wherever it stands.
static LogicalResult
verifyUnit(llvm::function_ref<InFlightDiagnostic()> emitError, int64_t unit) {
  if (unit > 0)
    return success();
  return emitError() << "needs a positive unit, got " << unit;
}

LogicalResult
ColumnsAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                    int64_t unit) {
  return verifyUnit(emitError, unit);
}

LogicalResult
SplitAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError, SplitKind,
                  int64_t unit) {
  return verifyUnit(emitError, unit);
}

LogicalResult ColumnsAttr::verifyEncoding(
    ArrayRef<int64_t> shape, Type,
    llvm::function_ref<InFlightDiagnostic()> emitError) const {
  if (failed(verifyTokensByFeatures(shape, emitError)))
    return failure();
  // C2
  if (getUnit() <= 0 || shape[1] % getUnit() != 0)
    return emitError() << "needs a positive unit that divides the " << shape[1]
                       << " features, got " << getUnit();
  return success();
}

//===----------------------------------------------------------------------===//
// Block formats
//===----------------------------------------------------------------------===//

int64_t BlockType::getBlockSize() const {
  switch (getFormat()) {
  case BlockFormat::q4_k:
  case BlockFormat::q5_k:
  case BlockFormat::q6_k:
    return 256;
  default:
    return 32;
  }
}

int64_t BlockType::getBlockBytes() const {
  switch (getFormat()) {
  case BlockFormat::q8_0:
    return 2 + 32;
  case BlockFormat::q4_0:
    return 2 + 16;
  case BlockFormat::q4_1:
    return 4 + 16;
  case BlockFormat::q5_0:
    return 2 + 4 + 16;
  case BlockFormat::q5_1:
    return 4 + 4 + 16;
  case BlockFormat::q4_k:
    return 4 + 12 + 128;
  case BlockFormat::q5_k:
    return 4 + 12 + 32 + 128;
  case BlockFormat::q6_k:
    return 128 + 64 + 16 + 2;
  }
  llvm_unreachable("unknown block format");
}

//===----------------------------------------------------------------------===//
// Layer ranges
//===----------------------------------------------------------------------===//

LogicalResult
LayerRangeAttr::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                       FlatSymbolRefAttr, int64_t begin, int64_t end) {
  // C1
  if ((begin == -1 && end == -1) || (begin >= 0 && begin <= end))
    return success();
  return emitError() << "needs a range of layers from 0 on, or -1 and -1 for a "
                        "weight without layers, got "
                     << begin << " to " << end;
}
