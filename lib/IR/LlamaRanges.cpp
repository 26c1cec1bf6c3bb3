//===- LlamaRanges.cpp - Ranges, ranks and places of collectives ----------===//

#include "lamina/IR/LlamaDistribution.h"

#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"

using namespace mlir;
using namespace lamina;

Range lamina::getUnitRange(int64_t units, int64_t rank, int64_t ranks) {
  auto boundary = [&](int64_t r) {
    return int64_t(static_cast<__int128>(r) * units / ranks);
  };
  if (units < ranks)
    return {boundary(rank), boundary(rank) + 1};
  return {boundary(rank), boundary(rank + 1)};
}

Range lamina::getColumnRange(int64_t features, Attribute encoding, int64_t rank,
                             int64_t ranks) {
  auto columns = dyn_cast_or_null<ColumnsAttr>(encoding);
  if (!columns)
    return {0, features};
  int64_t unit = columns.getUnit();
  Range units = getUnitRange(features / unit, rank, ranks);
  return {units.begin * unit, units.end * unit};
}

bool lamina::hasCopies(int64_t features, int64_t unit, int64_t ranks) {
  return unit > 0 && features / unit < ranks;
}

Attribute lamina::getDistribution(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || !tensor.getEncoding() ||
      !isa<PartialAttr, RowsAttr, ColumnsAttr, RootAttr>(tensor.getEncoding()))
    return {};
  return tensor.getEncoding();
}

Type lamina::findDistributedType(Operation *op) {
  auto find = [](TypeRange types) -> Type {
    for (Type type : types)
      if (getDistribution(type))
        return type;
    return {};
  };
  if (Type type = find(op->getOperandTypes()))
    return type;
  if (Type type = find(op->getResultTypes()))
    return type;
  for (Region &region : op->getRegions())
    for (Block &block : region)
      if (Type type = find(block.getArgumentTypes()))
        return type;
  return {};
}

RankedTensorType lamina::withDistribution(RankedTensorType type,
                                          Attribute encoding) {
  return RankedTensorType::get(type.getShape(), type.getElementType(),
                               encoding);
}

std::optional<int64_t> lamina::getRanks(Operation *op) {
  for (; op; op = op->getParentOp())
    if (auto ranks =
            op->getAttrOfType<IntegerAttr>(LlamaDialect::getRanksAttrName()))
      return ranks.getInt();
  return std::nullopt;
}

bool lamina::isCollective(Operation *op) {
  auto effects = dyn_cast<MemoryEffectOpInterface>(op);
  if (!effects)
    return false;
  SmallVector<MemoryEffects::EffectInstance> instances;
  effects.getEffects(instances);
  return llvm::any_of(instances, [](const MemoryEffects::EffectInstance &e) {
    return e.getResource() == CollectiveOrder::get();
  });
}

bool lamina::isCollectivePlace(Operation *parent) {
  while (isa<LayersOp>(parent))
    parent = parent->getParentOp();
  auto function = dyn_cast<func::FuncOp>(parent);
  return function && function.getBody().hasOneBlock();
}

Operation *lamina::findRowSource(Value value) {
  // Code that cannot be reached may read its own results.
  llvm::SmallPtrSet<Value, 8> seen;
  while (seen.insert(value).second) {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto loop = dyn_cast<LayersOp>(argument.getOwner()->getParentOp());
      if (!loop || argument.getArgNumber() == 0)
        return nullptr;
      value = loop.getInits()[argument.getArgNumber() - 1];
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (isa<EmbedOp, SelectRowsOp>(op) ||
        !isa_and_nonnull<LlamaDialect>(op->getDialect()) ||
        op->getNumOperands() == 0)
      return op;
    if (auto loop = dyn_cast<LayersOp>(op))
      value = loop.getInits()[cast<OpResult>(value).getResultNumber()];
    else
      value = op->getOperand(0);
  }
  return value.getDefiningOp();
}

std::string lamina::describeDistribution(Attribute encoding) {
  if (!encoding)
    return "whole";
  std::string text;
  llvm::raw_string_ostream(text) << encoding;
  return text;
}

bool lamina::ranksOwnTheirHeads(int64_t heads, int64_t kvHeads, int64_t headDim,
                                ColumnsAttr query, ColumnsAttr key,
                                int64_t ranks) {
  int64_t group = heads / kvHeads;
  for (int64_t rank = 0; rank < ranks; ++rank) {
    Range mine = getColumnRange(heads * headDim, query, rank, ranks);
    Range cached = getColumnRange(kvHeads * headDim, key, rank, ranks);
    if (mine.size() == 0)
      continue;
    int64_t first = mine.begin / headDim / group;
    int64_t last = (mine.end / headDim - 1) / group;
    if (first < cached.begin / headDim || last >= cached.end / headDim)
      return false;
  }
  return true;
}
