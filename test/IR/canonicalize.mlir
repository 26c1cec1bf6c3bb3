// RUN: lamina-opt %s --canonicalize > %t.once
// RUN: FileCheck %s < %t.once
// RUN: lamina-opt %t.once --canonicalize | diff %t.once -

llama.weight private @norm[32] : tensor<64xf32> from "norm.*"
llama.weight private @final : tensor<64xf32> from "final"
llama.weight private @next[33] : tensor<64xf32> = layers [@norm[1 to 32], @final, @norm[7 to 7], @norm[0 to 1]]
llama.weight private @w[32] : tensor<64x64xf32> from "w.*"
llama.weight private @b[32] : tensor<64xf32> from "b.*"
llama.weight private @v : tensor<64x64xf32> from "v"
llama.weight private @wv[1] : tensor<64x64xf32> from "v.*"

//===----------------------------------------------------------------------===//
// The residual is the first operand of an add
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func @residual_first
// CHECK-SAME:    %[[H:[^:]+]]: tensor<?x64xf32>
// CHECK:         %[[UPDATE:.+]] = llama.linear
// CHECK-NEXT:    llama.add %[[H]], %[[UPDATE]]
func.func @residual_first(%h: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %u = llama.linear %h, @v leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %r = llama.add %u, %h : tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}

// CHECK-LABEL: func @no_residual_first_already
// CHECK-SAME:    %[[H:[^:]+]]: tensor<?x64xf32>
// CHECK:         %[[UPDATE:.+]] = llama.linear
// CHECK-NEXT:    llama.add %[[H]], %[[UPDATE]]
func.func @no_residual_first_already(%h: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %u = llama.linear %h, @v leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %r = llama.add %h, %u : tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}

// Neither of two products is more of a residual than the other.

// CHECK-LABEL: func @no_residual_first_two_updates
// CHECK:         %[[A:.+]] = llama.linear
// CHECK-NEXT:    %[[B:.+]] = llama.linear
// CHECK-NEXT:    llama.add %[[B]], %[[A]]
func.func @no_residual_first_two_updates(%h: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %a = llama.linear %h, @v leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %b = llama.linear %h, @w[0] leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %r = llama.add %b, %a : tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}

// CHECK-LABEL: func @no_residual_first_no_update
// CHECK-SAME:    %[[A:[^:]+]]: tensor<?x64xf32>, %[[B:[^:]+]]: tensor<?x64xf32>
// CHECK:         llama.add %[[B]], %[[A]]
func.func @no_residual_first_no_update(%a: tensor<?x64xf32>, %b: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %r = llama.add %b, %a : tensor<?x64xf32>
  return %r : tensor<?x64xf32>
}

// MLIR moves a constant of a commutative op to the right: no tug-of-war.

// CHECK-LABEL: func @no_residual_first_constant
// CHECK:         %[[UPDATE:.+]] = llama.linear
// CHECK-NEXT:    llama.add %[[UPDATE]], %cst
func.func @no_residual_first_constant(%h: tensor<2x64xf32>) -> tensor<2x64xf32> {
  %c = arith.constant dense<1.0> : tensor<2x64xf32>
  %u = llama.linear %h, @v leaves [] : (tensor<2x64xf32>) -> tensor<2x64xf32>
  %r = llama.add %c, %u : tensor<2x64xf32>
  return %r : tensor<2x64xf32>
}

//===----------------------------------------------------------------------===//
// Layers of references
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func @constant_layer
// CHECK-NOT:     arith.constant
// CHECK:         llama.rms_norm %{{.*}}, @norm[31] eps
// CHECK:         llama.attention {{.*}} layer [5] heads
func.func @constant_layer(%x: tensor<?x64xf32>, %p: tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %c31 = arith.constant 31 : index
  %c5 = arith.constant 5 : index
  %0 = llama.rms_norm %x, @norm[%c31] eps 1.0 norm hf : tensor<?x64xf32>
  %1 = llama.attention %x, %x, %x, %p, %p layer [%c5] heads 8 kv_heads 8 scale 0.5 kv f32 : tensor<?x64xf32>, tensor<?x64xf32>
  return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// A product keeps its weight, whose layer is also that of the bias.

// CHECK-LABEL: func @constant_layer_of_product
// CHECK:         llama.linear %{{.*}}, @w[3] bias @b leaves
// CHECK:         llama.linear %{{.*}}, @wv[0] leaves
func.func @constant_layer_of_product(%x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %c3 = arith.constant 3 : index
  %c0 = arith.constant 0 : index
  %0 = llama.linear %x, @w[%c3] bias @b leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  %1 = llama.linear %x, @wv[%c0] leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return %0, %1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// The first and last entry of a range, a whole weight, and the entry that
// follows an empty range.

// CHECK-LABEL: func @derived_layer
// CHECK:         llama.rms_norm %{{.*}}, @norm[1] eps 1.0
// CHECK:         llama.rms_norm %{{.*}}, @norm[16] eps 2.0
// CHECK:         llama.rms_norm %{{.*}}, @norm[31] eps 3.0
// CHECK:         llama.rms_norm %{{.*}}, @final eps 4.0
// CHECK:         llama.residual_rms_norm %{{.*}}, %{{.*}}, @norm[0] eps 5.0
func.func @derived_layer(%x: tensor<?x64xf32>)
    -> (tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>) {
  %0 = llama.rms_norm %x, @next[0] eps 1.0 norm hf : tensor<?x64xf32>
  %1 = llama.rms_norm %x, @next[15] eps 2.0 norm hf : tensor<?x64xf32>
  %c30 = arith.constant 30 : index
  %2 = llama.rms_norm %x, @next[%c30] eps 3.0 norm hf : tensor<?x64xf32>
  %3 = llama.rms_norm %x, @next[31] eps 4.0 norm hf : tensor<?x64xf32>
  %4, %h = llama.residual_rms_norm %x, %x, @next[32] eps 5.0 norm hf : tensor<?x64xf32>
  return %0, %1, %2, %3, %4 : tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func @no_derived_layer_of_loop
// CHECK:         llama.rms_norm %{{.*}}, @next[%{{.+}}] eps
func.func @no_derived_layer_of_loop(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %0 = llama.layers %l to 2 iter (%h = %x) : tensor<?x64xf32> {
    %1 = llama.rms_norm %h, @next[%l] eps 1.0 norm hf : tensor<?x64xf32>
    llama.yield %1 : tensor<?x64xf32>
  }
  return %0 : tensor<?x64xf32>
}

//===----------------------------------------------------------------------===//
// Loops of no layer and of one
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func @to_0
// CHECK-SAME:    %[[A:[^:]+]]: tensor<?x64xf32>, %[[B:[^:]+]]: tensor<?x64xf32>
// CHECK-NEXT:    return %[[B]], %[[A]]
func.func @to_0(%a: tensor<?x64xf32>, %b: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %0:2 = llama.layers %l to 0 iter (%g = %b, %h = %a) : tensor<?x64xf32>, tensor<?x64xf32> {
    %1 = llama.add %g, %h : tensor<?x64xf32>
    llama.yield %1, %g : tensor<?x64xf32>, tensor<?x64xf32>
  }
  return %0#0, %0#1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// The layer is the static 0, also in a region of the body, and for a derived
// weight that is then resolved.

// CHECK-LABEL: func @to_1
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xf32>, %[[C:[^:]+]]: i1
// CHECK-NEXT:    %[[N:.+]] = llama.rms_norm %[[X]], @norm[0] eps
// CHECK-NEXT:    %[[M:.+]] = llama.rms_norm %[[N]], @norm[1] eps
// CHECK-NEXT:    %[[IF:.+]] = scf.if %[[C]]
// CHECK-NEXT:      llama.rms_norm %[[M]], @norm[0] eps
// CHECK:         return %[[IF]]
func.func @to_1(%x: tensor<?x64xf32>, %c: i1) -> tensor<?x64xf32> {
  %0 = llama.layers %l to 1 iter (%h = %x) : tensor<?x64xf32> {
    %1 = llama.rms_norm %h, @norm[%l] eps 1.0 norm hf : tensor<?x64xf32>
    %2 = llama.rms_norm %1, @next[%l] eps 1.0 norm hf : tensor<?x64xf32>
    %3 = scf.if %c -> tensor<?x64xf32> {
      %4 = llama.rms_norm %2, @norm[%l] eps 1.0 norm hf : tensor<?x64xf32>
      scf.yield %4 : tensor<?x64xf32>
    } else {
      scf.yield %2 : tensor<?x64xf32>
    }
    llama.yield %3 : tensor<?x64xf32>
  }
  return %0 : tensor<?x64xf32>
}

// Values that the body yields unchanged, here swapped, are the inits.

// CHECK-LABEL: func @to_1_swaps
// CHECK-SAME:    %[[A:[^:]+]]: tensor<?x64xf32>, %[[B:[^:]+]]: tensor<?x64xf32>
// CHECK-NEXT:    return %[[B]], %[[A]]
func.func @to_1_swaps(%a: tensor<?x64xf32>, %b: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %0:2 = llama.layers %l to 1 iter (%g = %a, %h = %b) : tensor<?x64xf32>, tensor<?x64xf32> {
    llama.yield %h, %g : tensor<?x64xf32>, tensor<?x64xf32>
  }
  return %0#0, %0#1 : tensor<?x64xf32>, tensor<?x64xf32>
}

// CHECK-LABEL: func @no_to_1_foreign_user
// CHECK:         llama.layers %[[L:.+]] to 1
// CHECK-NEXT:      arith.index_cast %[[L]]
func.func @no_to_1_foreign_user(%i: i64) -> i64 {
  %0 = llama.layers %l to 1 iter (%h = %i) : i64 {
    %1 = arith.index_cast %l : index to i64
    %2 = arith.addi %h, %1 : i64
    llama.yield %2 : i64
  }
  return %0 : i64
}

// CHECK-LABEL: func @no_to_1_yields_layer
// CHECK:         llama.layers %{{.+}} to 1
func.func @no_to_1_yields_layer(%i: index) -> index {
  %0 = llama.layers %l to 1 iter (%h = %i) : index {
    llama.yield %l : index
  }
  return %0 : index
}

// CHECK-LABEL: func @no_to_1_two_layers
// CHECK:         llama.layers %{{.+}} to 2
func.func @no_to_1_two_layers(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %0 = llama.layers %l to 2 iter (%h = %x) : tensor<?x64xf32> {
    %1 = llama.rms_norm %h, @norm[%l] eps 1.0 norm hf : tensor<?x64xf32>
    llama.yield %1 : tensor<?x64xf32>
  }
  return %0 : tensor<?x64xf32>
}

//===----------------------------------------------------------------------===//
// Pairs of casts and reshapes between llama ops
//===----------------------------------------------------------------------===//

// CHECK-LABEL: func @cast_pair
// CHECK:         %[[H:.+]] = llama.add
// CHECK-NEXT:    llama.rms_norm %[[H]]
func.func @cast_pair(%x: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %h = llama.add %x, %x : tensor<?x64xbf16>
  %wide = arith.extf %h : tensor<?x64xbf16> to tensor<?x64xf32>
  %narrow = arith.truncf %wide : tensor<?x64xf32> to tensor<?x64xbf16>
  %n = llama.rms_norm %narrow, @final eps 1.0 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

// The other way round rounds the value.

// CHECK-LABEL: func @no_cast_pair_that_rounds
// CHECK:         arith.truncf
// CHECK-NEXT:    %[[WIDE:.+]] = arith.extf
// CHECK-NEXT:    llama.rms_norm %[[WIDE]]
func.func @no_cast_pair_that_rounds(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %h = llama.add %x, %x : tensor<?x64xf32>
  %narrow = arith.truncf %h : tensor<?x64xf32> to tensor<?x64xbf16>
  %wide = arith.extf %narrow : tensor<?x64xbf16> to tensor<?x64xf32>
  %n = llama.rms_norm %wide, @final eps 1.0 norm hf : tensor<?x64xf32>
  return %n : tensor<?x64xf32>
}

// CHECK-LABEL: func @reshape_pair
// CHECK:         %[[H:.+]] = llama.add
// CHECK-NEXT:    llama.rms_norm %[[H]]
func.func @reshape_pair(%x: tensor<?x64xf32>, %tokens: index) -> tensor<?x64xf32> {
  %h = llama.add %x, %x : tensor<?x64xf32>
  %heads = tensor.expand_shape %h [[0], [1, 2]] output_shape [%tokens, 8, 8] : tensor<?x64xf32> into tensor<?x8x8xf32>
  %joined = tensor.collapse_shape %heads [[0], [1, 2]] : tensor<?x8x8xf32> into tensor<?x64xf32>
  %n = llama.rms_norm %joined, @final eps 1.0 norm hf : tensor<?x64xf32>
  return %n : tensor<?x64xf32>
}

// CHECK-LABEL: func @reshape_pair_static
// CHECK:         %[[H:.+]] = llama.add
// CHECK-NEXT:    llama.rms_norm %[[H]]
func.func @reshape_pair_static(%x: tensor<4x64xf32>) -> tensor<4x64xf32> {
  %h = llama.add %x, %x : tensor<4x64xf32>
  %flat = tensor.collapse_shape %h [[0, 1]] : tensor<4x64xf32> into tensor<256xf32>
  %rows = tensor.expand_shape %flat [[0, 1]] output_shape [4, 64] : tensor<256xf32> into tensor<4x64xf32>
  %n = llama.rms_norm %rows, @final eps 1.0 norm hf : tensor<4x64xf32>
  return %n : tensor<4x64xf32>
}

// CHECK-LABEL: func @no_reshape_pair_of_other_shape
// CHECK:         tensor.collapse_shape
// CHECK-NEXT:    tensor.expand_shape
func.func @no_reshape_pair_of_other_shape(%x: tensor<4x64xf32>) -> tensor<8x32xf32> {
  %h = llama.add %x, %x : tensor<4x64xf32>
  %flat = tensor.collapse_shape %h [[0, 1]] : tensor<4x64xf32> into tensor<256xf32>
  %rows = tensor.expand_shape %flat [[0, 1]] output_shape [8, 32] : tensor<256xf32> into tensor<8x32xf32>
  %n = llama.add %rows, %rows : tensor<8x32xf32>
  return %n : tensor<8x32xf32>
}

//===----------------------------------------------------------------------===//
// With several ranks
//===----------------------------------------------------------------------===//

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @norm[32] : tensor<64xf32> from "norm.*"
  llama.weight private @final : tensor<64xf32> from "final"
  llama.weight private @next[32] : tensor<64xf32> = layers [@norm[1 to 32], @final]
  llama.weight private @bias[2] : tensor<64xf32> = layers [@final, @final]

  // CHECK-LABEL: func @residual_first_sum
  // CHECK-SAME:    %[[H:[^:]+]]: tensor<?x64xf32>
  // CHECK:         %[[SUM:.+]] = llama.all_reduce
  // CHECK-NEXT:    llama.add %[[H]], %[[SUM]]
  func.func @residual_first_sum(%h: tensor<?x64xf32>, %p: tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32> {
    %u = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    %r = llama.add %u, %h : tensor<?x64xf32>
    return %r : tensor<?x64xf32>
  }

  // CHECK-LABEL: func @residual_first_gathered
  // CHECK-SAME:    %[[H:[^:]+]]: tensor<?x64xf32>
  // CHECK:         %[[WHOLE:.+]] = llama.all_gather
  // CHECK-NEXT:    llama.add %[[H]], %[[WHOLE]]
  func.func @residual_first_gathered(%h: tensor<?x64xf32>, %c: tensor<?x64xf32, #llama.columns<unit = 1>>) -> tensor<?x64xf32> {
    %u = llama.all_gather %c : tensor<?x64xf32, #llama.columns<unit = 1>> -> tensor<?x64xf32>
    %r = llama.add %u, %h : tensor<?x64xf32>
    return %r : tensor<?x64xf32>
  }

  // One op uses the layer for its weight and for its bias; both are resolved.

  // CHECK-LABEL: func @to_1_weight_and_bias
  // CHECK-NEXT:    llama.all_reduce_residual_rms_norm %{{.*}}, %{{.*}}, @norm[1] bias @final eps
  // CHECK-NEXT:    llama.all_reduce %{{.*}} bias @norm[0] sum
  func.func @to_1_weight_and_bias(%p: tensor<?x64xf32, #llama.partial>, %x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
    %0:2 = llama.layers %l to 1 iter (%g = %x, %h = %x) : tensor<?x64xf32>, tensor<?x64xf32> {
      %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @next[%l] bias @bias[%l] eps 1.0 norm hf sum f32 tree [2]
          : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
      %s = llama.all_reduce %p bias @norm[%l] sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
      llama.yield %n, %s : tensor<?x64xf32>, tensor<?x64xf32>
    }
    return %0#0, %0#1 : tensor<?x64xf32>, tensor<?x64xf32>
  }

  // The weight alone, and the bias alone, has a constant layer.

  // CHECK-LABEL: func @constant_layer_of_bias
  // CHECK:         llama.all_reduce_residual_rms_norm %{{.*}}, %{{.*}}, @norm[%{{.+}}] bias @norm[4] eps
  // CHECK-NEXT:    llama.all_reduce_residual_rms_norm %{{.*}}, %{{.*}}, @norm[5] bias @norm[%{{.+}}] eps
  func.func @constant_layer_of_bias(%p: tensor<?x64xf32, #llama.partial>, %x: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
    %c4 = arith.constant 4 : index
    %0:2 = llama.layers %l to 32 iter (%g = %x, %h = %x) : tensor<?x64xf32>, tensor<?x64xf32> {
      %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @norm[%l] bias @norm[%c4] eps 1.0 norm hf sum f32 tree [2]
          : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
      %m, %s = llama.all_reduce_residual_rms_norm %p, %r, @next[%c4] bias @norm[%l] eps 1.0 norm hf sum f32 tree [2]
          : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
      llama.yield %m, %s : tensor<?x64xf32>, tensor<?x64xf32>
    }
    return %0#0, %0#1 : tensor<?x64xf32>, tensor<?x64xf32>
  }

  // A loop with a collective is kept, though nobody uses its results.

  // CHECK-LABEL: func @no_dead_loop_of_collectives
  // CHECK:         llama.layers
  // CHECK:           llama.all_reduce
  func.func @no_dead_loop_of_collectives(%p: tensor<?x64xf32, #llama.partial>, %x: tensor<?x64xf32>) {
    %0 = llama.layers %l to 4 iter (%h = %x) : tensor<?x64xf32> {
      %1 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
      llama.yield %1 : tensor<?x64xf32>
    }
    return
  }
}
