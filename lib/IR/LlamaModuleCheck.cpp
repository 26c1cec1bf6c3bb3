//===- LlamaModuleCheck.cpp - What `llama.ranks` promises of its module ---===//
//
// The verifiers of the dialect's discardable attributes. That of `llama.ranks`
// checks what no op can check alone: that no op outside the dialect touches an
// encoded value, and that every rank reaches every collective.
//
//===----------------------------------------------------------------------===//

#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace lamina;

namespace {

/// The functions under an op that hold a collective, themselves or by calls.
/// Also of IR that was not verified.
class CollectiveCallees {
public:
  explicit CollectiveCallees(Operation *root);

  /// True if the function that `user` names `symbol` holds a collective.
  bool holdsCollective(Operation *user, FlatSymbolRefAttr symbol) const;

private:
  Operation *lookUp(Operation *user, FlatSymbolRefAttr symbol) const;

  mutable SymbolTableCollection symbols; // a cache
  llvm::DenseSet<Operation *> holders;   // only asked
};

CollectiveCallees::CollectiveCallees(Operation *root) {
  // From the functions with a collective back to their callers.
  llvm::MapVector<Operation *, SmallVector<Operation *>> callers;
  SmallVector<Operation *> open;
  root->walk([&](Operation *op) {
    auto function = op->getParentOfType<func::FuncOp>();
    if (!function)
      return;
    if (auto call = dyn_cast<func::CallOp>(op)) {
      if (Operation *callee = lookUp(call, call.getCalleeAttr()))
        callers[callee].push_back(function);
    } else if (isa_and_nonnull<LlamaDialect>(op->getDialect()) &&
               isCollective(op)) {
      open.push_back(function);
    }
  });
  while (!open.empty()) {
    Operation *function = open.pop_back_val();
    if (holders.insert(function).second)
      llvm::append_range(open, callers.lookup(function));
  }
}

Operation *CollectiveCallees::lookUp(Operation *user,
                                     FlatSymbolRefAttr symbol) const {
  return symbol ? symbols.lookupNearestSymbolFrom(user, symbol) : nullptr;
}

bool CollectiveCallees::holdsCollective(Operation *user,
                                        FlatSymbolRefAttr symbol) const {
  return holders.contains(lookUp(user, symbol));
}

} // namespace

/// Checks that `op`, which is not of this dialect, touches no encoded value.
static LogicalResult verifyForeignOp(Operation *op) {
  if (isa<func::FuncOp, func::ReturnOp, func::CallOp>(op))
    return success();
  Type found = findDistributedType(op);
  if (!found)
    return success();
  return op->emitOpError("is no llama op and does not know a value of type ")
         << found;
}

/// Returns the op around `op` that is no `llama.layers`.
static Operation *getParentOfLayers(Operation *op) {
  Operation *parent = op->getParentOp();
  while (isa<LayersOp>(parent))
    parent = parent->getParentOp();
  return parent;
}

/// Says where `op` sits that is no place of a collective.
static std::string describePlace(Operation *op) {
  Operation *parent = getParentOfLayers(op);
  std::string name = parent->getName().getStringRef().str();
  return isa<func::FuncOp>(parent) ? name + " of several blocks" : name;
}

/// Checks that a collective sits directly in a function or in `llama.layers`
/// of a function.
static LogicalResult verifyCollectivePlace(Operation *op) {
  if (!isCollective(op) || isCollectivePlace(op->getParentOp()))
    return success();
  return op->emitOpError(
             "is a collective and needs to sit directly in func.func or "
             "llama.layers, got ")
         << describePlace(op);
}

/// Checks that a call that not every rank may reach is of a function without
/// collectives.
static LogicalResult verifyCall(func::CallOp call, Operation *root,
                                std::optional<CollectiveCallees> &callees) {
  if (isCollectivePlace(call->getParentOp()))
    return success();
  if (!callees)
    callees.emplace(root);
  if (!callees->holdsCollective(call, call.getCalleeAttr()))
    return success();
  return call.emitOpError("calls ")
         << call.getCalleeAttr()
         << ", which holds a collective, and needs to sit directly in "
            "func.func or llama.layers, got "
         << describePlace(call);
}

/// Checks that nobody can call a function with a collective by its address:
/// who does is not known.
static LogicalResult verifyConstant(func::ConstantOp constant, Operation *root,
                                    std::optional<CollectiveCallees> &callees) {
  if (!callees)
    callees.emplace(root);
  if (!callees->holdsCollective(constant, constant.getValueAttr()))
    return success();
  return constant.emitOpError("takes the address of ")
         << constant.getValueAttr()
         << ", which holds a collective, and needs to be a func.call";
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
  std::optional<CollectiveCallees> callees;
  // In program order, so that `scf.if` is reported before its `scf.yield`.
  auto check = [&](Operation *op) -> WalkResult {
    if (auto call = dyn_cast<func::CallOp>(op))
      return verifyCall(call, root, callees);
    if (auto constant = dyn_cast<func::ConstantOp>(op))
      return verifyConstant(constant, root, callees);
    if (op->getDialect() != this)
      return verifyForeignOp(op);
    return verifyCollectivePlace(op);
  };
  return failure(root->walk<WalkOrder::PreOrder>(check).wasInterrupted());
}

LogicalResult LlamaDialect::verifyRegionArgAttribute(Operation *op, unsigned,
                                                     unsigned index,
                                                     NamedAttribute attribute) {
  return op->emitOpError(
             "needs no attribute of the llama dialect on argument #")
         << index << ", got '" << attribute.getName().getValue() << "'";
}

LogicalResult LlamaDialect::verifyRegionResultAttribute(
    Operation *op, unsigned, unsigned index, NamedAttribute attribute) {
  return op->emitOpError("needs no attribute of the llama dialect on result #")
         << index << ", got '" << attribute.getName().getValue() << "'";
}
