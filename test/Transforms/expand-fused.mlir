// RUN: lamina-opt %s --llama-expand-fused --split-input-file | FileCheck %s
// RUN: lamina-opt %s --llama-expand-fused --split-input-file > %t.expanded
// RUN: lamina-opt %t.expanded --llama-expand-fused --split-input-file | diff %t.expanded -

// The inverse: canonicalize(expand(fuse(P))) = canonicalize(P), where P is what
// the fused ops stand for.

// RUN: lamina-opt %t.expanded --canonicalize --split-input-file > %t.p
// RUN: lamina-opt %t.expanded --llama-fuse-all-reduce-residual-rms-norm --split-input-file > %t.fused
// RUN: not grep -E 'llama[.](all_reduce|add|rms_norm) ' %t.fused
// RUN: lamina-opt %t.fused --llama-expand-fused --canonicalize --split-input-file | diff %t.p -

module attributes {llama.ranks = 2 : i64} {

llama.weight private @norm[4] : tensor<64xbf16> from "norm.*"
llama.weight private @norm_f32 : tensor<64xf32> from "norm_f32"
llama.weight private @bias[4] : tensor<64xf32> from "bias.*"

// CHECK-LABEL: func @expand_all_reduce
// CHECK-SAME:    %[[P:[^:]+]]: tensor<?x64xf32, #llama.partial>, %[[H:[^:]+]]: tensor<?x64xbf16>
// CHECK-NEXT:    %[[S:.+]] = llama.all_reduce %[[P]] sum f32 tree [2] : {{.*}} -> tensor<?x64xbf16>
// CHECK-NEXT:    %[[R:.+]] = llama.add %[[H]], %[[S]]
// CHECK-NEXT:    %[[N:.+]] = llama.rms_norm %[[R]], @norm[3] eps 1.0e-05 norm hf
// CHECK-NEXT:    return %[[N]], %[[R]]
func.func @expand_all_reduce(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @norm[3] eps 1.0e-05 norm hf sum f32 tree [2]
      : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16>
  return %n, %r : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// Another type of the normed value, a bias, native sums; weight and bias at
// layers of their own.

// CHECK-LABEL: func @expand_numerics
// CHECK:         llama.layers %[[L:.+]] to 4
// CHECK-NEXT:      llama.all_reduce %{{.+}} bias @bias[%[[L]]] sum f32 tree [2]
// CHECK-NEXT:      llama.add
// CHECK-NEXT:      llama.rms_norm %{{.+}}, @norm[1] eps 0.5 norm single
// CHECK-NEXT:      llama.all_reduce %{{.+}} sum native tree [2]
// CHECK-NEXT:      llama.add
// CHECK-NEXT:      llama.rms_norm %{{.+}}, @norm_f32 eps 0.25 norm zero_centered : tensor<?x64xbf16> -> tensor<?x64xf16>
func.func @expand_numerics(%p: tensor<?x64xf32, #llama.partial>, %q: tensor<?x64xbf16, #llama.partial>,
                           %x: tensor<?x64xbf16>, %y: tensor<?x64xf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xf16>) {
  %z, %w = llama.layers %l to 4 iter (%h = %x, %g = %y) : tensor<?x64xbf16>, tensor<?x64xf16> {
    %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @norm[1] bias @bias[%l] eps 0.5 norm single sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16>
    %m, %s = llama.all_reduce_residual_rms_norm %q, %n, @norm_f32 eps 0.25 norm zero_centered sum native tree [2]
        : tensor<?x64xbf16, #llama.partial>, tensor<?x64xbf16> -> tensor<?x64xf16>
    llama.yield %s, %m : tensor<?x64xbf16>, tensor<?x64xf16>
  }
  return %z, %w : tensor<?x64xbf16>, tensor<?x64xf16>
}

// CHECK-LABEL: func private @declaration
func.func private @declaration(tensor<?x64xbf16>) -> tensor<?x64xbf16>

}

// -----

llama.weight private @norm[4] : tensor<64xf32> from "norm.*"

// CHECK-LABEL: func @expand_one_rank
// CHECK-SAME:    %[[U:[^:]+]]: tensor<?x64xf32>, %[[H:[^:]+]]: tensor<?x64xf32>
// CHECK-NEXT:    %[[R:.+]] = llama.add %[[H]], %[[U]]
// CHECK-NEXT:    %[[N:.+]] = llama.rms_norm %[[R]], @norm[2] eps 0.5 norm single
// CHECK-NEXT:    return %[[N]], %[[R]]
func.func @expand_one_rank(%u: tensor<?x64xf32>, %h: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %n, %r = llama.residual_rms_norm %u, %h, @norm[2] eps 0.5 norm single : tensor<?x64xf32>
  return %n, %r : tensor<?x64xf32>, tensor<?x64xf32>
}
