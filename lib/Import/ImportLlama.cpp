//===- ImportLlama.cpp - A model to IR ------------------------------------===//

#include "lamina/Import/ImportLlama.h"

#include "WeightImporter.h"
#include "lamina/IR/LlamaOps.h"
#include "lamina/Import/InverseFrequencies.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

using namespace mlir;
using namespace lamina;

namespace {

/// The layer that ops are built for: the loop's, or one of straight code.
struct LayerRef {
  Value loop;
  int64_t number = 0;
};

/// Builds one module. Keys of the config are named where they give an op its
/// place in the file.
class Importer {
public:
  Importer(MLIRContext *context, const LlamaConfig &config, const Model *model,
           const LlamaImportOptions &options);

  OwningOpRef<ModuleOp> run();

private:
  RankedTensorType getActivationType(int64_t features, Type element) const {
    return RankedTensorType::get({ShapedType::kDynamic, features}, element);
  }

  Value createNorm(TensorRole role, Value input, LayerRef layer);
  Value createLinear(TensorRole role, Value input, LayerRef layer,
                     Type element);
  void createTap(Value observed, StringRef label, LayerRef layer);
  Value createAttention(Value normed, LayerRef layer);
  Value createFeedForward(Value normed, LayerRef layer);
  Value createLayer(Value residual, LayerRef layer);
  Value createLoop(Value embedded);
  void createStep();

  const LlamaConfig &config;
  LlamaImportOptions options;
  OpBuilder builder;
  WeightImporter weights;
  Value positions, sequences;
};

Importer::Importer(MLIRContext *context, const LlamaConfig &config,
                   const Model *model, const LlamaImportOptions &given)
    : config(config), options(given), builder(context),
      weights(config, model, given, builder) {
  if (!options.activations)
    options.activations =
        getStorageType(context, config.dtype == DType::F32   ? "f32"
                                : config.dtype == DType::F16 ? "f16"
                                                             : "bf16");
  if (!options.productInputs)
    options.productInputs = options.activations;
  bool isAllF32 = options.activations.isF32() && options.productInputs.isF32();
  if (!options.cache)
    options.cache =
        isAllF32 ? Type(builder.getF32Type()) : Type(builder.getBF16Type());
}

Value Importer::createNorm(TensorRole role, Value input, LayerRef layer) {
  ImportedWeight norm = weights.get(role, layer.number);
  int64_t features = cast<RankedTensorType>(input.getType()).getDimSize(1);
  return RmsNormOp::create(
      builder, norm.weight.getLoc(),
      getActivationType(features, options.productInputs), input,
      FlatSymbolRefAttr::get(norm.weight.getSymNameAttr()), layer.loop,
      norm.index, builder.getF64FloatAttr(config.rmsNormEps),
      NormModeAttr::get(builder.getContext(), NormMode::hf));
}

Value Importer::createLinear(TensorRole role, Value input, LayerRef layer,
                             Type element) {
  ImportedWeight matrix = weights.get(role, layer.number);
  WeightOp weight = matrix.weight;
  bool isInt8 = options.int8 && isa<BlockType>(weight.getStorageType());
  auto linear = LinearOp::create(
      builder, weight.getLoc(),
      TypeRange{getActivationType(weight.getOut(), element)}, input,
      FlatSymbolRefAttr::get(weight.getSymNameAttr()), layer.loop, matrix.index,
      matrix.bias, isInt8 ? builder.getUnitAttr() : UnitAttr(),
      builder.getDenseI64ArrayAttr(weights.getLeaves(role, weight)));
  return linear.getProducts().front();
}

/// Adds a tap if the options ask for taps.
void Importer::createTap(Value observed, StringRef label, LayerRef layer) {
  if (!options.taps)
    return;
  IntegerAttr index;
  if (!layer.loop && layer.number >= 0)
    index = builder.getI64IntegerAttr(layer.number);
  TapOp::create(builder, weights.locate(label, "architectures"), observed,
                builder.getStringAttr(label), layer.loop, index);
}

Value Importer::createAttention(Value normed, LayerRef layer) {
  MLIRContext *context = builder.getContext();
  Type type = options.productInputs;
  Value query = createLinear(TensorRole::Query, normed, layer, type);
  Value key = createLinear(TensorRole::Key, normed, layer, type);
  Value value = createLinear(TensorRole::Value, normed, layer, type);

  Location loc =
      weights.locate("model.layers.*.self_attn", "num_attention_heads");
  Location ropeLoc = weights.locate("model.layers.*.self_attn", "rope_theta");
  auto rope = RopeAttr::get(
      context, builder.getDenseF64ArrayAttr(computeInverseFrequencies(
                   config.ropeTheta, config.headDim, config.ropeScaling)));
  auto pairing = RopePairingAttr::get(context, config.hasAdjacentPairs
                                                   ? RopePairing::adjacent
                                                   : RopePairing::halves);
  query = RopeOp::create(builder, ropeLoc, query, positions, rope, pairing);
  key = RopeOp::create(builder, ropeLoc, key, positions, rope, pairing);

  // 1 / sqrt(head_dim), correctly rounded.
  double scale = computeInversePower(double(config.headDim), 1, 2).value;
  IntegerAttr index;
  if (!layer.loop)
    index = builder.getI64IntegerAttr(layer.number);
  Value attended = AttentionOp::create(
      builder, loc, query, key, value, positions, sequences, layer.loop, index,
      builder.getI64IntegerAttr(config.numHeads),
      builder.getI64IntegerAttr(config.numKvHeads),
      builder.getF64FloatAttr(scale), TypeAttr::get(options.cache));
  return createLinear(TensorRole::AttentionOutput, attended, layer,
                      options.activations);
}

Value Importer::createFeedForward(Value normed, LayerRef layer) {
  Type type = options.productInputs;
  Value gate = createLinear(TensorRole::Gate, normed, layer, type);
  Value up = createLinear(TensorRole::Up, normed, layer, type);
  Value product = SiluMulOp::create(
      builder, weights.locate("model.layers.*.mlp", "hidden_act"), gate, up);
  return createLinear(TensorRole::Down, product, layer, options.activations);
}

Value Importer::createLayer(Value residual, LayerRef layer) {
  Location loc = weights.locate("model.layers.*", "hidden_size");
  Value normed = createNorm(TensorRole::AttentionNorm, residual, layer);
  Value update = createAttention(normed, layer);
  residual = AddOp::create(builder, loc, residual, update);
  normed = createNorm(TensorRole::FeedForwardNorm, residual, layer);
  update = createFeedForward(normed, layer);
  residual = AddOp::create(builder, loc, residual, update);
  createTap(residual, "hidden.L", layer);
  return residual;
}

Value Importer::createLoop(Value embedded) {
  Type type = embedded.getType();
  Location loc = weights.locate("model.layers", "num_hidden_layers");
  auto layers = LayersOp::create(builder, loc, TypeRange{type},
                                 config.numLayers, ValueRange{embedded});
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&layers.getBody(), {},
                                    {builder.getIndexType(), type}, {loc, loc});
  Value residual =
      createLayer(body->getArgument(1), LayerRef{body->getArgument(0)});
  YieldOp::create(builder, loc, residual);
  return layers.getFinals().front();
}

void Importer::createStep() {
  Type rows =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  Type logits = getActivationType(config.vocabSize, builder.getF32Type());
  Location loc = weights.locate("step", "architectures");
  auto step = func::FuncOp::create(
      builder, loc, "step",
      builder.getFunctionType({rows, rows, rows, rows}, {logits}));
  Block *body = builder.createBlock(&step.getBody());
  for (StringRef name : {"ids", "positions", "sequences", "wanted"})
    body->addArgument(rows, NameLoc::get(builder.getStringAttr(name), loc));
  Value ids = body->getArgument(0), wanted = body->getArgument(3);
  positions = body->getArgument(1);
  sequences = body->getArgument(2);

  WeightOp embed = weights.get(TensorRole::Embedding, 0).weight;
  Value value =
      EmbedOp::create(builder, embed.getLoc(),
                      getActivationType(config.hiddenSize, options.activations),
                      ids, FlatSymbolRefAttr::get(embed.getSymNameAttr()));
  if (weights.isUniform()) {
    value = createLoop(value);
  } else {
    for (int64_t layer = 0; layer < config.numLayers; ++layer)
      value = createLayer(value, LayerRef{Value(), layer});
  }
  value = createNorm(TensorRole::OutputNorm, value, LayerRef());
  createTap(value, "hidden.norm", LayerRef{Value(), -1});
  value = SelectRowsOp::create(builder, loc, value.getType(), value, wanted);
  value =
      createLinear(TensorRole::LmHead, value, LayerRef(), builder.getF32Type());
  func::ReturnOp::create(builder, loc, value);
}

OwningOpRef<ModuleOp> Importer::run() {
  OwningOpRef<ModuleOp> module =
      ModuleOp::create(weights.locate("model", "architectures"));
  builder.setInsertionPointToEnd(module->getBody());
  weights.addWeights();
  createStep();
  return module;
}

} // namespace

Type lamina::getStorageType(MLIRContext *context, StringRef name) {
  if (name == "f32")
    return Float32Type::get(context);
  if (name == "f16")
    return Float16Type::get(context);
  if (name == "bf16")
    return BFloat16Type::get(context);
  context->loadDialect<LlamaDialect>();
  if (std::optional<BlockFormat> format = symbolizeBlockFormat(name))
    return BlockType::get(context, *format);
  return {};
}

OwningOpRef<ModuleOp>
lamina::importLlamaConfig(MLIRContext *context, const LlamaConfig &config,
                          const LlamaImportOptions &options) {
  context->loadDialect<LlamaDialect, func::FuncDialect>();
  return Importer(context, config, nullptr, options).run();
}

OwningOpRef<ModuleOp>
lamina::importLlamaModel(MLIRContext *context, const Model &model,
                         const LlamaImportOptions &options) {
  context->loadDialect<LlamaDialect, func::FuncDialect>();
  return Importer(context, model.config, &model, options).run();
}
