// RUN: lamina-opt %s --llama-shard-residual --split-input-file > %t.once
// RUN: FileCheck %s < %t.once
// RUN: lamina-opt %t.once --llama-shard-residual --split-input-file | diff %t.once -

!T = tensor<?x64xf32>
!P = tensor<?x64xf32, #llama.partial>

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @norm[4] : tensor<64xf32> from "norm.*"
  llama.weight private @bias[4] : tensor<64xf32> from "bias.*"
  llama.weight private @w[4] : tensor<64x64xf32> from "w.*"

  // As a model has it: the loop carries rows, and gathers no residual.

  // CHECK-LABEL: func @loop
  // CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xf32>, %[[P:[^:]+]]:
  // CHECK-NEXT:    %[[H0:.+]] = llama.shard_rows %[[X]]
  // CHECK-NEXT:    %[[N0:.+]] = llama.rms_norm %[[X]]
  // CHECK-NEXT:    %[[L:.+]]:2 = llama.layers %[[I:.+]] to 4 iter (%[[H:.+]] = %[[H0]], %{{.+}} = %[[N0]]) : tensor<?x64xf32, #llama.rows>, tensor<?x64xf32>
  // CHECK-NEXT:      %{{.+}}, %[[H1:.+]] = llama.all_reduce_residual_rms_norm %[[P]], %[[H]],
  // CHECK-NEXT:      %[[N2:.+]], %[[H2:.+]] = llama.all_reduce_residual_rms_norm %[[P]], %[[H1]],
  // CHECK-NEXT:      llama.yield %[[H2]], %[[N2]]
  // CHECK-NEXT:    }
  // CHECK-NEXT:    return %[[L]]#1
  func.func @loop(%x: !T, %p: !P) -> !T {
    %n0 = llama.rms_norm %x, @norm[0] eps 1.0 norm hf : !T
    %y:2 = llama.layers %l to 4 iter (%h = %x, %n = %n0) : !T, !T {
      %n1, %h1 = llama.all_reduce_residual_rms_norm %p, %h, @norm[%l] eps 1.0 norm hf sum f32 tree [2] : !P, !T
      %n2, %h2 = llama.all_reduce_residual_rms_norm %p, %h1, @norm[%l] eps 1.0 norm hf sum f32 tree [2] : !P, !T
      llama.yield %h2, %n2 : !T, !T
    }
    return %y#1 : !T
  }

  // Bias, mode, layer and element types are those of the op.

  // CHECK-LABEL: func @keep_attributes
  // CHECK:         llama.all_reduce_residual_rms_norm %{{.+}}, @norm[1] bias @bias[2] eps 2.0 norm zero_centered sum native tree [2]
  // CHECK-SAME:      : tensor<?x64xbf16, #llama.partial>, tensor<?x64xbf16, #llama.rows> -> tensor<?x64xf32>
  func.func @keep_attributes(%h: tensor<?x64xbf16>, %p: tensor<?x64xbf16, #llama.partial>) -> !T {
    %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @norm[1] bias @bias[2] eps 2.0 norm zero_centered sum native tree [2]
        : tensor<?x64xbf16, #llama.partial>, tensor<?x64xbf16> -> !T
    return %n : !T
  }

  // Straight code: who reads the last residual reads what is gathered of it.

  // CHECK-LABEL: func @gather_for_return
  // CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xf32>, %[[P:[^:]+]]:
  // CHECK-NEXT:    %[[H:.+]] = llama.shard_rows %[[X]]
  // CHECK-NEXT:    %{{.+}}, %[[H1:.+]] = llama.all_reduce_residual_rms_norm %[[P]], %[[H]],
  // CHECK-NEXT:    %{{.+}}, %[[H2:.+]] = llama.all_reduce_residual_rms_norm %[[P]], %[[H1]],
  // CHECK-NEXT:    %[[N:.+]], %[[H3:.+]] = llama.all_reduce_residual_rms_norm %[[P]], %[[H2]],
  // CHECK-NEXT:    %[[G:.+]] = llama.all_gather %[[H3]]
  // CHECK-NEXT:    llama.tap %[[G]]
  // CHECK-NEXT:    return %[[N]], %[[G]]
  func.func @gather_for_return(%x: !T, %p: !P) -> (!T, !T) {
    %n1, %h1 = llama.all_reduce_residual_rms_norm %p, %x, @norm[0] eps 1.0 norm hf sum f32 tree [2] : !P, !T
    %n2, %h2 = llama.all_reduce_residual_rms_norm %p, %h1, @norm[1] eps 1.0 norm hf sum f32 tree [2] : !P, !T
    %n3, %h3 = llama.all_reduce_residual_rms_norm %p, %h2, @norm[2] eps 1.0 norm hf sum f32 tree [2] : !P, !T
    llama.tap %h3, "last" : !T
    return %n3, %h3 : !T, !T
  }

  // Behind the loop, once: the iteration value is not gathered in each layer.

  // CHECK-LABEL: func @gather_behind_loop
  // CHECK:         %[[L:.+]] = llama.layers
  // CHECK-NOT:       llama.all_gather
  // CHECK:           llama.yield
  // CHECK-NEXT:    }
  // CHECK-NEXT:    %[[G:.+]] = llama.all_gather %[[L]]
  // CHECK-NEXT:    return %[[G]]
  func.func @gather_behind_loop(%x: !T, %p: !P) -> !T {
    %y = llama.layers %l to 4 iter (%h = %x) : !T {
      %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @norm[%l] eps 1.0 norm hf sum f32 tree [2] : !P, !T
      llama.yield %r : !T
    }
    return %y : !T
  }

  // A reader in the outer loop, which runs less often than the sites of the inner one.

  // CHECK-LABEL: func @nested_loops
  // CHECK:         %[[H0:.+]] = llama.shard_rows
  // CHECK-NEXT:    llama.layers %{{.+}} to 2 iter (%[[A:.+]] = %[[H0]])
  // CHECK-NEXT:      %[[G:.+]] = llama.all_gather %[[A]]
  // CHECK-NEXT:      llama.tap %[[G]]
  // CHECK-NEXT:      %[[B:.+]] = llama.layers %{{.+}} to 4 iter (%[[C:.+]] = %[[A]])
  // CHECK-NEXT:        %{{.+}}, %[[R:.+]] = llama.all_reduce_residual_rms_norm %{{.+}}, %[[C]],
  // CHECK-NEXT:        llama.yield %[[R]]
  // CHECK:           llama.yield %[[B]]
  func.func @nested_loops(%x: !T, %p: !P) {
    %y = llama.layers %l to 2 iter (%a = %x) : !T {
      llama.tap %a, "outer"[%l] : !T
      %b = llama.layers %m to 4 iter (%c = %a) : !T {
        %n, %r = llama.all_reduce_residual_rms_norm %p, %c, @norm[%m] eps 1.0 norm hf sum f32 tree [2] : !P, !T
        llama.yield %r : !T
      }
      llama.yield %b : !T
    }
    return
  }

  // One stream in two iteration values, which the loop exchanges.

  // CHECK-LABEL: func @exchanged
  // CHECK:         llama.layers %{{.+}} to 4 iter (%[[A:.+]] = %{{.+}}, %[[B:.+]] = %{{.+}}) : tensor<?x64xf32, #llama.rows>, tensor<?x64xf32, #llama.rows>
  // CHECK-NEXT:      %{{.+}}, %[[R:.+]] = llama.all_reduce_residual_rms_norm %{{.+}}, %[[A]],
  // CHECK-NEXT:      llama.yield %[[B]], %[[R]]
  func.func @exchanged(%x: !T, %p: !P) {
    %y:2 = llama.layers %l to 4 iter (%a = %x, %b = %x) : !T, !T {
      %n, %r = llama.all_reduce_residual_rms_norm %p, %a, @norm[%l] eps 1.0 norm hf sum f32 tree [2] : !P, !T
      llama.yield %b, %r : !T, !T
    }
    return
  }

  // Another op changes the residual in the loop: each layer slices and gathers
  // one value, which is more than its fused op saves.

  // CHECK-LABEL: func @no_shard_add_between
  // CHECK-NOT:     llama.shard_rows
  // CHECK:         return
  func.func @no_shard_add_between(%x: !T, %p: !P) {
    %y = llama.layers %l to 4 iter (%h = %x) : !T {
      %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @norm[%l] eps 1.0 norm hf sum f32 tree [2] : !P, !T
      %u = llama.linear %n, @w[%l] leaves [] : (!T) -> !T
      %s = llama.add %r, %u : !T
      llama.yield %s : !T
    }
    return
  }

  // A tap in every layer.

  // CHECK-LABEL: func @no_shard_taps
  // CHECK-NOT:     llama.shard_rows
  // CHECK:         return
  func.func @no_shard_taps(%x: !T, %p: !P) {
    %y = llama.layers %l to 4 iter (%h = %x) : !T {
      %n1, %h1 = llama.all_reduce_residual_rms_norm %p, %h, @norm[%l] eps 1.0 norm hf sum f32 tree [2] : !P, !T
      %n2, %h2 = llama.all_reduce_residual_rms_norm %p, %h1, @norm[%l] eps 1.0 norm hf sum f32 tree [2] : !P, !T
      llama.tap %h2, "hidden.L"[%l] : !T
      llama.yield %h2 : !T
    }
    return
  }

  // Half of the sites, exactly.

  // CHECK-LABEL: func @no_shard_few_sites
  // CHECK-NOT:     llama.shard_rows
  // CHECK:         return
  func.func @no_shard_few_sites(%x: !T, %p: !P) -> !T {
    %n1, %h1 = llama.all_reduce_residual_rms_norm %p, %x, @norm[0] eps 1.0 norm hf sum f32 tree [2] : !P, !T
    %n2, %h2 = llama.all_reduce_residual_rms_norm %p, %h1, @norm[1] eps 1.0 norm hf sum f32 tree [2] : !P, !T
    return %h2 : !T
  }

  // Ops that are not fused have no stream.

  // CHECK-LABEL: func @no_shard_unfused
  // CHECK-NOT:     llama.shard_rows
  // CHECK:         return
  func.func @no_shard_unfused(%x: !T, %p: !P) -> !T {
    %s = llama.all_reduce %p sum f32 tree [2] : !P -> !T
    %r = llama.add %x, %s : !T
    %n = llama.rms_norm %r, @norm[0] eps 1.0 norm hf : !T
    return %n : !T
  }

  // Ranks would have no row, or the only one.

  // CHECK-LABEL: func @no_shard_few_rows
  // CHECK-NOT:     llama.shard_rows
  // CHECK:         return
  func.func @no_shard_few_rows(%x: tensor<3x64xf32>, %p: tensor<3x64xf32, #llama.partial>) -> tensor<3x64xf32> {
    %n, %r = llama.all_reduce_residual_rms_norm %p, %x, @norm[0] eps 1.0 norm hf sum f32 tree [2]
        : tensor<3x64xf32, #llama.partial>, tensor<3x64xf32>
    return %n : tensor<3x64xf32>
  }

  // The rows that a step wants: there is no part of them.

  // CHECK-LABEL: func @no_shard_selected_rows
  // CHECK:         %{{.+}}, %[[H:.+]] = llama.all_reduce_residual_rms_norm %{{.+}}, %{{.+}}, @norm[0] {{.*}}#llama.rows>
  // CHECK:         %[[S:.+]] = llama.select_rows
  // CHECK-NEXT:    %{{.+}}, %{{.+}} = llama.all_reduce_residual_rms_norm %{{.+}}, %[[S]], @norm[2] {{.*}}, tensor<?x64xf32>{{$}}
  func.func @no_shard_selected_rows(%x: !T, %p: !P, %q: !P, %wanted: tensor<?xi32>) -> !T {
    %n1, %h1 = llama.all_reduce_residual_rms_norm %p, %x, @norm[0] eps 1.0 norm hf sum f32 tree [2] : !P, !T
    %n2, %h2 = llama.all_reduce_residual_rms_norm %p, %h1, @norm[1] eps 1.0 norm hf sum f32 tree [2] : !P, !T
    %n3, %h3 = llama.all_reduce_residual_rms_norm %p, %h2, @norm[1] eps 1.0 norm hf sum f32 tree [2] : !P, !T
    %s = llama.select_rows %h3, %wanted : !T -> !T
    %n4, %h4 = llama.all_reduce_residual_rms_norm %q, %s, @norm[2] eps 1.0 norm hf sum f32 tree [2] : !P, !T
    return %n4 : !T
  }

  // The rows are taken where the value is made: nobody keeps the whole for them.

  // CHECK-LABEL: func @slice_early
  // CHECK:         %[[E:.+]] = llama.add
  // CHECK-NEXT:    llama.shard_rows %[[E]]
  // CHECK-NEXT:    llama.linear
  func.func @slice_early(%x: !T, %p: !P) -> (!T, !T) {
    %e = llama.add %x, %x : !T
    %u = llama.linear %e, @w[1] leaves [] : (!T) -> !T
    %n, %r = llama.all_reduce_residual_rms_norm %p, %e, @norm[0] eps 1.0 norm hf sum f32 tree [2] : !P, !T
    return %n, %u : !T, !T
  }

  // CHECK-LABEL: func @static_rows
  // CHECK:         llama.shard_rows %{{.+}} : tensor<4x64xf32> -> tensor<4x64xf32, #llama.rows>
  func.func @static_rows(%x: tensor<4x64xf32>, %p: tensor<4x64xf32, #llama.partial>) -> tensor<4x64xf32> {
    %n, %r = llama.all_reduce_residual_rms_norm %p, %x, @norm[0] eps 1.0 norm hf sum f32 tree [2]
        : tensor<4x64xf32, #llama.partial>, tensor<4x64xf32>
    return %n : tensor<4x64xf32>
  }
}

// -----

module attributes {llama.ranks = 1 : i64} {
  llama.weight private @norm : tensor<64xf32> from "norm"

  // CHECK-LABEL: func @no_shard_one_rank
  // CHECK-NOT:     llama.shard_rows
  // CHECK:         return
  func.func @no_shard_one_rank(%x: tensor<?x64xf32>, %p: tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32> {
    %n, %r = llama.all_reduce_residual_rms_norm %p, %x, @norm eps 1.0 norm hf sum f32 tree []
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
    return %n : tensor<?x64xf32>
  }
}
