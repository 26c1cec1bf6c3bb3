// Fusing before sharding is legal and means the same, but a sum that sharding
// adds later stays an op of its own until the sites are expanded and fused again.

// RUN: lamina-opt %S/Inputs/model.mlir --llama-hoist-first-norm --llama-fuse-all-reduce-residual-rms-norm --llama-shard=ranks=2 > %t.early
// RUN: FileCheck %s --implicit-check-not=all_reduce_residual_rms_norm < %t.early
// CHECK:      llama.layers
// CHECK:      %[[SUM:.+]] = llama.all_reduce %
// CHECK-NEXT: llama.residual_rms_norm %{{.+}}, %[[SUM]],
// RUN: lamina-interpret %t.early --compare-with=%S/Inputs/model.mlir | FileCheck %s --check-prefix=EQUAL
// EQUAL: bit-equal

// RUN: lamina-opt %t.early --llama-expand-fused --canonicalize --llama-fuse-all-reduce-residual-rms-norm > %t.again
// RUN: FileCheck %s --check-prefix=AGAIN < %t.again
// AGAIN:         llama.layers
// AGAIN-NOT:     llama.all_reduce %
// AGAIN-COUNT-2: llama.all_reduce_residual_rms_norm
// AGAIN-NOT:     llama.all_reduce %
// RUN: lamina-interpret %t.again --compare-with=%S/Inputs/model.mlir | FileCheck %s --check-prefix=EQUAL

// What was made for another number of ranks is refused, with both numbers.

// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-fused=ranks=2 | %exits 3 lamina-opt --llama-shard=ranks=4 2>&1 | FileCheck %s --check-prefix=OTHER
// OTHER: error: is sharded for 2 ranks already, cannot be sharded for 4
