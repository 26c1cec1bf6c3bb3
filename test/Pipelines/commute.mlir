// canonicalize(unroll(fuse(hoist P))) = canonicalize(fuse(hoist(unroll P))), as
// text. Weights that only one side derives and neither reads are dropped.

// RUN: lamina-opt %S/Inputs/model.mlir --canonicalize > %t.model
// RUN: lamina-opt %t.model --llama-hoist-first-norm --llama-fuse-all-reduce-residual-rms-norm --llama-unroll-layers --canonicalize --symbol-dce > %t.model.left
// RUN: lamina-opt %t.model --llama-unroll-layers --llama-hoist-first-norm --llama-fuse-all-reduce-residual-rms-norm --canonicalize --symbol-dce > %t.model.right
// RUN: diff %t.model.left %t.model.right
// RUN: FileCheck %s --check-prefix=ONE < %t.model.left

// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-sharded=ranks=2 > %t.model-sharded
// RUN: lamina-opt %t.model-sharded --llama-hoist-first-norm --llama-fuse-all-reduce-residual-rms-norm --llama-unroll-layers --canonicalize --symbol-dce > %t.model-sharded.left
// RUN: lamina-opt %t.model-sharded --llama-unroll-layers --llama-hoist-first-norm --llama-fuse-all-reduce-residual-rms-norm --canonicalize --symbol-dce > %t.model-sharded.right
// RUN: diff %t.model-sharded.left %t.model-sharded.right
// RUN: FileCheck %s --check-prefix=SHARDED < %t.model-sharded.left

// RUN: lamina-opt %S/Inputs/peeled.mlir --canonicalize > %t.peeled
// RUN: lamina-opt %t.peeled --llama-hoist-first-norm --llama-fuse-all-reduce-residual-rms-norm --llama-unroll-layers --canonicalize --symbol-dce > %t.peeled.left
// RUN: lamina-opt %t.peeled --llama-unroll-layers --llama-hoist-first-norm --llama-fuse-all-reduce-residual-rms-norm --canonicalize --symbol-dce > %t.peeled.right
// RUN: diff %t.peeled.left %t.peeled.right
// RUN: FileCheck %s --check-prefix=ONE < %t.peeled.left

// RUN: lamina-opt %S/Inputs/peeled.mlir --llama-to-sharded=ranks=2 > %t.peeled-sharded
// RUN: lamina-opt %t.peeled-sharded --llama-hoist-first-norm --llama-fuse-all-reduce-residual-rms-norm --llama-unroll-layers --canonicalize --symbol-dce > %t.peeled-sharded.left
// RUN: lamina-opt %t.peeled-sharded --llama-unroll-layers --llama-hoist-first-norm --llama-fuse-all-reduce-residual-rms-norm --canonicalize --symbol-dce > %t.peeled-sharded.right
// RUN: diff %t.peeled-sharded.left %t.peeled-sharded.right
// RUN: FileCheck %s --check-prefix=SHARDED < %t.peeled-sharded.left

// Six sites of three layers, and nothing is left of them.

// ONE-NOT:     llama.layers
// ONE-COUNT-6: llama.residual_rms_norm
// ONE-NOT:     llama.add

// SHARDED-NOT:     llama.layers
// SHARDED-COUNT-6: llama.all_reduce_residual_rms_norm
// SHARDED-NOT:     llama.add

// With merged products, too.

// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-fused=ranks=2 --llama-unroll-layers --canonicalize --symbol-dce > %t.fused.left
// RUN: lamina-opt %t.model-sharded --llama-unroll-layers --llama-merge-projections --llama-hoist-first-norm --llama-fuse-all-reduce-residual-rms-norm --canonicalize --symbol-dce | diff %t.fused.left -
