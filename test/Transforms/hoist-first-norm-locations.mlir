// RUN: lamina-opt %s --llama-hoist-first-norm --mlir-print-debuginfo | FileCheck %s

// The hoisted norm has the location of the first norm, the norm at the end of a
// layer that of both norms that it replaces. In a peeled layer, its number takes
// the place of `*`.

llama.weight private @norm[4] : tensor<8xf32> from "norm.*"
llama.weight private @final : tensor<8xf32> from "final"

// CHECK-LABEL: func @hoist
// CHECK:         llama.rms_norm {{.*}}@norm[0] {{.*}} loc(#[[$FIRST:.+]])
// CHECK:         llama.rms_norm {{.*}}@next_norm{{.*}} loc(#[[$BOTH:.+]])
func.func @hoist(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32> loc("model.layers.*.norm")
    %r = llama.add %h, %n : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32> loc("model.final")
  return %n : tensor<?x8xf32>
}

// CHECK-LABEL: func @peel
// CHECK:         llama.add {{.*}} loc(#[[$STAR:.+]])
// CHECK:         llama.add {{.*}} loc(#[[$PEELED:.+]])
func.func @peel(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  %y = llama.layers %l to 4 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %r = llama.add %h, %n : tensor<?x8xf32> loc("model.layers.*.add"("model.mlir":7:3))
    llama.yield %r : tensor<?x8xf32>
  }
  return %y : tensor<?x8xf32>
}

// CHECK-DAG: #[[$FIRST]] = loc("model.layers.*.norm")
// CHECK-DAG: #[[FINAL:.+]] = loc("model.final")
// CHECK-DAG: #[[$BOTH]] = loc(fused[#[[$FIRST]], #[[FINAL]]])
// CHECK-DAG: #[[$STAR]] = loc("model.layers.*.add"(
// CHECK-DAG: #[[$PEELED]] = loc("model.layers.3.add"(
