// RUN: %exits 6 lamina-interpret %s --function=layers 2>&1 | FileCheck %s --check-prefix=LAYERS
// RUN: %exits 6 lamina-interpret %S/Inputs/nested-layers.mlir 2>&1 | FileCheck %s --check-prefix=NESTED
// RUN: %exits 6 lamina-interpret %S/Inputs/large-weight.mlir 2>&1 | FileCheck %s --check-prefix=WEIGHT

// What would run for ever, or not fit into memory, is refused at once.

// LAYERS: error: {{.*}}limits.mlir: {{.*}}limits.mlir:[[#@LINE+6]]:3: 'llama.layers': 9223372036854775807 layers, expected at most 65536 in a module that is interpreted

// NESTED: 'llama.layers': 2^63 or more layers, expected at most 65536

// WEIGHT: error: {{.*}}large-weight.mlir: @large: 2147483648 elements, expected at most 1073741824 in all weights of a module that is interpreted
func.func @layers() {
  llama.layers %l to 9223372036854775807 {
    llama.yield
  }
  return
}
