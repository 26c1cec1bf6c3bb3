//===- Pipelines.cpp - The stages, shared by all tools --------------------===//

#include "lamina/Pipelines.h"

#include "lamina/Conversion/Passes.h"
#include "lamina/Transforms/Passes.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
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
                                const FusedStageOptions &options) {
  buildShardedPipeline(manager, options);
  FusingOptions fusing;
  fusing.shardResidual = options.shardResidual;
  buildFusingPipeline(manager, fusing);
}

void lamina::buildFusingPipeline(OpPassManager &manager,
                                 const FusingOptions &options) {
  manager.addPass(createMergeProjectionsPass());
  if (options.fuse || options.shardResidual) {
    manager.addPass(createHoistFirstNormPass());
    manager.addPass(createFuseAllReduceResidualRmsNormPass());
  }
  if (options.shardResidual)
    manager.addPass(createShardResidualPass());
  if (options.shardResidual && !options.fuse)
    manager.addPass(createExpandFusedPass());
  manager.addPass(createCanonicalizerPass());
}

void lamina::buildPlannedPipeline(OpPassManager &manager) {
  manager.addPass(createPlanBuffersPass());
}

void lamina::buildRuntimePipeline(OpPassManager &manager) {
  manager.addPass(createConvertToRuntimePass());
}

void lamina::buildLLVMPipeline(OpPassManager &manager) {
  manager.addPass(createSCFToControlFlowPass());
  manager.addPass(createArithToLLVMConversionPass());
  manager.addPass(createConvertControlFlowToLLVMPass());
  manager.addPass(createConvertFuncToLLVMPass());
  manager.addPass(createReconcileUnrealizedCastsPass());
  manager.addPass(createEmitProgramTablesPass());
}

void lamina::registerPipelines() {
  PassPipelineRegistration<StageOptions>(
      "llama-to-sharded", "import -> sharded: split over the ranks",
      buildShardedPipeline);
  PassPipelineRegistration<FusedStageOptions>(
      "llama-to-fused",
      "import -> fused: split over the ranks, merge, hoist, fuse",
      buildFusedPipeline);
  PassPipelineRegistration<>(
      "llama-to-planned",
      "fused -> planned: every activation gets a place in the arena",
      buildPlannedPipeline);
  PassPipelineRegistration<>("llama-to-runtime",
                             "planned -> runtime: calls of the runtime",
                             buildRuntimePipeline);
  PassPipelineRegistration<>(
      "llama-to-llvm", "runtime -> llvm: the LLVM dialect, with the tables",
      buildLLVMPipeline);
}
