// RUN: lamina-opt %s --llama-plan-buffers --split-input-file --remarks-filter=llama-plan --remark-policy=all 2> %t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=BYTES < %t.remarks
// RUN: lamina-opt %s --llama-plan-buffers --llama-convert-to-runtime --split-input-file | FileCheck %s --check-prefix=CALLS
// RUN: lamina-opt %s --llama-plan-buffers --llama-expand-fused --llama-plan-buffers --llama-convert-to-runtime --split-input-file | FileCheck %s --check-prefix=EXPANDED

// Values in rows lie in a section of their own, where the residual is updated in
// place. A token takes 2 x 256 bytes of its rank and, of the section of all
// tokens, the addends and the normed values.

// BYTES: Planned {{.*}}ArenaBytesPerLogitRow=320, ArenaBytesPerOwnToken=256, ArenaBytesPerToken=512, Copies=0, {{.*}}LiveBytesPerOwnToken=256, LiveBytesPerToken=512

// CHECK:       module attributes {{.*}}lamina.arena = array<i64: 512, 320, 256>
// CHECK-SAME:  {offset = 0 : i64, rows = "own_tokens", type = tensor<?x64xf32, #llama.rows>}
// CHECK:         llama.shard_rows {{.*}}lamina.slots = array<i32: [[H:[0-9]+]]>
// CHECK:           llama.all_reduce_residual_rms_norm {{.*}}lamina.slots = array<i32: {{[0-9]+}}, [[H]]>
// CHECK-NOT:         lamina.copies
// CHECK:         } attributes {lamina.slots = array<i32: [[H]], {{[0-9]+}}>}

// The collectives are those of whole rows; a site gives one row of 256 bytes to
// the others, not two.

// CALLS:      collectives = [{features = 64 : i64, operation = "all_reduce", result_bytes = 256 : i64, rows = "tokens", times = 1 : i64, type = f32}, {features = 64 : i64, keeps_rows, operation = "all_reduce_residual_rms_norm", result_bytes = 256 : i64, rows = "tokens", times = 4 : i64, type = f32}, {features = 64 : i64, operation = "all_gather", result_bytes = 0 : i64, rows = "tokens", times = 1 : i64, type = f32}]
// CALLS:      call @lamrt_shard_rows(%{{.+}}, %[[X:.+]], %[[H:.+]]) : (!llvm.ptr, i32, i32) -> ()
// CALLS:      scf.for
// CALLS:        call @lamrt_all_reduce_residual_rms_norm(%{{.+}}, %{{.+}}, %[[H]], {{.*}}, %[[H]])
// CALLS:      call @lamrt_all_gather(%{{.+}}, %[[H]], %{{.+}})

// EXPANDED:   keeps_rows, operation = "reduce_scatter", result_bytes = 0 : i64, rows = "tokens", times = 4
// EXPANDED:   call @lamrt_reduce_scatter(%{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %{{.+}}, %[[S:.+]]) : (!llvm.ptr, i32, i32, i32, i32, i32) -> ()
// EXPANDED:   call @lamrt_add(%{{.+}}, %[[H:.+]], %[[S]], %[[H]])
// EXPANDED:   call @lamrt_rms_norm(%{{.+}}, %[[H]],
// EXPANDED:   call @lamrt_all_gather

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @embed : tensor<8x64xf32> from "embed" split <columns, unit = 1>
  llama.weight private @norm[4] : tensor<64xf32> from "norm.*"
  llama.weight private @w : tensor<8x64xf32> from "w"
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x8xf32> {
    %p = llama.embed %ids, @embed : tensor<?x64xf32, #llama.partial>
    %x = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    %h0 = llama.shard_rows %x : tensor<?x64xf32> -> tensor<?x64xf32, #llama.rows>
    %y:2 = llama.layers %l to 4 iter (%h = %h0, %n = %x) : tensor<?x64xf32, #llama.rows>, tensor<?x64xf32> {
      %q = llama.embed %ids, @embed : tensor<?x64xf32, #llama.partial>
      %m, %r = llama.all_reduce_residual_rms_norm %q, %h, @norm[%l] eps 1.0 norm hf sum f32 tree [2]
          : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32>
      llama.yield %r, %m : tensor<?x64xf32, #llama.rows>, tensor<?x64xf32>
    }
    %g = llama.all_gather %y#0 : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32>
    %s = llama.add %g, %y#1 : tensor<?x64xf32>
    %v = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
    %o = llama.linear %v, @w leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32>
    return %o : tensor<?x8xf32>
  }
}
