// RUN: lamina-opt %s --llama-plan-buffers --split-input-file | FileCheck %s
// RUN: lamina-opt %S/Inputs/model.mlir --llama-plan-buffers | FileCheck %s --check-prefix=MODEL
// RUN: lamina-opt %S/../Pipelines/Inputs/model.mlir --llama-to-sharded --llama-plan-buffers --remarks-filter=llama-plan --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=UNFUSED
// RUN: lamina-opt %S/../Pipelines/Inputs/model.mlir --llama-to-fused --llama-plan-buffers --remarks-filter=llama-plan --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=FUSED

// RUN: lamina-opt %S/../Pipelines/Inputs/model.mlir --llama-to-fused="ranks=4 shard-residual" --llama-plan-buffers --remarks-filter=llama-plan --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=ROWS

// Planning again changes nothing, and neither does a round trip.

// RUN: lamina-opt %S/Inputs/model.mlir --llama-plan-buffers > %t
// RUN: lamina-opt %t --llama-plan-buffers --llama-verify-plan | diff %t -

// The residual keeps slot 0 and the normed value slot 1, through the loop and in
// place; queries and keys are rotated in place.

// MODEL:       module attributes {{.*}}lamina.arena = array<i64: 384, 128, 0>
// MODEL:         %[[X:.+]] = llama.embed {{.*}}lamina.slots = array<i32: 0>
// MODEL-NEXT:    llama.rms_norm {{.*}}lamina.slots = array<i32: 1>
// MODEL-NEXT:    llama.layers
// MODEL-NEXT:      llama.linear {{.*}}lamina.slots = array<i32: 2, 3, 4>
// MODEL-NEXT:      llama.rope {{.*}}lamina.slots = array<i32: 2>
// MODEL-NEXT:      llama.rope {{.*}}lamina.slots = array<i32: 3>
// MODEL-NEXT:      llama.attention {{.*}}lamina.slots = array<i32: 5>
// MODEL-NEXT:      llama.linear {{.*}}lamina.slots = array<i32: 1>
// MODEL-NEXT:      llama.residual_rms_norm {{.*}}lamina.slots = array<i32: 1, 0>
// MODEL-NEXT:      llama.tap
// MODEL-NEXT:      llama.yield
// MODEL-NOT:         lamina.copies
// MODEL:         } attributes {lamina.slots = array<i32: 0, 1>}
// MODEL-NEXT:    llama.tap
// MODEL-NEXT:    llama.select_rows {{.*}}lamina.slots = array<i32: 6>
// MODEL-NEXT:    llama.linear {{.*}}lamina.slots = array<i32: 7>

// The fused step needs no more than the unfused one: the largest point of both
// is gate, up, residual and the normed value (bf16: 2*384 + 2*128).

// UNFUSED: Planned {{.*}}ArenaBytesPerLogitRow=384, ArenaBytesPerOwnToken=0, ArenaBytesPerToken=1024, Copies=0, LiveBytesPerLogitRow=384, LiveBytesPerOwnToken=0, LiveBytesPerToken=1024
// FUSED:   Planned {{.*}}ArenaBytesPerLogitRow=384, ArenaBytesPerOwnToken=0, ArenaBytesPerToken=1024, Copies=0, LiveBytesPerLogitRow=384, LiveBytesPerOwnToken=0, LiveBytesPerToken=1024

// With the residual in rows of the ranks, the largest first would leave a gap of
// 128 bytes in the section of all tokens: what ended last is placed again first.

// ROWS:    Planned {{.*}}ArenaBytesPerOwnToken=128, ArenaBytesPerToken=384, Copies=0, {{.*}}LiveBytesPerOwnToken=128, LiveBytesPerToken=384

// What a loop swaps goes through a third buffer.

// CHECK-LABEL: @step
// CHECK:         llama.embed {{.*}}lamina.slots = array<i32: 0>
// CHECK:         llama.rms_norm {{.*}}lamina.slots = array<i32: 1>
// CHECK:         llama.yield {{.*}} {lamina.copies = array<i32: 0, 4, 1, 0, 4, 1>}
// CHECK-NEXT:  } attributes {lamina.slots = array<i32: 0, 1>}
llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm : tensor<64xf32> from "norm"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x8xf32> {
  %a = llama.embed %ids, @embed : tensor<?x64xf32>
  %b = llama.rms_norm %a, @norm eps 1.0e-05 norm hf : tensor<?x64xf32>
  %x:2 = llama.layers %l to 4 iter (%p = %a, %q = %b) : tensor<?x64xf32>, tensor<?x64xf32> {
    llama.yield %q, %p : tensor<?x64xf32>, tensor<?x64xf32>
  }
  %s = llama.add %x#0, %x#1 : tensor<?x64xf32>
  %w = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  %y = llama.linear %w, @embed leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// An init that is read behind the loop or in it, or is the init of two values,
// is copied; so is a value from outside that the loop yields.

// CHECK-LABEL: @step
// CHECK:         llama.embed {{.*}}lamina.slots = array<i32: 0>
// CHECK:         llama.layers
// CHECK:           llama.add {{.*}}lamina.slots = array<i32: [[OUT:[0-9]+]]>
// CHECK:           llama.yield {{.*}} {lamina.copies = array<i32: 0, [[KEPT:[0-9]+]]>}
// CHECK-NEXT:  } attributes {lamina.copies = array<i32: 0, [[OUT]], 0, [[KEPT]]>, lamina.slots = array<i32: [[OUT]], [[KEPT]]>}
llama.weight private @embed : tensor<8x64xf32> from "embed"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x8xf32> {
  %a = llama.embed %ids, @embed : tensor<?x64xf32>
  %x:2 = llama.layers %l to 4 iter (%p = %a, %q = %a) : tensor<?x64xf32>, tensor<?x64xf32> {
    %r = llama.add %p, %a : tensor<?x64xf32>
    llama.yield %r, %a : tensor<?x64xf32>, tensor<?x64xf32>
  }
  %s = llama.add %x#0, %x#1 : tensor<?x64xf32>
  %t = llama.add %s, %a : tensor<?x64xf32>
  %w = llama.select_rows %t, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  %y = llama.linear %w, @embed leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// A residual with another reader is not overwritten, nor an update by a normed
// value of another type. Dead bytes are used again: %k lies where %u was. Rows
// of 8 elements take 64 bytes.

// CHECK:       lamina.arena = array<i64: 896, 64, 0>
// CHECK-SAME:  {offset = 256 : i64, rows = "tokens", type = tensor<?x8xf32>}
// CHECK-SAME:  {offset = 320 : i64, rows = "tokens", type = tensor<?x8xf32>}
// CHECK-LABEL: @step
// CHECK:         %[[A:.+]] = llama.embed {{.*}}lamina.slots = array<i32: 0>
// CHECK-NEXT:    %[[U:.+]] = llama.linear %[[A]]{{.*}}lamina.slots = array<i32: 1>
// CHECK-NEXT:    %{{.+}}, %[[R:.+]] = llama.residual_rms_norm %[[U]], %[[A]]{{.*}}lamina.slots = array<i32: 2, 3>
// CHECK-NEXT:    llama.linear {{.*}}lamina.slots = array<i32: 4>
// CHECK-NEXT:    llama.add %[[R]], %[[A]] {lamina.slots = array<i32: 3>}
llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @w : tensor<64x64xf32> from "w"
llama.weight private @k : tensor<8x64xf32> from "k"
llama.weight private @norm : tensor<64xf32> from "norm"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x8xf32> {
  %a = llama.embed %ids, @embed : tensor<?x64xf32>
  %u = llama.linear %a, @w leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %n, %r = llama.residual_rms_norm %u, %a, @norm eps 1.0e-05 norm hf
      : tensor<?x64xf32> -> tensor<?x64xbf16>
  %k = llama.linear %n, @k leaves [] : (tensor<?x64xbf16>) -> tensor<?x8xf32>
  %s = llama.add %r, %a : tensor<?x64xf32>
  %g = llama.linear %s, @k leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  %h = llama.silu_mul %g, %k : tensor<?x8xf32>
  %w = llama.select_rows %h, %wanted : tensor<?x8xf32> -> tensor<?x8xf32>
  return %w : tensor<?x8xf32>
}
