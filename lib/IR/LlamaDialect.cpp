//===- LlamaDialect.cpp - Registration, attributes, module check ----------===//

#include "lamina/IR/LlamaDialect.h"

#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaOps.h"
#include "mlir/Bytecode/BytecodeImplementation.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
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

struct LlamaVersion : DialectVersion {
  explicit LlamaVersion(int64_t number) : number(number) {}
  int64_t number;
};

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
    return !isCollective(op) || isCollectivePlace(into->getParentOp());
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
// The module attribute `llama.ranks`
//===----------------------------------------------------------------------===//

/// Checks that `op`, which is not of this dialect, touches no encoded value.
static LogicalResult verifyForeignOp(Operation *op) {
  if (isa<func::FuncOp, func::ReturnOp, func::CallOp>(op))
    return success();
  auto isEncoded = [](Type type) { return bool(getDistribution(type)); };
  auto found = llvm::find_if(op->getOperandTypes(), isEncoded);
  if (found != op->getOperandTypes().end())
    return op->emitOpError("is no llama op and does not know a value of type ")
           << *found;
  auto result = llvm::find_if(op->getResultTypes(), isEncoded);
  if (result != op->getResultTypes().end())
    return op->emitOpError("is no llama op and does not know a value of type ")
           << *result;
  for (Region &region : op->getRegions())
    for (Block &block : region)
      for (Type type : block.getArgumentTypes())
        if (isEncoded(type))
          return op->emitOpError(
                     "is no llama op and does not know a value of type ")
                 << type;
  return success();
}

/// Checks that a collective sits directly in a function or in `llama.layers`
/// of a function.
static LogicalResult verifyCollectivePlace(Operation *op) {
  if (!isCollective(op) || isCollectivePlace(op->getParentOp()))
    return success();
  Operation *parent = op->getParentOp();
  while (isa<LayersOp>(parent))
    parent = parent->getParentOp();
  return op->emitOpError(
             "is a collective and needs to sit directly in func.func or "
             "llama.layers, got ")
         << parent->getName();
}

LogicalResult LlamaDialect::verifyOperationAttribute(Operation *root,
                                                     NamedAttribute attribute) {
  if (attribute.getName() != getRanksAttrName())
    return emitError(root->getLoc(), "unknown attribute '")
           << attribute.getName().getValue() << "' of the llama dialect";
  auto ranks = dyn_cast<IntegerAttr>(attribute.getValue());
  if (!isa<ModuleOp>(root) || !ranks ||
      !ranks.getType().isSignlessInteger(64) || ranks.getInt() < 1 ||
      ranks.getInt() > kMaxRanks)
    return emitError(root->getLoc(), "'llama.ranks' needs an i64 from 1 to ")
           << kMaxRanks << " on a module, got " << attribute.getValue()
           << " on " << root->getName();
  // In program order, so that `scf.if` is reported before its `scf.yield`.
  auto check = [&](Operation *op) -> WalkResult {
    if (op->getDialect() != this)
      return verifyForeignOp(op);
    return verifyCollectivePlace(op);
  };
  return failure(root->walk<WalkOrder::PreOrder>(check).wasInterrupted());
}
