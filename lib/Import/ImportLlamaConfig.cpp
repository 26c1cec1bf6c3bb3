//===- ImportLlamaConfig.cpp - Configuration to IR ------------------------===//

#include "lamina/Import/ImportLlamaConfig.h"

#include "lamina/IR/LlamaOps.h"
#include "lamina/IR/LlamaWeights.h"
#include "lamina/Import/InverseFrequencies.h"
#include "lamina/Import/SummationTree.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace lamina;

namespace {

/// Builds one module. Keys of the config are named where they give an op its
/// place in the file.
class Importer {
public:
  Importer(MLIRContext *context, const LlamaConfig &config,
           const LlamaImportOptions &options);

  OwningOpRef<ModuleOp> run();

private:
  /// A matrix of the model, and the tree of the products with it.
  struct Matrix {
    WeightOp weight;
    FlatSymbolRefAttr bias;
    SmallVector<int64_t> leaves;
  };

  Location locate(StringRef name, StringRef key) const;
  Type getMatrixStorage(int64_t in) const;
  RankedTensorType getActivationType(int64_t features) const;

  WeightOp addWeight(StringRef symbol, StringRef source, StringRef key,
                     ArrayRef<int64_t> shape, Type storage);
  WeightOp addVector(StringRef symbol, StringRef source, StringRef key,
                     int64_t size);
  Matrix addMatrix(StringRef symbol, StringRef module, StringRef key,
                   int64_t out, int64_t in, int64_t ways, bool hasBias);
  void addWeights();

  Value createNorm(WeightOp weight, Value input, Value layer);
  Value createLinear(const Matrix &matrix, Value input, Value layer,
                     Type element);
  Value createAttention(Value normed, Value layer);
  Value createFeedForward(Value normed, Value layer);
  LayersOp createLayers(Value embedded);
  void createStep();

  const LlamaConfig &config;
  OpBuilder builder;
  Type activation;   // of activations and of the residual
  Type storage;      // of matrices
  Type plainStorage; // of norms and biases
  OwningOpRef<ModuleOp> module;

  WeightOp embed, attnNorm, ffnNorm, outputNorm;
  Matrix wq, wk, wv, wo, gate, up, down, lmHead;
  Value positions, sequences;
};

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

Importer::Importer(MLIRContext *context, const LlamaConfig &config,
                   const LlamaImportOptions &options)
    : config(config), builder(context) {
  Type dtype = getElementType(context, config.dtype);
  activation = options.activations ? options.activations : dtype;
  storage = options.weights ? options.weights : dtype;
  plainStorage = isa<BlockType>(storage) ? builder.getF32Type() : storage;
}

/// The location of an op: `name` is the checkpoint's, with `*` for the layer,
/// and `key` the key of the config that shapes the op.
Location Importer::locate(StringRef name, StringRef key) const {
  json::LineColumn place = config.placeOf(key);
  return NameLoc::get(
      StringAttr::get(builder.getContext(), name),
      FileLineColLoc::get(StringAttr::get(builder.getContext(), config.file),
                          place.line, place.column));
}

Type Importer::getMatrixStorage(int64_t in) const {
  bool isWhole = in % getBlockSize(storage) == 0;
  return isWhole ? storage : Float16Type::get(builder.getContext());
}

RankedTensorType Importer::getActivationType(int64_t features) const {
  return RankedTensorType::get({ShapedType::kDynamic, features}, activation);
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

WeightOp Importer::addWeight(StringRef symbol, StringRef source, StringRef key,
                             ArrayRef<int64_t> shape, Type storage) {
  IntegerAttr layers;
  if (source.contains('*'))
    layers = builder.getI64IntegerAttr(config.numLayers);
  return WeightOp::create(
      builder, locate(source, key), builder.getStringAttr(symbol),
      builder.getStringAttr("private"),
      TypeAttr::get(RankedTensorType::get(shape, storage)), layers,
      builder.getStringAttr(source), /*derived=*/Attribute(), SplitAttr(),
      PlacementAttr());
}

WeightOp Importer::addVector(StringRef symbol, StringRef source, StringRef key,
                             int64_t size) {
  return addWeight(symbol, source, key, {size}, plainStorage);
}

/// Adds `<module>.weight`, and `<module>.bias` as `@<symbol>_bias`.
Importer::Matrix Importer::addMatrix(StringRef symbol, StringRef module,
                                     StringRef key, int64_t out, int64_t in,
                                     int64_t ways, bool hasBias) {
  Type type = getMatrixStorage(in);
  Matrix matrix;
  matrix.weight =
      addWeight(symbol, (module + ".weight").str(), key, {out, in}, type);
  if (hasBias) {
    WeightOp bias =
        addVector((symbol + "_bias").str(), (module + ".bias").str(), key, out);
    matrix.bias = FlatSymbolRefAttr::get(bias.getSymNameAttr());
  }
  std::vector<int64_t> leaves = getLeaves(ways, in, getBlockSize(type));
  matrix.leaves.assign(leaves.begin(), leaves.end());
  return matrix;
}

void Importer::addWeights() {
  int64_t hidden = config.hiddenSize, ffn = config.intermediateSize;
  int64_t query = config.queryFeatures(), kv = config.kvFeatures();
  auto getUnit = [&](int64_t in) { return getBlockSize(getMatrixStorage(in)); };
  int64_t ways =
      getRowSplitWays(config.numHeads, config.numKvHeads,
                      {{query, getUnit(query)}, {ffn, getUnit(ffn)}});

  embed = addWeight("embed", "model.embed_tokens.weight", "vocab_size",
                    {config.vocabSize, hidden}, getMatrixStorage(hidden));
  attnNorm = addVector("attn_norm", "model.layers.*.input_layernorm.weight",
                       "rms_norm_eps", hidden);
  bool bias = config.hasAttentionBias;
  wq = addMatrix("wq", "model.layers.*.self_attn.q_proj", "num_attention_heads",
                 query, hidden, /*ways=*/1, bias);
  wk = addMatrix("wk", "model.layers.*.self_attn.k_proj", "num_key_value_heads",
                 kv, hidden, /*ways=*/1, bias);
  wv = addMatrix("wv", "model.layers.*.self_attn.v_proj", "num_key_value_heads",
                 kv, hidden, /*ways=*/1, bias);
  wo = addMatrix("wo", "model.layers.*.self_attn.o_proj", "num_attention_heads",
                 hidden, query, ways, bias);
  ffnNorm =
      addVector("ffn_norm", "model.layers.*.post_attention_layernorm.weight",
                "rms_norm_eps", hidden);
  bias = config.hasMlpBias;
  gate = addMatrix("gate", "model.layers.*.mlp.gate_proj", "intermediate_size",
                   ffn, hidden, /*ways=*/1, bias);
  up = addMatrix("up", "model.layers.*.mlp.up_proj", "intermediate_size", ffn,
                 hidden, /*ways=*/1, bias);
  down = addMatrix("down", "model.layers.*.mlp.down_proj", "intermediate_size",
                   hidden, ffn, ways, bias);
  outputNorm =
      addVector("output_norm", "model.norm.weight", "rms_norm_eps", hidden);
  if (config.hasTiedEmbeddings) {
    std::vector<int64_t> leaves = getLeaves(1, hidden, getUnit(hidden));
    lmHead = {embed, nullptr, {leaves.begin(), leaves.end()}};
  } else {
    lmHead = addMatrix("lm_head", "lm_head", "vocab_size", config.vocabSize,
                       hidden, /*ways=*/1, /*hasBias=*/false);
  }
}

//===----------------------------------------------------------------------===//
// The step
//===----------------------------------------------------------------------===//

Value Importer::createNorm(WeightOp weight, Value input, Value layer) {
  return RmsNormOp::create(
      builder, weight.getLoc(), input.getType(), input,
      FlatSymbolRefAttr::get(weight.getSymNameAttr()), layer,
      /*index=*/nullptr, builder.getF64FloatAttr(config.rmsNormEps),
      NormModeAttr::get(builder.getContext(), NormMode::hf));
}

Value Importer::createLinear(const Matrix &matrix, Value input, Value layer,
                             Type element) {
  WeightOp weight = matrix.weight;
  auto type =
      RankedTensorType::get({ShapedType::kDynamic, weight.getOut()}, element);
  auto linear =
      LinearOp::create(builder, weight.getLoc(), TypeRange{type}, input,
                       FlatSymbolRefAttr::get(weight.getSymNameAttr()), layer,
                       /*index=*/nullptr, matrix.bias,
                       builder.getDenseI64ArrayAttr(matrix.leaves));
  return linear.getProducts().front();
}

Value Importer::createAttention(Value normed, Value layer) {
  MLIRContext *context = builder.getContext();
  Value query = createLinear(wq, normed, layer, activation);
  Value key = createLinear(wk, normed, layer, activation);
  Value value = createLinear(wv, normed, layer, activation);

  Location loc = locate("model.layers.*.self_attn", "num_attention_heads");
  Location ropeLoc = locate("model.layers.*.self_attn", "rope_theta");
  auto rope = RopeAttr::get(
      context, builder.getDenseF64ArrayAttr(computeInverseFrequencies(
                   config.ropeTheta, config.headDim, config.ropeScaling)));
  auto pairing = RopePairingAttr::get(context, RopePairing::halves);
  query = RopeOp::create(builder, ropeLoc, query, positions, rope, pairing);
  key = RopeOp::create(builder, ropeLoc, key, positions, rope, pairing);

  // 1 / sqrt(head_dim), correctly rounded.
  double scale = computeInversePower(double(config.headDim), 1, 2).value;
  Type kv = activation.isF32() ? activation : builder.getBF16Type();
  Value attended = AttentionOp::create(
      builder, loc, query, key, value, positions, sequences, layer,
      /*index=*/nullptr, builder.getI64IntegerAttr(config.numHeads),
      builder.getI64IntegerAttr(config.numKvHeads),
      builder.getF64FloatAttr(scale), TypeAttr::get(kv));
  return createLinear(wo, attended, layer, activation);
}

Value Importer::createFeedForward(Value normed, Value layer) {
  Value gated = createLinear(gate, normed, layer, activation);
  Value upper = createLinear(up, normed, layer, activation);
  Value product = SiluMulOp::create(
      builder, locate("model.layers.*.mlp", "hidden_act"), gated, upper);
  return createLinear(down, product, layer, activation);
}

LayersOp Importer::createLayers(Value embedded) {
  Type type = embedded.getType();
  Location loc = locate("model.layers", "num_hidden_layers");
  auto layers = LayersOp::create(builder, loc, TypeRange{type},
                                 config.numLayers, ValueRange{embedded});
  OpBuilder::InsertionGuard guard(builder);
  Block *body = builder.createBlock(&layers.getBody(), {},
                                    {builder.getIndexType(), type}, {loc, loc});
  Value layer = body->getArgument(0), residual = body->getArgument(1);

  Location addLoc = locate("model.layers.*", "hidden_size");
  Value normed = createNorm(attnNorm, residual, layer);
  Value update = createAttention(normed, layer);
  residual = AddOp::create(builder, addLoc, residual, update);
  normed = createNorm(ffnNorm, residual, layer);
  update = createFeedForward(normed, layer);
  residual = AddOp::create(builder, addLoc, residual, update);
  YieldOp::create(builder, loc, residual);
  return layers;
}

void Importer::createStep() {
  Type rows =
      RankedTensorType::get({ShapedType::kDynamic}, builder.getI32Type());
  auto logits = RankedTensorType::get({ShapedType::kDynamic, config.vocabSize},
                                      builder.getF32Type());
  Location loc = locate("step", "architectures");
  auto step = func::FuncOp::create(
      builder, loc, "step",
      builder.getFunctionType({rows, rows, rows, rows}, {logits}));
  Block *body = builder.createBlock(&step.getBody());
  for (StringRef name : {"ids", "positions", "sequences", "wanted"})
    body->addArgument(rows, NameLoc::get(builder.getStringAttr(name), loc));
  Value ids = body->getArgument(0), wanted = body->getArgument(3);
  positions = body->getArgument(1);
  sequences = body->getArgument(2);

  Value value = EmbedOp::create(builder, embed.getLoc(),
                                getActivationType(config.hiddenSize), ids,
                                FlatSymbolRefAttr::get(embed.getSymNameAttr()));
  value = createLayers(value).getFinals().front();
  value = createNorm(outputNorm, value, /*layer=*/nullptr);
  value = SelectRowsOp::create(builder, loc, value.getType(), value, wanted);
  value = createLinear(lmHead, value, /*layer=*/nullptr, builder.getF32Type());
  func::ReturnOp::create(builder, loc, value);
}

OwningOpRef<ModuleOp> Importer::run() {
  module = ModuleOp::create(locate("model", "architectures"));
  builder.setInsertionPointToEnd(module->getBody());
  addWeights();
  createStep();
  return std::move(module);
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
  return Importer(context, config, options).run();
}
