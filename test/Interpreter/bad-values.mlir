// RUN: %exits 3 lamina-interpret %s --function=positions 2>&1 | FileCheck %s --check-prefix=POSITIONS
// RUN: %exits 3 lamina-interpret %s --function=gap 2>&1 | FileCheck %s --check-prefix=GAP
// RUN: %exits 3 lamina-interpret %s --function=id 2>&1 | FileCheck %s --check-prefix=ID
// RUN: %exits 3 lamina-interpret %s --function=wanted 2>&1 | FileCheck %s --check-prefix=WANTED
// RUN: %exits 6 lamina-interpret %s --function=huge 2>&1 | FileCheck %s --check-prefix=HUGE

llama.weight private @table : tensor<3x2xf32> from "table"

// POSITIONS: 'llama.attention': row 1 has the sequence and position of an earlier row, expected each position once a step
func.func @positions(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %p = arith.constant dense<0> : tensor<2xi32>
  %a = llama.attention %x, %x, %x, %p, %p layer [0] heads 1 kv_heads 1 scale 1.0 kv f32 : tensor<2x2xf32>, tensor<2x2xf32>
  return %a : tensor<2x2xf32>
}

// GAP: 'llama.attention': row 1 at position 2 reads position 1 of its sequence, which was never written
func.func @gap(%x: tensor<2x2xf32>) -> tensor<2x2xf32> {
  %p = arith.constant dense<[0, 2]> : tensor<2xi32>
  %s = arith.constant dense<7> : tensor<2xi32>
  %a = llama.attention %x, %x, %x, %p, %s layer [0] heads 1 kv_heads 1 scale 1.0 kv f32 : tensor<2x2xf32>, tensor<2x2xf32>
  return %a : tensor<2x2xf32>
}

// ID: 'llama.embed': id 3, expected 0 to 2
func.func @id() -> tensor<1x2xf32> {
  %i = arith.constant dense<3> : tensor<1xi32>
  %x = llama.embed %i, @table : tensor<1x2xf32>
  return %x : tensor<1x2xf32>
}

// WANTED: 'llama.select_rows': row -1 of 1
func.func @wanted(%x: tensor<1x2xf32>) -> tensor<1x2xf32> {
  %i = arith.constant dense<-1> : tensor<1xi32>
  %y = llama.select_rows %x, %i : tensor<1x2xf32> -> tensor<1x2xf32>
  return %y : tensor<1x2xf32>
}

// HUGE: error: {{.*}}bad-values.mlir: @huge: argument 0: tensor<1099511627776x2xf32>, expected at most 1073741824 elements{{$}}
func.func @huge(%x: tensor<1099511627776x2xf32>) {
  return
}
