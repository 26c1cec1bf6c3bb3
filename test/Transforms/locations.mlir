// RUN: lamina-opt %s --llama-fuse-all-reduce-residual-rms-norm --mlir-print-debuginfo | FileCheck %s --check-prefix=FUSE
// RUN: lamina-opt %s --llama-fuse-all-reduce-residual-rms-norm --llama-expand-fused --mlir-print-debuginfo | FileCheck %s --check-prefix=EXPAND
// RUN: lamina-opt %s --llama-merge-projections --mlir-print-debuginfo | FileCheck %s --check-prefix=MERGE

// An op that takes the place of others has the locations of all of them.

module attributes {llama.ranks = 2 : i64} {

llama.weight private @norm : tensor<8xf32> from "norm"
llama.weight private @a : tensor<8x8xf32> from "a"
llama.weight private @b : tensor<8x8xf32> from "b"

// FUSE: llama.all_reduce_residual_rms_norm {{.*}} loc(#[[FUSED:.+]])

// EXPAND:      llama.all_reduce {{.*}} loc(#[[FUSED:.+]])
// EXPAND-NEXT: llama.add {{.*}} loc(#[[FUSED]])
// EXPAND-NEXT: llama.rms_norm {{.*}} loc(#[[FUSED]])

// MERGE: llama.weight private @a_b {{.*}} loc(#[[MERGED:.+]])
// MERGE: llama.linear {{.*}} loc(#[[MERGED]])
func.func @f(%p: tensor<?x8xf32, #llama.partial>, %h: tensor<?x8xf32>)
    -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x8xf32, #llama.partial> -> tensor<?x8xf32> loc("o_proj")
  %r = llama.add %h, %s : tensor<?x8xf32> loc("residual")
  %n = llama.rms_norm %r, @norm eps 1.0e-05 norm hf : tensor<?x8xf32> loc("norm")
  %a = llama.linear %n, @a leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32> loc("a_proj")
  %b = llama.linear %n, @b leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32> loc("b_proj")
  return %a, %b : tensor<?x8xf32>, tensor<?x8xf32>
}

}

// FUSE-DAG: #[[O:.+]] = loc("o_proj")
// FUSE-DAG: #[[R:.+]] = loc("residual")
// FUSE-DAG: #[[N:.+]] = loc("norm")
// FUSE-DAG: #[[FUSED]] = loc(fused[#[[O]], #[[R]], #[[N]]])

// EXPAND-DAG: #[[FUSED]] = loc(fused[

// MERGE-DAG: #[[A:.+]] = loc("a_proj")
// MERGE-DAG: #[[B:.+]] = loc("b_proj")
// MERGE-DAG: #[[MERGED]] = loc(fused[#[[A]], #[[B]]])
