// RUN: lamina-opt %s --llama-merge-projections --split-input-file | FileCheck %s
// RUN: lamina-opt %s --llama-merge-projections --split-input-file > %t.once
// RUN: lamina-opt %t.once --llama-merge-projections --split-input-file | diff %t.once -

llama.weight private @wq[2] : tensor<64x64xf32> from "q.*"
llama.weight private @wk[2] : tensor<16x64xf32> from "k.*"
llama.weight private @wv[2] : tensor<16x64xf32> from "v.*"
llama.weight private @bq[2] : tensor<64xf32> from "bq.*"
llama.weight private @bk[2] : tensor<16xf32> from "bk.*"
llama.weight private @b16[2] : tensor<16xbf16> from "b16.*"
llama.weight private @half[2] : tensor<16x64xbf16> from "half.*"
llama.weight private @once : tensor<16x64xf32> from "once"
llama.weight private @twice : tensor<16x64xf32> from "twice"

// The derived weights stand behind their last part, biases too, and are shared
// by the layers and functions that merge the same products.

// CHECK:      llama.weight private @wk[2]
// CHECK-NEXT: llama.weight private @wq_wk[2] : tensor<80x64xf32> = columns [@wq, @wk]
// CHECK-NEXT: llama.weight private @wv[2]
// CHECK-NEXT: llama.weight private @wq_wk_wv[2] : tensor<96x64xf32> = columns [@wq, @wk, @wv]
// CHECK:      llama.weight private @bk[2]
// CHECK-NEXT: llama.weight private @bq_bk[2] : tensor<80xf32> = columns [@bq, @bk]
// CHECK:      llama.weight private @once_twice : tensor<32x64xf32> = columns [@once, @twice]

// CHECK-LABEL: func @merge
// CHECK:         llama.layers %[[L:.+]] to 2 iter (%[[H:.+]] = %{{.+}})
// CHECK-NEXT:      %[[Q:.+]], %[[K:.+]], %[[V:.+]] = llama.linear %[[H]], @wq_wk_wv[%[[L]]] leaves [2, 2]
// CHECK-NEXT:      %[[A:.+]] = llama.silu_mul %[[K]], %[[V]]
// CHECK-NEXT:      llama.attention %[[Q]], %[[A]], %[[V]]
// CHECK-NEXT:      llama.yield
func.func @merge(%x: tensor<?x64xf32>, %positions: tensor<?xi32>) -> tensor<?x64xf32> {
  %y = llama.layers %l to 2 iter (%h = %x) : tensor<?x64xf32> {
    %q = llama.linear %h, @wq[%l] leaves [2, 2] : (tensor<?x64xf32>) -> tensor<?x64xf32>
    %k = llama.linear %h, @wk[%l] leaves [2, 2] : (tensor<?x64xf32>) -> tensor<?x16xf32>
    %v = llama.linear %h, @wv[%l] leaves [2, 2] : (tensor<?x64xf32>) -> tensor<?x16xf32>
    %a = llama.silu_mul %k, %v : tensor<?x16xf32>
    %o = llama.attention %q, %a, %v, %positions, %positions layer [%l] heads 8 kv_heads 2 scale 0.5 kv f32
        : tensor<?x64xf32>, tensor<?x16xf32>
    llama.yield %o : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}

// The merged product stands at the first one, before ops in between.

// CHECK-LABEL: func @merge_at_static_layer
// CHECK-NEXT:    %[[Q:.+]], %[[K:.+]] = llama.linear %{{.+}}, @wq_wk[1] leaves []
// CHECK-NEXT:    llama.add %[[Q]], %[[Q]]
// CHECK-NEXT:    return %[[K]]
func.func @merge_at_static_layer(%x: tensor<?x64xf32>) -> tensor<?x16xf32> {
  %q = llama.linear %x, @wq[1] leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %a = llama.add %q, %q : tensor<?x64xf32>
  %k = llama.linear %x, @wk[1] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %k : tensor<?x16xf32>
}

// CHECK-LABEL: func @merge_biases
// CHECK-NEXT:    llama.linear %{{.+}}, @wq_wk[0] bias @bq_bk leaves []
func.func @merge_biases(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x16xf32>) {
  %q = llama.linear %x, @wq[0] bias @bq leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %k = llama.linear %x, @wk[0] bias @bk leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %q, %k : tensor<?x64xf32>, tensor<?x16xf32>
}

// Results of two element types, of weights without layers.

// CHECK-LABEL: func @merge_without_layers
// CHECK-NEXT:    llama.linear %{{.+}}, @once_twice leaves [] : (tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xbf16>)
func.func @merge_without_layers(%x: tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xbf16>) {
  %a = llama.linear %x, @once leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %b = llama.linear %x, @twice leaves [] : (tensor<?x64xf32>) -> tensor<?x16xbf16>
  return %a, %b : tensor<?x16xf32>, tensor<?x16xbf16>
}

// Those that fit merge, around one that does not.

// CHECK-LABEL: func @merge_in_groups
// CHECK-NEXT:    llama.linear %{{.+}}, @wq_wk[0] leaves [2]
// CHECK-NEXT:    llama.linear %{{.+}}, @wv[0] leaves [4]
// CHECK-NEXT:    return
func.func @merge_in_groups(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  %q = llama.linear %x, @wq[0] leaves [2] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %v = llama.linear %x, @wv[0] leaves [4] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %k = llama.linear %x, @wk[0] leaves [2] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %q, %k, %v : tensor<?x64xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}

// CHECK-LABEL: func private @declaration
func.func private @declaration(tensor<?x64xf32>) -> tensor<?x64xf32>

// CHECK-LABEL: func @no_merge_other_input
// CHECK-NEXT:    llama.linear %{{.+}}, @wq[0]
// CHECK-NEXT:    llama.linear %{{.+}}, @wk[0]
func.func @no_merge_other_input(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x16xf32>) {
  %q = llama.linear %x, @wq[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %k = llama.linear %y, @wk[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %q, %k : tensor<?x64xf32>, tensor<?x16xf32>
}

// CHECK-LABEL: func @no_merge_other_block
// CHECK-NEXT:    llama.linear %{{.+}}, @wq[0]
// CHECK-NEXT:    llama.layers
// CHECK-NEXT:      llama.linear %{{.+}}, @wk[0]
func.func @no_merge_other_block(%x: tensor<?x64xf32>, %y: tensor<?x16xf32>) -> (tensor<?x64xf32>, tensor<?x16xf32>) {
  %q = llama.linear %x, @wq[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %z = llama.layers %l to 2 iter (%h = %y) : tensor<?x16xf32> {
    %k = llama.linear %x, @wk[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
    llama.yield %k : tensor<?x16xf32>
  }
  return %q, %z : tensor<?x64xf32>, tensor<?x16xf32>
}

// CHECK-LABEL: func @no_merge_storage
// CHECK-NEXT:    llama.linear %{{.+}}, @wk[0]
// CHECK-NEXT:    llama.linear %{{.+}}, @half[0]
func.func @no_merge_storage(%x: tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %k = llama.linear %x, @wk[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %o = llama.linear %x, @half[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %k, %o : tensor<?x16xf32>, tensor<?x16xf32>
}

// Another static layer, a layer that is a value, a weight without layers.

// CHECK-LABEL: func @no_merge_layer
// CHECK:         llama.linear %{{.+}}, @wk[0]
// CHECK-NEXT:    llama.linear %{{.+}}, @wv[1]
// CHECK-NEXT:    llama.linear %{{.+}}, @wv[%{{.+}}]
// CHECK-NEXT:    llama.linear %{{.+}}, @once
func.func @no_merge_layer(%x: tensor<?x64xf32>)
    -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  %c0 = arith.constant 0 : index
  %k = llama.linear %x, @wk[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %v = llama.linear %x, @wv[1] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %w = llama.linear %x, @wv[%c0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %o = llama.linear %x, @once leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %k, %v, %w, %o : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}

// Layers that are two values; one layer of weights of which one has more.

llama.weight private @more[3] : tensor<16x64xf32> from "more.*"

// CHECK-LABEL: func @no_merge_layer_value
// CHECK:         llama.linear %{{.+}}, @wk[%{{.+}}]
// CHECK-NEXT:    llama.linear %{{.+}}, @wv[%{{.+}}]
// CHECK-NEXT:    llama.linear %{{.+}}, @wk[0]
// CHECK-NEXT:    llama.linear %{{.+}}, @more[0]
func.func @no_merge_layer_value(%x: tensor<?x64xf32>)
    -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %k = llama.linear %x, @wk[%c0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %v = llama.linear %x, @wv[%c1] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %w = llama.linear %x, @wk[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %m = llama.linear %x, @more[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %k, %v, %w, %m : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}

// CHECK-LABEL: func @no_merge_leaves
// CHECK-NEXT:    llama.linear %{{.+}}, @wk[0] leaves [2, 2]
// CHECK-NEXT:    llama.linear %{{.+}}, @wv[0] leaves [4]
func.func @no_merge_leaves(%x: tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %k = llama.linear %x, @wk[0] leaves [2, 2] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %v = llama.linear %x, @wv[0] leaves [4] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %k, %v : tensor<?x16xf32>, tensor<?x16xf32>
}

// Only one has a bias; the biases are stored differently.

// CHECK-LABEL: func @no_merge_bias
// CHECK-NEXT:    llama.linear %{{.+}}, @wk[0] leaves
// CHECK-NEXT:    llama.linear %{{.+}}, @wv[0] bias @b16 leaves
// CHECK-NEXT:    llama.linear %{{.+}}, @wq[0] bias @bq leaves
func.func @no_merge_bias(%x: tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x64xf32>) {
  %k = llama.linear %x, @wk[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %v = llama.linear %x, @wv[0] bias @b16 leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %q = llama.linear %x, @wq[0] bias @bq leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return %k, %v, %q : tensor<?x16xf32>, tensor<?x16xf32>, tensor<?x64xf32>
}

// -----

// The name of a merged weight is taken by another symbol.

llama.weight private @wk : tensor<16x64xf32> from "k"
llama.weight private @wv : tensor<16x64xf32> from "v"

// CHECK:       llama.weight private @wk_wv_0 : tensor<32x64xf32> = columns [@wk, @wv]
// CHECK-LABEL: func @wk_wv
// CHECK-NEXT:    llama.linear %{{.+}}, @wk_wv_0
func.func @wk_wv(%x: tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
  %k = llama.linear %x, @wk leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %v = llama.linear %x, @wv leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %k, %v : tensor<?x16xf32>, tensor<?x16xf32>
}

// A nested module has symbols of its own, and is left to a pass that runs on it.

// CHECK-LABEL: module @nested
// CHECK:         llama.linear %{{.+}}, @a leaves
module @nested {
  llama.weight private @a : tensor<16x64xf32> from "a"
  llama.weight private @b : tensor<16x64xf32> from "b"
  func.func @f(%x: tensor<?x64xf32>) -> (tensor<?x16xf32>, tensor<?x16xf32>) {
    %k = llama.linear %x, @a leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
    %v = llama.linear %x, @b leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
    return %k, %v : tensor<?x16xf32>, tensor<?x16xf32>
  }
}

// -----

// After sharding: each part keeps its own split, and partial sums stay partial.

module attributes {llama.ranks = 2 : i64} {

llama.weight private @gate : tensor<64x32xf32> from "g" split <columns, unit = 1>
llama.weight private @whole : tensor<64x32xf32> from "w"
llama.weight private @down : tensor<32x64xf32> from "d" split <rows, unit = 1>
llama.weight private @down2 : tensor<8x64xf32> from "d2" split <rows, unit = 1>

// CHECK-LABEL: func @merge_sharded
// CHECK-NEXT:    llama.linear %{{.+}}, @gate_whole {{.*}} -> (tensor<?x64xf32, #llama.columns<unit = 1>>, tensor<?x64xf32>)
// CHECK-NEXT:    llama.linear %{{.+}}, @down_down2 {{.*}} -> (tensor<?x32xf32, #llama.partial>, tensor<?x8xf32, #llama.partial>)
func.func @merge_sharded(%x: tensor<?x32xf32>)
    -> (tensor<?x64xf32>, tensor<?x32xf32, #llama.partial>, tensor<?x8xf32, #llama.partial>) {
  %g = llama.linear %x, @gate leaves [] : (tensor<?x32xf32>) -> tensor<?x64xf32, #llama.columns<unit = 1>>
  %w = llama.linear %x, @whole leaves [] : (tensor<?x32xf32>) -> tensor<?x64xf32>
  %d = llama.linear %g, @down leaves [] : (tensor<?x64xf32, #llama.columns<unit = 1>>) -> tensor<?x32xf32, #llama.partial>
  %e = llama.linear %g, @down2 leaves [] : (tensor<?x64xf32, #llama.columns<unit = 1>>) -> tensor<?x8xf32, #llama.partial>
  return %w, %d, %e : tensor<?x64xf32>, tensor<?x32xf32, #llama.partial>, tensor<?x8xf32, #llama.partial>
}

}

// -----

// What the products do with their input stays, and must be one thing.

llama.weight private @wq : tensor<64x64x!llama.block<q8_0>> from "q"
llama.weight private @wk : tensor<16x64x!llama.block<q8_0>> from "k"
llama.weight private @wv : tensor<16x64x!llama.block<q8_0>> from "v"

// CHECK-LABEL: func @merge_int8
// CHECK-NEXT:    llama.linear %{{.+}}, @wq_wk int8 leaves [2]
// CHECK-NEXT:    llama.linear %{{.+}}, @wv leaves [2]
func.func @merge_int8(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x16xf32>, tensor<?x16xf32>) {
  %q = llama.linear %x, @wq int8 leaves [2] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %k = llama.linear %x, @wk int8 leaves [2] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  %v = llama.linear %x, @wv leaves [2] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return %q, %k, %v : tensor<?x64xf32>, tensor<?x16xf32>, tensor<?x16xf32>
}
