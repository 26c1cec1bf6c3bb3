//===- Pipelines.h - The stages, shared by all tools ----------------------===//

#ifndef LAMINA_PIPELINES_H
#define LAMINA_PIPELINES_H

#include "lamina/IR/LlamaDialect.h"
#include "lamina/Transforms/RankCount.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"

namespace lamina {

/// Options of the stages.
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

/// `import` -> `sharded`: canonicalise, shard.
void buildShardedPipeline(mlir::OpPassManager &manager,
                          const StageOptions &options);

/// `import` -> `fused`: the sharded stage, then merge the projections, hoist
/// the first norm, fuse, canonicalise.
void buildFusedPipeline(mlir::OpPassManager &manager,
                        const StageOptions &options);

/// `sharded` -> `fused`; without `fuse` only projections are merged, to
/// compare.
void buildFusingPipeline(mlir::OpPassManager &manager, bool fuse = true);

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
