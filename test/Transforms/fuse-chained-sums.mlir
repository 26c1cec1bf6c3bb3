// Two sums in front of two adds: the second all-reduce stands in the way of the
// first site until its own site has fused. One run fuses both.
// RUN: lamina-opt %s --llama-fuse-all-reduce-residual-rms-norm --llama-require-fusion -o %t.once
// RUN: FileCheck %s < %t.once
// RUN: lamina-opt %t.once --llama-fuse-all-reduce-residual-rms-norm | diff %t.once -
// RUN: lamina-interpret %t.once --compare-with=%s | FileCheck %s --check-prefix=SAME
// SAME-COUNT-2: bit-equal

// CHECK:      llama.all_reduce_residual_rms_norm %{{.+}}, %{{.+}}, @w
// CHECK-NEXT: llama.all_reduce_residual_rms_norm %{{.+}}, %{{.+}}, @w
// CHECK-NEXT: return
module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<8xf32> from "w"
  func.func @step(%p: tensor<?x8xf32, #llama.partial>, %q: tensor<?x8xf32, #llama.partial>, %h: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
    %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x8xf32, #llama.partial> -> tensor<?x8xf32>
    %t = llama.all_reduce %q sum f32 tree [2] : tensor<?x8xf32, #llama.partial> -> tensor<?x8xf32>
    %r = llama.add %h, %s : tensor<?x8xf32>
    %n = llama.rms_norm %r, @w eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r2 = llama.add %r, %t : tensor<?x8xf32>
    %m = llama.rms_norm %r2, @w eps 1.0e-05 norm hf : tensor<?x8xf32>
    return %n, %m : tensor<?x8xf32>, tensor<?x8xf32>
  }
}
