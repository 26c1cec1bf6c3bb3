//===- BufferPlan.cpp - Where the activations of a step lie ---------------===//
//
// The plan as attributes, and what planner and checker must agree on.
//
//===----------------------------------------------------------------------===//

#include "lamina/Conversion/BufferPlan.h"

#include "lamina/IR/LlamaOps.h"
#include "lamina/Support/CheckedMath.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lamina;

int64_t lamina::getRowBytes(RankedTensorType type) {
  return llvm::alignTo(type.getDimSize(1) * (type.getElementTypeBitWidth() / 8),
                       kRowAlignment);
}

RowKind lamina::getRowKind(Value value) {
  while (true) {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto loop = cast<LayersOp>(argument.getOwner()->getParentOp());
      value = loop.getInits()[argument.getArgNumber() - 1];
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (isa<EmbedOp>(op))
      return RowKind::tokens;
    if (isa<SelectRowsOp>(op))
      return RowKind::logits;
    if (auto loop = dyn_cast<LayersOp>(op))
      value = loop.getInits()[cast<OpResult>(value).getResultNumber()];
    else
      value = op->getOperand(0);
  }
}

bool lamina::mayShareSlot(Operation *op, unsigned result, unsigned operand) {
  if (op->getOperand(operand).getType() != op->getResult(result).getType())
    return false;
  // Element by element, and rope pair by pair.
  if (isa<AddOp, SiluMulOp>(op))
    return true;
  if (isa<RopeOp>(op))
    return operand == 0;
  // (update, residual) -> (normed, new_residual): the new residual is written
  // from both, then read for the norm.
  if (isa<ResidualRmsNormOp>(op))
    return result == operand;
  return false;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

static constexpr StringLiteral kRowNames[kNumRowKinds] = {"tokens", "logits"};

void lamina::setBufferPlan(ModuleOp module, const BufferPlan &plan) {
  Builder builder(module.getContext());
  SmallVector<Attribute> table;
  for (const Slot &slot : plan.slots)
    table.push_back(builder.getDictionaryAttr({
        builder.getNamedAttr("offset", builder.getI64IntegerAttr(slot.offset)),
        builder.getNamedAttr(
            "rows", builder.getStringAttr(kRowNames[unsigned(slot.rows)])),
        builder.getNamedAttr("type", TypeAttr::get(slot.type)),
    }));
  module->setAttr(kSlotTableAttr, builder.getArrayAttr(table));
  module->setAttr(kArenaAttr, builder.getDenseI64ArrayAttr(plan.arenaBytes));
}

/// Reads one row of the table, which lies in `arena`.
static std::optional<Slot> readSlot(Attribute attribute,
                                    ArrayRef<int64_t> arena) {
  auto row = dyn_cast<DictionaryAttr>(attribute);
  if (!row)
    return std::nullopt;
  auto offset = row.getAs<IntegerAttr>("offset");
  auto rows = row.getAs<StringAttr>("rows");
  auto typeAttr = row.getAs<TypeAttr>("type");
  auto type = typeAttr ? dyn_cast<RankedTensorType>(typeAttr.getValue())
                       : RankedTensorType();
  const auto *name = rows ? llvm::find(kRowNames, rows.getValue()) : nullptr;
  if (!offset || !offset.getType().isSignlessInteger(64) || !rows ||
      name == std::end(kRowNames) || !type || !isActivationType(type) ||
      type.getEncoding() || type.getDimSize(1) > INT32_MAX)
    return std::nullopt;
  Slot slot{RowKind(name - kRowNames), type, offset.getInt()};
  std::optional<int64_t> end = checkedAdd(slot.offset, getRowBytes(type));
  if (slot.offset < 0 || slot.offset % kRowAlignment != 0 || !end ||
      *end > arena[unsigned(slot.rows)])
    return std::nullopt;
  return slot;
}

FailureOr<BufferPlan> lamina::getBufferPlan(ModuleOp module) {
  auto table = module->getAttrOfType<ArrayAttr>(kSlotTableAttr);
  auto arena = module->getAttrOfType<DenseI64ArrayAttr>(kArenaAttr);
  if (!table || !arena || arena.size() != kNumRowKinds)
    return module.emitError("needs '")
           << kSlotTableAttr << "', an array, and '" << kArenaAttr << "', "
           << kNumRowKinds << " i64: is it planned?";
  BufferPlan plan;
  llvm::copy(arena.asArrayRef(), plan.arenaBytes.begin());
  for (auto [number, attribute] : llvm::enumerate(table)) {
    std::optional<Slot> slot = readSlot(attribute, arena.asArrayRef());
    if (!slot)
      return module.emitError("needs slots {offset, rows, type} that lie in '")
             << kArenaAttr << "', aligned to " << kRowAlignment << ", got "
             << attribute << " as slot " << number;
    plan.slots.push_back(*slot);
  }
  return plan;
}

static ArrayRef<int32_t> getNumbers(Operation *op, StringRef name) {
  auto numbers = op->getAttrOfType<DenseI32ArrayAttr>(name);
  return numbers ? numbers.asArrayRef() : ArrayRef<int32_t>();
}

ArrayRef<int32_t> lamina::getSlots(Operation *op) {
  return getNumbers(op, kSlotsAttr);
}

ArrayRef<int32_t> lamina::getCopies(Operation *op) {
  return getNumbers(op, kCopiesAttr);
}
