//===- RandomModel.cpp - Random models of the import stage ----------------===//

#include "ModelPlan.h"

using namespace mlir;
using namespace lamina;
using namespace lamina::generator;

namespace {

class ModelMaker {
public:
  ModelMaker(MLIRContext *context, Random &random) : builder(context, random) {}

  Program make();

private:
  /// The weights of a segment and where they are read.
  struct Weights {
    int64_t layers; // 0: without layers
    Layer at;
  };

  void addSegment(size_t i);
  void addLayer(size_t i);
  Value addNorms(StringRef name, NormNumerics numerics, Value input,
                 FirstNorm firstNorm, Value &second);
  Value addLinear(StringRef name, const Matrix &matrix, Value input,
                  Type element);
  Value addAttention(Value normed, Value second, NearMiss nearMiss,
                     Value &other);
  Value addFeedForward(Value normed, Value second, NearMiss nearMiss,
                       Value &other);
  void addToStream(NearMiss nearMiss, Value update, Value other, Value normed);
  Value readForNorm(NearMiss nearMiss);
  void countCategories(Program &program);
  void keep(Value value) { kept.push_back(value); }

  ModuleBuilder builder;
  ModelPlan plan;
  Weights weights{0, {}};
  func::FuncOp function;
  Value positions, sequences, wanted;
  Value residual;
  Value embedded; // whole, to start iteration values from
  int64_t cacheLayer = 0;
  SmallVector<Value> kept;
};

Value ModelMaker::addLinear(StringRef name, const Matrix &matrix, Value input,
                            Type element) {
  WeightOp weight = builder.addWeight(name, {matrix.out, matrix.in},
                                      matrix.storage, weights.layers);
  WeightOp bias;
  if (matrix.bias)
    bias = builder.addWeight((name + "_bias").str(), {matrix.out}, matrix.bias,
                             weights.layers);
  return builder.createLinear(input, weight, bias, weights.at, matrix.leaves,
                              builder.getRows(matrix.out, element));
}

/// The norms that read `input` first; `second` is the other one or the same.
Value ModelMaker::addNorms(StringRef name, NormNumerics numerics, Value input,
                           FirstNorm firstNorm, Value &second) {
  bool isInLoop = bool(weights.at.value);
  Weights own = weights;
  if (isInLoop && firstNorm == FirstNorm::notByLayer)
    own = {0, {}};
  WeightOp weight =
      builder.addWeight("norm", {plan.hidden}, numerics.storage, own.layers);
  if (isInLoop && firstNorm == FirstNorm::derived)
    weight = builder.addDerivedWeight("derived", weight);
  Value normed = builder.createNorm(name, input, weight, own.at, numerics);
  second = normed;
  if (firstNorm == FirstNorm::several) {
    WeightOp other = builder.addWeight("norm", {plan.hidden}, numerics.storage,
                                       weights.layers);
    second = builder.createNorm((name + ".second").str(), input, other,
                                weights.at, numerics);
  }
  return normed;
}

/// Attention and its output projection; `other` is another product of the same
/// input where the near miss needs one.
Value ModelMaker::addAttention(Value normed, Value second, NearMiss nearMiss,
                               Value &other) {
  Location loc = builder.named("attention");
  Type type = plan.activation;
  Value query = addLinear("wq", plan.wq, normed, type);
  Value key = addLinear("wk", plan.wk, second, type);
  Value value = addLinear("wv", plan.wv, second, type);
  SmallVector<double> frequencies;
  for (int64_t i = 0; i < plan.headDim / 2; ++i)
    frequencies.push_back(1.0 / double(1 + 3 * i));
  auto rope = RopeAttr::get(builder.getContext(),
                            builder.getDenseF64ArrayAttr(frequencies));
  auto pairing = RopePairingAttr::get(
      builder.getContext(),
      builder.random.pick({RopePairing::halves, RopePairing::adjacent}));
  query = RopeOp::create(builder, loc, query, positions, rope, pairing);
  key = RopeOp::create(builder, loc, key, positions, rope, pairing);
  Layer at = weights.at;
  if (!at.value)
    at.index = builder.getI64IntegerAttr(cacheLayer++);
  Value attended = AttentionOp::create(
      builder, loc, query, key, value, positions, sequences, at.value, at.index,
      builder.getI64IntegerAttr(plan.heads),
      builder.getI64IntegerAttr(plan.kvHeads), builder.getF64FloatAttr(0.5),
      TypeAttr::get(plan.kv));
  Type result = plan.residual;
  if (nearMiss == NearMiss::loneCastUpdate)
    result = result.isF32() ? Type(builder.getBF16Type())
                            : Type(builder.getF32Type());
  Value update = addLinear("wo", plan.wo, attended, result);
  if (nearMiss == NearMiss::allReduceBetween)
    other = addLinear("wo", plan.wo, attended, result);
  return update;
}

Value ModelMaker::addFeedForward(Value normed, Value second, NearMiss nearMiss,
                                 Value &other) {
  Value gate = addLinear("gate", plan.gate, normed, plan.activation);
  Value up = addLinear("up", plan.up, second, plan.activation);
  Value gated = SiluMulOp::create(builder, builder.named("silu_mul"), gate, up);
  Type result = plan.residual;
  if (nearMiss == NearMiss::loneCastUpdate)
    result = result.isF32() ? Type(builder.getBF16Type())
                            : Type(builder.getF32Type());
  Value update = addLinear("down", plan.down, gated, result);
  if (nearMiss == NearMiss::allReduceBetween)
    other = addLinear("down", plan.down, gated, result);
  return update;
}

/// Adds `update` to the residual stream, almost.
void ModelMaker::addToStream(NearMiss nearMiss, Value update, Value other,
                             Value normed) {
  switch (nearMiss) {
  case NearMiss::swapped:
    residual = builder.createAdd(update, residual);
    return;
  case NearMiss::residualMissing:
    residual = update;
    return;
  case NearMiss::sumTwice:
    residual = builder.createAdd(update, update);
    return;
  case NearMiss::sumOtherUser:
    keep(update);
    break;
  case NearMiss::castPairUpdate:
    update = builder.createCastPair(update);
    break;
  case NearMiss::loneCastUpdate:
    update = builder.createCast(update, plan.residual);
    break;
  case NearMiss::reshapePairUpdate:
    update = builder.createReshapePair(update);
    break;
  case NearMiss::allReduceBetween:
    residual = builder.createAdd(residual, other);
    break;
  case NearMiss::alreadyReduced:
    residual = builder.createAdd(residual, update);
    update = addLinear("whole", plan.whole, normed, plan.residual);
    break;
  default:
    break;
  }
  residual = builder.createAdd(residual, update);
  if (nearMiss == NearMiss::residualReturned)
    keep(residual);
}

/// The residual stream as the norm behind attention reads it.
Value ModelMaker::readForNorm(NearMiss nearMiss) {
  switch (nearMiss) {
  case NearMiss::castPairNorm:
    return builder.createCastPair(residual);
  case NearMiss::loneCastNorm:
    return builder.createCast(residual, plan.residual.isF32()
                                            ? Type(builder.getBF16Type())
                                            : Type(builder.getF32Type()));
  case NearMiss::reshapePairNorm:
    return builder.createReshapePair(residual);
  default:
    return residual;
  }
}

void ModelMaker::addLayer(size_t i) {
  const Segment &segment = plan.segments[i];
  Value second, other;
  Value normed =
      addNorms("attention " + std::to_string(i), segment.attentionNorm,
               residual, segment.firstNorm, second);
  Value update = addAttention(normed, second, segment.attention, other);
  addToStream(segment.attention, update, other, normed);

  Value input = readForNorm(segment.attention);
  std::string name = "ffn " + std::to_string(i);
  FirstNorm twice = segment.attention == NearMiss::twoNorms
                        ? FirstNorm::several
                        : FirstNorm::byLayer;
  normed = addNorms(name, segment.feedForwardNorm, input, twice, second);
  if (segment.attention == NearMiss::deadNorm) {
    Value unused;
    addNorms(name + ".dead", segment.feedForwardNorm, input, FirstNorm::byLayer,
             unused);
  }
  update = addFeedForward(normed, second, segment.feedForward, other);
  addToStream(segment.feedForward, update, other, normed);
}

void ModelMaker::addSegment(size_t i) {
  const Segment &segment = plan.segments[i];
  if (!segment.isLoop) {
    weights = {0, {}};
    if (builder.random.chance(50)) {
      weights.layers = builder.random.between(1, 3);
      weights.at.index =
          builder.getI64IntegerAttr(builder.random.below(weights.layers));
    }
    addLayer(i);
    return;
  }
  auto *body = new Block;
  SmallVector<Value> outerKept = std::move(kept), inits = {residual};
  kept.clear();
  weights.layers = std::max<int64_t>(segment.count, 1);
  weights.at = {body->addArgument(builder.getIndexType(), builder.named("l")),
                {}};
  residual = body->addArgument(residual.getType(), builder.named("h"));
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(body);
    addLayer(i);
  }
  SmallVector<Value> yielded = {residual};
  for (Value value : kept) {
    inits.push_back(
        builder.createCast(embedded, getElementTypeOrSelf(value.getType())));
    body->addArgument(value.getType(), builder.named("kept"));
    yielded.push_back(value);
  }
  LayersOp loop = builder.createLayers(segment.count, inits, body, yielded);
  residual = loop.getResult(0);
  kept = std::move(outerKept);
  llvm::append_range(kept, loop.getResults().drop_front());
  cacheLayer += segment.count;
}

/// `bf16`, `q8_0`.
static std::string toText(Type type) {
  if (auto block = dyn_cast<BlockType>(type))
    return stringifyBlockFormat(block.getFormat()).str();
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

void ModelMaker::countCategories(Program &program) {
  program.count("model: residual " + toText(plan.residual) + ", normed " +
                toText(plan.activation));
  for (const Matrix *matrix : {&plan.wq, &plan.wo, &plan.down, &plan.lmHead})
    program.count("model: weight " + toText(matrix->storage));
  program.count("heads " + Twine(plan.heads) + "/" + Twine(plan.kvHeads));
  for (const Segment &segment : plan.segments) {
    program.count("model: " + getName(segment.attention));
    program.count("model: " + getName(segment.feedForward));
    for (NearMiss nearMiss : {segment.attention, segment.feedForward})
      program.isClean &= nearMiss == NearMiss::none ||
                         nearMiss == NearMiss::swapped ||
                         nearMiss == NearMiss::residualReturned;
    program.isClean &= segment.firstNorm != FirstNorm::several;
    if (segment.isLoop)
      program.count("layers to " + Twine(segment.count));
    else
      program.count("straight layer");
    if (!segment.staysLoop())
      continue;
    program.everyLoopRotates &= rotates(segment);
    if (segment.firstNorm == FirstNorm::several)
      program.count("hoist: two first norms");
    if (segment.firstNorm == FirstNorm::notByLayer)
      program.count("hoist: first norm not by layer");
    if (segment.firstNorm == FirstNorm::derived)
      program.count("hoist: first norm of a derived weight");
    if (segment.feedForward == NearMiss::residualMissing)
      program.count("hoist: no residual add");
  }
  const Segment &last = plan.segments.back();
  if (last.staysLoop() && !plan.hasFinalNorm)
    program.count("hoist: no final norm");
  if (last.staysLoop() && plan.hasFinalNorm) {
    const NormNumerics &own = last.attentionNorm, &other = plan.finalNorm;
    if (own.eps != other.eps)
      program.count("hoist: another eps on the final norm");
    if (own.mode != other.mode)
      program.count("hoist: another mode on the final norm");
    if (own.storage != other.storage)
      program.count("hoist: another storage of the final norm");
    if (own == other)
      program.count("hoist: final norm absorbed");
  }
}

Program ModelMaker::make() {
  Random &random = builder.random;
  Program program;
  program.family = Family::model;
  program.ranks = random.pick(ArrayRef(kRanks));
  program.tokens = random.pick(ArrayRef(kTokens));
  program.sum = random.chance(25) ? SumMode::native : SumMode::f32;
  // Three in four have a shard plan, if one is found soon.
  bool wantsPlan = random.chance(75);
  for (int i = 0; i < 30; ++i) {
    plan = drawModelPlan(builder, program.tokens, program.ranks);
    if (!wantsPlan || generator::canSplit(plan, program.ranks))
      break;
  }
  countCategories(program);

  function = builder.startFunction("step");
  Value ids = builder.addArgument(function, builder.getRowIndices());
  positions = builder.addArgument(function, builder.getRowIndices());
  sequences = builder.addArgument(function, builder.getRowIndices());
  wanted = builder.addArgument(function, builder.getRowIndices());
  WeightOp table = builder.addWeight("embed", {plan.vocabulary, plan.hidden},
                                     plan.embedding, 0);
  residual = embedded =
      EmbedOp::create(builder, builder.named("embed"),
                      builder.getRows(plan.hidden, plan.residual), ids,
                      FlatSymbolRefAttr::get(table.getSymNameAttr()));
  for (size_t i = 0; i < plan.segments.size(); ++i)
    addSegment(i);
  weights = {0, {}};
  Value normed = residual, unused;
  if (plan.finalHasIndex)
    weights = {2, {{}, builder.getI64IntegerAttr(1)}};
  if (plan.hasFinalNorm)
    normed =
        addNorms("final", plan.finalNorm, residual, FirstNorm::byLayer, unused);
  normed = SelectRowsOp::create(builder, builder.named("select_rows"),
                                normed.getType(), normed, wanted);
  weights = {0, {}};
  auto logits = builder.getRows(plan.vocabulary, builder.getF32Type());
  Value product = plan.isTied ? builder.createLinear(normed, table, nullptr, {},
                                                     plan.lmHead.leaves, logits)
                              : addLinear("lm_head", plan.lmHead, normed,
                                          builder.getF32Type());
  SmallVector<Value> results = {product};
  llvm::append_range(results, kept);
  builder.finishFunction(function, results);
  program.module = builder.take();
  program.canSplit = [plan = plan](int64_t ranks) {
    return generator::canSplit(plan, ranks);
  };
  program.isBitEqual = [plan = plan, sum = program.sum](int64_t ranks) {
    return ranks == 1 || (sum == SumMode::f32 && hasExactSums(plan, ranks));
  };
  program.forecast = [plan = plan](int64_t ranks, bool) {
    return forecastModel(plan, ranks);
  };
  return program;
}

} // namespace

Program lamina::generator::makeModel(MLIRContext *context, Random &random) {
  return ModelMaker(context, random).make();
}
