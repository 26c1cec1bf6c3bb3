//===- RandomPartialSums.cpp - The sites of a module of partial sums ------===//

#include "PartialSumsMaker.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace lamina;
using namespace lamina::generator;

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
static FusionForecast forecastSites(ArrayRef<Site> sites, int64_t ranks,
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

Program lamina::generator::makePartialSums(MLIRContext *context,
                                           Random &random) {
  return PartialSumsMaker(context, random).make();
}
