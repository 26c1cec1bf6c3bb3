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
// CHECK: [Analysis] FusionSites | Category:llama-fuse | Function=fused | Fused=1, Remark="1 of 1 sites fused", Sites=1
func.func @fused(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// A site in a loop counts as often as it runs.

// CHECK-NOT: Missed
// CHECK: [Passed] Fused | Category:llama-fuse | Function=nested_loops
// CHECK: [Passed] Fused | Category:llama-fuse | Function=nested_loops
// CHECK: [Analysis] FusionSites | Category:llama-fuse | Function=nested_loops | Fused=15, Remark="15 of 15 sites fused", Sites=15
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
// CHECK: Fused=0, Remark="0 of 3 sites fused", Sites=3
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

// The first norm is no site: no miss, and no analysis of a function without
// sites.

// CHECK: Function=late_layer
// CHECK-NOT: first_norm
func.func @first_norm(%h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %n = llama.rms_norm %h, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

}
