// RUN: lamina-opt %s --llama-expand-fused | FileCheck %s
// RUN: lamina-opt %s --llama-expand-fused --remarks-filter=llama-expand --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// A residual in rows: each rank sums, adds and norms its own.

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @norm[4] : tensor<64xbf16> from "norm.*"
  llama.weight private @bias[4] : tensor<64xf32> from "bias.*"

  // CHECK-LABEL: func @expand_rows
  // CHECK-SAME:    %[[P:[^:]+]]: tensor<?x64xf32, #llama.partial>, %[[H:[^:]+]]: tensor<?x64xbf16, #llama.rows>
  // CHECK-NEXT:    %[[S:.+]] = llama.reduce_scatter %[[P]] bias @bias[1] sum f32 tree [2] : {{.*}} -> tensor<?x64xbf16, #llama.rows>
  // CHECK-NEXT:    %[[R:.+]] = llama.add %[[H]], %[[S]] : tensor<?x64xbf16, #llama.rows>
  // CHECK-NEXT:    %[[N:.+]] = llama.rms_norm %[[R]], @norm[3] eps 1.0e-05 norm single : tensor<?x64xbf16, #llama.rows> -> tensor<?x64xf32, #llama.rows>
  // CHECK-NEXT:    %[[G:.+]] = llama.all_gather %[[N]] : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32>
  // CHECK-NEXT:    return %[[G]], %[[R]]

  // One launch becomes four. Of the rank's half of the rows, the sum is written and
  // read, the new residual read, and the normed row written and read once more:
  // 64 values of 2, 2 and 4 bytes.
  // REMARK: Function=expand_rows | ActivationBytesAddedPerToken=448, LaunchesAdded=3,
  func.func @expand_rows(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16, #llama.rows>)
      -> (tensor<?x64xf32>, tensor<?x64xbf16, #llama.rows>) {
    %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @norm[3] bias @bias[1] eps 1.0e-05 norm single sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16, #llama.rows> -> tensor<?x64xf32>
    return %n, %r : tensor<?x64xf32>, tensor<?x64xbf16, #llama.rows>
  }
}
