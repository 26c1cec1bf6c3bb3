// RUN: lamina-opt %s --llama-fuse-all-reduce-residual-rms-norm --split-input-file | FileCheck %s
// RUN: lamina-opt %s --llama-fuse-all-reduce-residual-rms-norm --split-input-file > %t.once
// RUN: lamina-opt %t.once --llama-fuse-all-reduce-residual-rms-norm --split-input-file | diff %t.once -

// Two ranks.

module attributes {llama.ranks = 2 : i64} {

llama.weight private @norm[4] : tensor<64xbf16> from "norm.*"
llama.weight private @norm_f32 : tensor<64xf32> from "norm_f32"
llama.weight private @final : tensor<64xbf16> from "final"
llama.weight private @bias[4] : tensor<64xf32> from "bias.*"
llama.weight private @tiny : tensor<1xf32> from "tiny"
llama.weight private @seven : tensor<7xf16> from "seven"

// The residual is added once, by the fused op: it is no addend of the sum.

// CHECK-LABEL: func @fuse
// CHECK-SAME:    %[[P:[^:]+]]: tensor<?x64xf32, #llama.partial>, %[[H:[^:]+]]: tensor<?x64xbf16>
// CHECK-NEXT:    %[[N:.+]], %[[R:.+]] = llama.all_reduce_residual_rms_norm %[[P]], %[[H]], @norm[3] eps 1.0e-05 norm hf sum f32 tree [2]
// CHECK-NEXT:    return %[[N]], %[[R]]
func.func @fuse(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @norm[3] eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %r : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// CHECK-LABEL: func @fuse_commuted_add
// CHECK-SAME:    %[[P:[^:]+]]: tensor<?x64xf32, #llama.partial>, %[[H:[^:]+]]: tensor<?x64xbf16>
// CHECK-NEXT:    %[[N:.+]], %{{.+}} = llama.all_reduce_residual_rms_norm %[[P]], %[[H]], @final
// CHECK-NEXT:    return %[[N]]
func.func @fuse_commuted_add(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %s, %h : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// The bias is added once, in f32, by the collective.

// CHECK-LABEL: func @fuse_with_bias
// CHECK:         llama.all_reduce_residual_rms_norm %{{.+}}, %{{.+}}, @final bias @bias[2] eps
func.func @fuse_with_bias(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p bias @bias[2] sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// Weight and bias are read at a layer that is a value, each at its own.

// CHECK-LABEL: func @fuse_in_layers
// CHECK:         %[[C:.+]] = arith.constant 1 : index
// CHECK:         llama.layers %[[L:.+]] to 4 iter (%[[H:.+]] = %{{.+}})
// CHECK-NEXT:      %[[N:.+]], %[[R:.+]] = llama.all_reduce_residual_rms_norm %{{.+}}, %[[H]], @norm[%[[L]]] bias @bias[%[[C]]] eps
// CHECK-NEXT:      llama.yield %[[R]]
func.func @fuse_in_layers(%p: tensor<?x64xf32, #llama.partial>, %x: tensor<?x64xbf16>)
    -> tensor<?x64xbf16> {
  %c1 = arith.constant 1 : index
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x64xbf16> {
    %s = llama.all_reduce %p bias @bias[%c1] sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
    %r = llama.add %h, %s : tensor<?x64xbf16>
    %n = llama.rms_norm %r, @norm[%l] eps 1.0e-05 norm hf : tensor<?x64xbf16>
    llama.yield %r : tensor<?x64xbf16>
  }
  return %y : tensor<?x64xbf16>
}

// eps, mode, and the element types of weight and result are those of the norm.

// CHECK-LABEL: func @fuse_numerics
// CHECK:         llama.all_reduce_residual_rms_norm %{{.+}}, %{{.+}}, @norm_f32 eps 0.25 norm zero_centered sum native tree [2]
// CHECK-SAME:      tensor<?x64xbf16, #llama.partial>, tensor<?x64xbf16> -> tensor<?x64xf16>
// CHECK:         llama.all_reduce_residual_rms_norm %{{.+}}, %{{.+}}, @final eps 1.0e-05 norm single sum f32
func.func @fuse_numerics(%p: tensor<?x64xbf16, #llama.partial>, %q: tensor<?x64xf32, #llama.partial>,
                         %h: tensor<?x64xbf16>) -> (tensor<?x64xf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum native tree [2] : tensor<?x64xbf16, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @norm_f32 eps 0.25 norm zero_centered : tensor<?x64xbf16> -> tensor<?x64xf16>
  %t = llama.all_reduce %q sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %u = llama.add %h, %t : tensor<?x64xbf16>
  %m = llama.rms_norm %u, @final eps 1.0e-05 norm single : tensor<?x64xbf16>
  return %n, %m : tensor<?x64xf16>, tensor<?x64xbf16>
}

// No token, one token; one feature, seven features.

// CHECK-LABEL: func @fuse_small
// CHECK-COUNT-3: llama.all_reduce_residual_rms_norm
// CHECK-NOT:     llama.rms_norm
func.func @fuse_small(%p: tensor<0x64xf32, #llama.partial>, %h: tensor<0x64xbf16>,
                      %q: tensor<1x1xf32, #llama.partial>, %i: tensor<1x1xf32>,
                      %o: tensor<?x7xf32, #llama.partial>, %j: tensor<?x7xf16>)
    -> (tensor<0x64xbf16>, tensor<1x1xf32>, tensor<?x7xf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<0x64xf32, #llama.partial> -> tensor<0x64xbf16>
  %r = llama.add %h, %s : tensor<0x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<0x64xbf16>
  %t = llama.all_reduce %q sum f32 tree [2] : tensor<1x1xf32, #llama.partial> -> tensor<1x1xf32>
  %u = llama.add %i, %t : tensor<1x1xf32>
  %m = llama.rms_norm %u, @tiny eps 1.0e-05 norm hf : tensor<1x1xf32>
  %v = llama.all_reduce %o sum f32 tree [2] : tensor<?x7xf32, #llama.partial> -> tensor<?x7xf16>
  %w = llama.add %j, %v : tensor<?x7xf16>
  %k = llama.rms_norm %w, @seven eps 1.0e-05 norm hf : tensor<?x7xf16>
  return %n, %m, %k : tensor<0x64xbf16>, tensor<1x1xf32>, tensor<?x7xf16>
}

// The partial sum, the residual, its sum and the normed value are read by other
// ops as well. The op before the norm reads the fused op's second result, so the
// fused op stands where the add stood.

// CHECK-LABEL: func @fuse_other_users
// CHECK-SAME:    %[[P:[^:]+]]: tensor<?x64xf32, #llama.partial>, %[[H:[^:]+]]: tensor<?x64xbf16>
// CHECK-NEXT:    %[[N:.+]], %[[R:.+]] = llama.all_reduce_residual_rms_norm %[[P]], %[[H]]
// CHECK-NEXT:    %[[TWICE:.+]] = llama.add %[[R]], %[[H]]
// CHECK-NEXT:    %[[AGAIN:.+]] = llama.all_reduce %[[P]]
// CHECK-NEXT:    %[[NN:.+]] = llama.add %[[N]], %[[N]]
// CHECK-NEXT:    return %[[TWICE]], %[[AGAIN]], %[[NN]], %[[N]], %[[R]]
func.func @fuse_other_users(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>, tensor<?x64xbf16>, tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %twice = llama.add %r, %h : tensor<?x64xbf16>
  %again = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %nn = llama.add %n, %n : tensor<?x64xbf16>
  return %twice, %again, %nn, %n, %r : tensor<?x64xbf16>, tensor<?x64xbf16>, tensor<?x64xbf16>, tensor<?x64xbf16>, tensor<?x64xbf16>
}

// Both addends are sums over ranks. The last one fuses: nothing stands between
// it and the add.

// CHECK-LABEL: func @fuse_last_of_two_sums
// CHECK-SAME:    %[[P:[^:]+]]: tensor<?x64xf32, #llama.partial>, %[[Q:[^:]+]]: tensor<?x64xf32, #llama.partial>
// CHECK-NEXT:    %[[S:.+]] = llama.all_reduce %[[P]]
// CHECK-NEXT:    llama.all_reduce_residual_rms_norm %[[Q]], %[[S]], @final
// CHECK:         %[[T:.+]] = llama.all_reduce %[[P]]
// CHECK-NEXT:    llama.all_reduce_residual_rms_norm %[[Q]], %[[T]], @norm[0]
func.func @fuse_last_of_two_sums(%p: tensor<?x64xf32, #llama.partial>, %q: tensor<?x64xf32, #llama.partial>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %t = llama.all_reduce %q sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %s, %t : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %u = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %v = llama.all_reduce %q sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %w = llama.add %v, %u : tensor<?x64xbf16>
  %m = llama.rms_norm %w, @norm[0] eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %m : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// Attention writes the KV cache, which is no order of collectives.

// CHECK-LABEL: func @fuse_over_attention
// CHECK:         llama.attention
// CHECK-NEXT:    llama.add
// CHECK-NEXT:    llama.all_reduce_residual_rms_norm
func.func @fuse_over_attention(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>,
                               %positions: tensor<?xi32>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %a = llama.attention %h, %h, %h, %positions, %positions layer [0] heads 8 kv_heads 8 scale 0.5 kv bf16
      : tensor<?x64xbf16>, tensor<?x64xbf16>
  %b = llama.add %a, %h : tensor<?x64xbf16>
  %r = llama.add %b, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %a : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// The layer of the norm is a constant before the add.

// CHECK-LABEL: func @fuse_early_layer
// CHECK-NEXT:    %[[C:.+]] = arith.constant 2
// CHECK-NEXT:    llama.all_reduce_residual_rms_norm %{{.+}}, %{{.+}}, @norm[%[[C]]]
func.func @fuse_early_layer(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %c2 = arith.constant 2 : index
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @norm[%c2] eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// CHECK-LABEL: func private @declaration
func.func private @declaration(tensor<?x64xbf16>) -> tensor<?x64xbf16>

// A second norm of one sum cannot fuse; it reads the fused op's residual.

// CHECK-LABEL: func @no_fuse_second_norm
// CHECK:         %[[N:.+]], %[[R:.+]] = llama.all_reduce_residual_rms_norm %{{.+}}, %{{.+}}, @final
// CHECK-NEXT:    %[[M:.+]] = llama.rms_norm %[[R]], @norm[1]
// CHECK-NEXT:    return %[[N]], %[[M]]
func.func @no_fuse_second_norm(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %m = llama.rms_norm %r, @norm[1] eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %m : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// CHECK-LABEL: func @no_fuse_sum_with_other_user
// CHECK-NOT:     llama.all_reduce_residual_rms_norm
// CHECK:         llama.all_reduce %
// CHECK-NEXT:    llama.add
// CHECK-NEXT:    llama.rms_norm
// CHECK-NEXT:    return
func.func @no_fuse_sum_with_other_user(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %s : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// The sum is added to itself, so that it has two users.

// CHECK-LABEL: func @no_fuse_sum_added_to_itself
// CHECK-NEXT:    %[[S:.+]] = llama.all_reduce %
// CHECK-NEXT:    %[[R:.+]] = llama.add %[[S]], %[[S]]
// CHECK-NEXT:    llama.rms_norm %[[R]]
func.func @no_fuse_sum_added_to_itself(%p: tensor<?x64xf32, #llama.partial>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %s, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// Both addends are sums; neither can fuse.

// CHECK-LABEL: func @no_fuse_two_sums_with_other_users
// CHECK-NOT:     llama.all_reduce_residual_rms_norm
// CHECK:         return
func.func @no_fuse_two_sums_with_other_users(%p: tensor<?x64xf32, #llama.partial>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %t = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %s, %t : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %s, %t : tensor<?x64xbf16>, tensor<?x64xbf16>, tensor<?x64xbf16>
}

// CHECK-LABEL: func @no_fuse_all_reduce_between
// CHECK-NOT:     llama.all_reduce_residual_rms_norm
// CHECK:         return
func.func @no_fuse_all_reduce_between(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %t = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %t : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// CHECK-LABEL: func @no_fuse_all_gather_between
// CHECK-NOT:     llama.all_reduce_residual_rms_norm
// CHECK:         return
func.func @no_fuse_all_gather_between(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>,
                                      %c: tensor<?x64xbf16, #llama.columns<unit = 8>>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %t = llama.all_gather %c : tensor<?x64xbf16, #llama.columns<unit = 8>> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %t : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// A fused op that was made before is a collective too.

// CHECK-LABEL: func @no_fuse_fused_op_between
// CHECK:         llama.all_reduce %
// CHECK-NEXT:    llama.all_reduce_residual_rms_norm
// CHECK-NEXT:    llama.add
// CHECK-NEXT:    llama.rms_norm
func.func @no_fuse_fused_op_between(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %m, %g = llama.all_reduce_residual_rms_norm %p, %h, @final eps 1.0e-05 norm hf sum f32 tree [2]
      : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16>
  %r = llama.add %g, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// A call may hold a collective.

// CHECK-LABEL: func @no_fuse_call_between
// CHECK-NOT:     llama.all_reduce_residual_rms_norm
// CHECK:         return
func.func @no_fuse_call_between(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %g = call @declaration(%h) : (tensor<?x64xbf16>) -> tensor<?x64xbf16>
  %r = llama.add %g, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// A loop with a collective stands between; one without does not matter.

// CHECK-LABEL: func @no_fuse_layers_with_collective_between
// CHECK-NOT:     llama.all_reduce_residual_rms_norm
// CHECK:         llama.rms_norm
// CHECK:         llama.layers
// CHECK:         llama.all_reduce_residual_rms_norm
// CHECK-NOT:     llama.rms_norm
func.func @no_fuse_layers_with_collective_between(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %g = llama.layers %l to 2 iter (%i = %h) : tensor<?x64xbf16> {
    %t = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
    llama.yield %t : tensor<?x64xbf16>
  }
  %r = llama.add %g, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %u = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %w = llama.layers %l to 2 iter (%i = %h) : tensor<?x64xbf16> {
    %t = llama.add %i, %i : tensor<?x64xbf16>
    llama.yield %t : tensor<?x64xbf16>
  }
  %v = llama.add %w, %u : tensor<?x64xbf16>
  %m = llama.rms_norm %v, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %m : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// The norm is in the body of a loop, the add in front of it; then the sum.

// CHECK-LABEL: func @no_fuse_other_block
// CHECK-NOT:     llama.all_reduce_residual_rms_norm
// CHECK:         return
func.func @no_fuse_other_block(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %x = llama.layers %l to 2 iter (%i = %h) : tensor<?x64xbf16> {
    %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
    llama.yield %n : tensor<?x64xbf16>
  }
  %t = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %y = llama.layers %l to 2 iter (%i = %h) : tensor<?x64xbf16> {
    %u = llama.add %i, %t : tensor<?x64xbf16>
    %n = llama.rms_norm %u, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
    llama.yield %n : tensor<?x64xbf16>
  }
  return %x, %y : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// The fused op would stand at the add, where the layer is not defined yet.

// CHECK-LABEL: func @no_fuse_late_layer
// CHECK-NOT:     llama.all_reduce_residual_rms_norm
// CHECK:         return
func.func @no_fuse_late_layer(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %c2 = arith.constant 2 : index
  %n = llama.rms_norm %r, @norm[%c2] eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// The first norm has no residual add, and an add without a sum over ranks is no
// site with two ranks.

// CHECK-LABEL: func @no_fuse_without_add_or_sum
// CHECK-NEXT:    llama.rms_norm
// CHECK-NEXT:    llama.all_reduce %
// CHECK-NEXT:    llama.rms_norm
// CHECK-NEXT:    llama.add
// CHECK-NEXT:    llama.rms_norm
func.func @no_fuse_without_add_or_sum(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %n = llama.rms_norm %h, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %m = llama.rms_norm %s, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %r = llama.add %h, %n : tensor<?x64xbf16>
  %o = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %m, %o : tensor<?x64xbf16>, tensor<?x64xbf16>, tensor<?x64xbf16>
}

}

// -----

// One rank, with the attribute: the update is whole.

module attributes {llama.ranks = 1 : i64} {

// In code that cannot be reached, an op may read what is defined behind it.

// CHECK-LABEL: func @no_fuse_unreachable
// CHECK-NOT:     llama.residual_rms_norm
// CHECK:         llama.rms_norm
// CHECK:         llama.rms_norm
func.func @no_fuse_unreachable(%u: tensor<?x64xbf16>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  return %h : tensor<?x64xbf16>
^unreachable:
  %n = llama.rms_norm %r, @norm[0] eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %m = llama.rms_norm %r, @norm[0] eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %s = llama.add %u, %u : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

llama.weight private @norm[4] : tensor<64xf32> from "norm.*"

// CHECK-LABEL: func @fuse_one_rank
// CHECK-SAME:    %[[U:[^:]+]]: tensor<?x64xf32>, %[[H:[^:]+]]: tensor<?x64xf32>
// CHECK-NEXT:    %[[N:.+]], %[[R:.+]] = llama.residual_rms_norm %[[U]], %[[H]], @norm[3] eps 1.0e-05 norm hf
// CHECK-NEXT:    return %[[N]], %[[R]]
func.func @fuse_one_rank(%u: tensor<?x64xf32>, %h: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %r = llama.add %h, %u : tensor<?x64xf32>
  %n = llama.rms_norm %r, @norm[3] eps 1.0e-05 norm hf : tensor<?x64xf32>
  return %n, %r : tensor<?x64xf32>, tensor<?x64xf32>
}

}

// -----

// One rank, without the attribute; several functions.

llama.weight private @norm[4] : tensor<64xf32> from "norm.*"
llama.weight private @final : tensor<64xf32> from "final"

// CHECK-LABEL: func @fuse_in_layers
// CHECK:         llama.layers %[[L:.+]] to 4
// CHECK-NEXT:      llama.residual_rms_norm %{{.+}}, %{{.+}}, @norm[%[[L]]] eps 1.0e-05 norm single
func.func @fuse_in_layers(%u: tensor<?x64xf32>, %x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x64xf32> {
    %r = llama.add %h, %u : tensor<?x64xf32>
    %n = llama.rms_norm %r, @norm[%l] eps 1.0e-05 norm single : tensor<?x64xf32>
    llama.yield %n : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}

// The sum of a value with itself: residual and update are one value.

// CHECK-LABEL: func @fuse_value_added_to_itself
// CHECK-SAME:    %[[H:[^:]+]]: tensor<?x64xf32>
// CHECK-NEXT:    llama.residual_rms_norm %[[H]], %[[H]], @final
func.func @fuse_value_added_to_itself(%h: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %r = llama.add %h, %h : tensor<?x64xf32>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xf32>
  return %n : tensor<?x64xf32>
}

// Without a collective, a site may be anywhere.

// CHECK-LABEL: func @fuse_in_if
// CHECK:         scf.if
// CHECK-NEXT:      llama.residual_rms_norm
func.func @fuse_in_if(%h: tensor<?x64xf32>, %u: tensor<?x64xf32>, %c: i1) -> tensor<?x64xf32> {
  %x = scf.if %c -> tensor<?x64xf32> {
    %r = llama.add %h, %u : tensor<?x64xf32>
    %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xf32>
    scf.yield %n : tensor<?x64xf32>
  } else {
    scf.yield %h : tensor<?x64xf32>
  }
  return %x : tensor<?x64xf32>
}

// CHECK-LABEL: func @no_fuse_second_norm
// CHECK:         llama.residual_rms_norm
// CHECK-NEXT:    llama.rms_norm
func.func @no_fuse_second_norm(%h: tensor<?x64xf32>, %u: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %r = llama.add %h, %u : tensor<?x64xf32>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xf32>
  %m = llama.rms_norm %r, @final eps 0.5 norm hf : tensor<?x64xf32>
  return %n, %m : tensor<?x64xf32>, tensor<?x64xf32>
}

// A nested module is left to a pass that runs on it.

// CHECK-LABEL: module @nested
// CHECK-NOT:     llama.residual_rms_norm
// CHECK:         llama.rms_norm
module @nested {
  llama.weight private @final : tensor<64xf32> from "final"
  func.func @no_fuse_in_nested_module(%h: tensor<?x64xf32>, %u: tensor<?x64xf32>) -> tensor<?x64xf32> {
    %r = llama.add %h, %u : tensor<?x64xf32>
    %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xf32>
    return %n : tensor<?x64xf32>
  }
}
