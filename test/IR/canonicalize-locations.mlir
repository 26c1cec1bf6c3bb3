// RUN: lamina-opt %s --canonicalize --mlir-print-debuginfo | FileCheck %s

// The only layer of a loop is layer 0, also in the locations.

llama.weight private @norm[1] : tensor<8xf32> from "norm.*"

// CHECK-LABEL: func @only_layer
// CHECK:         llama.rms_norm {{.*}} loc(#[[NORM:.+]])
// CHECK:         llama.tap {{.*}}, "hidden.L"[0] {{.*}} loc(#[[TAP:.+]])
// CHECK:         llama.add {{.*}} loc(#[[INNER:.+]])
func.func @only_layer(%x: tensor<?x8xf32>, %c: i1) -> tensor<?x8xf32> {
  %y = llama.layers %l to 1 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0 norm hf : tensor<?x8xf32> loc("model.layers.*.norm")
    llama.tap %n, "hidden.L"[%l] : tensor<?x8xf32> loc(fused["model.layers.*.a", "model.layers.*.b"])
    %s = scf.if %c -> tensor<?x8xf32> {
      %a = llama.add %n, %x : tensor<?x8xf32> loc("model.layers.*.add")
      scf.yield %a : tensor<?x8xf32>
    } else {
      scf.yield %n : tensor<?x8xf32>
    }
    llama.yield %s : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// CHECK-NOT: layers.*
// CHECK-DAG: #[[NORM]] = loc("model.layers.0.norm")
// CHECK-DAG: #[[A:.+]] = loc("model.layers.0.a")
// CHECK-DAG: #[[B:.+]] = loc("model.layers.0.b")
// CHECK-DAG: #[[TAP]] = loc(fused[#[[A]], #[[B]]])
// CHECK-DAG: #[[INNER]] = loc("model.layers.0.add")
