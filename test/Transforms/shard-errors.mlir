// RUN: not lamina-opt %s --llama-shard=ranks=5 --split-input-file 2>&1 | FileCheck %s

// Every reason once, however many ops have it, then the ranks that would do.

// CHECK:      error: cannot be split over 5 ranks:
// CHECK-NEXT: @wk: 8 output features in units of 4: 2 units for 5 ranks
// CHECK-NEXT: @wv: 8 output features in units of 4: 2 units for 5 ranks
// CHECK-NEXT: llama.attention: needs ranks that are a multiple of the 2 units of key-value heads, got 5
// CHECK-NEXT: @up: 3 output features in units of 1: 3 units for 5 ranks
// CHECK-NEXT: @down: 3 input features in units of 1: 3 units for 5 ranks
// CHECK-NEXT: @embed: a vocabulary of 4 for 5 ranks
// CHECK-NEXT: help: ranks that would do, up to 128: 1, 2{{$}}
llama.weight private @embed : tensor<4x8xf32> from "embed"
llama.weight private @wq : tensor<24x8xf32> from "q"
llama.weight private @wk : tensor<8x8xf32> from "k"
llama.weight private @wv : tensor<8x8xf32> from "v"
llama.weight private @wo : tensor<8x24xf32> from "o"
llama.weight private @up : tensor<3x8xf32> from "up"
llama.weight private @down : tensor<8x3xf32> from "down"
func.func @too_many_ranks(%ids: tensor<?xi32>, %positions: tensor<?xi32>) -> tensor<?x8xf32> {
  %x = llama.embed %ids, @embed : tensor<?x8xf32>
  %q = llama.linear %x, @wq leaves [] : (tensor<?x8xf32>) -> tensor<?x24xf32>
  %k = llama.linear %x, @wk leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %v = llama.linear %x, @wv leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %a = llama.attention %q, %k, %v, %positions, %positions layer [0] heads 6 kv_heads 2 scale 0.5 kv f32
      : tensor<?x24xf32>, tensor<?x8xf32>
  %o = llama.linear %a, @wo leaves [] : (tensor<?x24xf32>) -> tensor<?x8xf32>
  %u = llama.linear %o, @up leaves [] : (tensor<?x8xf32>) -> tensor<?x3xf32>
  %d = llama.linear %u, @down leaves [] : (tensor<?x3xf32>) -> tensor<?x8xf32>
  %s = llama.linear %d, @up leaves [] : (tensor<?x8xf32>) -> tensor<?x3xf32>
  %t = llama.linear %s, @down leaves [] : (tensor<?x3xf32>) -> tensor<?x8xf32>
  return %t : tensor<?x8xf32>
}

// -----

// 3 KV heads cannot be copied evenly on 5 ranks, nor on 4; on 15 there are fewer
// than one of the 12 query heads for each.

// CHECK:      error: cannot be split over 5 ranks:
// CHECK-NEXT: @wk: 12 output features in units of 4: 3 units for 5 ranks
// CHECK:      help: ranks that would do, up to 128: 1, 2, 3, 6, 9, 12{{$}}
llama.weight private @wq : tensor<48x8xf32> from "q"
llama.weight private @wk : tensor<12x8xf32> from "k"
llama.weight private @wv : tensor<12x8xf32> from "v"
llama.weight private @wo : tensor<8x48xf32> from "o"
func.func @copies(%x: tensor<?x8xf32>, %positions: tensor<?xi32>) -> tensor<?x8xf32> {
  %q = llama.linear %x, @wq leaves [] : (tensor<?x8xf32>) -> tensor<?x48xf32>
  %k = llama.linear %x, @wk leaves [] : (tensor<?x8xf32>) -> tensor<?x12xf32>
  %v = llama.linear %x, @wv leaves [] : (tensor<?x8xf32>) -> tensor<?x12xf32>
  %a = llama.attention %q, %k, %v, %positions, %positions layer [0] heads 12 kv_heads 3 scale 0.5 kv f32
      : tensor<?x48xf32>, tensor<?x12xf32>
  %o = llama.linear %a, @wo leaves [] : (tensor<?x48xf32>) -> tensor<?x8xf32>
  return %o : tensor<?x8xf32>
}

// -----

// Features that have one scale stay together: 96 are 3 blocks of int8 inputs.

// CHECK:      error: cannot be split over 5 ranks:
// CHECK-NEXT: @up: 96 output features in units of 32: 3 units for 5 ranks
// CHECK-NEXT: @down: 96 input features in units of 32: 3 units for 5 ranks
// CHECK-NEXT: help: ranks that would do, up to 128: 1, 2, 3{{$}}
llama.weight private @up : tensor<96x32x!llama.block<q8_0>> from "up"
llama.weight private @down : tensor<32x96x!llama.block<q8_0>> from "down"
func.func @int8(%x: tensor<?x32xf32>) -> tensor<?x32xf32> {
  %u = llama.linear %x, @up int8 leaves [] : (tensor<?x32xf32>) -> tensor<?x96xf32>
  %d = llama.linear %u, @down int8 leaves [] : (tensor<?x96xf32>) -> tensor<?x32xf32>
  return %d : tensor<?x32xf32>
}

// -----

// One weight, read in different ways.

// CHECK:      error: cannot be split over 5 ranks:
// CHECK-NEXT: @w: its readers differ: columns in units of 1, whole
// CHECK-NEXT: @square: its readers differ: columns in units of 1, rows in units of 1
// CHECK-NEXT: help: ranks that would do, up to 128: 1{{$}}
llama.weight private @w : tensor<64x8xf32> from "w"
llama.weight private @square : tensor<8x8xf32> from "square"
func.func @columns_and_whole(%x: tensor<?x8xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %u = llama.linear %x, @w leaves [] : (tensor<?x8xf32>) -> tensor<?x64xf32>
  %v = llama.linear %x, @w leaves [] : (tensor<?x8xf32>) -> tensor<?x64xf32>
  %a = llama.add %v, %v : tensor<?x64xf32>
  return %u, %a : tensor<?x64xf32>, tensor<?x64xf32>
}
func.func @columns_and_rows(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %u = llama.linear %x, @square leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  %d = llama.linear %u, @square leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %d : tensor<?x8xf32>
}

// -----

// A vector that is the bias of columns and the weight of a norm.

// CHECK:      error: cannot be split over 5 ranks:
// CHECK-NEXT: @vector: its readers differ: whole, columns in units of 1
llama.weight private @vector : tensor<8xf32> from "vector"
llama.weight private @w : tensor<8x8xf32> from "w"
func.func @norm_and_bias(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %n = llama.rms_norm %x, @vector eps 1.0e-05 norm hf : tensor<?x8xf32>
  %u = llama.linear %n, @w bias @vector leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
  return %u : tensor<?x8xf32>
}

// -----

// CHECK: error: is sharded for 2 ranks already, cannot be sharded for 5
module attributes {llama.ranks = 2 : i64} {
}

// -----

// Without `llama.ranks` nobody has checked what touches a distributed value.

// CHECK: error: 'func.func' op has a value of type 'tensor<?x8xf32, #llama.partial>', but its module has no 'llama.ranks'
func.func @foreign(%x: tensor<?x8xf32, #llama.partial>) -> tensor<?x8xf32> {
  %y = tensor.cast %x : tensor<?x8xf32, #llama.partial> to tensor<?x8xf32>
  return %y : tensor<?x8xf32>
}

// -----

// CHECK: error: 'tensor.cast' op has a value of type 'tensor<?x8xf32, #llama.root>'
func.func @foreign_result(%x: tensor<?x8xf32>) {
  %y = tensor.cast %x : tensor<?x8xf32> to tensor<?x8xf32, #llama.root>
  return
}
