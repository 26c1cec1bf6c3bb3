// RUN: lamina-opt %s --llama-to-fused=ranks=2 --allow-unregistered-dialect | FileCheck %s
// RUN: lamina-opt %s --llama-to-fused=ranks=2 --allow-unregistered-dialect --mlir-very-unsafe-disable-verifier-on-parsing --verify-each=false | FileCheck %s
// RUN: lamina-opt %s --pass-pipeline='builtin.module(builtin.module(llama-to-fused{ranks=2}))' --allow-unregistered-dialect | FileCheck %s --check-prefix=NESTED

// What is not the module's own stays as it is: modules nested in it, which may
// name symbols that it lacks, and regions of ops that nobody knows.

llama.weight private @norm[2] : tensor<8xf32> from "norm.*"
llama.weight private @final : tensor<8xf32> from "final"
llama.weight private @w[2] : tensor<8x8xf32> from "w.*"
llama.weight private @v[2] : tensor<8x8xf32> from "v.*"

// CHECK-LABEL: func @own
// CHECK:         llama.layers
// CHECK:           llama.all_reduce_residual_rms_norm
func.func @own(%x: tensor<?x8xf32>) -> tensor<?x8xf32> {
  builtin.module {
    llama.weight private @deep[2] : tensor<8xf32> from "deep.*"
    func.func @f(%y: tensor<?x8xf32>) -> tensor<?x8xf32> {
      %z = llama.layers %l to 2 iter (%h = %y) : tensor<?x8xf32> {
        %n = llama.rms_norm %h, @deep[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
        %r = llama.add %h, %n : tensor<?x8xf32>
        llama.yield %r : tensor<?x8xf32>
      }
      return %z : tensor<?x8xf32>
    }
  }
  %y = llama.layers %l to 2 iter (%h = %x) : tensor<?x8xf32> {
    %n = llama.rms_norm %h, @norm[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
    %u = llama.linear %n, @w[%l] leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %d = llama.linear %u, @v[%l] leaves [] : (tensor<?x8xf32>) -> tensor<?x8xf32>
    %r = llama.add %h, %d : tensor<?x8xf32>
    llama.yield %r : tensor<?x8xf32>
  }
  %n = llama.rms_norm %y, @final eps 1.0e-05 norm hf : tensor<?x8xf32>
  return %n : tensor<?x8xf32>
}

// CHECK-LABEL: func private @declaration
func.func private @declaration(tensor<?x8xf32>) -> tensor<?x8xf32>

// CHECK-LABEL: module @nested
// CHECK-NOT:     layers [
// CHECK:         llama.layers
// CHECK-NEXT:      llama.rms_norm

// NESTED-LABEL: func @own
// NESTED:         llama.linear
// NESTED-LABEL: module @nested attributes {llama.ranks = 2 : i64}
// NESTED:         llama.weight private @next_norm[1]
builtin.module @nested {
  llama.weight private @deep[2] : tensor<8xf32> from "deep.*"
  func.func @f(%y: tensor<?x8xf32>) -> tensor<?x8xf32> {
    %z = llama.layers %l to 2 iter (%h = %y) : tensor<?x8xf32> {
      %n = llama.rms_norm %h, @deep[%l] eps 1.0e-05 norm hf : tensor<?x8xf32>
      %r = llama.add %h, %n : tensor<?x8xf32>
      llama.yield %r : tensor<?x8xf32>
    }
    return %z : tensor<?x8xf32>
  }
}
