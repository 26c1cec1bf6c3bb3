//===- FusionSites.cpp - Where residual, all-reduce and norm can fuse -----===//

#include "FusionSites.h"

#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/Support/MathExtras.h"

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

/// True if `value` is defined behind `op` in its block: in unreachable code.
bool isDefinedBehind(Value value, Operation *op) {
  Operation *definition = value.getDefiningOp();
  return definition && definition->getBlock() == op->getBlock() &&
         !definition->isBeforeInBlock(op);
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

/// Checks the all_reduce `sum` as an addend of `match.add`.
std::optional<FusionMiss> checkSum(AllReduceOp sum, AddOp add) {
  if (sum->getBlock() != add->getBlock())
    return kSumInOtherBlock;
  if (!sum->hasOneUse())
    return kSumHasOtherUsers;
  for (Operation *op = sum->getNextNode(); op != add; op = op->getNextNode())
    if (mayBeCollective(op))
      return kCollectiveBetween;
  return std::nullopt;
}

/// Finds the all_reduce of the add; the update is looked at first.
std::optional<FusionMiss> findSum(FusionMatch &match) {
  AddOp add = match.add;
  std::optional<FusionMiss> firstMiss;
  const std::pair<Value, Value> roles[] = {
      {add.getUpdate(), add.getResidual()},
      {add.getResidual(), add.getUpdate()}};
  for (auto [update, residual] : roles) {
    auto sum = update.getDefiningOp<AllReduceOp>();
    if (!sum)
      continue;
    std::optional<FusionMiss> miss = checkSum(sum, add);
    if (!miss) {
      match.sum = sum;
      match.update = sum.getPartial();
      match.residual = residual;
      return std::nullopt;
    }
    if (!firstMiss)
      firstMiss = miss;
  }
  return firstMiss;
}

} // namespace

bool lamina::isFusionSite(RmsNormOp norm, int64_t ranks) {
  Operation *definition = norm.getInput().getDefiningOp();
  if (!definition || isDefinedBehind(norm.getInput(), norm))
    return false;
  if (isa<ResidualRmsNormOp, AllReduceResidualRmsNormOp>(definition))
    return norm.getInput() == definition->getResult(1);
  auto add = dyn_cast<AddOp>(definition);
  if (!add || isDefinedBehind(add.getUpdate(), add) ||
      isDefinedBehind(add.getResidual(), add))
    return false;
  return ranks == 1 || add.getUpdate().getDefiningOp<AllReduceOp>() ||
         add.getResidual().getDefiningOp<AllReduceOp>();
}

FusionResult lamina::matchFusionSite(RmsNormOp norm, int64_t ranks) {
  FusionMatch match;
  match.norm = norm;
  match.add = norm.getInput().getDefiningOp<AddOp>();
  if (!match.add)
    return kAlreadyFused;
  if (match.add->getBlock() != norm->getBlock())
    return kNormInOtherBlock;
  match.update = match.add.getUpdate();
  match.residual = match.add.getResidual();
  if (ranks > 1)
    if (std::optional<FusionMiss> miss = findSum(match))
      return *miss;
  // The fused op is built at the add: its users may precede the norm.
  if (!isDefinedBefore(norm.getLayer(), match.add))
    return kLateLayer;
  return match;
}

int64_t lamina::getExecutionCount(Operation *op) {
  uint64_t count = 1;
  for (auto loop = op->getParentOfType<LayersOp>(); loop;
       loop = loop->getParentOfType<LayersOp>())
    count = llvm::SaturatingMultiply<uint64_t>(count, loop.getCount());
  return std::min<uint64_t>(count, INT64_MAX);
}

StringRef lamina::getFunctionName(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  return function ? function.getName() : StringRef();
}
