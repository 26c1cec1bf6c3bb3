// RUN: lamina-opt %s | FileCheck %s
// RUN: lamina-opt %s --mlir-print-op-generic | FileCheck %s --check-prefix=GENERIC
// RUN: lamina-opt %s --mlir-print-op-generic | lamina-opt | FileCheck %s
// RUN: lamina-opt %s --emit-bytecode | lamina-opt | FileCheck %s

// Names of results and block arguments, and values that must print exactly:
// `--verify-roundtrip` compares text, so it cannot see a lost digit.

// CHECK: #rope = #llama.rope<[1.000000e+00, 0.10000000000000002, 0.31622776601683794, 1.000000e-300]>
// CHECK-NOT: #llama.rope
// GENERIC: #rope = #llama.rope<[1.000000e+00, 0.10000000000000002, 0.31622776601683794, 1.000000e-300]>
// GENERIC-NOT: #llama.rope
#freq = #llama.rope<[1.0, 0.10000000000000002, 0.31622776601683794, 1.0e-300]>

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @embed : tensor<512x64xf32> from "embed"
  llama.weight private @norm[4] : tensor<64xf32> from "norm.*"
  llama.weight private @wq[4] : tensor<64x64xf32> from "q.*"
  llama.weight private @gate[4] : tensor<64x64xf32> from "gate.*"
  llama.weight private @up[4] : tensor<64x64xf32> from "up.*"
  llama.weight private @gate_up[4] : tensor<128x64xf32> = columns [@gate, @up]
  llama.weight private @"9.$": tensor<64x64xf32> from "odd"

  // CHECK-LABEL: func @one_rank
  func.func @one_rank(%ids: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
    // CHECK-NEXT: %x = llama.embed
    %0 = llama.embed %ids, @embed : tensor<?x64xf32>
    // CHECK-NEXT: %x_0:3 = llama.layers %l to 4 iter (%h = %x, %n = %x, %c = %x)
    %1:3 = llama.layers %layer to 4 iter (%a = %0, %b = %0, %c = %0) : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32> {
      // CHECK-NEXT: %n_1 = llama.rms_norm %h, @norm[%l] eps 0.10000000000000002 norm hf
      %2 = llama.rms_norm %a, @norm[%layer] eps 0.10000000000000002 norm hf : tensor<?x64xf32>
      // CHECK-NEXT: %q = llama.linear
      %3 = llama.linear %2, @wq[%layer] leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
      // CHECK-NEXT: %rotated = llama.rope %q, %{{.*}} frequencies #rope pairing
      %4 = llama.rope %3, %ids frequencies #freq pairing halves : tensor<?x64xf32>
      // CHECK-NEXT: %rotated_2 = llama.rope %q, %{{.*}} frequencies #rope pairing
      %5 = llama.rope %3, %ids frequencies #freq pairing halves : tensor<?x64xf32>
      // CHECK-NEXT: %attended = llama.attention {{.*}} layer [%l] heads 8 kv_heads 8 scale 0.3535533905932738 kv
      %6 = llama.attention %4, %5, %3, %ids, %ids layer [%layer] heads 8 kv_heads 8 scale 0.35355339059327379 kv f32
          : tensor<?x64xf32>, tensor<?x64xf32>
      // CHECK-NEXT: %n_3, %h_4 = llama.residual_rms_norm
      %7, %8 = llama.residual_rms_norm %6, %a, @norm[%layer] eps 1.0e-05 norm hf : tensor<?x64xf32>
      // CHECK-NEXT: %p, %p_5 = llama.linear
      %9:2 = llama.linear %7, @gate_up[%layer] leaves [] : (tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>)
      // CHECK-NEXT: %gated = llama.silu_mul
      %10 = llama.silu_mul %9#0, %9#1 : tensor<?x64xf32>
      // CHECK-NEXT: %gate = llama.linear
      %11 = llama.linear %10, @gate[%layer] leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
      // CHECK-NEXT: %h_6 = llama.add
      %12 = llama.add %8, %11 : tensor<?x64xf32>
      llama.yield %12, %b, %c : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
    }
    // CHECK: %rows = llama.select_rows
    %13 = llama.select_rows %1#0, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
    // CHECK-NEXT: = llama.linear %rows, @"9.$"
    %14 = llama.linear %13, @"9.$" leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
    return %14 : tensor<?x64xf32>
  }

  // CHECK-LABEL: func @two_ranks
  func.func @two_ranks(%p: tensor<?x64xf32, #llama.partial>, %c: tensor<?x64xf32, #llama.columns<unit = 8>>) {
    // CHECK-NEXT: %sum = llama.all_reduce
    %0 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    // CHECK-NEXT: %n, %h = llama.all_reduce_residual_rms_norm
    %1, %2 = llama.all_reduce_residual_rms_norm %p, %0, @norm[0] eps 1.0e-05 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
    // CHECK-NEXT: %gathered = llama.all_gather
    %3 = llama.all_gather %c : tensor<?x64xf32, #llama.columns<unit = 8>> -> tensor<?x64xf32>
    // CHECK-NEXT: %gathered_0 = llama.gather
    %4 = llama.gather %c : tensor<?x64xf32, #llama.columns<unit = 8>> -> tensor<?x64xf32, #llama.root>
    return
  }
}
