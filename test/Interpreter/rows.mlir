// RUN: %exits 8 lamina-interpret %s --function=sum --inputs=seed:0 2>&1 | FileCheck %s --check-prefix=SUM
// RUN: %exits 8 lamina-interpret %s --function=gather --inputs=seed:0 2>&1 | FileCheck %s --check-prefix=GATHER
// RUN: %exits 3 lamina-interpret %s --function=operands 2>&1 | FileCheck %s --check-prefix=OPERANDS
// RUN: %exits 3 lamina-interpret %s --function=own_rows 2>&1 | FileCheck %s --check-prefix=OWN
// RUN: %exits 8 lamina-interpret %s --function=gather_rows --inputs=seed:0 2>&1 | FileCheck %s --check-prefix=SHARES
// RUN: %exits 3 lamina-interpret %s --function=negative 2>&1 | FileCheck %s --check-prefix=NEGATIVE
// RUN: lamina-interpret %s --function=sum --inputs=seed:1 | FileCheck %s --check-prefix=SAME

// Numbers of rows that no type tells apart. The condition is drawn on each rank
// anew; with the first seed it is true on rank 0 only.

module attributes {llama.ranks = 2} {
  llama.weight private @embed : tensor<4x2xf32> from "embed" split <columns, unit = 1>
  llama.weight private @up : tensor<4x2xf32> from "up" split <columns, unit = 1>
  llama.weight private @norm : tensor<2xf32> from "norm"

  func.func private @ids(%c: i1) -> tensor<?xi32> {
    %two = arith.constant dense<1> : tensor<2xi32>
    %five = arith.constant dense<1> : tensor<5xi32>
    %ids = scf.if %c -> tensor<?xi32> {
      %a = tensor.cast %two : tensor<2xi32> to tensor<?xi32>
      scf.yield %a : tensor<?xi32>
    } else {
      %b = tensor.cast %five : tensor<5xi32> to tensor<?xi32>
      scf.yield %b : tensor<?xi32>
    }
    return %ids : tensor<?xi32>
  }

  // SUM: error: {{.*}}rows.mlir: {{.*}}rows.mlir:[[#@LINE+5]]:10: 'llama.all_reduce': 2 rows on rank 0, 5 rows on rank 1, expected the same number on every rank
  // SAME: result 0: tensor<{{2|5}}x2xf32>
  func.func @sum(%c: i1) -> tensor<?x2xf32> {
    %ids = call @ids(%c) : (i1) -> tensor<?xi32>
    %p = llama.embed %ids, @embed : tensor<?x2xf32, #llama.partial>
    %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x2xf32, #llama.partial> -> tensor<?x2xf32>
    return %s : tensor<?x2xf32>
  }

  // GATHER: 'llama.all_gather': 2 rows on rank 0, 5 rows on rank 1, expected the same number on every rank
  func.func @gather(%c: i1, %x: tensor<5x2xf32>) -> tensor<?x4xf32> {
    %ids = call @ids(%c) : (i1) -> tensor<?xi32>
    %y = tensor.cast %x : tensor<5x2xf32> to tensor<?x2xf32>
    %r = llama.select_rows %y, %ids : tensor<?x2xf32> -> tensor<?x2xf32>
    %u = llama.linear %r, @up leaves [] : (tensor<?x2xf32>) -> tensor<?x4xf32, #llama.columns<unit = 1>>
    %s = llama.all_gather %u : tensor<?x4xf32, #llama.columns<unit = 1>> -> tensor<?x4xf32>
    return %s : tensor<?x4xf32>
  }

  // OPERANDS: 'llama.add': operands with 2 and 3 rows, expected the same number
  func.func @operands(%x: tensor<2x2xf32>, %y: tensor<3x2xf32>) -> tensor<?x2xf32> {
    %a = tensor.cast %x : tensor<2x2xf32> to tensor<?x2xf32>
    %b = tensor.cast %y : tensor<3x2xf32> to tensor<?x2xf32>
    %s = llama.add %a, %b : tensor<?x2xf32>
    return %s : tensor<?x2xf32>
  }

  // OWN: 'llama.all_reduce_residual_rms_norm': 2 of 5 rows on rank 0, expected 3
  func.func @own_rows(%i: tensor<5xi32>, %x: tensor<3x2xf32>) -> tensor<?x2xf32> {
    %ids = tensor.cast %i : tensor<5xi32> to tensor<?xi32>
    %p = llama.embed %ids, @embed : tensor<?x2xf32, #llama.partial>
    %few = tensor.cast %x : tensor<3x2xf32> to tensor<?x2xf32>
    %h = llama.shard_rows %few : tensor<?x2xf32> -> tensor<?x2xf32, #llama.rows>
    %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @norm eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x2xf32, #llama.partial>, tensor<?x2xf32, #llama.rows> -> tensor<?x2xf32>
    return %n : tensor<?x2xf32>
  }

  // Rank 0 has one row of two, rank 1 the last two of five.

  // SHARES: 'llama.all_gather': 1 rows on rank 0, 2 rows on rank 1, expected equal shares, the last ones less
  func.func @gather_rows(%c: i1, %x: tensor<5x2xf32>) -> tensor<?x2xf32> {
    %ids = call @ids(%c) : (i1) -> tensor<?xi32>
    %y = tensor.cast %x : tensor<5x2xf32> to tensor<?x2xf32>
    %s = llama.select_rows %y, %ids : tensor<?x2xf32> -> tensor<?x2xf32>
    %h = llama.shard_rows %s : tensor<?x2xf32> -> tensor<?x2xf32, #llama.rows>
    %g = llama.all_gather %h : tensor<?x2xf32, #llama.rows> -> tensor<?x2xf32>
    return %g : tensor<?x2xf32>
  }

  // NEGATIVE: 'tensor.expand_shape': an output shape [-1, -4, 2], expected 8 elements
  func.func @negative(%x: tensor<?x2xf32>) -> tensor<?x?x2xf32> {
    %a = arith.constant -1 : index
    %b = arith.constant -4 : index
    %c = arith.constant dense<1.0> : tensor<4x2xf32>
    %d = tensor.cast %c : tensor<4x2xf32> to tensor<?x2xf32>
    %e = tensor.expand_shape %d [[0, 1], [2]] output_shape [%a, %b, 2] : tensor<?x2xf32> into tensor<?x?x2xf32>
    return %e : tensor<?x?x2xf32>
  }
}
