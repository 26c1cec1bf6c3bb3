// RUN: lamina-opt %s --llama-unroll-layers | FileCheck %s
// RUN: lamina-opt %s --llama-unroll-layers --mlir-print-debuginfo | FileCheck %s --check-prefix=LOC
// RUN: lamina-opt %s --llama-unroll-layers --remarks-filter=llama-unroll --remark-policy=all -o /dev/null 2>&1 | FileCheck %s --check-prefix=REMARK

llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
llama.weight private @w[3] : tensor<64x64xf32> from "w.*"
llama.weight private @b[3] : tensor<64xf32> from "b.*"

// References get static layers; what a layer yields is read by the next one. In
// locations, the layer takes the place of `*`.

// CHECK-LABEL: func @unroll
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xf32>
// CHECK-NEXT:    %[[N0:.+]] = llama.rms_norm %[[X]], @norm[0]
// CHECK-NEXT:    %[[P0:.+]] = llama.linear %[[N0]], @w[0] bias @b
// CHECK-NEXT:    %[[A0:.+]] = llama.attention %[[P0]], %[[P0]], %[[P0]], %{{.+}}, %{{.+}} layer [0]
// CHECK-NEXT:    %[[N1:.+]] = llama.rms_norm %[[A0]], @norm[1]
// CHECK-NEXT:    %[[P1:.+]] = llama.linear %[[N1]], @w[1] bias @b
// CHECK-NEXT:    %[[A1:.+]] = llama.attention %[[P1]], %[[P1]], %[[P1]], %{{.+}}, %{{.+}} layer [1]
// CHECK-NEXT:    return %[[A1]]

// LOC-LABEL:   func @unroll
// LOC:           llama.rms_norm {{.*}} loc(#[[LAYER0:.+]])
// LOC:           llama.attention {{.*}} loc(#[[ATTENTION0:.+]])
// LOC:           llama.rms_norm {{.*}} loc(#[[LAYER1:.+]])
// LOC:           llama.attention {{.*}} loc(#[[ATTENTION1:.+]])

// REMARK: [Passed] Unrolled | Category:llama-unroll | Function=unroll | Layers=2, Remark="unrolled the layers"
func.func @unroll(%x: tensor<?x64xf32>, %positions: tensor<?xi32>) -> tensor<?x64xf32> {
  %y = llama.layers %l to 2 iter (%h = %x) : tensor<?x64xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x64xf32> loc("model.layers.*.norm"("model.mlir":7:3))
    %p = llama.linear %n, @w[%l] bias @b leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
    %a = llama.attention %p, %p, %p, %positions, %positions layer [%l] heads 8 kv_heads 8 scale 0.5 kv f32
        : tensor<?x64xf32>, tensor<?x64xf32> loc(fused["model.layers.*.q", "model.layers.*.k"])
    llama.yield %a : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}

// Values that the loop carries in turn.

// CHECK-LABEL: func @swap
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xf32>, %[[Y:[^:]+]]: tensor<?x64xf32>
// CHECK-NEXT:    return %[[Y]], %[[X]]
func.func @swap(%x: tensor<?x64xf32>, %y: tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf32>) {
  %a, %b = llama.layers %l to 3 iter (%h = %x, %n = %y) : tensor<?x64xf32>, tensor<?x64xf32> {
    llama.yield %n, %h : tensor<?x64xf32>, tensor<?x64xf32>
  }
  return %a, %b : tensor<?x64xf32>, tensor<?x64xf32>
}

// A loop in a loop, whose ops read at either layer.

// CHECK-LABEL: func @nested_loops
// CHECK-NEXT:    %[[A:.+]] = llama.linear %{{.+}}, @w[0]
// CHECK-NEXT:    %[[B:.+]] = llama.rms_norm %[[A]], @norm[0]
// CHECK-NEXT:    %[[C:.+]] = llama.linear %[[B]], @w[0]
// CHECK-NEXT:    %[[D:.+]] = llama.rms_norm %[[C]], @norm[1]
// CHECK-NEXT:    %[[E:.+]] = llama.linear %[[D]], @w[1]
// CHECK-NEXT:    %[[F:.+]] = llama.rms_norm %[[E]], @norm[0]
// CHECK-NEXT:    %[[G:.+]] = llama.linear %[[F]], @w[1]
// CHECK-NEXT:    %[[I:.+]] = llama.rms_norm %[[G]], @norm[1]
// CHECK-NEXT:    return %[[I]]
func.func @nested_loops(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = llama.layers %l to 2 iter (%h = %x) : tensor<?x64xf32> {
    %z = llama.layers %m to 2 iter (%i = %h) : tensor<?x64xf32> {
      %p = llama.linear %i, @w[%l] leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
      %n = llama.rms_norm %p, @norm[%m] eps 1.0e-05 norm hf : tensor<?x64xf32>
      llama.yield %n : tensor<?x64xf32>
    }
    llama.yield %z : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}

// Ops that name no weight get the layer as a constant, also inside a region,
// and so do values that carry it.

// CHECK-LABEL: func @foreign_users
// CHECK:         %[[C0:.+]] = arith.constant 0 : index
// CHECK-NEXT:    arith.index_cast %[[C0]]
// CHECK:         scf.if
// CHECK-NEXT:      llama.rms_norm %{{.+}}, @norm[0]
// CHECK:         arith.constant 1 : index
// CHECK:         scf.if
// CHECK-NEXT:      llama.rms_norm %{{.+}}, @norm[1]
// CHECK:         %[[LAST:.+]] = arith.constant 1 : index
// CHECK:         return %{{.+}}, %[[LAST]], %{{.+}}
func.func @foreign_users(%x: tensor<?x64xf32>, %c: index, %i: i32, %b: i1) -> (tensor<?x64xf32>, index, i32) {
  %y, %last, %cast = llama.layers %l to 2 iter (%h = %x, %n = %c, %k = %i) : tensor<?x64xf32>, index, i32 {
    %j = arith.index_cast %l : index to i32
    %z = scf.if %b -> tensor<?x64xf32> {
      %m = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x64xf32>
      scf.yield %m : tensor<?x64xf32>
    } else {
      scf.yield %h : tensor<?x64xf32>
    }
    llama.yield %z, %l, %j : tensor<?x64xf32>, index, i32
  }
  return %y, %last, %cast : tensor<?x64xf32>, index, i32
}

// CHECK-LABEL: func @no_layers
// CHECK-SAME:    %[[X:[^:]+]]: tensor<?x64xf32>
// CHECK-NEXT:    return %[[X]]
func.func @no_layers(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = llama.layers %l to 0 iter (%h = %x) : tensor<?x64xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x64xf32>
    llama.yield %n : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}

// CHECK-LABEL: func @in_if
// CHECK:         scf.if
// CHECK-NEXT:      llama.rms_norm %{{.+}}, @norm[0]
// CHECK-NEXT:      llama.rms_norm %{{.+}}, @norm[1]
// CHECK-NEXT:      scf.yield
func.func @in_if(%x: tensor<?x64xf32>, %c: i1) -> tensor<?x64xf32> {
  %y = scf.if %c -> tensor<?x64xf32> {
    %z = llama.layers %l to 2 iter (%h = %x) : tensor<?x64xf32> {
      %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x64xf32>
      llama.yield %n : tensor<?x64xf32>
    }
    scf.yield %z : tensor<?x64xf32>
  } else {
    scf.yield %x : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}

// In code that cannot be reached, a loop may read its own result.

// CHECK-LABEL: func @no_unroll_unreachable
// CHECK:         llama.layers
func.func @no_unroll_unreachable(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  return %x : tensor<?x64xf32>
^unreachable:
  %y = llama.layers %l to 2 iter (%h = %y) : tensor<?x64xf32> {
    llama.yield %h : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}

// LOC-DAG: #[[LAYER0]] = loc("model.layers.0.norm"(
// LOC-DAG: #[[LAYER1]] = loc("model.layers.1.norm"(
// LOC-DAG: #[[Q0:.+]] = loc("model.layers.0.q")
// LOC-DAG: #[[K0:.+]] = loc("model.layers.0.k")
// LOC-DAG: #[[Q1:.+]] = loc("model.layers.1.q")
// LOC-DAG: #[[K1:.+]] = loc("model.layers.1.k")
// LOC-DAG: #[[ATTENTION0]] = loc(fused[#[[Q0]], #[[K0]]])
// LOC-DAG: #[[ATTENTION1]] = loc(fused[#[[Q1]], #[[K1]]])
