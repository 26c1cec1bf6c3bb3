// RUN: %exits 8 lamina-interpret %s --function=one_waits --inputs=seed:0 2>&1 | FileCheck %s --check-prefix=WAITS
// RUN: %exits 8 lamina-interpret %s --function=other_sum --inputs=seed:0 2>&1 | FileCheck %s --check-prefix=OTHER
// RUN: lamina-interpret %s --function=other_sum --inputs=seed:1 | FileCheck %s --check-prefix=SAME

// The condition is drawn on each rank anew; with the first seed it is true on rank 0 only.

module attributes {llama.ranks = 2} {
  func.func private @sum(%p: tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32> {
    %s = llama.all_reduce %p sum f32 tree [2] : tensor<1x2xf32, #llama.partial> -> tensor<1x2xf32>
    return %s : tensor<1x2xf32>
  }
  func.func private @native(%p: tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32> {
    %s = llama.all_reduce %p sum native tree [2] : tensor<1x2xf32, #llama.partial> -> tensor<1x2xf32>
    return %s : tensor<1x2xf32>
  }

  // WAITS: error: {{.*}}dead-lock.mlir: dead-lock, expected all ranks to meet in one collective: rank 0 waits in 'llama.all_reduce' at {{.*}}dead-lock.mlir:[[#@LINE-8]]:10; rank 1 has returned
  func.func @one_waits(%c: i1, %p: tensor<1x2xf32, #llama.partial>) {
    scf.if %c {
      %s = func.call @sum(%p) : (tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32>
    }
    return
  }

  // OTHER: dead-lock.mlir: dead-lock, {{.*}}rank 0 waits in 'llama.all_reduce' at {{.*}}; rank 1 waits in 'llama.all_reduce' at
  // SAME: result 0: tensor<1x2xf32>
  func.func @other_sum(%c: i1, %p: tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32> {
    %s = scf.if %c -> tensor<1x2xf32> {
      %a = func.call @sum(%p) : (tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32>
      scf.yield %a : tensor<1x2xf32>
    } else {
      %b = func.call @native(%p) : (tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32>
      scf.yield %b : tensor<1x2xf32>
    }
    return %s : tensor<1x2xf32>
  }
}
