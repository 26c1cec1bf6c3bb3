// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-fused=ranks=2 --llama-require-fusion | FileCheck %s
// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-fused --llama-require-fusion | FileCheck %s --check-prefix=ONE
// RUN: lamina-opt %S/Inputs/peeled.mlir --llama-to-fused=ranks=2 --llama-require-fusion | FileCheck %s --check-prefix=PEELED

// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-fused="ranks=2 shard-residual" | FileCheck %s --check-prefix=ROWS
// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-fused="shard-residual" > %t.alone
// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-fused | diff %t.alone -

// A second run changes nothing.

// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-fused=ranks=2 > %t.once
// RUN: lamina-opt %t.once --llama-to-fused=ranks=2 | diff %t.once -
// RUN: lamina-opt %S/Inputs/peeled.mlir --llama-to-fused=ranks=2 > %t.peeled
// RUN: lamina-opt %t.peeled --llama-to-fused=ranks=2 | diff %t.peeled -
// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-fused > %t.one
// RUN: lamina-opt %t.one --llama-to-fused | diff %t.one -

// Every site fuses: two a layer.

// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-fused=ranks=2 --remarks-filter=llama-fuse --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK
// REMARK-NOT: [Missed]
// REMARK: Fused=6, LaunchesSaved=12, Remark="6 of 6 sites fused", Sites=6
// REMARK-NOT: [Missed]

// Expanded again, it is the hoisted sharded model.

// RUN: lamina-opt %t.once --llama-expand-fused --canonicalize > %t.expanded
// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-sharded=ranks=2 --llama-merge-projections --llama-hoist-first-norm --canonicalize | diff - %t.expanded

// With the option the loop carries the residual in rows, and nothing gathers it.

// ROWS-LABEL: func @step
// ROWS:         llama.shard_rows
// ROWS-NEXT:    llama.rms_norm
// ROWS-NEXT:    llama.layers {{.*}} : tensor<?x64xbf16, #llama.rows>, tensor<?x64xbf16>
// ROWS-NOT:     llama.all_gather
// ROWS:         return

// No add, norm or all_reduce is left in the loop.

// CHECK:       llama.weight private @next_norm[3] {{.*}} = layers [@attn_norm[1 to 3], @output_norm]
// CHECK-LABEL: func @step
// CHECK:         llama.rms_norm {{.*}}@attn_norm[0]
// CHECK-NEXT:    %[[X:.+]]:2 = llama.layers %[[L:.+]] to 3 iter (%[[H:.+]] = %{{.+}}, %[[N:.+]] = %{{.+}})
// CHECK-NEXT:      llama.linear %[[N]], @wq_wk_wv[%[[L]]]
// CHECK-NEXT:      llama.rope
// CHECK-NEXT:      llama.rope
// CHECK-NEXT:      llama.attention
// CHECK-NEXT:      %[[P:.+]] = llama.linear {{.*}}@wo[%[[L]]]
// CHECK-NEXT:      %[[M:.+]], %[[R:.+]] = llama.all_reduce_residual_rms_norm %[[P]], %[[H]], @ffn_norm[%[[L]]] bias @bo[%[[L]]]
// CHECK-NEXT:      llama.linear %[[M]], @gate_up[%[[L]]]
// CHECK-NEXT:      llama.silu_mul
// CHECK-NEXT:      %[[Q:.+]] = llama.linear {{.*}}@down[%[[L]]]
// CHECK-NEXT:      %[[NEXT:.+]], %[[S:.+]] = llama.all_reduce_residual_rms_norm %[[Q]], %[[R]], @next_norm[%[[L]]]
// CHECK-NEXT:      llama.yield %[[S]], %[[NEXT]]
// CHECK-NEXT:    }
// CHECK-NEXT:    llama.select_rows %[[X]]#1

// ONE-LABEL: func @step
// ONE:         llama.layers
// ONE-COUNT-2:   llama.residual_rms_norm
// ONE-NOT:       llama.add
// ONE-NOT:       llama.rms_norm
// ONE:           llama.yield

// PEELED-LABEL: func @step
// PEELED:         llama.layers %{{.+}} to 2
// PEELED-COUNT-2:   llama.all_reduce_residual_rms_norm
// PEELED:           llama.yield
// PEELED:         llama.all_reduce_residual_rms_norm {{.*}}@ffn_norm[2] bias @bo[2] eps 1.0e-05
// PEELED:         llama.all_reduce_residual_rms_norm {{.*}}@output_norm eps 0.5
