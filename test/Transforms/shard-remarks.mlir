// RUN: lamina-opt %s --llama-shard=ranks=2 --remarks-filter=llama-shard --remark-policy=all -o /dev/null 2>&1 | FileCheck %s
// RUN: lamina-opt %s --llama-shard="ranks=2 sum=native" --remarks-filter=llama-shard --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=NATIVE

// CHECK: [Passed] RowSplit | Category:llama-shard | Function=sums | Ranks=2, Remark="split by rows; the sum has the bits of one rank"
// CHECK: [Missed] NotBitEqual | Category:llama-shard | Function=sums | Reason="no leading radices of `leaves` fit 2 ranks: the sum is close to that of one rank, not equal", Suggestion="choose a number of ranks that is a product of leading radices"

// The radix fits, the units do not: 11 + 12 columns.

// CHECK: [Missed] NotBitEqual | Category:llama-shard | Function=uneven
// CHECK-NOT: Category

// NATIVE-COUNT-3: [Passed] RowSplit | {{.*}}Ranks=2, Remark="split by rows; the sum is rounded after each add"
// NATIVE-NOT: Category

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
