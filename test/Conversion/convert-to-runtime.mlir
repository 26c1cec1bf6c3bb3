// RUN: lamina-opt %S/Inputs/model.mlir --llama-plan-buffers --llama-convert-to-runtime | FileCheck %s
// RUN: lamina-opt %s --llama-plan-buffers --llama-convert-to-runtime | FileCheck %s --check-prefix=MORE

// The stages are the passes, and the text of one can be resumed.

// RUN: lamina-opt %S/Inputs/model.mlir --llama-to-planned | lamina-opt - --llama-to-runtime | FileCheck %s

// A module that was not planned is refused.

// RUN: not lamina-opt %S/Inputs/model.mlir --llama-convert-to-runtime 2>&1 | FileCheck %s --check-prefix=UNPLANNED
// UNPLANNED: error: needs 'lamina.slot_table', an array, and 'lamina.arena', 3 i64: is it planned?

// CHECK:      module attributes
// CHECK-SAME: lamina.cache = {head_dim = 4 : i64, kv_heads = 2 : i64, layers = 2 : i64, type = f16}
// CHECK-SAME: lamina.frequencies = [#rope]
// CHECK-SAME: lamina.result_features = 10 : i64
// CHECK-SAME: lamina.taps = ["hidden.L", "hidden.norm"]
// CHECK-SAME: lamina.variants = [{arena = array<i64: 384, 128, 0>, collectives = [], kv_heads = 2 : i64,
// CHECK-SAME:   lists = [array<i32: 2, 2>, array<i32: 2, 3, 4>, array<i32: 2>, array<i32: 1>, array<i32: 7>], ranks = 1 : i64, slots = [
// CHECK-SAME: lamina.vocabulary = 10 : i64
// CHECK:      llama.weight private @embed {{.*}} {lamina.uses = ["embed", "linear"]}
// CHECK:      llama.weight private @norm[2] {{.*}} {lamina.uses = ["vector"]}
// CHECK-NEXT: llama.weight private @wq[2]
// CHECK-NOT:  lamina.uses
// CHECK:      llama.weight private @qkv[2] {{.*}} {lamina.uses = ["linear"]}
// CHECK:      llama.weight private @bqkv[2] {{.*}} {lamina.uses = ["vector"]}
// CHECK-DAG:  func.func private @lamrt_step_begin(!llvm.ptr, !llvm.ptr){{$}}
// CHECK-DAG:  func.func private @lamrt_linear(!llvm.ptr, i32, i32, i32, i32, i32, i32, i32){{$}}
// CHECK-DAG:  func.func private @lamrt_step_end(!llvm.ptr) -> i32

// CHECK:      func.func @step_1(%[[RANK:.+]]: !llvm.ptr, %[[STEP:.+]]: !llvm.ptr) -> i32 {
// CHECK-DAG:    %[[C0:.+]] = arith.constant 0 : i32
// CHECK-DAG:    %[[C1:.+]] = arith.constant 1 : i32
// CHECK-DAG:    %[[C2:.+]] = arith.constant 2 : i32
// CHECK-DAG:    %[[C3:.+]] = arith.constant 3 : i32
// CHECK-DAG:    %[[C4:.+]] = arith.constant 4 : i32
// CHECK-DAG:    %[[C5:.+]] = arith.constant 5 : i32
// CHECK-DAG:    %[[C6:.+]] = arith.constant 6 : i32
// CHECK-DAG:    %[[C7:.+]] = arith.constant 7 : i32
// CHECK-DAG:    %[[C9:.+]] = arith.constant 9 : i32
// CHECK-DAG:    %[[C10:.+]] = arith.constant 10 : i32
// CHECK-DAG:    %[[C12:.+]] = arith.constant 12 : i32
// CHECK-DAG:    %[[NONE:.+]] = arith.constant -1 : i32
// CHECK-DAG:    %[[EPS:.+]] = arith.constant 1.000000e-05 : f64
// CHECK-DAG:    %[[EPS2:.+]] = arith.constant 2.000000e-05 : f64
// CHECK-DAG:    %[[SCALE:.+]] = arith.constant 5.000000e-01 : f64
// CHECK:        call @lamrt_step_begin(%[[RANK]], %[[STEP]])
// embed(weight, out); rms_norm(in, weight, layer, eps, norm, out)
// CHECK-NEXT:   call @lamrt_embed(%[[RANK]], %[[C0]], %[[C0]])
// CHECK-NEXT:   call @lamrt_rms_norm(%[[RANK]], %[[C0]], %[[C1]], %[[C0]], %[[EPS]], %[[C0]], %[[C1]])
// CHECK-NEXT:   scf.for %[[L:.+]] = %[[C0]] to %[[C2]] step %[[C1]] : i32 {
// linear(in, weight, layer, bias, leaves, outs, flags)
// CHECK-NEXT:     func.call @lamrt_linear(%[[RANK]], %[[C1]], %[[C5]], %[[L]], %[[C9]], %[[C0]], %[[C1]], %[[C0]])
// rope(in, frequencies, pairing, out)
// CHECK-NEXT:     func.call @lamrt_rope(%[[RANK]], %[[C2]], %[[C0]], %[[C0]], %[[C2]])
// CHECK-NEXT:     func.call @lamrt_rope(%[[RANK]], %[[C3]], %[[C0]], %[[C0]], %[[C3]])
// attention(query, key, value, layer, heads, kv_heads, scale, out)
// CHECK-NEXT:     func.call @lamrt_attention(%[[RANK]], %[[C2]], %[[C3]], %[[C4]], %[[L]], %[[C4]], %[[C2]], %[[SCALE]], %[[C5]])
// CHECK-NEXT:     func.call @lamrt_linear(%[[RANK]], %[[C5]], %[[C10]], %[[L]], %[[NONE]], %[[C2]], %[[C3]], %[[C0]])
// residual_rms_norm(update, residual, weight, layer, eps, norm, normed, new residual)
// CHECK-NEXT:     func.call @lamrt_residual_rms_norm(%[[RANK]], %[[C1]], %[[C0]], %[[C12]], %[[L]], %[[EPS2]], %[[C1]], %[[C1]], %[[C0]])
// tap(label, layer, in)
// CHECK-NEXT:     func.call @lamrt_tap(%[[RANK]], %[[C0]], %[[L]], %[[C0]])
// CHECK-NEXT:   }
// CHECK-NEXT:   call @lamrt_tap(%[[RANK]], %[[C1]], %[[NONE]], %[[C1]])
// CHECK-NEXT:   call @lamrt_select_rows(%[[RANK]], %[[C1]], %[[C6]])
// CHECK-NEXT:   call @lamrt_linear(%[[RANK]], %[[C6]], %[[C0]], %[[C0]], %[[NONE]], %[[C0]], %[[C4]], %[[C0]])
// CHECK-NEXT:   call @lamrt_result(%[[RANK]], %[[C7]])
// CHECK-NEXT:   %[[STATUS:.+]] = call @lamrt_step_end(%[[RANK]])
// CHECK-NEXT:   return %[[STATUS]]

// The ops of the unfused order, copies before a loop and behind each layer, and
// layers that are constants: of a weight, of the cache, of a tap.

// MORE:       lamina.cache = {{{.*}}layers = 3 : i64
// MORE-LABEL: func.func @step_1
// MORE:         call @lamrt_embed(
// MORE-NEXT:    call @lamrt_silu_mul(%{{.+}}, %c0_i32, %c0_i32, %[[G:.+]]) :
// MORE-NEXT:    call @lamrt_attention(%{{.+}}, %[[G]], %[[G]], %[[G]], %c2_i32, %c4_i32, %c4_i32,
// MORE-NEXT:    call @lamrt_rms_norm(%{{.+}}, %{{.+}}, %c1_i32, %c2_i32, %cst{{.*}}, %c2_i32,
// MORE-NEXT:    call @lamrt_copy(
// MORE-NEXT:    scf.for
// MORE-NEXT:      func.call @lamrt_add(%{{.+}}, %[[SUM:.+]], %c0_i32, %[[SUM]]) :
// MORE-NEXT:      scf.for
// MORE-NEXT:        func.call @lamrt_tap(%{{.+}}, %c0_i32, %c1_i32, %c0_i32) :
// MORE-NEXT:      }
// MORE-NEXT:      func.call @lamrt_copy(%{{.+}}, %c0_i32, %{{.+}})
// MORE-NEXT:    }
llama.weight private @embed : tensor<8x16xf32> from "embed"
llama.weight private @norm[3] : tensor<16xf32> from "norm.*"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x16xf32> {
  %two = arith.constant 2 : index
  %a = llama.embed %ids, @embed : tensor<?x16xf32>
  %g = llama.silu_mul %a, %a : tensor<?x16xf32>
  %t = llama.attention %g, %g, %g, %positions, %sequences layer [%two] heads 4 kv_heads 4
      scale 0.5 kv f32 : tensor<?x16xf32>, tensor<?x16xf32>
  %n = llama.rms_norm %t, @norm[%two] eps 1.0e-05 norm zero_centered : tensor<?x16xf32>
  %x:2 = llama.layers %l to 3 iter (%p = %n, %q = %a) : tensor<?x16xf32>, tensor<?x16xf32> {
    %r = llama.add %p, %a : tensor<?x16xf32>
    llama.layers %m to 2 {
      llama.tap %a, "a"[1] : tensor<?x16xf32>
      llama.yield
    }
    llama.yield %r, %a : tensor<?x16xf32>, tensor<?x16xf32>
  }
  %s = llama.add %x#0, %x#1 : tensor<?x16xf32>
  %w = llama.select_rows %s, %wanted : tensor<?x16xf32> -> tensor<?x16xf32>
  return %w : tensor<?x16xf32>
}
