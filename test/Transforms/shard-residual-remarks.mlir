// RUN: lamina-opt %s --llama-shard-residual --split-input-file --remarks-filter=llama-shard-residual --remark-policy=all -o /dev/null 2>&1 | FileCheck %s

!T = tensor<?x64xbf16>
!P = tensor<?x64xf32, #llama.partial>

module attributes {llama.ranks = 4 : i64} {
  llama.weight private @norm[4] : tensor<64xf32> from "norm.*"

  // 8 sites save, and one gather sends, the residual of a token, 128 bytes, to three
  // other ranks. Of these a rank keeps a quarter.

  // CHECK: [Passed] Sharded | Category:llama-shard-residual | Function=sharded | Gathers=1, Ranks=4, Remark="each rank keeps its rows of the residual, and shares normed rows only; a step of one row is done by rank 0", ResidualBytesSavedPerToken=96, SentBytesSavedPerToken=2688, Sites=8
  func.func @sharded(%x: !T, %p: !P) -> !T {
    %y = llama.layers %l to 4 iter (%h = %x) : !T {
      %n1, %h1 = llama.all_reduce_residual_rms_norm %p, %h, @norm[%l] eps 1.0 norm hf sum f32 tree [4] : !P, !T
      %n2, %h2 = llama.all_reduce_residual_rms_norm %p, %h1, @norm[%l] eps 1.0 norm hf sum f32 tree [4] : !P, !T
      llama.yield %h2 : !T
    }
    return %y : !T
  }

  // CHECK: [Missed] OtherReaders | Category:llama-shard-residual | Function=taps | Reason="llama.tap reads the whole residual too: 4 gathers a step for other readers, 8 sites that would share less", Suggestion="let fewer ops read the residual"
  func.func @taps(%x: !T, %p: !P) {
    %y = llama.layers %l to 4 iter (%h = %x) : !T {
      %n1, %h1 = llama.all_reduce_residual_rms_norm %p, %h, @norm[%l] eps 1.0 norm hf sum f32 tree [4] : !P, !T
      llama.tap %h1, "middle.L"[%l] : !T
      %n2, %h2 = llama.all_reduce_residual_rms_norm %p, %h1, @norm[%l] eps 1.0 norm hf sum f32 tree [4] : !P, !T
      llama.yield %h2 : !T
    }
    return
  }

  // CHECK: [Missed] FewRows | Category:llama-shard-residual | Function=few_rows | Reason="7 rows on 4 ranks: some would have none, and wait for the others at every site", Suggestion="let the number of tokens be dynamic"
  func.func @few_rows(%x: tensor<7x64xbf16>, %p: tensor<7x64xf32, #llama.partial>) -> tensor<7x64xbf16> {
    %n, %r = llama.all_reduce_residual_rms_norm %p, %x, @norm[0] eps 1.0 norm hf sum f32 tree [4]
        : tensor<7x64xf32, #llama.partial>, tensor<7x64xbf16>
    return %n : tensor<7x64xbf16>
  }

  // CHECK: [Missed] SelectedRows | Category:llama-shard-residual | Function=selected_rows | Reason="the residual has the wanted rows of a step: they are few, and programs keep no part of them", Suggestion="select the rows behind the last site"
  func.func @selected_rows(%x: !T, %p: !P, %wanted: tensor<?xi32>) -> !T {
    %s = llama.select_rows %x, %wanted : !T -> !T
    %n, %r = llama.all_reduce_residual_rms_norm %p, %s, @norm[0] eps 1.0 norm hf sum f32 tree [4] : !P, !T
    return %n : !T
  }

  // Two streams, each for itself.

  // CHECK: [Passed] Sharded | {{.*}} Function=two_streams | Gathers=0, {{.*}} Sites=2
  // CHECK: [Missed] OtherReaders | {{.*}} Function=two_streams | Reason="func.return reads
  func.func @two_streams(%x: !T, %p: !P) -> (!T, !T) {
    %n1, %h1 = llama.all_reduce_residual_rms_norm %p, %x, @norm[0] eps 1.0 norm hf sum f32 tree [4] : !P, !T
    %n2, %g = llama.all_reduce_residual_rms_norm %p, %x, @norm[1] eps 1.0 norm hf sum f32 tree [4] : !P, !T
    %n3, %h2 = llama.all_reduce_residual_rms_norm %p, %h1, @norm[2] eps 1.0 norm hf sum f32 tree [4] : !P, !T
    return %n3, %g : !T, !T
  }
}

// -----

module attributes {llama.ranks = 1 : i64} {
  llama.weight private @norm : tensor<64xf32> from "norm"

  // CHECK: [Missed] OneRank | Category:llama-shard-residual | Function=one_rank | Reason="the one rank has all rows", Suggestion="choose several ranks"
  // CHECK-NOT: Category
  func.func @one_rank(%x: tensor<?x64xf32>, %p: tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32> {
    %n, %r = llama.all_reduce_residual_rms_norm %p, %x, @norm eps 1.0 norm hf sum f32 tree []
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
    return %n : tensor<?x64xf32>
  }
}
