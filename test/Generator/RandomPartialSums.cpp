//===- RandomPartialSums.cpp - Partial sums written directly --------------===//
//
// One to four sites, in straight code or in loops, in a module with
// `llama.ranks`. The residual stream and the normed value go from site to site,
// and every value that a near miss leaves over is returned.
//
//===----------------------------------------------------------------------===//

#include "ModuleBuilder.h"
#include "Program.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace lamina;
using namespace lamina::generator;

namespace {

/// One site, for the forecast.
struct Site {
  std::string name;
  NearMiss nearMiss;
  bool foldsCasts;
  int64_t outerLayers = -1; // of the loop around it; -1 without
  int64_t ownLayers = 1;    // of the loop that the near miss is about
};

class PartialSumsMaker {
public:
  PartialSumsMaker(MLIRContext *context, Random &random)
      : builder(context, random), random(random) {}

  Program make();

private:
  void addBlock();
  void addSite(Site &site);
  Value createUpdate(NearMiss nearMiss);
  Value createBetween(Site &site, Value update);
  void createNorms(Site &site, Value sum);
  void putNormInLoop(Site &site, Value sum);
  void putAddInLoop(Site &site, Value update);
  Value createPartial();
  Value createRowSplit();
  Value createChain(Type element);
  Value createAllReduce(Value partial, Type element);
  NormNumerics pickNumerics();
  Layer pickLayer(int64_t &layers);
  WeightOp addVector(StringRef name, Layer &layer);
  SmallVector<int64_t> pickTree();

  /// Makes a value a result of the function, through the loop around it.
  void keep(Value value) { kept.push_back(value); }
  Value addArgument(Type type) { return builder.addArgument(function, type); }
  Type getPartialElement() {
    return sum == SumMode::f32 ? Type(builder.getF32Type()) : element;
  }
  Attribute getPartial() { return PartialAttr::get(builder.getContext()); }
  Attribute getColumns(int64_t unit) {
    return ColumnsAttr::get(builder.getContext(), unit);
  }
  SplitAttr getSplit(SplitKind kind, int64_t unit) {
    return SplitAttr::get(builder.getContext(), kind, unit);
  }
  NearMiss pickNearMiss();

  ModuleBuilder builder;
  Random &random;
  func::FuncOp function, helper;
  int64_t ranks = 1, features = 1;
  SumMode sum = SumMode::f32;
  Type element, normedElement; // of the residual stream and of normed values
  Value residual, normed;
  Value layer; // of the loop around
  int64_t layers = -1;
  SmallVector<Value> kept;
  std::vector<Site> sites;
};

//===----------------------------------------------------------------------===//
// Partial sums
//===----------------------------------------------------------------------===//

SmallVector<int64_t> PartialSumsMaker::pickTree() {
  switch (ranks) {
  case 1:
    return {};
  case 4:
    return random.chance(50) ? SmallVector<int64_t>{4}
                             : SmallVector<int64_t>{2, 2};
  case 8: {
    const SmallVector<int64_t> trees[] = {{8}, {2, 2, 2}, {4, 2}, {2, 4}};
    return trees[random.below(4)];
  }
  default:
    return {ranks};
  }
}

/// A layer for a weight that gets `layers` layers (0: none).
Layer PartialSumsMaker::pickLayer(int64_t &weightLayers) {
  weightLayers = 0;
  if (layer && random.chance(60)) {
    weightLayers = std::max<int64_t>(layers, 1);
    return {layer, {}};
  }
  if (random.chance(50))
    return {};
  weightLayers = random.between(1, 3);
  return {{}, builder.getI64IntegerAttr(random.below(weightLayers))};
}

WeightOp PartialSumsMaker::addVector(StringRef name, Layer &at) {
  int64_t weightLayers;
  at = pickLayer(weightLayers);
  return builder.addWeight(name, {features}, builder.pickFloat(), weightLayers);
}

/// A row-split product of columns: of an argument, or of the normed value.
Value PartialSumsMaker::createRowSplit() {
  Type storage = builder.pickFloat();
  int64_t unit = random.pick<int64_t>({1, 1, 2, 3, 4});
  if (ranks <= 4 && random.chance(15)) {
    storage = BlockType::get(
        builder.getContext(),
        random.pick({BlockFormat::q8_0, BlockFormat::q4_0, BlockFormat::q5_1}));
    unit = 32;
  }
  int64_t units = ranks + random.below(3) * random.pick<int64_t>({1, ranks});
  int64_t inner = unit * units;
  SmallVector<int64_t> leaves;
  if (units % ranks == 0)
    leaves = builder.pickLeaves(inner / ranks, unit == 32 ? 32 : 1);
  Value input;
  if (random.chance(60)) {
    WeightOp columns =
        builder.addWeight("up", {inner, features}, builder.pickFloat(), 0,
                          getSplit(SplitKind::columns, unit));
    input = builder.createLinear(
        normed, columns, nullptr, {}, builder.pickLeaves(features, 1),
        builder.getRows(inner, normedElement, getColumns(unit)));
  } else {
    keep(normed);
    input = addArgument(
        builder.getRows(inner, builder.pickFloat(), getColumns(unit)));
  }
  int64_t weightLayers;
  Layer at = pickLayer(weightLayers);
  WeightOp rows =
      builder.addWeight("down", {features, inner}, storage, weightLayers,
                        getSplit(SplitKind::rows, unit));
  return builder.createLinear(
      input, rows, nullptr, at, leaves,
      builder.getRows(features, getPartialElement(), getPartial()));
}

Value PartialSumsMaker::createPartial() {
  auto type = builder.getRows(features, getPartialElement(), getPartial());
  int64_t choice = random.below(100);
  if (choice < 55)
    return createRowSplit();
  keep(normed);
  if (choice < 90)
    return addArgument(type);
  WeightOp table = builder.addWeight(
      "embed", {ranks + random.below(9), features}, builder.pickFloat(), 0,
      getSplit(SplitKind::columns, 1));
  return EmbedOp::create(builder, builder.named("embed"), type,
                         addArgument(builder.getRowIndices()),
                         FlatSymbolRefAttr::get(table.getSymNameAttr()));
}

Value PartialSumsMaker::createAllReduce(Value partial, Type result) {
  Layer at;
  FlatSymbolRefAttr bias;
  if (random.chance(30))
    bias = FlatSymbolRefAttr::get(addVector("bias", at).getSymNameAttr());
  // `native` sums in the type of the partial sum.
  if (sum == SumMode::native)
    result = getElementTypeOrSelf(partial.getType());
  return AllReduceOp::create(
      builder, builder.named("sum"), builder.getRows(features, result), partial,
      bias, at.value, at.index, SumModeAttr::get(builder.getContext(), sum),
      builder.getDenseI64ArrayAttr(pickTree()));
}

//===----------------------------------------------------------------------===//
// Sites
//===----------------------------------------------------------------------===//

NormNumerics PartialSumsMaker::pickNumerics() {
  return {builder.pickEps(), builder.pickNormMode(), normedElement, Type()};
}

/// The update of the residual stream, in its type.
Value PartialSumsMaker::createUpdate(NearMiss nearMiss) {
  if (nearMiss == NearMiss::alreadyReduced) {
    keep(normed);
    return addArgument(builder.getRows(features, element));
  }
  Value partial = createPartial();
  if (nearMiss == NearMiss::partialOtherUser)
    keep(partial);
  Type result = element;
  if (nearMiss == NearMiss::loneCastUpdate)
    result = element.isF32() ? Type(builder.getF16Type())
                             : Type(builder.getF32Type());
  Value update = createAllReduce(partial, result);
  switch (nearMiss) {
  case NearMiss::loneCastUpdate:
    return builder.createCast(update, element);
  case NearMiss::castPairUpdate:
    return builder.createCastPair(update);
  case NearMiss::reshapePairUpdate:
    return builder.createReshapePair(update);
  default:
    return update;
  }
}

/// Puts an op between the all_reduce and the add.
Value PartialSumsMaker::createBetween(Site &site, Value update) {
  switch (site.nearMiss) {
  case NearMiss::allReduceBetween:
    keep(createAllReduce(addArgument(builder.getRows(
                             features, getPartialElement(), getPartial())),
                         element));
    break;
  case NearMiss::gatherBetween: {
    auto columns = builder.getRows(ranks * 2, element, getColumns(2));
    keep(AllGatherOp::create(builder, builder.named("gather"),
                             builder.getRows(ranks * 2, element),
                             addArgument(columns)));
    break;
  }
  case NearMiss::layersBetween: {
    site.ownLayers = random.below(3);
    auto type = builder.getRows(features, element);
    Value partial = addArgument(
        builder.getRows(features, getPartialElement(), getPartial()));
    auto *body = new Block;
    body->addArguments({builder.getIndexType(), type},
                       {builder.named("l"), builder.named("c")});
    OpBuilder::InsertionGuard guard(builder);
    Block::iterator point = builder.getInsertionPoint();
    Block *block = builder.getInsertionBlock();
    builder.setInsertionPointToStart(body);
    Value whole = createAllReduce(partial, element);
    builder.setInsertionPoint(block, point);
    LayersOp loop =
        builder.createLayers(site.ownLayers, addArgument(type), body, whole);
    keep(loop.getResult(0));
    break;
  }
  case NearMiss::callBetween:
    keep(func::CallOp::create(builder, builder.named("call"), helper, residual)
             .getResult(0));
    break;
  case NearMiss::pureBetween:
    keep(SiluMulOp::create(builder, builder.named("pure"), residual, residual));
    break;
  case NearMiss::sumOtherUser:
    keep(update);
    break;
  default:
    break;
  }
  return update;
}

/// The norm of the residual stream; sets the new normed value.
void PartialSumsMaker::createNorms(Site &site, Value sum) {
  NearMiss nearMiss = site.nearMiss;
  Layer at;
  WeightOp weight;
  if (nearMiss == NearMiss::lateLayer) {
    weight = builder.addWeight("norm", {features}, builder.pickFloat(), 2);
    at.value = arith::ConstantIndexOp::create(builder, builder.named("layer"),
                                              random.below(2));
  } else {
    weight = addVector("norm", at);
  }
  Value input = sum;
  if (nearMiss == NearMiss::castPairNorm)
    input = builder.createCastPair(sum);
  else if (nearMiss == NearMiss::reshapePairNorm)
    input = builder.createReshapePair(sum);
  else if (nearMiss == NearMiss::loneCastNorm)
    input =
        builder.createCast(sum, element.isF32() ? Type(builder.getBF16Type())
                                                : Type(builder.getF32Type()));
  Value result =
      builder.createNorm(site.name, input, weight, at, pickNumerics());
  if (nearMiss == NearMiss::deadNorm || nearMiss == NearMiss::deadSite)
    return;
  if (nearMiss == NearMiss::twoNorms) {
    Layer otherAt;
    WeightOp other = addVector("norm", otherAt);
    Value second = builder.createNorm(site.name + ".second", sum, other,
                                      otherAt, pickNumerics());
    result = SiluMulOp::create(builder, builder.named("both"), result, second);
  }
  normed = result;
}

/// The norm alone in a loop that carries the normed value.
void PartialSumsMaker::putNormInLoop(Site &site, Value sum) {
  site.ownLayers = random.between(1, 3);
  auto *body = new Block;
  body->addArguments({builder.getIndexType(), normed.getType()},
                     {builder.named("l"), builder.named("n")});
  Value before = normed;
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(body);
    createNorms(site, sum);
  }
  normed =
      builder.createLayers(site.ownLayers, before, body, normed).getResult(0);
}

/// The add and the norm in a loop, behind the all_reduce.
void PartialSumsMaker::putAddInLoop(Site &site, Value update) {
  site.ownLayers = random.between(1, 3);
  auto *body = new Block;
  SmallVector<Value> inits = {residual, normed};
  body->addArguments(
      {builder.getIndexType(), residual.getType(), normed.getType()},
      {builder.named("l"), builder.named("h"), builder.named("n")});
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(body);
    residual = builder.createAdd(body->getArgument(1), update);
    createNorms(site, residual);
  }
  LayersOp loop = builder.createLayers(site.ownLayers, inits, body,
                                       ValueRange{residual, normed});
  residual = loop.getResult(0);
  normed = loop.getResult(1);
}

void PartialSumsMaker::addSite(Site &site) {
  NearMiss nearMiss = site.nearMiss;
  if (nearMiss == NearMiss::residualIsSum)
    residual = createAllReduce(createPartial(), element);
  Value update = createUpdate(nearMiss);
  if (nearMiss == NearMiss::sumInOtherBlock)
    return putAddInLoop(site, update);
  update = createBetween(site, update);
  Value sum, before = residual;
  switch (nearMiss) {
  case NearMiss::residualMissing:
    sum = update;
    break;
  case NearMiss::residualTwice:
    keep(update);
    sum = builder.createAdd(residual, residual);
    break;
  case NearMiss::sumTwice:
    sum = builder.createAdd(update, update);
    break;
  case NearMiss::swapped:
    sum = builder.createAdd(update, residual);
    break;
  default:
    sum = builder.createAdd(residual, update);
  }
  residual = sum;
  if (nearMiss == NearMiss::residualReturned)
    keep(sum);
  if (nearMiss == NearMiss::normInOtherBlock)
    return putNormInLoop(site, sum);
  createNorms(site, sum);
  if (nearMiss == NearMiss::deadSite)
    residual = before;
}

//===----------------------------------------------------------------------===//
// The program
//===----------------------------------------------------------------------===//

NearMiss PartialSumsMaker::pickNearMiss() {
  NearMiss nearMiss =
      random.chance(40) ? NearMiss::none : random.pick(getNearMisses());
  // A native sum has the type of its operand.
  bool isPossible = sum == SumMode::f32 || nearMiss != NearMiss::loneCastUpdate;
  return isPossible ? nearMiss : NearMiss::none;
}

/// A site in straight code, or in a loop that carries the streams.
void PartialSumsMaker::addBlock() {
  Site site;
  site.name = "site " + std::to_string(sites.size());
  site.nearMiss = pickNearMiss();
  site.foldsCasts = !element.isF32();
  if (!random.chance(35)) {
    addSite(site);
    sites.push_back(site);
    return;
  }
  layers = random.chance(8) ? 0 : random.between(1, 4);
  site.outerLayers = layers;
  auto *body = new Block;
  SmallVector<Value> inits = {residual, normed}, outerKept = std::move(kept);
  kept.clear();
  layer = body->addArgument(builder.getIndexType(), builder.named("l"));
  residual = body->addArgument(residual.getType(), builder.named("h"));
  normed = body->addArgument(normed.getType(), builder.named("n"));
  {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(body);
    addSite(site);
  }
  SmallVector<Value> yielded = {residual, normed};
  for (Value value : kept) {
    inits.push_back(addArgument(value.getType()));
    body->addArgument(value.getType(), builder.named("kept"));
    yielded.push_back(value);
  }
  LayersOp loop = builder.createLayers(layers, inits, body, yielded);
  residual = loop.getResult(0);
  normed = loop.getResult(1);
  kept = std::move(outerKept);
  llvm::append_range(kept, loop.getResults().drop_front(2));
  layer = {};
  layers = -1;
  sites.push_back(site);
}

/// What must become of the sites.
FusionForecast forecastSites(ArrayRef<Site> sites, int64_t ranks,
                             bool isCanonical) {
  FusionForecast forecast;
  bool isResidualSum = false;
  for (const Site &site : sites) {
    if (isCanonical && site.outerLayers == 0)
      continue;
    // The residual is an iteration value in a loop and behind it.
    bool isLoop = site.outerLayers >= (isCanonical ? 2 : 0);
    SiteOutcome outcome =
        getOutcome(site.nearMiss, {ranks > 1, isCanonical, site.foldsCasts,
                                   site.ownLayers, isResidualSum && !isLoop});
    if (isLoop || site.nearMiss != NearMiss::deadSite)
      isResidualSum = !isLoop && site.nearMiss == NearMiss::residualMissing;
    if (outcome == kNoSite)
      continue;
    bool isInOwnLoop = site.nearMiss == NearMiss::sumInOtherBlock;
    int64_t executions = (site.outerLayers < 0 ? 1 : site.outerLayers) *
                         (isInOwnLoop ? site.ownLayers : 1);
    SiteOutcome second = outcome == kFused ? kAlreadyFused : outcome;
    if (outcome == kFused) {
      forecast.fused += executions;
      forecast.fusedNorms.insert(site.name);
    } else {
      forecast.missed.insert({site.name, outcome.str()});
    }
    if (site.nearMiss == NearMiss::twoNorms)
      forecast.missed.insert({site.name + ".second", second.str()});
  }
  return forecast;
}

Program PartialSumsMaker::make() {
  Program program;
  program.family = Family::partialSums;
  program.ranks = ranks = random.pick(ArrayRef(kRanks));
  program.tokens = random.pick(ArrayRef(kTokens));
  program.sum = sum = random.chance(30) ? SumMode::native : SumMode::f32;
  features = random.pick(ArrayRef(kDims));
  element = builder.pickFloat();
  normedElement = random.chance(60) ? element : builder.pickFloat();
  builder.getModule()->setAttr(LlamaDialect::getRanksAttrName(),
                               builder.getI64IntegerAttr(ranks));
  auto whole = builder.getRows(features, element);
  helper = builder.startFunction("helper");
  helper.setPrivate();
  Value argument = builder.addArgument(helper, whole);
  Value doubled = builder.createAdd(argument, argument);
  builder.finishFunction(helper, doubled);

  function = builder.startFunction("step");
  residual = addArgument(whole);
  normed = addArgument(builder.getRows(features, normedElement));
  for (int64_t i = 0, end = random.between(1, 4); i < end; ++i)
    addBlock();
  SmallVector<Value> results = {residual, normed};
  llvm::append_range(results, kept);
  builder.finishFunction(function, results);

  program.module = builder.take();
  for (const Site &site : sites) {
    program.count("partial sums: " + getName(site.nearMiss));
    program.isClean &= site.nearMiss == NearMiss::none ||
                       site.nearMiss == NearMiss::swapped ||
                       site.nearMiss == NearMiss::residualReturned ||
                       site.nearMiss == NearMiss::partialOtherUser;
  }
  program.forecast = [sites = sites](int64_t ranks, bool isCanonical) {
    return forecastSites(sites, ranks, isCanonical);
  };
  program.canSplit = [](int64_t) { return true; };
  program.isBitEqual = [](int64_t) { return true; };
  return program;
}

} // namespace

Program lamina::generator::makePartialSums(MLIRContext *context,
                                           Random &random) {
  return PartialSumsMaker(context, random).make();
}
