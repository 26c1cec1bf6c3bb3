//===- Pipelines.h - The stages, shared by all tools ----------------------===//

#ifndef LAMINA_PIPELINES_H
#define LAMINA_PIPELINES_H

#include "lamina/IR/LlamaDialect.h"
#include "lamina/Transforms/RankCount.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace lamina {

/// Options of the stage `sharded`.
struct StageOptions : mlir::PassPipelineOptions<StageOptions> {
  Option<RankCount> ranks{*this, "ranks",
                          llvm::cl::desc("Number of ranks (default 1)"),
                          llvm::cl::init(RankCount{1})};
  Option<SumMode> sum{
      *this, "sum", llvm::cl::desc("Where sums over ranks are rounded"),
      llvm::cl::init(SumMode::f32),
      llvm::cl::values(
          clEnumValN(SumMode::f32, "f32", "once, after the sum in f32"),
          clEnumValN(SumMode::native, "native", "after each add"))};
};

/// Options of the stage `fused`.
struct FusedStageOptions : StageOptions {
  Option<bool> shardResidual{
      *this, "shard-residual",
      llvm::cl::desc("Keep the residual in rows of the ranks"),
      llvm::cl::init(false)};
};

/// What `sharded` -> `fused` does.
struct FusingOptions {
  /// Norms are hoisted and fused; else only projections are merged, to compare.
  bool fuse = true;
  /// The residual is kept in rows; without `fuse` its fused ops are expanded.
  bool shardResidual = false;
};

/// `import` -> `sharded`: canonicalise, shard.
void buildShardedPipeline(mlir::OpPassManager &manager,
                          const StageOptions &options);

/// `import` -> `fused`: the sharded stage, then merge the projections, hoist
/// the first norm, fuse, shard the residual if wanted, canonicalise.
void buildFusedPipeline(mlir::OpPassManager &manager,
                        const FusedStageOptions &options);

/// `sharded` -> `fused`.
void buildFusingPipeline(mlir::OpPassManager &manager,
                         const FusingOptions &options);

/// `fused` (or `sharded`) -> `planned`: every activation gets a place in the
/// arena.
void buildPlannedPipeline(mlir::OpPassManager &manager);

/// `planned` -> `runtime`: calls of the runtime, loops and constants.
void buildRuntimePipeline(mlir::OpPassManager &manager);

/// `runtime` -> `llvm`: the LLVM dialect, with the tables of the program.
void buildLLVMPipeline(mlir::OpPassManager &manager);

/// Makes the stages known as `--llama-to-sharded`, `--llama-to-fused`,
/// `--llama-to-planned`, `--llama-to-runtime` and `--llama-to-llvm`.
void registerPipelines();

} // namespace lamina

#endif // LAMINA_PIPELINES_H
