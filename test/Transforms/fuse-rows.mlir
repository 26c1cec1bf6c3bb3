// RUN: lamina-opt %s --llama-fuse-all-reduce-residual-rms-norm --split-input-file > %t.once
// RUN: FileCheck %s < %t.once
// RUN: lamina-opt %t.once --llama-fuse-all-reduce-residual-rms-norm --split-input-file | diff %t.once -
// RUN: lamina-opt %s --llama-fuse-all-reduce-residual-rms-norm --split-input-file --remarks-filter=llama-fuse --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

// A residual in rows of the ranks: what expanding makes becomes the fused op again.

// RUN: lamina-opt %t.once --llama-expand-fused --llama-fuse-all-reduce-residual-rms-norm --split-input-file | diff %t.once -

!T = tensor<?x64xf32>
!P = tensor<?x64xf32, #llama.partial>
!R = tensor<?x64xf32, #llama.rows>

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @norm[4] : tensor<64xf32> from "norm.*"
  llama.weight private @bias[4] : tensor<64xf32> from "bias.*"

  // Of half the rows a rank writes and reads the sum and the normed row, and reads
  // the new residual once more: 5 x 64 x 4 bytes.

  // CHECK-LABEL: func @fuse_rows
  // CHECK-SAME:    %[[P:[^:]+]]: tensor<?x64xf32, #llama.partial>, %[[H:[^:]+]]:
  // CHECK-NEXT:    %[[N:.+]], %[[R:.+]] = llama.all_reduce_residual_rms_norm %[[P]], %[[H]], @norm[3] bias @bias[1] eps 1.0e-05 norm single sum f32 tree [2] : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32>
  // CHECK-NEXT:    return %[[N]], %[[R]]
  // REMARK: [Passed] Fused | Category:llama-fuse | Function=fuse_rows | ActivationBytesSavedPerToken=640, LaunchesSaved=3,
  func.func @fuse_rows(%p: !P, %h: !R) -> (!T, !R) {
    %s = llama.reduce_scatter %p bias @bias[1] sum f32 tree [2] : !P -> !R
    %r = llama.add %h, %s : !R
    %n = llama.rms_norm %r, @norm[3] eps 1.0e-05 norm single : !R
    %g = llama.all_gather %n : !R -> !T
    return %g, %r : !T, !R
  }

  // The rows are read as rows, too.

  // CHECK-LABEL: func @no_fuse_normed_rows_have_other_users
  // CHECK-NOT:     llama.all_reduce_residual_rms_norm
  // CHECK:         return
  // REMARK: [Missed] RowsNotGathered | Category:llama-fuse | Function=no_fuse_normed_rows_have_other_users
  func.func @no_fuse_normed_rows_have_other_users(%p: !P, %h: !R) -> (!T, !R) {
    %s = llama.reduce_scatter %p sum f32 tree [2] : !P -> !R
    %r = llama.add %h, %s : !R
    %n = llama.rms_norm %r, @norm[3] eps 1.0e-05 norm hf : !R
    %g = llama.all_gather %n : !R -> !T
    return %g, %n : !T, !R
  }

  // CHECK-LABEL: func @no_fuse_rows_stay
  // CHECK-NOT:     llama.all_reduce_residual_rms_norm
  // CHECK:         return
  // REMARK: [Missed] RowsNotGathered | Category:llama-fuse | Function=no_fuse_rows_stay
  func.func @no_fuse_rows_stay(%p: !P, %h: !R) -> !R {
    %s = llama.reduce_scatter %p sum f32 tree [2] : !P -> !R
    %r = llama.add %h, %s : !R
    %n = llama.rms_norm %r, @norm[3] eps 1.0e-05 norm hf : !R
    return %n : !R
  }

  // The gather is in a loop: every iteration would need it.

  // CHECK-LABEL: func @no_fuse_gather_in_other_block
  // CHECK-NOT:     llama.all_reduce_residual_rms_norm
  // CHECK:         return
  // REMARK: [Missed] RowsNotGathered | Category:llama-fuse | Function=no_fuse_gather_in_other_block
  func.func @no_fuse_gather_in_other_block(%p: !P, %h: !R, %x: !T) -> !T {
    %s = llama.reduce_scatter %p sum f32 tree [2] : !P -> !R
    %r = llama.add %h, %s : !R
    %n = llama.rms_norm %r, @norm[3] eps 1.0e-05 norm hf : !R
    %y = llama.layers %l to 2 iter (%a = %x) : !T {
      %g = llama.all_gather %n : !R -> !T
      %b = llama.add %a, %g : !T
      llama.yield %b : !T
    }
    return %y : !T
  }

  // The gather would pass another collective.

  // CHECK-LABEL: func @no_fuse_collective_before_gather
  // CHECK-NOT:     llama.all_reduce_residual_rms_norm
  // CHECK:         return
  // REMARK: [Missed] RowsNotGathered | Category:llama-fuse | Function=no_fuse_collective_before_gather
  func.func @no_fuse_collective_before_gather(%p: !P, %h: !R) -> (!T, !T) {
    %s = llama.reduce_scatter %p sum f32 tree [2] : !P -> !R
    %r = llama.add %h, %s : !R
    %n = llama.rms_norm %r, @norm[3] eps 1.0e-05 norm hf : !R
    %x = llama.all_reduce %p sum f32 tree [2] : !P -> !T
    %g = llama.all_gather %n : !R -> !T
    return %g, %x : !T, !T
  }
}

// -----

// One rank may hold rows, too. Without a sum over ranks there is no site.

module attributes {llama.ranks = 1 : i64} {
  llama.weight private @norm : tensor<64xf32> from "norm"

  // CHECK-LABEL: func @fuse_rows_of_one_rank
  // CHECK-NEXT:    llama.all_reduce_residual_rms_norm
  // CHECK-NEXT:    return
  func.func @fuse_rows_of_one_rank(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32, #llama.rows>) -> tensor<?x64xf32> {
    %s = llama.reduce_scatter %p sum f32 tree [] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32, #llama.rows>
    %r = llama.add %h, %s : tensor<?x64xf32, #llama.rows>
    %n = llama.rms_norm %r, @norm eps 1.0e-05 norm hf : tensor<?x64xf32, #llama.rows>
    %g = llama.all_gather %n : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32>
    return %g : tensor<?x64xf32>
  }

  // CHECK-LABEL: func @no_fuse_rows_without_sum
  // CHECK-NEXT:    llama.add
  // CHECK-NEXT:    llama.rms_norm
  func.func @no_fuse_rows_without_sum(%a: tensor<?x64xf32, #llama.rows>, %b: tensor<?x64xf32, #llama.rows>) -> tensor<?x64xf32, #llama.rows> {
    %r = llama.add %a, %b : tensor<?x64xf32, #llama.rows>
    %n = llama.rms_norm %r, @norm eps 1.0e-05 norm hf : tensor<?x64xf32, #llama.rows>
    return %n : tensor<?x64xf32, #llama.rows>
  }
}
