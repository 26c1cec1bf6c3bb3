//===- ModelPlan.h - What a random model is made of -----------------------===//
//
// The choices of a model, apart from its IR, and what they say about sharding,
// hoisting and fusing it.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_GENERATOR_MODELPLAN_H
#define LAMINA_TEST_GENERATOR_MODELPLAN_H

#include "ModuleBuilder.h"
#include "Program.h"

namespace lamina::generator {

/// How the first norm of a layer reads the residual stream.
enum class FirstNorm {
  byLayer,
  several,    // two norms read it
  notByLayer, // in a loop, the weight has no layers
  derived     // in a loop, the weight is derived from another
};

/// Layers of one kind: a loop, or one layer as straight code.
struct Segment {
  bool isLoop = false;
  int64_t count = 1; // layers; 1 for straight code
  FirstNorm firstNorm = FirstNorm::byLayer;
  NearMiss attention = NearMiss::none;   // at the add behind attention
  NearMiss feedForward = NearMiss::none; // at the add behind the feed-forward
  NormNumerics attentionNorm, feedForwardNorm;

  /// True for what is a loop after canonicalisation.
  bool staysLoop() const { return isLoop && count > 1; }
};

/// A product: storage of the weight, a bias, the summation tree.
struct Matrix {
  int64_t out = 1, in = 1;
  mlir::Type storage;
  mlir::Type bias; // null without
  llvm::SmallVector<int64_t> leaves;
};

struct ModelPlan {
  int64_t hidden = 1, intermediate = 1, vocabulary = 1;
  int64_t heads = 1, kvHeads = 1, headDim = 2;
  bool isTied = false;
  mlir::Type residual, activation, kv; // element types
  Matrix wq, wk, wv, wo, gate, up, down, whole, lmHead;
  mlir::Type embedding;
  std::vector<Segment> segments;
  bool hasFinalNorm = true;
  NormNumerics finalNorm;
  bool finalHasIndex = false; // its weight has layers
};

/// Draws a plan. `tokens` bounds its work; `ranks` makes some summation trees.
ModelPlan drawModelPlan(ModuleBuilder &builder, int64_t tokens, int64_t ranks);

/// True if the model can be split over `ranks` (DESIGN section 3: heads, KV
/// heads, blocks and vocabulary for each rank).
bool canSplit(const ModelPlan &plan, int64_t ranks);

/// True if both row-split products have the bits of one rank on `ranks`.
bool hasExactSums(const ModelPlan &plan, int64_t ranks);

/// True if `segment` is a loop that the hoisting rotates.
bool rotates(const Segment &segment);

/// What the fusion must make of the plan in the `fused` pipeline.
FusionForecast forecastModel(const ModelPlan &plan, int64_t ranks);

} // namespace lamina::generator

#endif // LAMINA_TEST_GENERATOR_MODELPLAN_H
