// RUN: lamina-opt %s --cse --canonicalize | FileCheck %s
// RUN: lamina-opt %s --loop-invariant-code-motion | FileCheck %s --check-prefix=LICM
// RUN: lamina-opt %s --inline | FileCheck %s --check-prefix=INLINE
// RUN: lamina-opt %s --symbol-dce | FileCheck %s --check-prefix=DCE

// What the effects of an op and the interfaces of the dialect let MLIR's own
// passes do, and what not.

module attributes {llama.ranks = 2 : i64} {
  // A derived weight keeps its parts. An unused private weight goes.

  // DCE-NOT:  @idle
  // DCE:      llama.weight private @norm[4]
  // DCE-NEXT: llama.weight private @final
  // DCE-NEXT: llama.weight private @next[4]
  // DCE-NEXT: llama.weight private @part
  // DCE-NEXT: llama.weight private @joined
  // DCE-NEXT: llama.weight private @bias
  // DCE-NEXT: llama.weight @public
  // DCE-NOT:  @idle
  llama.weight private @idle : tensor<64xf32> from "idle"
  llama.weight private @idle_derived[4] : tensor<64xf32> = layers [@norm[0 to 4]]
  llama.weight private @norm[4] : tensor<64xf32> from "norm.*"
  llama.weight private @final : tensor<64xf32> from "final"
  llama.weight private @next[4] : tensor<64xf32> = layers [@norm[1 to 4], @final]
  llama.weight private @part : tensor<64x64xf32> from "part"
  llama.weight private @joined : tensor<128x64xf32> = columns [@part, @part]
  llama.weight private @bias : tensor<64xf32> from "bias"
  llama.weight @public : tensor<64xf32> from "public"

  // CHECK-LABEL: func @equal_collectives
  // CHECK-NEXT:    %[[A:.+]] = llama.all_reduce
  // CHECK-NEXT:    %[[B:.+]] = llama.all_reduce
  // CHECK-NEXT:    %[[N:.+]], %[[H:.+]] = llama.all_reduce_residual_rms_norm
  // CHECK-NEXT:    llama.all_reduce_residual_rms_norm
  // CHECK-NEXT:    return %[[A]], %[[B]], %[[N]]
  func.func @equal_collectives(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32>)
      -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) {
    %0 = llama.all_reduce %p bias @bias sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    %1 = llama.all_reduce %p bias @bias sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    %2, %3 = llama.all_reduce_residual_rms_norm %p, %h, @final eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
    %4, %5 = llama.all_reduce_residual_rms_norm %p, %h, @final eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
    return %0, %1, %2 : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
  }

  // CHECK-LABEL: func @unused_collectives
  // CHECK-NEXT:    llama.all_gather
  // CHECK-NEXT:    llama.gather
  // CHECK-NEXT:    llama.all_reduce
  // CHECK-NEXT:    llama.all_gather
  // CHECK-NEXT:    llama.gather
  // CHECK-NEXT:    return
  func.func @unused_collectives(%c: tensor<?x64xf32, #llama.columns<unit = 1>>, %p: tensor<?x64xf32, #llama.partial>) {
    %0 = llama.all_gather %c : tensor<?x64xf32, #llama.columns<unit = 1>> -> tensor<?x64xf32>
    %1 = llama.gather %c : tensor<?x64xf32, #llama.columns<unit = 1>> -> tensor<?x64xf32, #llama.root>
    %2 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    %3 = llama.all_gather %c : tensor<?x64xf32, #llama.columns<unit = 1>> -> tensor<?x64xf32>
    %4 = llama.gather %c : tensor<?x64xf32, #llama.columns<unit = 1>> -> tensor<?x64xf32, #llama.root>
    return
  }

  // What was just joined is there in rows already; the all_gather stays. A slice
  // of one's own rows is pure.

  // CHECK-LABEL: func @rows
  // CHECK-SAME:    %[[R:[^:]+]]: tensor<?x64xf32, #llama.rows>, %[[X:[^:]+]]: tensor<?x64xf32>, %[[P:[^:]+]]:
  // CHECK-NEXT:    llama.all_gather %[[R]]
  // CHECK-NEXT:    llama.reduce_scatter %[[P]]
  // CHECK-NEXT:    %[[S:.+]] = llama.shard_rows %[[X]]
  // CHECK-NEXT:    return %[[R]], %[[S]], %[[S]]
  func.func @rows(%r: tensor<?x64xf32, #llama.rows>, %x: tensor<?x64xf32>, %p: tensor<?x64xf32, #llama.partial>)
      -> (tensor<?x64xf32, #llama.rows>, tensor<?x64xf32, #llama.rows>, tensor<?x64xf32, #llama.rows>) {
    %0 = llama.all_gather %r : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32>
    %1 = llama.shard_rows %0 : tensor<?x64xf32> -> tensor<?x64xf32, #llama.rows>
    %2 = llama.reduce_scatter %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32, #llama.rows>
    %3 = llama.shard_rows %x : tensor<?x64xf32> -> tensor<?x64xf32, #llama.rows>
    %4 = llama.shard_rows %x : tensor<?x64xf32> -> tensor<?x64xf32, #llama.rows>
    return %1, %3, %4 : tensor<?x64xf32, #llama.rows>, tensor<?x64xf32, #llama.rows>, tensor<?x64xf32, #llama.rows>
  }

  // Columns are joined otherwise, and no fold of rows.

  // CHECK-LABEL: func @no_fold_of_columns
  // CHECK:         %[[G:.+]] = llama.all_gather
  // CHECK-NEXT:    %[[S:.+]] = llama.shard_rows %[[G]]
  // CHECK-NEXT:    return %[[S]]
  func.func @no_fold_of_columns(%c: tensor<?x64xf32, #llama.columns<unit = 1>>) -> tensor<?x64xf32, #llama.rows> {
    %0 = llama.all_gather %c : tensor<?x64xf32, #llama.columns<unit = 1>> -> tensor<?x64xf32>
    %1 = llama.shard_rows %0 : tensor<?x64xf32> -> tensor<?x64xf32, #llama.rows>
    return %1 : tensor<?x64xf32, #llama.rows>
  }

  // Attention writes the cache, so it is neither dropped nor merged.

  // CHECK-LABEL: func @attention
  // CHECK-NEXT:    %[[A:.+]] = llama.attention
  // CHECK-NEXT:    %[[B:.+]] = llama.attention
  // CHECK-NEXT:    llama.attention
  // CHECK-NEXT:    return %[[A]], %[[B]]
  func.func @attention(%q: tensor<?x64xf32>, %p: tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
    %0 = llama.attention %q, %q, %q, %p, %p layer [0] heads 8 kv_heads 8 scale 0.5 kv f32 : tensor<?x64xf32>, tensor<?x64xf32>
    %1 = llama.attention %q, %q, %q, %p, %p layer [0] heads 8 kv_heads 8 scale 0.5 kv f32 : tensor<?x64xf32>, tensor<?x64xf32>
    %2 = llama.attention %q, %q, %q, %p, %p layer [1] heads 8 kv_heads 8 scale 0.5 kv f32 : tensor<?x64xf32>, tensor<?x64xf32>
    return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
  }

  // Equal pure ops are one; sums are equal in either order of their operands.

  // CHECK-LABEL: func @equal_pure_ops
  // CHECK-NEXT:    %[[X:.+]] = llama.embed
  // CHECK-NEXT:    %[[N:.+]] = llama.rms_norm %[[X]]
  // CHECK-NEXT:    %[[P:.+]], %[[U:.+]] = llama.linear %[[N]]
  // CHECK-NEXT:    %[[G:.+]] = llama.silu_mul %[[P]], %[[U]]
  // CHECK-NEXT:    %[[R:.+]] = llama.rope %[[G]]
  // CHECK-NEXT:    %[[S:.+]] = llama.select_rows %[[R]]
  // CHECK-NEXT:    %[[H:.+]] = llama.add %[[S]], %[[X]]
  // CHECK-NEXT:    %[[M:.+]], %[[K:.+]] = llama.residual_rms_norm
  // CHECK-NEXT:    return %[[H]], %[[H]], %[[M]], %[[K]]
  func.func @equal_pure_ops(%ids: tensor<?xi32>)
      -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) {
    %x0 = llama.embed %ids, @part : tensor<?x64xf32>
    %x1 = llama.embed %ids, @part : tensor<?x64xf32>
    %n0 = llama.rms_norm %x0, @final eps 1.0 norm hf : tensor<?x64xf32>
    %n1 = llama.rms_norm %x1, @final eps 1.0 norm hf : tensor<?x64xf32>
    %p0:2 = llama.linear %n0, @joined leaves [] : (tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>)
    %p1:2 = llama.linear %n1, @joined leaves [] : (tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>)
    %g0 = llama.silu_mul %p0#0, %p0#1 : tensor<?x64xf32>
    %g1 = llama.silu_mul %p1#0, %p1#1 : tensor<?x64xf32>
    %r0 = llama.rope %g0, %ids frequencies #llama.rope<[1.0]> pairing halves : tensor<?x64xf32>
    %r1 = llama.rope %g1, %ids frequencies #llama.rope<[1.0]> pairing halves : tensor<?x64xf32>
    %s0 = llama.select_rows %r0, %ids : tensor<?x64xf32> -> tensor<?x64xf32>
    %s1 = llama.select_rows %r1, %ids : tensor<?x64xf32> -> tensor<?x64xf32>
    %h0 = llama.add %s0, %x0 : tensor<?x64xf32>
    %h1 = llama.add %x1, %s1 : tensor<?x64xf32>
    %m0, %k0 = llama.residual_rms_norm %h0, %x0, @final eps 1.0 norm hf : tensor<?x64xf32>
    %m1, %k1 = llama.residual_rms_norm %h1, %x1, @final eps 1.0 norm hf : tensor<?x64xf32>
    return %h0, %h1, %m0, %k1 : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
  }

  // Another order of a gate and its factor, another eps, mode or weight: no merge.

  // CHECK-LABEL: func @no_merge_of_unequal
  // CHECK-COUNT-2: llama.silu_mul
  // CHECK-COUNT-4: llama.rms_norm
  func.func @no_merge_of_unequal(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>)
      -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) {
    %0 = llama.silu_mul %x, %y : tensor<?x64xf32>
    %1 = llama.silu_mul %y, %x : tensor<?x64xf32>
    %2 = llama.rms_norm %x, @final eps 1.0 norm hf : tensor<?x64xf32>
    %3 = llama.rms_norm %x, @final eps 2.0 norm hf : tensor<?x64xf32>
    %4 = llama.rms_norm %x, @final eps 1.0 norm single : tensor<?x64xf32>
    %5 = llama.rms_norm %x, @bias eps 1.0 norm hf : tensor<?x64xf32>
    return %0, %1, %2, %3, %4, %5 : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
  }

  // What does not depend on the layer moves out of the loop, but no collective
  // and no attention.

  // LICM-LABEL: func @invariant_code
  // LICM-NEXT:    %[[N:.+]] = llama.rms_norm %{{.+}}, @final
  // LICM-NEXT:    llama.layers %[[L:.+]] to 4 iter (%[[H:.+]] = %{{.+}})
  // LICM-NEXT:      llama.all_reduce
  // LICM-NEXT:      llama.attention
  // LICM-NEXT:      llama.rms_norm %[[N]], @norm[%[[L]]]
  // LICM-NEXT:      llama.add %[[H]]
  func.func @invariant_code(%x: tensor<?x64xf32>, %p: tensor<?x64xf32, #llama.partial>, %ids: tensor<?xi32>) -> tensor<?x64xf32> {
    %0 = llama.layers %l to 4 iter (%h = %x) : tensor<?x64xf32> {
      %1 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
      %2 = llama.attention %x, %x, %x, %ids, %ids layer [0] heads 8 kv_heads 8 scale 0.5 kv f32 : tensor<?x64xf32>, tensor<?x64xf32>
      %3 = llama.rms_norm %x, @final eps 1.0 norm hf : tensor<?x64xf32>
      %4 = llama.rms_norm %3, @norm[%l] eps 1.0 norm hf : tensor<?x64xf32>
      %5 = llama.add %h, %4 : tensor<?x64xf32>
      llama.yield %5 : tensor<?x64xf32>
    }
    return %0 : tensor<?x64xf32>
  }

  // Equal taps stay, in order, and keep what they observe; in a loop they stay in
  // it.

  // CHECK-LABEL: func @taps
  // CHECK-NEXT:    llama.layers %[[L:.+]] to 4
  // CHECK-NEXT:      %[[N:.+]] = llama.rms_norm
  // CHECK-NEXT:      llama.tap %[[N]], "b"[%[[L]]]
  // CHECK-NEXT:      llama.tap %[[N]], "a" :
  // CHECK-NEXT:      llama.tap %[[N]], "a" :
  // LICM-LABEL:  func @taps
  // LICM-NEXT:     llama.rms_norm
  // LICM-NEXT:     llama.layers
  // LICM-NEXT:       llama.tap
  // LICM-NEXT:       llama.tap
  // LICM-NEXT:       llama.tap
  func.func @taps(%x: tensor<?x64xf32>) {
    llama.layers %l to 4 {
      %0 = llama.rms_norm %x, @final eps 1.0 norm hf : tensor<?x64xf32>
      llama.tap %0, "b"[%l] : tensor<?x64xf32>
      llama.tap %0, "a" : tensor<?x64xf32>
      llama.tap %0, "a" : tensor<?x64xf32>
      llama.yield
    }
    return
  }

  func.func private @block(%h: tensor<?x64xf32>, %p: tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32> {
    %0 = llama.layers %l to 4 iter (%g = %h) : tensor<?x64xf32> {
      %1 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
      %2 = llama.rms_norm %1, @next[%l] eps 1.0 norm hf : tensor<?x64xf32>
      %3 = func.call @add(%g, %2) : (tensor<?x64xf32>, tensor<?x64xf32>) -> tensor<?x64xf32>
      llama.yield %3 : tensor<?x64xf32>
    }
    return %0 : tensor<?x64xf32>
  }

  func.func private @add(%h: tensor<?x64xf32>, %u: tensor<?x64xf32>) -> tensor<?x64xf32> {
    %0 = llama.add %h, %u : tensor<?x64xf32>
    return %0 : tensor<?x64xf32>
  }

  // INLINE-LABEL: func @inlined
  // INLINE-SAME:    %[[X:[^:]+]]: tensor<?x64xf32>, %[[P:[^:]+]]: tensor<?x64xf32, #llama.partial>
  // INLINE-NEXT:    %[[R:.+]] = llama.layers %[[L:.+]] to 4 iter (%[[H:.+]] = %[[X]])
  // INLINE-NEXT:      %[[S:.+]] = llama.all_reduce %[[P]]
  // INLINE-NEXT:      %[[N:.+]] = llama.rms_norm %[[S]], @next[%[[L]]]
  // INLINE-NEXT:      %[[A:.+]] = llama.add %[[H]], %[[N]]
  // INLINE-NEXT:      llama.yield %[[A]]
  // INLINE:         return %[[R]]
  func.func @inlined(%x: tensor<?x64xf32>, %p: tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32> {
    %0 = call @block(%x, %p) : (tensor<?x64xf32>, tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32>
    return %0 : tensor<?x64xf32>
  }

  // A callee of several blocks would leave the caller's collective no place.

  // INLINE-LABEL: func @no_inline_blocks
  // INLINE:         llama.all_reduce
  // INLINE-NEXT:    call @blocks
  func.func private @blocks(%c: i1, %x: tensor<?x64xf32>) {
    cf.cond_br %c, ^a, ^b
  ^a:
    llama.tap %x, "a" : tensor<?x64xf32>
    return
  ^b:
    return
  }
  func.func @no_inline_blocks(%c: i1, %p: tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32> {
    %0 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    call @blocks(%c, %0) : (i1, tensor<?x64xf32>) -> ()
    return %0 : tensor<?x64xf32>
  }
}
