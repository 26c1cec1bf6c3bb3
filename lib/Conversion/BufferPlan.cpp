//===- BufferPlan.cpp - Where the activations of a step lie ---------------===//
//
// The plan as attributes, and what planner and checker must agree on.
//
//===----------------------------------------------------------------------===//

#include "lamina/Conversion/BufferPlan.h"

#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaOps.h"
#include "lamina/Support/CheckedMath.h"
#include "mlir/IR/Builders.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace lamina;

int64_t lamina::getRowBytes(RankedTensorType type, int64_t ranks) {
  int64_t features = type.getDimSize(1);
  if (auto columns = dyn_cast_or_null<ColumnsAttr>(type.getEncoding()))
    features = llvm::divideCeil(features / columns.getUnit(), ranks) *
               columns.getUnit();
  return llvm::alignTo(features * (type.getElementTypeBitWidth() / 8),
                       kRowAlignment);
}

RowKind lamina::getRowKind(Value value) {
  if (isa_and_nonnull<RowsAttr>(getDistribution(value.getType())))
    return RowKind::ownTokens;
  return getWholeRowKind(value);
}

RowKind lamina::getWholeRowKind(Value value) {
  return isa<SelectRowsOp>(findRowSource(value)) ? RowKind::logits
                                                 : RowKind::tokens;
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
  // Whoever norms a row writes it on all ranks, and no other rank reads it.
  if (isa<AllReduceResidualRmsNormOp>(op))
    return result == 1 && operand == 1;
  return false;
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

ArrayAttr lamina::getSlotTable(MLIRContext *context, const BufferPlan &plan) {
  Builder builder(context);
  SmallVector<Attribute> table;
  for (const Slot &slot : plan.slots)
    table.push_back(builder.getDictionaryAttr({
        builder.getNamedAttr("offset", builder.getI64IntegerAttr(slot.offset)),
        builder.getNamedAttr(
            "rows", builder.getStringAttr(kRowNames[unsigned(slot.rows)])),
        builder.getNamedAttr("type", TypeAttr::get(slot.type)),
    }));
  return builder.getArrayAttr(table);
}

void lamina::setBufferPlan(ModuleOp module, const BufferPlan &plan) {
  Builder builder(module.getContext());
  module->setAttr(kSlotTableAttr, getSlotTable(module.getContext(), plan));
  module->setAttr(kArenaAttr, builder.getDenseI64ArrayAttr(plan.arenaBytes));
}

/// Reads one row of the table, which lies in `arena`.
static std::optional<Slot> readSlot(Attribute attribute,
                                    ArrayRef<int64_t> arena, int64_t ranks) {
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
      (type.getEncoding() && !getDistribution(type)) ||
      type.getDimSize(1) > INT32_MAX)
    return std::nullopt;
  if (isa_and_nonnull<RowsAttr>(type.getEncoding()) !=
      (RowKind(name - kRowNames) == RowKind::ownTokens))
    return std::nullopt;
  Slot slot{RowKind(name - kRowNames), type, offset.getInt(),
            getRowBytes(type, ranks)};
  std::optional<int64_t> end = checkedAdd(slot.offset, slot.rowBytes);
  if (slot.offset < 0 || slot.offset % kRowAlignment != 0 || !end ||
      *end > arena[unsigned(slot.rows)])
    return std::nullopt;
  return slot;
}

FailureOr<BufferPlan> lamina::getBufferPlan(ModuleOp module) {
  return readBufferPlan(module, module->getAttr(kSlotTableAttr),
                        module->getAttr(kArenaAttr),
                        getRanks(module).value_or(1));
}

FailureOr<BufferPlan> lamina::readBufferPlan(ModuleOp module, Attribute slots,
                                             Attribute sections,
                                             int64_t ranks) {
  auto table = dyn_cast_or_null<ArrayAttr>(slots);
  auto arena = dyn_cast_or_null<DenseI64ArrayAttr>(sections);
  if (!table || !arena || arena.size() != kNumRowKinds)
    return module.emitError("needs '")
           << kSlotTableAttr << "', an array, and '" << kArenaAttr << "', "
           << kNumRowKinds << " i64: is it planned?";
  BufferPlan plan;
  llvm::copy(arena.asArrayRef(), plan.arenaBytes.begin());
  for (auto [number, attribute] : llvm::enumerate(table)) {
    std::optional<Slot> slot = readSlot(attribute, arena.asArrayRef(), ranks);
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
