//===- Arguments.cpp - Arguments drawn from a seed ------------------------===//

#include "Arguments.h"
#include "lamina/Support/CheckedMath.h"
#include "llvm/Support/raw_ostream.h"
#include <limits>

using namespace lamina;
using namespace mlir;

/// Elements that an argument has at most.
static constexpr int64_t kMaxElements = int64_t(1) << 30;

namespace {

/// What a tensor of i32 is used for.
struct RowIndices {
  int64_t vocabulary = std::numeric_limits<int64_t>::max();
  bool areIds = false;       // rows of an embedding
  bool areAscending = false; // positions or wanted rows: 0, 1, 2, ...
};

/// Draws one argument.
class ArgumentDrawer {
public:
  ArgumentDrawer(const InterpreterOptions &options, int64_t ranks,
                 const WeightTable &weights, const SymbolTable &symbols)
      : options(options), ranks(ranks), weights(weights), symbols(symbols) {}

  /// Returns argument `index` for each rank; nothing if its type has no values.
  std::vector<RuntimeValue> draw(Value argument, unsigned index);

  /// Whether `type` has more elements than an argument may have.
  bool isTooLarge(Type type) const;

private:
  void findUses(Value value, RowIndices &indices, int depth);
  std::vector<int64_t> getShape(RankedTensorType type) const;
  Tensor drawRowIndices(Value argument, uint64_t key);
  Tensor drawActivations(RankedTensorType type, uint64_t key) const;
  std::vector<RuntimeValue> drawTensor(Value argument, StringRef name);

  uint64_t getKey(StringRef name, uint64_t layer) const {
    return getSeedKey(options.inputSeed, name, layer);
  }

  const InterpreterOptions &options;
  int64_t ranks;
  const WeightTable &weights;
  const SymbolTable &symbols;
};

} // namespace

void ArgumentDrawer::findUses(Value value, RowIndices &indices, int depth) {
  if (depth > 16)
    return;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (auto embed = dyn_cast<EmbedOp>(user)) {
      indices.areIds = true;
      indices.vocabulary = std::min(
          indices.vocabulary, weights.find(embed.getWeightAttr()).getOut());
    } else if (auto rope = dyn_cast<RopeOp>(user)) {
      indices.areAscending = true;
    } else if (auto attention = dyn_cast<AttentionOp>(user)) {
      indices.areAscending |= attention.getPositions() == value;
    } else if (isa<SelectRowsOp>(user)) {
      indices.areAscending = true;
    } else if (auto call = dyn_cast<func::CallOp>(user)) {
      auto callee = symbols.lookup<func::FuncOp>(call.getCallee());
      if (callee && !callee.isExternal())
        findUses(callee.getArgument(use.getOperandNumber()), indices,
                 depth + 1);
    }
  }
}

std::vector<int64_t> ArgumentDrawer::getShape(RankedTensorType type) const {
  std::vector<int64_t> shape = type.getShape().vec();
  for (int64_t &size : shape)
    if (ShapedType::isDynamic(size))
      size = options.tokens;
  return shape;
}

bool ArgumentDrawer::isTooLarge(Type type) const {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return false;
  std::vector<int64_t> shape = getShape(tensor);
  if (llvm::is_contained(shape, 0))
    return false;
  std::optional<int64_t> count = 1;
  for (int64_t size : shape)
    if (count)
      count = checkedMul<int64_t>(*count, size);
  return !count || *count > kMaxElements;
}

Tensor ArgumentDrawer::drawRowIndices(Value argument, uint64_t key) {
  Tensor tensor(Element::i32,
                getShape(cast<RankedTensorType>(argument.getType())));
  RowIndices indices;
  findUses(argument, indices, 0);
  for (size_t i = 0; i < tensor.data.size(); ++i) {
    if (indices.areIds && i < options.ids.size())
      tensor.data[i] = options.ids[i];
    else if (indices.areIds)
      tensor.data[i] = static_cast<double>(
          mixBits(key ^ i) % static_cast<uint64_t>(indices.vocabulary));
    else if (indices.areAscending)
      tensor.data[i] = static_cast<double>(i);
  }
  return tensor;
}

Tensor ArgumentDrawer::drawActivations(RankedTensorType type,
                                       uint64_t key) const {
  Tensor tensor(*getElement(type), getShape(type));
  for (size_t i = 0; i < tensor.data.size(); ++i)
    tensor.data[i] =
        roundTo(tensor.element, static_cast<float>(drawUnit(key, i)));
  return tensor;
}

std::vector<RuntimeValue> ArgumentDrawer::drawTensor(Value argument,
                                                     StringRef name) {
  auto type = cast<RankedTensorType>(argument.getType());
  std::vector<RuntimeValue> values(ranks);
  Attribute encoding = type.getEncoding();
  if (isa_and_nonnull<PartialAttr>(encoding)) {
    for (int64_t rank = 0; rank < ranks; ++rank)
      values[rank].tensor = std::make_shared<const Tensor>(
          drawActivations(type, getKey(name, rank + 1)));
    return values;
  }
  auto whole = std::make_shared<const Tensor>(
      getElement(type) == Element::i32
          ? drawRowIndices(argument, getKey(name, 0))
          : drawActivations(type, getKey(name, 0)));
  for (int64_t rank = 0; rank < ranks; ++rank) {
    if (isa_and_nonnull<ColumnsAttr>(encoding))
      values[rank].tensor = std::make_shared<const Tensor>(
          sliceColumns(*whole, getColumnSpan(type, rank, ranks)));
    else if (isInRows(type))
      values[rank].tensor = std::make_shared<const Tensor>(
          sliceRows(*whole, getRowSpan(whole->rows(), rank, ranks)));
    else if (!isa_and_nonnull<RootAttr>(encoding) || rank == 0)
      values[rank].tensor = whole;
  }
  return values;
}

std::vector<RuntimeValue> ArgumentDrawer::draw(Value argument, unsigned index) {
  std::string name = "argument " + std::to_string(index);
  Type type = argument.getType();
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (tensor && getElement(type))
    return drawTensor(argument, name);
  std::vector<RuntimeValue> values(ranks);
  for (int64_t rank = 0; rank < ranks; ++rank) {
    uint64_t key = getKey(name, rank + 1);
    if (type.isIndex() ||
        (isa<IntegerType>(type) && type.getIntOrFloatBitWidth() <= 64)) {
      values[rank].integer =
          static_cast<int64_t>(mixBits(key) % (type.isInteger(1) ? 2 : 4));
    } else if (isa<FloatType>(type) && getElement(type)) {
      Tensor scalar(*getElement(type), {});
      scalar.data[0] =
          roundTo(scalar.element, static_cast<float>(drawUnit(key, 0)));
      values[rank].tensor = std::make_shared<const Tensor>(std::move(scalar));
    } else {
      return {};
    }
  }
  return values;
}

std::vector<llvm::SmallVector<RuntimeValue>>
lamina::drawArguments(func::FuncOp function, const InterpreterOptions &options,
                      int64_t ranks, const WeightTable &weights,
                      const SymbolTable &symbols, std::string &error,
                      Outcome &outcome) {
  ArgumentDrawer drawer(options, ranks, weights, symbols);
  std::vector<llvm::SmallVector<RuntimeValue>> arguments(ranks);
  for (auto [index, argument] : llvm::enumerate(function.getArguments())) {
    llvm::raw_string_ostream os(error);
    if (drawer.isTooLarge(argument.getType())) {
      os << "argument " << index << ": " << argument.getType()
         << ", expected at most " << kMaxElements << " elements";
      outcome = Outcome::limit;
      return {};
    }
    std::vector<RuntimeValue> values =
        drawer.draw(argument, static_cast<unsigned>(index));
    if (values.empty()) {
      os << "argument " << index << ": " << argument.getType()
         << ", expected a tensor of f32, f16, bf16 or i32, or f32, f16, bf16 "
            "or an integer of at most 64 bits";
      outcome = Outcome::unsupported;
      return {};
    }
    for (int64_t rank = 0; rank < ranks; ++rank)
      arguments[rank].push_back(values[rank]);
  }
  return arguments;
}
