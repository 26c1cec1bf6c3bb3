//===- MergeVariants.cpp - Several numbers of ranks in one module ---------===//

#include "lamina/Conversion/MergeVariants.h"

#include "lamina/Conversion/BufferPlan.h"
#include "lamina/Conversion/RuntimeTables.h"
#include "lamina/IR/LlamaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace lamina;

namespace {

/// The split of an embedding table, which its operation reads.
SplitAttr getTableSplit(WeightOp weight) {
  auto uses = weight->getAttrOfType<ArrayAttr>(kUsesAttr);
  StringAttr embed = StringAttr::get(weight.getContext(), "embed");
  return uses && llvm::is_contained(uses, embed) ? weight.getSplitAttr()
                                                 : SplitAttr();
}

/// Makes `weight` the weight of both modules, if they are the same to the calls
/// that name them by number. Products are split as their slots are; the split
/// of the weight is of one number of ranks.
bool unify(WeightOp weight, WeightOp other) {
  SplitAttr split = getTableSplit(weight);
  // One rank alone has the whole table.
  if (!split)
    split = getTableSplit(other);
  else if (SplitAttr theirs = getTableSplit(other); theirs && theirs != split)
    return false;
  for (WeightOp each : {weight, other})
    split ? each.setSplitAttr(split) : (void)each.removeSplitAttr();
  return weight->getAttrDictionary() == other->getAttrDictionary();
}

/// Checks that what all variants share is the same in both modules; makes the
/// splits of weights so.
LogicalResult checkShared(ModuleOp module, ModuleOp other) {
  auto mine = llvm::to_vector(module.getOps<WeightOp>());
  auto theirs = llvm::to_vector(other.getOps<WeightOp>());
  if (mine.size() != theirs.size())
    return other.emitError("has ")
           << theirs.size() << " weights, expected the " << mine.size()
           << " of the other numbers of ranks";
  for (auto [a, b] : llvm::zip_equal(mine, theirs))
    if (!unify(a, b))
      return b.emitOpError("is not the weight that the other numbers of ranks "
                           "have here, '")
             << a.getSymName() << "'";
  for (ModuleOp each : {module, other})
    for (NamedAttribute attribute : each->getDiscardableAttrs())
      if (attribute.getName() != kVariantsAttr &&
          module->getAttr(attribute.getName()) !=
              other->getAttr(attribute.getName()))
        return other.emitError("has another '")
               << attribute.getName().getValue()
               << "' than the other numbers of ranks";
  return success();
}

} // namespace

LogicalResult lamina::mergeVariants(ModuleOp module, ModuleOp other) {
  auto variants = module->getAttrOfType<ArrayAttr>(kVariantsAttr);
  auto added = other->getAttrOfType<ArrayAttr>(kVariantsAttr);
  if (!variants || !added)
    return other.emitError("needs '") << kVariantsAttr << "'";
  if (failed(checkShared(module, other)))
    return failure();
  for (func::FuncOp function :
       llvm::make_early_inc_range(other.getOps<func::FuncOp>())) {
    if (module.lookupSymbol(function.getNameAttr())) {
      // The operations of the runtime are declared by each.
      if (!function.isDeclaration())
        return function.emitOpError("is in both modules");
      continue;
    }
    function->moveBefore(module.getBody(), module.getBody()->end());
  }
  SmallVector<Attribute> all(variants.getValue());
  llvm::append_range(all, added);
  module->setAttr(kVariantsAttr, ArrayAttr::get(module.getContext(), all));
  return success();
}
