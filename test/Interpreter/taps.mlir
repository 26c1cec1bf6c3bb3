// RUN: lamina-interpret %s --function=tapped --ranks=1 --inputs=seed:1 > %t.tapped
// RUN: lamina-interpret %s --function=plain --ranks=1 --inputs=seed:1 | diff %t.tapped -
// RUN: FileCheck %s < %t.tapped
// RUN: %exits 3 lamina-interpret %S/Inputs/tap-of-root.mlir 2>&1 | FileCheck %s --check-prefix=ROOT

// A tap changes no value.

// CHECK: result 0: tensor<5x2xf32> sha256=
func.func @tapped(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  llama.tap %x, "x" : tensor<?x2xf32>
  %y = llama.layers %l to 3 iter (%h = %x) : tensor<?x2xf32> {
    %s = llama.silu_mul %h, %h : tensor<?x2xf32>
    llama.tap %s, "hidden.L"[%l] : tensor<?x2xf32>
    llama.yield %s : tensor<?x2xf32>
  }
  llama.tap %y, "hidden.L"[7] : tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}
func.func @plain(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %y = llama.layers %l to 3 iter (%h = %x) : tensor<?x2xf32> {
    %s = llama.silu_mul %h, %h : tensor<?x2xf32>
    llama.yield %s : tensor<?x2xf32>
  }
  return %y : tensor<?x2xf32>
}

// ROOT: 'llama.tap' op needs a whole value, got #llama.root
