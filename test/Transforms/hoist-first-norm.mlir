// RUN: lamina-opt %s --llama-hoist-first-norm --split-input-file | FileCheck %s
// RUN: lamina-opt %s --llama-hoist-first-norm --split-input-file > %t.once
// RUN: lamina-opt %t.once --llama-hoist-first-norm --split-input-file | diff %t.once -

llama.weight private @norm[4] : tensor<8xf32> from "norm.*"
llama.weight private @other[4] : tensor<8xf32> from "other.*"
llama.weight private @final : tensor<8xf32> from "final"
llama.weight private @w[4] : tensor<8x8xf32> from "w.*"

// The derived weights, each behind its last part; functions share them.

// CHECK-DAG: llama.weight private @next_norm[4] : tensor<8xf32> = layers [@norm[1 to 4], @final]
// CHECK-DAG: llama.weight private @[[$ONE:next_norm.*]][1] : tensor<8xf32> = layers [@final]
// CHECK-DAG: llama.weight private @[[$LAYERED:next_norm.*]][4] : tensor<8xf32> = layers [@norm[1 to 4], @other[2 to 3]]
// CHECK-DAG: llama.weight private @[[$FEWER:next_norm.*]][3] : tensor<8xf32> = layers [@norm[1 to 3], @final]
// CHECK-DAG: llama.weight private @[[$PEELED:next_norm.*]][3] : tensor<8xf32> = layers [@norm[1 to 4]]

// The norm of the last layer is the final norm. Other users of the loop's result
// read the residual stream.

// CHECK-LABEL: func @hoist
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x8xf32>
// CHECK-NEXT:    %[[N0:.+]] = llama.rms_norm %[[X]], @norm[0] eps 1.0e-05 norm hf
// CHECK-NEXT:    %[[Y:.+]]:2 = llama.layers %[[L:.+]] to 4 iter (%[[H:.+]] = %[[X]], %[[N:.+]] = %[[N0]])
// CHECK-NEXT:      %[[P:.+]] = llama.linear %[[N]], @w[%[[L]]]
// CHECK-NEXT:      %[[R:.+]] = llama.add %[[H]], %[[P]]
// CHECK-NEXT:      %[[NEXT:.+]] = llama.rms_norm %[[R]], @next_norm[%[[L]]] eps 1.0e-05 norm hf
// CHECK-NEXT:      llama.yield %[[R]], %[[NEXT]]
// CHECK-NEXT:    }
// CHECK-NEXT:    return %[[Y]]#1, %[[Y]]#0
func.func @hoist(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %p = llama.linear %n, @w[%l] leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %r = llama.add %h, %p : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n, %y : tensor<?x8xf32>, tensor<?x8xf32>
}

// The residual is also read by a norm of a value that is no iteration value, and
// the normed value by several ops. Attributes of the loop stay.

// CHECK-LABEL: func @hoist_other_users
// CHECK:         %[[Y:.+]]:2 = llama.layers %{{.+}} to 4 iter (%[[H:.+]] = %{{.+}}, %[[N:.+]] = %{{.+}})
// CHECK-NEXT:      %[[T:.+]] = llama.add %[[N]], %[[N]]
// CHECK-NEXT:      llama.rms_norm %[[T]], @other
// CHECK:           llama.add %[[H]]
// CHECK-NEXT:      llama.rms_norm {{.*}}@next_norm
// CHECK:         } attributes {tag = "kept"}
func.func @hoist_other_users(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %t = llama.add %n, %n : tensor<?x8xf32>
    %m = llama.rms_norm %t, @other[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %m : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  } attributes {tag = "kept"}
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// One layer: its norm is the final one.

// CHECK-LABEL: func @hoist_one_layer
// CHECK-NEXT:    llama.rms_norm %{{.+}}, @norm[0]
// CHECK-NEXT:    llama.layers %[[L:.+]] to 1
// CHECK:           llama.rms_norm %{{.+}}, @[[$ONE]][%[[L]]]
func.func @hoist_one_layer(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 1 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// The final norm reads one layer of a weight with layers.

// CHECK-LABEL: func @hoist_final_norm_at_static_layer
// CHECK:         llama.layers %[[L:.+]] to 4
// CHECK:           llama.rms_norm %{{.+}}, @[[$LAYERED]][%[[L]]]
func.func @hoist_final_norm_at_static_layer(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @other[2] eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// Fewer layers than the weight has: the one behind them is not read.

// CHECK-LABEL: func @hoist_fewer_layers
// CHECK:         llama.layers %[[L:.+]] to 3
// CHECK:           llama.rms_norm %{{.+}}, @[[$FEWER]][%[[L]]]
func.func @hoist_fewer_layers(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 3 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// Iteration values before and behind the residual stream.

// CHECK-LABEL: func @hoist_among_values
// CHECK:         %[[N0:.+]] = llama.rms_norm %[[X:.+]], @norm[0]
// CHECK-NEXT:    %[[Y:.+]]:4 = llama.layers %{{.+}} to 4 iter (%[[A:.+]] = %{{.+}}, %[[H:.+]] = %[[X]], %[[B:.+]] = %{{.+}}, %[[N:.+]] = %[[N0]])
// CHECK-NEXT:      %[[R:.+]] = llama.add %[[H]], %[[N]]
// CHECK-NEXT:      %[[NEXT:.+]] = llama.rms_norm %[[R]]
// CHECK-NEXT:      llama.yield %[[B]], %[[R]], %[[A]], %[[NEXT]]
// CHECK:         return %[[Y]]#0, %[[Y]]#2, %[[Y]]#3
func.func @hoist_among_values(%x: tensor<?x8xf32>, %i: i32, %j: i32) -> (i32, i32, tensor<?x8xf32>) {
  %a, %y, %b = llama.layers %l to 4 iter (%c = %i, %h = %x, %d = %j) : i32, tensor<?x8xf32>, i32 {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %d, %r, %c : i32, tensor<?x8xf32>, i32
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %a, %b, %n : i32, i32, tensor<?x8xf32>
}

// Of several norms behind the loop, the first that can be the last layer's norm
// is absorbed; the others read the residual stream.

// CHECK-LABEL: func @hoist_one_of_final_norms
// CHECK:         %[[Y:.+]]:2 = llama.layers %{{.+}} to 4
// CHECK:         %[[A:.+]] = llama.rms_norm %[[Y]]#0, @final eps 0.5
// CHECK-NEXT:    %[[B:.+]] = llama.rms_norm %[[Y]]#0, @other[1] eps 1.0e-05
// CHECK-NEXT:    return %[[A]], %[[Y]]#1, %[[B]]
func.func @hoist_one_of_final_norms(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>) {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %a = llama.rms_norm %y, @final eps 0.5 norm hf : tensor<?x8xf32>
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
  %b = llama.rms_norm %y, @other[1] eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %a, %n, %b : tensor<?x8xf32>, tensor<?x8xf32>, tensor<?x8xf32>
}

// CHECK-LABEL: func @hoist_in_if
// CHECK:         scf.if
// CHECK-NEXT:      llama.rms_norm %{{.+}}, @norm[0]
// CHECK-NEXT:      %[[Y:.+]]:2 = llama.layers
// CHECK:           scf.yield %[[Y]]#1
func.func @hoist_in_if(%x: tensor<?x8xf32>, %c: i1) -> tensor<?x8xf32> {
  %z = scf.if %c -> tensor<?x8xf32> {
    %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
      %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
      %r = llama.add %h, %n : tensor<?x8xf32>
      llama.yield %r : tensor<?x8xf32>
    }
    %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
    scf.yield %n : tensor<?x8xf32>
  } else {
    scf.yield %x : tensor<?x8xf32>
  }
  return %z : tensor<?x8xf32>
}

// The inner loop rotates. The norm in front of it reads layer 0 in every layer of
// the outer loop, which therefore stays.

// CHECK-LABEL: func @hoist_inner_loop
// CHECK-NEXT:    llama.layers %{{.+}} to 2 iter (%[[G:.+]] = %{{.+}})
// CHECK-NEXT:      %[[N0:.+]] = llama.rms_norm %[[G]], @norm[0]
// CHECK-NEXT:      %[[Y:.+]]:2 = llama.layers %{{.+}} to 4 iter (%{{.+}} = %[[G]], %{{.+}} = %[[N0]])
// CHECK:           %[[R:.+]] = llama.add %[[G]], %[[Y]]#1
// CHECK-NEXT:      llama.yield %[[R]]
func.func @hoist_inner_loop(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %z = llama.layers %m to 2 iter (%g = %x) : tensor<?x8xf32> {
    %y = llama.layers %l to 4 iter (%h = %g) : tensor<?x8xf32> {
      %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
      %r = llama.add %h, %n : tensor<?x8xf32>
      llama.yield %r : tensor<?x8xf32>
    }
    %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %g, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  return %z : tensor<?x8xf32>
}

// Another eps: the last layer is peeled, and its norm stays what it was.

// CHECK-LABEL: func @peel_eps
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x8xf32>
// CHECK-NEXT:    %[[N0:.+]] = llama.rms_norm %[[X]], @norm[0] eps 1.0e-05
// CHECK-NEXT:    %[[Y:.+]]:2 = llama.layers %[[L:.+]] to 3 iter (%[[H:.+]] = %[[X]], %[[N:.+]] = %[[N0]])
// CHECK-NEXT:      %[[P:.+]] = llama.linear %[[N]], @w[%[[L]]]
// CHECK-NEXT:      %[[R:.+]] = llama.add %[[H]], %[[P]]
// CHECK-NEXT:      %[[NEXT:.+]] = llama.rms_norm %[[R]], @[[$PEELED]][%[[L]]] eps 1.0e-05
// CHECK-NEXT:      llama.yield %[[R]], %[[NEXT]]
// CHECK-NEXT:    }
// CHECK-NEXT:    %[[Q:.+]] = llama.linear %[[Y]]#1, @w[3]
// CHECK-NEXT:    %[[S:.+]] = llama.add %[[Y]]#0, %[[Q]]
// CHECK-NEXT:    %[[M:.+]] = llama.rms_norm %[[S]], @final eps 0.5
// CHECK-NEXT:    return %[[M]], %[[S]]
func.func @peel_eps(%x: tensor<?x8xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>) {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %p = llama.linear %n, @w[%l] leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %r = llama.add %h, %p : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 0.5 norm hf : tensor<?x8xf32>
  return %n, %y : tensor<?x8xf32>, tensor<?x8xf32>
}

// CHECK-LABEL: func @peel_mode
// CHECK:         llama.layers %{{.+}} to 3
// CHECK:         llama.rms_norm %{{.+}}, @final eps 1.0e-05 norm single
func.func @peel_mode(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm single : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// CHECK-LABEL: func @peel_result_type
// CHECK:         llama.layers %{{.+}} to 3
// CHECK:         llama.rms_norm {{.*}} -> tensor<?x8xbf16>
func.func @peel_result_type(%x: tensor<?x8xf32>) -> tensor<?x8xbf16> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32> -> tensor<?x8xbf16>
  return %n : tensor<?x8xbf16>
}

llama.weight private @final_bf16 : tensor<8xbf16> from "final_bf16"

// CHECK-LABEL: func @peel_weight_type
// CHECK:         llama.layers %{{.+}} to 3
// CHECK:         llama.rms_norm %{{.+}}, @final_bf16
func.func @peel_weight_type(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final_bf16 eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// No norm in the block of the loop reads its result.

// CHECK-LABEL: func @peel_no_final_norm
// CHECK:         llama.layers %{{.+}} to 3
// CHECK:           llama.yield
// CHECK:         %[[R:.+]] = llama.add
// CHECK-NEXT:    scf.if
// CHECK-NEXT:      llama.rms_norm %[[R]], @final
func.func @peel_no_final_norm(%x: tensor<?x8xf32>, %c: i1) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %z = scf.if %c -> tensor<?x8xf32> {
    %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
    scf.yield %n : tensor<?x8xf32>
  } else {
    scf.yield %y : tensor<?x8xf32>
  }
  return %z : tensor<?x8xf32>
}

llama.weight private @derived[4] : tensor<8xf32> = layers [@norm[0 to 4]]

// CHECK-LABEL: func @peel_derived_final_weight
// CHECK:         llama.layers %{{.+}} to 3
// CHECK:         llama.rms_norm %{{.+}}, @derived[1]
func.func @peel_derived_final_weight(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @derived[1] eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// CHECK-LABEL: func @peel_final_norm_at_dynamic_layer
// CHECK:         %[[C:.+]] = arith.constant 1 : index
// CHECK:         llama.layers %{{.+}} to 3
// CHECK:         llama.rms_norm %{{.+}}, @other[%[[C]]]
func.func @peel_final_norm_at_dynamic_layer(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %c1 = arith.constant 1 : index
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @other[%c1] eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// One layer, peeled: no loop is left.

// CHECK-LABEL: func @peel_one_layer
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x8xf32>
// CHECK-NEXT:    %[[N:.+]] = llama.rms_norm %[[X]], @norm[0]
// CHECK-NEXT:    %[[P:.+]] = llama.linear %[[N]], @w[0]
// CHECK-NEXT:    %[[R:.+]] = llama.add %[[X]], %[[P]]
// CHECK-NEXT:    return %[[R]]
func.func @peel_one_layer(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 1 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %p = llama.linear %n, @w[%l] leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %r = llama.add %h, %p : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// Ops that name no weight get the last layer as a constant; iteration values may
// hold the layer.

// CHECK-LABEL: func @peel_with_foreign_user
// CHECK:         llama.layers %[[L:.+]] to 3
// CHECK:           arith.index_cast %[[L]]
// CHECK:         %[[C3:.+]] = arith.constant 3 : index
// CHECK-NEXT:    %[[I3:.+]] = arith.index_cast %[[C3]]
// CHECK:         %[[LAST:.+]] = arith.constant 3 : index
// CHECK-NEXT:    return %{{.+}}, %[[I3]], %[[LAST]]
func.func @peel_with_foreign_user(%x: tensor<?x8xf32>, %i: i32, %j: index) -> (tensor<?x8xf32>, i32, index) {
  %y, %k, %m = llama.layers %l to 4 iter (%h = %x, %c = %i, %d = %j) : tensor<?x8xf32>, i32, index {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %e = arith.index_cast %l : index to i32
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r, %e, %l : tensor<?x8xf32>, i32, index
  }
  return %y, %k, %m : tensor<?x8xf32>, i32, index
}

// A loop inside the peeled layer, which itself rotates first.

// CHECK-LABEL: func @peel_around_loop
// CHECK:         llama.layers %[[L:.+]] to 3
// CHECK:           llama.layers %{{.+}} to 2
// CHECK-NEXT:        llama.linear %{{.+}}, @w[%[[L]]]
// CHECK:         llama.layers %{{.+}} to 2
// CHECK-NEXT:      llama.linear %{{.+}}, @w[3]
// CHECK:         return
func.func @peel_around_loop(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %z = llama.layers %m to 2 iter (%g = %n) : tensor<?x8xf32> {
      %p = llama.linear %g, @w[%l] leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
      llama.yield %p : tensor<?x8xf32>
    }
    %r = llama.add %h, %z : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func private @declaration
func.func private @declaration(tensor<?x8xf32>) -> tensor<?x8xf32>

// CHECK-LABEL: func @no_hoist_no_layers
// CHECK-NEXT:    llama.layers %{{.+}} to 0
func.func @no_hoist_no_layers(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 0 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// CHECK-LABEL: func @no_hoist_several_norms
// CHECK-NEXT:    llama.layers
// CHECK-NEXT:      llama.rms_norm
// CHECK-NEXT:      llama.rms_norm
func.func @no_hoist_several_norms(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %m = llama.rms_norm %h, @other[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %a = llama.add %n, %m : tensor<?x8xf32>
    %r = llama.add %h, %a : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// CHECK-LABEL: func @no_hoist_weight_not_by_layer
// CHECK-NEXT:    llama.layers
// CHECK-NEXT:      llama.rms_norm
func.func @no_hoist_weight_not_by_layer(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[2] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// The weight is read at the layer of an outer loop.

// CHECK-LABEL: func @no_hoist_outer_layer
// CHECK-NEXT:    llama.layers
// CHECK-NEXT:      llama.layers
// CHECK-NEXT:        llama.rms_norm
func.func @no_hoist_outer_layer(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %z = llama.layers %m to 4 iter (%g = %x) : tensor<?x8xf32> {
    %y = llama.layers %l to 4 iter (%h = %g) : tensor<?x8xf32> {
      %n = llama.rms_norm %h, @norm[%m] eps 1.0e-05 norm hf : tensor<?x8xf32>
      %r = llama.add %h, %n : tensor<?x8xf32>
      llama.yield %r : tensor<?x8xf32>
    }
    llama.yield %y : tensor<?x8xf32>
  }
  return %z : tensor<?x8xf32>
}

// CHECK-LABEL: func @no_hoist_derived_weight
// CHECK-NEXT:    llama.layers
// CHECK-NEXT:      llama.rms_norm
func.func @no_hoist_derived_weight(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @derived[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// What is yielded is a product, an add in front of the loop, or the value itself.

// CHECK-LABEL: func @no_hoist_no_residual_add
// CHECK-NEXT:    llama.layers %[[L:.+]] to 4
// CHECK-NEXT:      llama.rms_norm %{{.+}}, @norm[%[[L]]]
// CHECK:         llama.add
// CHECK-NEXT:    llama.layers %[[M:.+]] to 4
// CHECK-NEXT:      llama.rms_norm %{{.+}}, @norm[%[[M]]]
// CHECK-NEXT:      llama.yield
// CHECK-NEXT:    }
// CHECK-NEXT:    llama.layers %[[K:.+]] to 4
// CHECK-NEXT:      llama.rms_norm %{{.+}}, @norm[%[[K]]]
func.func @no_hoist_no_residual_add(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %p = llama.linear %n, @w[%l] leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
    llama.yield %p : tensor<?x8xf32>
  }
  %a = llama.add %y, %y : tensor<?x8xf32>
  %z, %u = llama.layers %l to 4 iter (%h = %y, %g = %y) : tensor<?x8xf32>, tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    llama.yield %a, %n : tensor<?x8xf32>, tensor<?x8xf32>
  }
  %v, %w = llama.layers %l to 4 iter (%h = %z, %g = %u) : tensor<?x8xf32>, tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    llama.yield %h, %n : tensor<?x8xf32>, tensor<?x8xf32>
  }
  return %w : tensor<?x8xf32>
}

// The only norm reads no iteration value.

// CHECK-LABEL: func @no_hoist_no_first_norm
// CHECK-NEXT:    llama.layers
// CHECK-NEXT:      llama.add
// CHECK-NEXT:      llama.rms_norm
func.func @no_hoist_no_first_norm(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %r = llama.add %h, %x : tensor<?x8xf32>
    %n = llama.rms_norm %r, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %s = llama.add %r, %n : tensor<?x8xf32>
    llama.yield %s : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// In code that cannot be reached, a loop may read its own result.

// CHECK-LABEL: func @no_hoist_unreachable
// CHECK:         llama.layers
// CHECK-NEXT:      llama.rms_norm
func.func @no_hoist_unreachable(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  return %x : tensor<?x8xf32>
^unreachable:
  %y, %z = llama.layers %l to 1 iter (%h = %y, %g = %z) : tensor<?x8xf32>, tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r, %g : tensor<?x8xf32>, tensor<?x8xf32>
  }
  return %z : tensor<?x8xf32>
}

// A nested module has symbols of its own, and is left to a pass that runs on it.

// CHECK-LABEL: module @nested
// CHECK-NOT:     layers [
// CHECK:         llama.layers
// CHECK-NEXT:      llama.rms_norm
module @nested {
  llama.weight private @deep[4] : tensor<8xf32> from "deep.*"
  func.func @no_hoist_in_nested_module(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
      %n = llama.rms_norm %h, @deep[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
      %r = llama.add %h, %n : tensor<?x8xf32>
      llama.yield %r : tensor<?x8xf32>
    }
    return %y : tensor<?x8xf32>
  }
}

// -----

// The name is taken by a function. Two functions need different weights; they are
// numbered in program order. The third shares the weight of the first.

// CHECK:      llama.weight private @next_norm_0[2] : tensor<8xf32> = layers [@norm[1 to 2], @final]
// CHECK:      llama.weight private @next_norm_1[2] : tensor<8xf32> = layers [@norm[1 to 2], @last]
// CHECK-NOT:  llama.weight
llama.weight private @norm[2] : tensor<8xf32> from "norm.*"
llama.weight private @final : tensor<8xf32> from "final"
llama.weight private @last : tensor<8xf32> from "last"

// CHECK-LABEL: func @next_norm
// CHECK:         llama.rms_norm %{{.+}}, @next_norm_0[%
func.func @next_norm(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 2 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// CHECK-LABEL: func @second
// CHECK:         llama.rms_norm %{{.+}}, @next_norm_1[%
func.func @second(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 2 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @last eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// CHECK-LABEL: func @third
// CHECK:         llama.rms_norm %{{.+}}, @next_norm_0[%
func.func @third(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 2 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}
