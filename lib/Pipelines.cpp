//===- Pipelines.cpp - The stages, shared by all tools --------------------===//

#include "lamina/Pipelines.h"

#include "lamina/Transforms/Passes.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lamina;

void lamina::buildShardedPipeline(OpPassManager &manager,
                                  const StageOptions &options) {
  ShardPassOptions shard;
  shard.ranks = options.ranks;
  shard.sum = options.sum;
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createShardPass(shard));
}

void lamina::buildFusedPipeline(OpPassManager &manager,
                                const StageOptions &options) {
  buildShardedPipeline(manager, options);
  manager.addPass(createMergeProjectionsPass());
  manager.addPass(createHoistFirstNormPass());
  manager.addPass(createFuseAllReduceResidualRmsNormPass());
  manager.addPass(createCanonicalizerPass());
}

void lamina::registerPipelines() {
  PassPipelineRegistration<StageOptions>(
      "llama-to-sharded", "import -> sharded: split over the ranks",
      buildShardedPipeline);
  PassPipelineRegistration<StageOptions>(
      "llama-to-fused",
      "import -> fused: split over the ranks, merge, hoist, fuse",
      buildFusedPipeline);
}
