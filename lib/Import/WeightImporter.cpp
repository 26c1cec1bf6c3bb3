//===- WeightImporter.cpp - The weights of a module -----------------------===//

#include "WeightImporter.h"

#include "lamina/IR/LlamaWeights.h"
#include "lamina/Import/SummationTree.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace lamina;

namespace {

/// How a role appears in IR: its symbol, and the key of config.json that its
/// shape comes from.
struct RoleInfo {
  const char *symbol;
  const char *key;
};

RoleInfo getRoleInfo(TensorRole role) {
  switch (role) {
  case TensorRole::Embedding:
    return {"embed", "vocab_size"};
  case TensorRole::OutputNorm:
    return {"output_norm", "rms_norm_eps"};
  case TensorRole::LmHead:
    return {"lm_head", "vocab_size"};
  case TensorRole::AttentionNorm:
    return {"attn_norm", "rms_norm_eps"};
  case TensorRole::FeedForwardNorm:
    return {"ffn_norm", "rms_norm_eps"};
  case TensorRole::Query:
    return {"wq", "num_attention_heads"};
  case TensorRole::QueryBias:
    return {"wq_bias", "num_attention_heads"};
  case TensorRole::Key:
    return {"wk", "num_key_value_heads"};
  case TensorRole::KeyBias:
    return {"wk_bias", "num_key_value_heads"};
  case TensorRole::Value:
    return {"wv", "num_key_value_heads"};
  case TensorRole::ValueBias:
    return {"wv_bias", "num_key_value_heads"};
  case TensorRole::AttentionOutput:
    return {"wo", "num_attention_heads"};
  case TensorRole::AttentionOutputBias:
    return {"wo_bias", "num_attention_heads"};
  case TensorRole::Gate:
    return {"gate", "intermediate_size"};
  case TensorRole::GateBias:
    return {"gate_bias", "intermediate_size"};
  case TensorRole::Up:
    return {"up", "intermediate_size"};
  case TensorRole::UpBias:
    return {"up_bias", "intermediate_size"};
  case TensorRole::Down:
    return {"down", "intermediate_size"};
  case TensorRole::DownBias:
    return {"down_bias", "intermediate_size"};
  }
  llvm_unreachable("a role");
}

Type getElementType(MLIRContext *context, DType dtype) {
  switch (dtype) {
  case DType::F32:
    return Float32Type::get(context);
  case DType::F16:
    return Float16Type::get(context);
  case DType::BF16:
    return BFloat16Type::get(context);
  }
  llvm_unreachable("a type of DType");
}

/// The name of a storage type, for symbols: `q4_k`.
std::string getTypeName(Type type) {
  if (auto block = dyn_cast<BlockType>(type))
    return stringifyBlockFormat(block.getFormat()).str();
  return type.isF32() ? "f32" : type.isF16() ? "f16" : "bf16";
}

} // namespace

WeightImporter::WeightImporter(const LlamaConfig &config, const Model *model,
                               const LlamaImportOptions &options,
                               OpBuilder &builder)
    : config(config), model(model), builder(builder) {
  storage = options.weights
                ? options.weights
                : getElementType(builder.getContext(), config.dtype);
  plainStorage = isa<BlockType>(storage) ? builder.getF32Type() : storage;
  if (!model)
    return;
  for (const auto &tensors : model->tensors.byRole)
    for (const CheckpointTensor *tensor : tensors)
      uniform &= tensor->type == tensors.front()->type;
}

Location WeightImporter::locate(StringRef name, StringRef key) const {
  json::LineColumn place = config.placeOf(key);
  return NameLoc::get(
      StringAttr::get(builder.getContext(), name),
      FileLineColLoc::get(StringAttr::get(builder.getContext(), config.file),
                          place.line, place.column));
}

/// The storage type of a role where only the config is known.
Type WeightImporter::getConfigType(TensorRole role) const {
  std::vector<int64_t> shape = getTensorShape(config, role);
  if (shape.size() == 1)
    return plainStorage;
  bool isWhole = shape[1] % getBlockSize(storage) == 0;
  return isWhole ? storage : builder.getF16Type();
}

Type WeightImporter::getRoleType(TensorRole role, int64_t layer) const {
  if (!model)
    return getConfigType(role);
  const CheckpointTensor *tensor =
      model->tensors[role][hasLayers(role) ? size_t(layer) : 0];
  return getStorageType(builder.getContext(), getName(tensor->type));
}

/// The number of elements that no leaf may cut, over all layers.
int64_t WeightImporter::getUnit(TensorRole role) const {
  if (!model)
    return getBlockSize(getConfigType(role));
  int64_t unit = 1;
  for (const CheckpointTensor *tensor : model->tensors[role])
    unit = std::max(unit, getBlockElements(tensor->type));
  return unit;
}

PlacementAttr WeightImporter::getPlacement(TensorRole role,
                                           ArrayRef<int64_t> layers) const {
  if (!model)
    return {};
  llvm::MapVector<unsigned, int32_t> fileIndex;
  SmallVector<Attribute> names;
  SmallVector<int32_t> files;
  SmallVector<int64_t> offsets;
  for (int64_t layer : layers) {
    const CheckpointTensor *tensor = model->tensors[role][size_t(layer)];
    auto [entry, isNew] =
        fileIndex.try_emplace(tensor->file, int32_t(names.size()));
    if (isNew)
      names.push_back(builder.getStringAttr(model->getFileName(tensor->file)));
    files.push_back(entry->second);
    offsets.push_back(int64_t(tensor->offset));
  }
  return PlacementAttr::get(builder.getContext(), builder.getArrayAttr(names),
                            builder.getDenseI32ArrayAttr(files),
                            builder.getDenseI64ArrayAttr(offsets));
}

/// Declares a weight of the role that has the given layers of the model.
WeightOp WeightImporter::addWeight(TensorRole role, StringRef symbol,
                                   ArrayRef<int64_t> layers) {
  std::string source =
      getTensorName(model ? model->format : ModelFormat::HuggingFace, role);
  IntegerAttr numLayers;
  if (hasLayers(role))
    numLayers = builder.getI64IntegerAttr(int64_t(layers.size()));
  auto type = RankedTensorType::get(getTensorShape(config, role),
                                    getRoleType(role, layers.front()));
  return WeightOp::create(
      builder, locate(source, getRoleInfo(role).key),
      builder.getStringAttr(symbol), builder.getStringAttr("private"),
      TypeAttr::get(type), numLayers, builder.getStringAttr(source),
      /*derived=*/Attribute(), SplitAttr(), getPlacement(role, layers));
}

void WeightImporter::addRole(TensorRole role) { addMatrix(role, role); }

/// Declares the weights of `role`, and with another `bias` those of the bias:
/// one of all layers, or one for each storage type.
void WeightImporter::addMatrix(TensorRole role, TensorRole bias) {
  bool hasBias = bias != role;
  int64_t count = hasLayers(role) ? config.numLayers : 1;
  StringRef symbol = getRoleInfo(role).symbol;
  llvm::MapVector<std::pair<Type, Type>, SmallVector<int64_t>> groups;
  for (int64_t layer = 0; layer < count; ++layer)
    groups[{getRoleType(role, layer),
            hasBias ? getRoleType(bias, layer) : Type()}]
        .push_back(layer);

  auto &entries = weights[size_t(role)];
  entries.resize(uniform || !hasLayers(role) ? 1 : size_t(count));
  for (auto &[types, layers] : groups) {
    std::string suffix;
    if (groups.size() > 1) {
      suffix = "_" + getTypeName(types.first);
      if (hasBias)
        suffix += "_" + getTypeName(types.second);
    }
    ImportedWeight entry;
    entry.weight = addWeight(role, (symbol + suffix).str(), layers);
    if (hasBias) {
      WeightOp vector = addWeight(
          bias, (Twine(getRoleInfo(bias).symbol) + suffix).str(), layers);
      entry.bias = FlatSymbolRefAttr::get(vector.getSymNameAttr());
    }
    if (entries.size() == 1) {
      entries.front() = entry;
      continue;
    }
    for (auto [index, layer] : llvm::enumerate(layers)) {
      entry.index = builder.getI64IntegerAttr(int64_t(index));
      entries[size_t(layer)] = entry;
    }
  }
}

void WeightImporter::addWeights() {
  rowSplitWays = getRowSplitWays(
      config.numHeads, config.numKvHeads,
      {{config.queryFeatures(), getUnit(TensorRole::AttentionOutput)},
       {config.intermediateSize, getUnit(TensorRole::Down)}});
  auto addMatrixOrBoth = [&](TensorRole role, TensorRole bias, bool hasBias) {
    addMatrix(role, hasBias ? bias : role);
  };
  addRole(TensorRole::Embedding);
  addRole(TensorRole::AttentionNorm);
  bool hasBias = config.hasAttentionBias;
  addMatrixOrBoth(TensorRole::Query, TensorRole::QueryBias, hasBias);
  addMatrixOrBoth(TensorRole::Key, TensorRole::KeyBias, hasBias);
  addMatrixOrBoth(TensorRole::Value, TensorRole::ValueBias, hasBias);
  addMatrixOrBoth(TensorRole::AttentionOutput, TensorRole::AttentionOutputBias,
                  hasBias);
  addRole(TensorRole::FeedForwardNorm);
  hasBias = config.hasMlpBias;
  addMatrixOrBoth(TensorRole::Gate, TensorRole::GateBias, hasBias);
  addMatrixOrBoth(TensorRole::Up, TensorRole::UpBias, hasBias);
  addMatrixOrBoth(TensorRole::Down, TensorRole::DownBias, hasBias);
  addRole(TensorRole::OutputNorm);
  if (config.hasTiedEmbeddings)
    weights[size_t(TensorRole::LmHead)] =
        weights[size_t(TensorRole::Embedding)];
  else
    addRole(TensorRole::LmHead);
}

ImportedWeight WeightImporter::get(TensorRole role, int64_t layer) const {
  const auto &entries = weights[size_t(role)];
  return entries.size() == 1 ? entries.front() : entries[size_t(layer)];
}

SmallVector<int64_t> WeightImporter::getLeaves(TensorRole role,
                                               WeightOp weight) const {
  bool isSplitByRows =
      role == TensorRole::AttentionOutput || role == TensorRole::Down;
  std::vector<int64_t> leaves =
      lamina::getLeaves(isSplitByRows ? rowSplitWays : 1, weight.getIn(),
                        getBlockSize(weight.getStorageType()));
  return SmallVector<int64_t>(leaves.begin(), leaves.end());
}
