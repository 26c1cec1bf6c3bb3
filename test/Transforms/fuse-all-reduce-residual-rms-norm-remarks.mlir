// RUN: lamina-opt %s --llama-fuse-all-reduce-residual-rms-norm --remarks-filter=llama-fuse --remark-policy=all -o /dev/null 2>&1 | FileCheck %s

// As LLVM's YAML, which opt-stats.py of opt-viewer counts.

// RUN: lamina-opt %s --llama-fuse-all-reduce-residual-rms-norm --remarks-filter=llama-fuse --remark-policy=all --remark-format=yaml --remarks-output-file=%t.yaml -o /dev/null
// RUN: FileCheck %s --check-prefix=YAML < %t.yaml
// YAML:       --- !Passed
// YAML-NEXT:  Pass: llama-fuse
// YAML-NEXT:  Name: Fused
// YAML:       Function: fused
// YAML:       LaunchesSaved: '2'
// YAML:       --- !Missed
// YAML:       Name: AlreadyFused
// YAML:       Reason:
// YAML:       Suggestion:

module attributes {llama.ranks = 2 : i64} {

llama.weight private @norm[4] : tensor<64xbf16> from "norm.*"
llama.weight private @final : tensor<64xbf16> from "final"

// Two of three launches are saved. The sum over ranks and the residual stream
// are each written and read once less, and the sum of the add read once less:
// 3 x 64 x 2 bytes.

// CHECK: [Passed] Fused | Category:llama-fuse | Function=fused | ActivationBytesSavedPerToken=384, LaunchesSaved=2, Remark="fused into llama.all_reduce_residual_rms_norm"
// CHECK: [Analysis] FusionSites | Category:llama-fuse | Function=fused | ActivationBytesSavedPerToken=384, Fused=1, LaunchesSaved=2, Remark="1 of 1 sites fused", Sites=1
func.func @fused(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// A site in a loop counts, and saves, as often as it runs.

// CHECK-NOT: Missed
// CHECK: [Passed] Fused | Category:llama-fuse | Function=nested_loops | ActivationBytesSavedPerToken=4608, LaunchesSaved=24,
// CHECK: [Passed] Fused | Category:llama-fuse | Function=nested_loops | ActivationBytesSavedPerToken=1152, LaunchesSaved=6,
// CHECK: [Analysis] FusionSites | Category:llama-fuse | Function=nested_loops | ActivationBytesSavedPerToken=5760, Fused=15, LaunchesSaved=30, Remark="15 of 15 sites fused", Sites=15
func.func @nested_loops(%p: tensor<?x64xf32, #llama.partial>, %x: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %y = llama.layers %l to 3 iter (%h = %x) : tensor<?x64xbf16> {
    %z = llama.layers %m to 4 iter (%i = %h) : tensor<?x64xbf16> {
      %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
      %r = llama.add %i, %s : tensor<?x64xbf16>
      %n = llama.rms_norm %r, @norm[%m] eps 1.0e-05 norm hf : tensor<?x64xbf16>
      llama.yield %n : tensor<?x64xbf16>
    }
    %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
    %r = llama.add %z, %s : tensor<?x64xbf16>
    %n = llama.rms_norm %r, @norm[%l] eps 1.0e-05 norm hf : tensor<?x64xbf16>
    llama.yield %n : tensor<?x64xbf16>
  }
  return %y : tensor<?x64xbf16>
}

// CHECK: [Passed] Fused | Category:llama-fuse | Function=already_fused
// CHECK: :[[#@LINE+9]]:8: remark: [Missed] AlreadyFused | Category:llama-fuse | Function=already_fused
// CHECK-SAME: Reason="the residual add is already fused with another norm"
// CHECK-SAME: Suggestion="if the norms are equal, read the result of one in both places"
// CHECK: Remark="1 of 2 sites fused"
func.func @already_fused(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @norm[0] eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %m = llama.rms_norm %r, @norm[1] eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %m : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// CHECK: [Missed] NormInOtherBlock | Category:llama-fuse | Function=norm_in_other_block
// CHECK-SAME: Reason="the norm is in another block than the residual add"
// CHECK-SAME: Suggestion="move the norm next to the add, or hoist the first norm"
// CHECK: ActivationBytesSavedPerToken=0, Fused=0, LaunchesSaved=0, Remark="0 of 3 sites fused", Sites=3
func.func @norm_in_other_block(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %x = llama.layers %l to 3 iter (%i = %h) : tensor<?x64xbf16> {
    %n = llama.rms_norm %r, @norm[%l] eps 1.0e-05 norm hf : tensor<?x64xbf16>
    llama.yield %n : tensor<?x64xbf16>
  }
  return %x : tensor<?x64xbf16>
}

// CHECK: [Missed] SumInOtherBlock | Category:llama-fuse | Function=sum_in_other_block
// CHECK-SAME: Reason="the all_reduce is in another block than the add"
// CHECK-SAME: Suggestion="move the all_reduce next to the add"
func.func @sum_in_other_block(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %x = llama.layers %l to 3 iter (%i = %h) : tensor<?x64xbf16> {
    %r = llama.add %i, %s : tensor<?x64xbf16>
    %n = llama.rms_norm %r, @norm[%l] eps 1.0e-05 norm hf : tensor<?x64xbf16>
    llama.yield %n : tensor<?x64xbf16>
  }
  return %x : tensor<?x64xbf16>
}

// CHECK: [Missed] SumHasOtherUsers | Category:llama-fuse | Function=sum_has_other_users
// CHECK-SAME: Reason="the sum of the all_reduce has other users"
// CHECK-SAME: Suggestion="let them read the residual stream, which the fused op returns"
func.func @sum_has_other_users(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %s : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// CHECK: [Missed] CollectiveBetween | Category:llama-fuse | Function=collective_between
// CHECK-SAME: Reason="an op that is or may hold a collective stands between the all_reduce and the add"
// CHECK-SAME: Suggestion="move that op before the all_reduce or behind the add"
func.func @collective_between(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %t = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %t : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// CHECK: [Missed] LateLayer | Category:llama-fuse | Function=late_layer
// CHECK-SAME: Reason="the layer of the norm's weight is defined after the add"
// CHECK-SAME: Suggestion="define the layer before the add"
func.func @late_layer(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %c2 = arith.constant 2 : index
  %n = llama.rms_norm %r, @norm[%c2] eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// CHECK: [Missed] CastBeforeNorm | Category:llama-fuse | Function=cast_before_norm
// CHECK-SAME: Reason="a cast or a reshape stands between the residual add and the norm"
// CHECK-SAME: Suggestion="let the norm read the sum: its result may have another element type"
// CHECK: Remark="0 of 1 sites fused"
func.func @cast_before_norm(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xf32> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %w = arith.extf %r : tensor<?x64xbf16> to tensor<?x64xf32>
  %n = llama.rms_norm %w, @final eps 1.0e-05 norm hf : tensor<?x64xf32>
  return %n : tensor<?x64xf32>
}

// Also behind a fused op.

// CHECK: [Passed] Fused | Category:llama-fuse | Function=cast_of_fused
// CHECK: [Missed] CastBeforeNorm | Category:llama-fuse | Function=cast_of_fused
// CHECK: Remark="1 of 2 sites fused"
func.func @cast_of_fused(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xf32>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %w = arith.extf %r : tensor<?x64xbf16> to tensor<?x64xf32>
  %m = llama.rms_norm %w, @final eps 1.0e-05 norm hf : tensor<?x64xf32>
  return %n, %m : tensor<?x64xbf16>, tensor<?x64xf32>
}

// CHECK: [Missed] CastBeforeAdd | Category:llama-fuse | Function=cast_before_add
// CHECK-SAME: Reason="a cast or a reshape stands between the all_reduce and the add"
// CHECK-SAME: Suggestion="let the all_reduce have the type of the residual"
func.func @cast_before_add(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
  %t = arith.truncf %s : tensor<?x64xf32> to tensor<?x64xbf16>
  %r = llama.add %h, %t : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// Two reshapes that were not folded.

// CHECK: [Missed] CastBeforeAdd | Category:llama-fuse | Function=reshape_before_add
func.func @reshape_before_add(%p: tensor<8x64xf32, #llama.partial>, %h: tensor<8x64xbf16>) -> tensor<8x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<8x64xf32, #llama.partial> -> tensor<8x64xbf16>
  %e = tensor.expand_shape %s [[0, 1], [2]] output_shape [2, 4, 64] : tensor<8x64xbf16> into tensor<2x4x64xbf16>
  %c = tensor.collapse_shape %e [[0, 1], [2]] : tensor<2x4x64xbf16> into tensor<8x64xbf16>
  %r = llama.add %h, %c : tensor<8x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<8x64xbf16>
  return %n : tensor<8x64xbf16>
}

// The savings of very many layers stay at the largest number.

// CHECK: [Passed] Fused | Category:llama-fuse | Function=huge | ActivationBytesSavedPerToken=9223372036854775807, LaunchesSaved=9223372036854775807,
// CHECK: Function=huge | ActivationBytesSavedPerToken=9223372036854775807, Fused=9223372036854775807, LaunchesSaved=9223372036854775807,
llama.weight private @wide : tensor<4611686018427387903xbf16> from "wide"
func.func @huge(%p: tensor<?x4611686018427387903xf32, #llama.partial>, %x: tensor<?x4611686018427387903xbf16>) {
  %y = llama.layers %l to 9223372036854775807 iter (%h = %x) : tensor<?x4611686018427387903xbf16> {
    %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x4611686018427387903xf32, #llama.partial> -> tensor<?x4611686018427387903xbf16>
    %r = llama.add %h, %s : tensor<?x4611686018427387903xbf16>
    %n = llama.rms_norm %r, @wide eps 1.0e-05 norm hf : tensor<?x4611686018427387903xbf16>
    llama.yield %n : tensor<?x4611686018427387903xbf16>
  }
  return
}

// The first norm is no site: no miss, and no analysis of a function without
// sites.

// CHECK: func.func @huge
// CHECK-NOT: first_norm
func.func @first_norm(%h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %n = llama.rms_norm %h, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

}
