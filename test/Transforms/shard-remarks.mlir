// RUN: lamina-opt %s --llama-shard=ranks=2 --remarks-filter=llama-shard --remark-policy=all -o /dev/null 2>&1 | FileCheck %s
// RUN: lamina-opt %s --llama-shard="ranks=2 sum=native" --remarks-filter=llama-shard --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=NATIVE

// What is split, in program order.

// CHECK: [Passed] ColumnSplit | Category:llama-shard | Function=sums | Ranks=2, Remark="split by columns in units of 1", Units=24
// CHECK-NEXT: %u = llama.linear
// CHECK: [Passed] RowSplit | Category:llama-shard | Function=sums | Ranks=2, Remark="split by rows; the sum has the bits of one rank"
// CHECK: [Missed] NotBitEqual | Category:llama-shard | Function=sums | Reason="no leading radices of `leaves` fit 2 ranks: the sum is close to that of one rank, not equal", Suggestion="choose a number of ranks that is a product of leading radices"

// The radix fits, the units do not: 11 + 12 columns.

// CHECK: [Passed] ColumnSplit | Category:llama-shard | Function=uneven | Ranks=2, {{.*}}Units=23
// CHECK: [Missed] NotBitEqual | Category:llama-shard | Function=uneven

// CHECK: [Passed] VocabularySplit | Category:llama-shard | Function=rows_in_and_out | Ranks=2, Remark="split over the vocabulary; the rows become whole by an all_reduce"
// CHECK: [Passed] ColumnSplit | Category:llama-shard | Function=rows_in_and_out
// CHECK: [Passed] ColumnSplit | Category:llama-shard | Function=rows_in_and_out | Ranks=2, Remark="split by columns in units of 4; ranks have copies of a unit", Units=1
// CHECK: [Passed] ColumnSplit | Category:llama-shard | Function=rows_in_and_out | {{.*}} copies
// CHECK: [Passed] RowSplit | Category:llama-shard | Function=rows_in_and_out
// CHECK: [Passed] ColumnSplit | Category:llama-shard | Function=rows_in_and_out | {{.*}}Units=50
// CHECK: [Passed] Gathered | Category:llama-shard | Function=rows_in_and_out | Ranks=2, Remark="the columns are gathered on rank 0, which returns them"
// CHECK-NOT: Category

// NATIVE-COUNT-4: [Passed] RowSplit | {{.*}}Ranks=2, Remark="split by rows; the sum is rounded after each add"

llama.weight private @up : tensor<24x8xf32> from "up"
llama.weight private @down : tensor<8x24xf32> from "down"
func.func @sums(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %u = llama.linear %x, @up leaves [2] : (tensor<?x8xf32>) -> tensor<?x24xf32>
  %a = llama.linear %u, @down leaves [2, 2] : (tensor<?x24xf32>) -> tensor<?x8xf32>
  %b = llama.linear %u, @down leaves [3, 2] : (tensor<?x24xf32>) -> tensor<?x8xf32>
  return %a, %b : tensor<?x8xf32>, tensor<?x8xf32>
}

llama.weight private @up23 : tensor<23x8xf32> from "up23"
llama.weight private @down23 : tensor<8x23xf32> from "down23"
func.func @uneven(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %u = llama.linear %x, @up23 leaves [2] : (tensor<?x8xf32>) -> tensor<?x23xf32>
  %a = llama.linear %u, @down23 leaves [] : (tensor<?x23xf32>) -> tensor<?x8xf32>
  return %a : tensor<?x8xf32>
}

llama.weight private @embed : tensor<50x8xf32> from "embed"
llama.weight private @wq : tensor<8x8xf32> from "q"
llama.weight private @wk : tensor<4x8xf32> from "k"
llama.weight private @wv : tensor<4x8xf32> from "v"
llama.weight private @wo : tensor<8x8xf32> from "o"
llama.weight private @lm_head : tensor<50x8xf32> from "lm_head"
func.func @rows_in_and_out(%ids: tensor<?xi32>, %p: tensor<?xi32>) -> tensor<?x50xf32> {
  %x = llama.embed %ids, @embed : tensor<?x8xf32>
  %q = llama.linear %x, @wq leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %k = llama.linear %x, @wk leaves [] : (tensor<?x8xf32>) -> tensor<?x4xf32>
  %v = llama.linear %x, @wv leaves [] : (tensor<?x8xf32>) -> tensor<?x4xf32>
  %a = llama.attention %q, %k, %v, %p, %p layer [0] heads 2 kv_heads 1 scale 0.5 kv f32 : tensor<?x8xf32>, tensor<?x4xf32>
  %o = llama.linear %a, @wo leaves [2] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %logits = llama.linear %o, @lm_head leaves [] : (tensor<?x8xf32>) -> tensor<?x50xf32>
  return %logits : tensor<?x50xf32>
}
