// The leading radices of `leaves` whose product is the number of ranks become the
// tree of the collective.

// RUN: lamina-opt %s --llama-shard=ranks=2 | FileCheck %s --check-prefix=TWO
// RUN: lamina-opt %s --llama-shard=ranks=3 | FileCheck %s --check-prefix=THREE
// RUN: lamina-opt %s --llama-shard=ranks=4 | FileCheck %s --check-prefix=FOUR
// RUN: lamina-opt %s --llama-shard=ranks=8 | FileCheck %s --check-prefix=EIGHT
// RUN: lamina-opt %s --llama-shard=ranks=6 | FileCheck %s --check-prefix=SIX
// RUN: lamina-opt %s --llama-shard="ranks=2 sum=native" | FileCheck %s --check-prefix=NATIVE

// TWO:      @down leaves [2, 2] : {{.*}} -> tensor<?x24xf32, #llama.partial>
// TWO-NEXT: llama.all_reduce {{.*}} sum f32 tree [2] : tensor<?x24xf32, #llama.partial> -> tensor<?x24xbf16>
// TWO:      @down leaves [4]
// TWO-NEXT: llama.all_reduce {{.*}} tree [2]
// TWO:      @down leaves []
// TWO-NEXT: llama.all_reduce {{.*}} tree [2]

// No prefix of [2, ...] is 3; all of [3, 2] is read.

// THREE:      @down leaves []
// THREE-NEXT: llama.all_reduce {{.*}} tree [3]
// THREE:      @down leaves []
// THREE-NEXT: llama.all_reduce {{.*}} tree [3]
// THREE:      @down leaves [2]
// THREE-NEXT: llama.all_reduce {{.*}} tree [3]

// FOUR:      @down leaves [2]
// FOUR-NEXT: llama.all_reduce {{.*}} tree [2, 2]
// FOUR:      @down leaves []
// FOUR-NEXT: llama.all_reduce {{.*}} tree [4]
// FOUR:      @down leaves []
// FOUR-NEXT: llama.all_reduce {{.*}} tree [4]

// EIGHT:      @down leaves []
// EIGHT-NEXT: llama.all_reduce {{.*}} tree [2, 2, 2]
// EIGHT:      @down leaves []
// EIGHT-NEXT: llama.all_reduce {{.*}} tree [2, 4]

// SIX:      @down leaves []
// SIX-NEXT: llama.all_reduce {{.*}} tree [6]
// SIX:      @down leaves []
// SIX-NEXT: llama.all_reduce {{.*}} tree [6]
// SIX:      @down leaves []
// SIX-NEXT: llama.all_reduce {{.*}} tree [3, 2]

// Partial sums of bf16, rounded after each add.

// NATIVE:      llama.linear {{.*}}@down leaves [2, 2] : {{.*}} -> tensor<?x24xbf16, #llama.partial>
// NATIVE-NEXT: llama.all_reduce {{.*}} sum native tree [2] : tensor<?x24xbf16, #llama.partial> -> tensor<?x24xbf16>

llama.weight private @up : tensor<24x24xbf16> from "up"
llama.weight private @down : tensor<24x24xbf16> from "down"
func.func @trees(%x: tensor<?x24xbf16>) -> (tensor<?x24xbf16>, tensor<?x24xbf16>, tensor<?x24xbf16>) {
  %u = llama.linear %x, @up leaves [] : (tensor<?x24xbf16>) -> tensor<?x24xbf16>
  %a = llama.linear %u, @down leaves [2, 2, 2] : (tensor<?x24xbf16>) -> tensor<?x24xbf16>
  %b = llama.linear %u, @down leaves [2, 4] : (tensor<?x24xbf16>) -> tensor<?x24xbf16>
  %c = llama.linear %u, @down leaves [3, 2] : (tensor<?x24xbf16>) -> tensor<?x24xbf16>
  return %a, %b, %c : tensor<?x24xbf16>, tensor<?x24xbf16>, tensor<?x24xbf16>
}
