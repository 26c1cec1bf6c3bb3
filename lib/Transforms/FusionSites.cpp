//===- FusionSites.cpp - Where residual, all-reduce and norm can fuse -----===//

#include "FusionSites.h"

#include "lamina/IR/LlamaDistribution.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "mlir/Interfaces/CastInterfaces.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

using namespace mlir;
using namespace lamina;

namespace {

constexpr FusionMiss kAlreadyFused = {
    "AlreadyFused", "the residual add is already fused with another norm",
    "if the norms are equal, read the result of one in both places"};
constexpr FusionMiss kNormInOtherBlock = {
    "NormInOtherBlock", "the norm is in another block than the residual add",
    "move the norm next to the add, or hoist the first norm"};
constexpr FusionMiss kSumInOtherBlock = {
    "SumInOtherBlock", "the all_reduce is in another block than the add",
    "move the all_reduce next to the add"};
constexpr FusionMiss kSumHasOtherUsers = {
    "SumHasOtherUsers", "the sum of the all_reduce has other users",
    "let them read the residual stream, which the fused op returns"};
constexpr FusionMiss kCollectiveBetween = {
    "CollectiveBetween",
    "an op that is or may hold a collective stands between the all_reduce and "
    "the add",
    "move that op before the all_reduce or behind the add"};
constexpr FusionMiss kCastBeforeNorm = {
    "CastBeforeNorm",
    "a cast or a reshape stands between the residual add and the norm",
    "let the norm read the sum: its result may have another element type"};
constexpr FusionMiss kCastBeforeAdd = {
    "CastBeforeAdd",
    "a cast or a reshape stands between the all_reduce and the add",
    "let the all_reduce have the type of the residual"};
constexpr FusionMiss kRowsNotGathered = {
    "RowsNotGathered",
    "the normed rows of a rank are not joined by one all_gather of the block, "
    "with no collective in between",
    "gather the normed rows behind the norm, and let all readers read that"};
constexpr FusionMiss kLateLayer = {
    "LateLayer", "the layer of the norm's weight is defined after the add",
    "define the layer before the add"};

/// True if `value` can be read at `op`, given that it can be read later in the
/// block of `op`.
bool isDefinedBefore(Value value, Operation *op) {
  Operation *definition = value ? value.getDefiningOp() : nullptr;
  return !definition || definition->getBlock() != op->getBlock() ||
         definition->isBeforeInBlock(op);
}

/// Returns what `user`'s operand `value` is made of by casts and reshapes of
/// its block; `value` itself without one.
Value skipCasts(Value value, Operation *user) {
  for (Operation *op = value.getDefiningOp();
       op && op->getBlock() == user->getBlock() && op->isBeforeInBlock(user) &&
       ((isa<CastOpInterface>(op) && op->getNumOperands() == 1) ||
        isa<tensor::ExpandShapeOp, tensor::CollapseShapeOp>(op));
       op = value.getDefiningOp()) {
    value = op->getOperand(0);
    user = op;
  }
  return value;
}

/// Returns `op` if it sums over ranks, null otherwise.
Operation *getIfSum(Operation *op) {
  return isa_and_nonnull<AllReduceOp, ReduceScatterOp>(op) ? op : nullptr;
}

/// Returns the sum over ranks that the addend `value` of `add` is, or is made
/// of by casts and reshapes.
Operation *findSumBehindCasts(Value value, AddOp add) {
  return getIfSum(skipCasts(value, add).getDefiningOp());
}

/// True if a site needs a sum over ranks. One rank has none, unless the
/// residual is in rows: there is no other fused op for these.
bool needsSum(AddOp add, int64_t ranks) {
  return ranks > 1 || getDistribution(add.getType());
}

/// True if `op` may write the order of collectives.
bool mayBeCollective(Operation *op) {
  std::optional<SmallVector<MemoryEffects::EffectInstance>> effects =
      getEffectsRecursively(op);
  if (!effects)
    return true;
  return llvm::any_of(*effects, [](const MemoryEffects::EffectInstance &e) {
    return e.getResource() == CollectiveOrder::get();
  });
}

/// Checks `sum`, over ranks, as an addend of `add`.
std::optional<FusionMiss> checkSum(Operation *sum, AddOp add) {
  if (sum->getBlock() != add->getBlock())
    return kSumInOtherBlock;
  if (!sum->hasOneUse())
    return kSumHasOtherUsers;
  for (Operation *op = sum->getNextNode(); op != add; op = op->getNextNode())
    if (mayBeCollective(op))
      return kCollectiveBetween;
  return std::nullopt;
}

/// Finds the all_gather behind a norm of rows.
std::optional<FusionMiss> findGather(FusionMatch &match) {
  RmsNormOp norm = match.norm;
  if (!norm->hasOneUse())
    return kRowsNotGathered;
  match.gather = dyn_cast<AllGatherOp>(*norm->user_begin());
  if (!match.gather || match.gather->getBlock() != norm->getBlock())
    return kRowsNotGathered;
  // The fused op, which gathers too, is built at the add.
  for (Operation *op = match.add->getNextNode(); op != match.gather;
       op = op->getNextNode())
    if (mayBeCollective(op))
      return kRowsNotGathered;
  return std::nullopt;
}

/// Finds the sum over ranks of the add; the update is looked at first.
std::optional<FusionMiss> findSum(FusionMatch &match) {
  AddOp add = match.add;
  std::optional<FusionMiss> firstMiss;
  const std::pair<Value, Value> roles[] = {
      {add.getUpdate(), add.getResidual()},
      {add.getResidual(), add.getUpdate()}};
  for (auto [update, residual] : roles) {
    Operation *sum = getIfSum(update.getDefiningOp());
    if (!sum)
      continue;
    std::optional<FusionMiss> miss = checkSum(sum, add);
    if (!miss) {
      match.sum = sum;
      match.update = sum->getOperand(0);
      match.residual = residual;
      return std::nullopt;
    }
    if (!firstMiss)
      firstMiss = miss;
  }
  return firstMiss ? firstMiss : kCastBeforeAdd;
}

} // namespace

bool lamina::isFusionSite(RmsNormOp norm, int64_t ranks) {
  Value input = skipCasts(norm.getInput(), norm);
  Operation *definition = input.getDefiningOp();
  // What is defined behind its user is in code that cannot be reached.
  if (!definition || !isDefinedBefore(norm.getInput(), norm) ||
      !isDefinedBefore(input, norm))
    return false;
  if (isa<ResidualRmsNormOp, AllReduceResidualRmsNormOp>(definition))
    return input == definition->getResult(1);
  auto add = dyn_cast<AddOp>(definition);
  if (!add || !isDefinedBefore(add.getUpdate(), add) ||
      !isDefinedBefore(add.getResidual(), add))
    return false;
  return !needsSum(add, ranks) || findSumBehindCasts(add.getUpdate(), add) ||
         findSumBehindCasts(add.getResidual(), add);
}

FusionResult lamina::matchFusionSite(RmsNormOp norm, int64_t ranks) {
  FusionMatch match;
  match.norm = norm;
  match.add = norm.getInput().getDefiningOp<AddOp>();
  if (!match.add)
    return skipCasts(norm.getInput(), norm) == norm.getInput()
               ? kAlreadyFused
               : kCastBeforeNorm;
  if (match.add->getBlock() != norm->getBlock())
    return kNormInOtherBlock;
  match.update = match.add.getUpdate();
  match.residual = match.add.getResidual();
  if (needsSum(match.add, ranks))
    if (std::optional<FusionMiss> miss = findSum(match))
      return *miss;
  if (getDistribution(norm.getType()))
    if (std::optional<FusionMiss> miss = findGather(match))
      return *miss;
  // The fused op is built at the add: its users may precede the norm.
  if (!isDefinedBefore(norm.getLayer(), match.add))
    return kLateLayer;
  return match;
}

int64_t lamina::getExecutionCount(Operation *op) {
  int64_t count = 1;
  for (auto loop = op->getParentOfType<LayersOp>(); loop;
       loop = loop->getParentOfType<LayersOp>())
    count = multiplySaturating(count, loop.getCount());
  return count;
}

Cost lamina::getSavings(const Cost &before, const Cost &after,
                        int64_t executions) {
  auto getSaving = [&](int64_t old, int64_t now) {
    // What was at the largest number is not known.
    return old == INT64_MAX ? old : multiplySaturating(old - now, executions);
  };
  Cost saved;
  saved.launches = getSaving(before.launches, after.launches);
  saved.activationBytesPerToken =
      getSaving(before.activationBytesPerToken, after.activationBytesPerToken);
  return saved;
}

StringRef lamina::getFunctionName(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  return function ? function.getName() : StringRef();
}
