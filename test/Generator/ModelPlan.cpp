//===- ModelPlan.cpp - The choices of a random model ----------------------===//

#include "ModelPlan.h"

#include "lamina/IR/LlamaWeights.h"
#include "lamina/Import/SummationTree.h"

using namespace mlir;
using namespace lamina;
using namespace lamina::generator;

namespace {

/// Fused multiply-adds that one run of a program may take.
constexpr int64_t kMaxWork = 300000;

/// Near misses that a model can have, behind attention or the feed-forward.
constexpr NearMiss kEverywhere[] = {
    NearMiss::swapped,          NearMiss::residualReturned,
    NearMiss::residualMissing,  NearMiss::sumTwice,
    NearMiss::sumOtherUser,     NearMiss::castPairUpdate,
    NearMiss::loneCastUpdate,   NearMiss::reshapePairUpdate,
    NearMiss::allReduceBetween, NearMiss::alreadyReduced};

/// Those behind attention only, where the norm follows in the layer.
constexpr NearMiss kBehindAttention[] = {
    NearMiss::twoNorms, NearMiss::castPairNorm, NearMiss::loneCastNorm,
    NearMiss::reshapePairNorm, NearMiss::deadNorm};

class PlanDrawer {
public:
  explicit PlanDrawer(ModuleBuilder &builder)
      : builder(builder), random(builder.random) {}

  ModelPlan draw(int64_t tokens, int64_t ranks);

private:
  void drawSizes(int64_t tokens);
  void drawMatrices(int64_t ranks);
  void drawSegments();
  Segment drawSegment(int64_t layers);
  NormNumerics drawNorm();
  Type drawStorage(int64_t in);
  Matrix drawMatrix(int64_t out, int64_t in, Type storage, int64_t ways,
                    bool hasBias);
  int64_t getWork(int64_t tokens) const;

  ModuleBuilder &builder;
  Random &random;
  ModelPlan plan;
  Type storage;          // of most matrices
  NormNumerics numerics; // of most norms
};

int64_t PlanDrawer::getWork(int64_t tokens) const {
  int64_t query = plan.heads * plan.headDim, kv = plan.kvHeads * plan.headDim;
  int64_t layer =
      plan.hidden * (2 * query + 2 * kv + 3 * plan.intermediate + plan.hidden) +
      query * tokens * 2;
  return tokens * (4 * layer + plan.hidden * plan.vocabulary);
}

void PlanDrawer::drawSizes(int64_t tokens) {
  const std::pair<int64_t, int64_t> heads[] = {
      {1, 1}, {2, 1}, {4, 2}, {8, 4}, {6, 3}};
  do {
    // Small sizes more often: a run takes time.
    auto pickDim = [&] {
      return random.chance(50) ? kDims[random.below(9)]
                               : random.pick(ArrayRef(kDims));
    };
    plan.hidden = pickDim();
    plan.intermediate = pickDim();
    plan.vocabulary = random.between(1, 40);
    std::tie(plan.heads, plan.kvHeads) = heads[random.below(5)];
    plan.headDim = random.pick<int64_t>({2, 2, 4, 6, 8, 16, 32});
    if (random.chance(25)) { // whole blocks
      plan.hidden = random.pick<int64_t>({32, 32, 64});
      plan.intermediate = random.pick<int64_t>({32, 64, 96, 128, 256});
      plan.headDim = random.pick<int64_t>({8, 16, 32});
    }
    if (random.chance(20)) { // and those of 256
      plan.hidden = kDims[random.below(6)];
      plan.intermediate = 256;
    }
  } while (getWork(tokens) > kMaxWork);
}

Type PlanDrawer::drawStorage(int64_t in) {
  if (random.chance(in % 32 == 0 ? 50 : 75) && in % getBlockSize(storage) == 0)
    return storage;
  if (in % 32 == 0 && random.chance(70)) {
    const BlockFormat formats[] = {BlockFormat::q8_0, BlockFormat::q4_0,
                                   BlockFormat::q4_1, BlockFormat::q5_0,
                                   BlockFormat::q5_1, BlockFormat::q4_k,
                                   BlockFormat::q5_k, BlockFormat::q6_k};
    return BlockType::get(builder.getContext(),
                          in % 256 == 0 && random.chance(60)
                              ? formats[random.between(5, 7)]
                              : formats[random.below(5)]);
  }
  return builder.pickFloat();
}

Matrix PlanDrawer::drawMatrix(int64_t out, int64_t in, Type storage,
                              int64_t ways, bool hasBias) {
  Matrix matrix;
  matrix.out = out;
  matrix.in = in;
  matrix.storage = storage;
  if (hasBias)
    matrix.bias = builder.pickFloat();
  int64_t unit = getBlockSize(storage);
  std::vector<int64_t> leaves = getLeaves(ways, in, unit);
  matrix.leaves.assign(leaves.begin(), leaves.end());
  if (ways > 1 && random.chance(30)) {
    // Another tree over the ranks and within a rank.
    matrix.leaves = builder.pickTree(ways);
    llvm::append_range(matrix.leaves, builder.pickLeaves(in / ways, unit));
  } else if (random.chance(ways > 1 ? 10 : 30)) {
    matrix.leaves = builder.pickLeaves(in, unit);
  }
  return matrix;
}

void PlanDrawer::drawMatrices(int64_t ranks) {
  int64_t hidden = plan.hidden, ffn = plan.intermediate;
  int64_t query = plan.heads * plan.headDim, kv = plan.kvHeads * plan.headDim;
  Type wo = drawStorage(query), down = drawStorage(ffn);
  int64_t ways =
      getRowSplitWays(plan.heads, plan.kvHeads,
                      {{query, getBlockSize(wo)}, {ffn, getBlockSize(down)}});
  // Or a tree for the ranks of the program, so that the sums stay the same.
  auto cuts = [&](int64_t in, Type storage) {
    return in % (ranks * getBlockSize(storage)) == 0;
  };
  if (random.chance(60) && cuts(query, wo) && cuts(ffn, down))
    ways = ranks;
  bool qkvBias = random.chance(30), ffnBias = random.chance(20);
  plan.wq = drawMatrix(query, hidden, drawStorage(hidden), 1, qkvBias);
  plan.wk = drawMatrix(kv, hidden, plan.wq.storage, 1, qkvBias);
  plan.wv = drawMatrix(kv, hidden, drawStorage(hidden), 1, qkvBias);
  plan.wo = drawMatrix(hidden, query, wo, ways, random.chance(30));
  plan.gate = drawMatrix(ffn, hidden, drawStorage(hidden), 1, ffnBias);
  plan.up = drawMatrix(ffn, hidden, drawStorage(hidden), 1, ffnBias);
  plan.down = drawMatrix(hidden, ffn, down, ways, random.chance(30));
  plan.whole = drawMatrix(hidden, hidden, drawStorage(hidden), 1, false);
  plan.embedding = drawStorage(hidden);
  plan.isTied = random.chance(30);
  plan.lmHead =
      drawMatrix(plan.vocabulary, hidden,
                 plan.isTied ? plan.embedding : drawStorage(hidden), 1, false);
}

NormNumerics PlanDrawer::drawNorm() {
  NormNumerics norm = numerics;
  if (random.chance(12))
    norm.eps = norm.eps == 1e-5 ? 1e-6 : 1e-5;
  if (random.chance(6))
    norm.mode = builder.pickNormMode();
  if (random.chance(6))
    norm.storage = builder.pickFloat();
  return norm;
}

Segment PlanDrawer::drawSegment(int64_t layers) {
  Segment segment;
  segment.isLoop = random.chance(70);
  segment.count = segment.isLoop ? random.between(random.chance(6) ? 0 : 1,
                                                  std::max<int64_t>(layers, 1))
                                 : 1;
  if (segment.isLoop && random.chance(18))
    segment.firstNorm = random.pick(
        {FirstNorm::several, FirstNorm::notByLayer, FirstNorm::derived});
  else if (random.chance(8))
    segment.firstNorm = FirstNorm::several;
  if (random.chance(28)) {
    bool isEverywhere = random.chance(60);
    segment.attention = random.pick(isEverywhere ? ArrayRef(kEverywhere)
                                                 : ArrayRef(kBehindAttention));
  }
  if (random.chance(22))
    segment.feedForward = random.pick(ArrayRef(kEverywhere));
  if (segment.isLoop && random.chance(5))
    segment.feedForward = NearMiss::residualMissing; // no residual add to yield
  segment.attentionNorm = drawNorm();
  segment.feedForwardNorm = drawNorm();
  return segment;
}

void PlanDrawer::drawSegments() {
  int64_t layers = random.between(1, 4);
  while (layers > 0 && plan.segments.size() < 3) {
    plan.segments.push_back(drawSegment(layers));
    layers -= std::max<int64_t>(plan.segments.back().count, 1);
  }
  plan.hasFinalNorm = random.chance(92);
  plan.finalNorm = drawNorm();
  plan.finalHasIndex = random.chance(15);
}

ModelPlan PlanDrawer::draw(int64_t tokens, int64_t ranks) {
  drawSizes(tokens);
  plan.residual = builder.pickFloat();
  plan.activation = plan.residual;
  if (plan.residual.isF32() && random.chance(50))
    plan.activation = builder.getBF16Type();
  plan.kv = builder.pickFloat();
  storage = random.chance(30) && plan.hidden % 32 == 0
                ? Type(BlockType::get(builder.getContext(), BlockFormat::q8_0))
                : builder.pickFloat();
  numerics = {builder.pickEps(), builder.pickNormMode(), plan.activation,
              builder.pickFloat()};
  drawMatrices(ranks);
  drawSegments();
  return std::move(plan);
}

} // namespace

ModelPlan lamina::generator::drawModelPlan(ModuleBuilder &builder,
                                           int64_t tokens, int64_t ranks) {
  return PlanDrawer(builder).draw(tokens, ranks);
}
