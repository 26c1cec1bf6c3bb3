//===- BufferPlan.h - Where the activations of a step lie -----------------===//
//
// The plan is data on the module: a table of slots, the bytes of each section
// of the arena, the slot of each result, and the copies of loops.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_CONVERSION_BUFFERPLAN_H
#define LAMINA_CONVERSION_BUFFERPLAN_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"

#include <array>

namespace lamina {

/// The module's slots: an array of `{offset, rows, type}`.
inline constexpr llvm::StringLiteral kSlotTableAttr = "lamina.slot_table";
/// Bytes a row of each section, in the order of `RowKind`.
inline constexpr llvm::StringLiteral kArenaAttr = "lamina.arena";
/// On an op: the slot of each result.
inline constexpr llvm::StringLiteral kSlotsAttr = "lamina.slots";
/// On `llama.layers` and `llama.yield`: slots (from, to, from, to, ...), copied
/// in this order before the first layer, and behind each.
inline constexpr llvm::StringLiteral kCopiesAttr = "lamina.copies";

/// Alignment of rows and offsets, bytes.
inline constexpr int64_t kRowAlignment = 64;

/// What the number of rows of a slot is; the values are those of the runtime.
/// `ownTokens`: those of the step that a rank keeps of a value in rows.
enum class RowKind { tokens = 0, logits = 1, ownTokens = 2 };
inline constexpr unsigned kNumRowKinds = 3;
inline constexpr llvm::StringLiteral kRowNames[kNumRowKinds] = {
    "tokens", "logits", "own_tokens"};

/// Returns the rows of the whole of an activation of a supported step: those of
/// the value that it was computed from, up to `embed` or `select_rows`.
RowKind getWholeRowKind(mlir::Value value);

/// Returns the rows of the part of an activation that a rank has.
RowKind getRowKind(mlir::Value value);

/// Returns the bytes of a row of an activation, of the largest part that one of
/// `ranks` ranks has, rounded up to kRowAlignment.
int64_t getRowBytes(mlir::RankedTensorType type, int64_t ranks);

/// A place in the arena.
struct Slot {
  RowKind rows = RowKind::tokens;
  mlir::RankedTensorType type;
  int64_t offset = 0; // bytes a row
  int64_t rowBytes = 0;

  int64_t getEnd() const { return offset + rowBytes; }
  bool operator==(const Slot &other) const {
    return rows == other.rows && type == other.type && offset == other.offset;
  }
  /// True if the slots have a byte in common.
  bool overlaps(const Slot &other) const {
    return rows == other.rows && offset < other.getEnd() &&
           other.offset < getEnd();
  }
};

/// The slots of a module, and bytes a row of each section.
struct BufferPlan {
  llvm::SmallVector<Slot> slots;
  std::array<int64_t, kNumRowKinds> arenaBytes = {};
};

/// Puts the tables of the plan on the module.
void setBufferPlan(mlir::ModuleOp module, const BufferPlan &plan);

/// The rows of the table of slots.
mlir::ArrayAttr getSlotTable(mlir::MLIRContext *context,
                             const BufferPlan &plan);

/// Reads the tables; an error says what is wrong with them. Every slot of the
/// result lies in its section, aligned.
mlir::FailureOr<BufferPlan> getBufferPlan(mlir::ModuleOp module);

/// Reads a table of slots and its sections, the attributes `kSlotTableAttr` and
/// `kArenaAttr` in a planned module; errors are those of `module`.
mlir::FailureOr<BufferPlan> readBufferPlan(mlir::ModuleOp module,
                                           mlir::Attribute slots,
                                           mlir::Attribute arena,
                                           int64_t ranks);

/// Returns the slots of the results of `op`; empty without the attribute.
llvm::ArrayRef<int32_t> getSlots(mlir::Operation *op);

/// Returns the copies of `op`, a list of even length.
llvm::ArrayRef<int32_t> getCopies(mlir::Operation *op);

/// True if result number `result` of `op` may have the slot of operand number
/// `operand`: the op reads an element of the operand no later than it writes
/// that element of the result.
bool mayShareSlot(mlir::Operation *op, unsigned result, unsigned operand);

/// Checks that every read of the planned `module` finds its value. Emits an
/// error at the first op where it does not.
mlir::LogicalResult verifyBufferPlan(mlir::ModuleOp module);

} // namespace lamina

#endif // LAMINA_CONVERSION_BUFFERPLAN_H
