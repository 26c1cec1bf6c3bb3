// RUN: lamina-interpret %s --function=tensors --tokens=2 | FileCheck %s --check-prefix=TENSORS
// RUN: lamina-interpret %s --function=scalars | FileCheck %s --check-prefix=SCALARS
// RUN: %exits 4 lamina-interpret %s --function=multiply 2>&1 | FileCheck %s --check-prefix=MULTIPLY
// RUN: %exits 4 lamina-interpret %s --function=declared 2>&1 | FileCheck %s --check-prefix=DECLARED
// RUN: %exits 4 lamina-interpret %s --function=endless 2>&1 | FileCheck %s --check-prefix=ENDLESS
// RUN: %exits 3 lamina-interpret %s --function=wrong_cast --tokens=3 2>&1 | FileCheck %s --check-prefix=CAST

// 1/3 is 0.333333343 in f32 and 0.333984375 in bf16.
// TENSORS:      result 0: tensor<2x1x2xbf16> sha256={{.*}} first=[0.33398, 0.33398, 0.33398, 0.33398]
// TENSORS-NEXT: result 1: i64 sha256={{.*}} first=[2]
// TENSORS-NEXT: result 2: tensor<2x2xf32> sha256={{.*}} first=[0.66796875, 0.66796875, 0.66796875, 0.66796875]
func.func @tensors(%x: tensor<?x2xf32>) -> (tensor<?x1x2xbf16>, index, tensor<?x2xf32>) {
  %c0 = arith.constant 0 : index
  %third = arith.constant dense<0.333333333> : tensor<2x2xf32>
  %t = tensor.cast %third : tensor<2x2xf32> to tensor<?x2xf32>
  %narrow = arith.truncf %t : tensor<?x2xf32> to tensor<?x2xbf16>
  %wide = arith.extf %narrow : tensor<?x2xbf16> to tensor<?x2xf32>
  %twice = arith.addf %wide, %wide : tensor<?x2xf32>
  %d = tensor.dim %narrow, %c0 : tensor<?x2xbf16>
  %e = tensor.expand_shape %narrow [[0, 1], [2]] output_shape [%d, 1, 2] : tensor<?x2xbf16> into tensor<?x1x2xbf16>
  %c = tensor.collapse_shape %e [[0, 1], [2]] : tensor<?x1x2xbf16> into tensor<?x2xbf16>
  return %e, %d, %twice : tensor<?x1x2xbf16>, index, tensor<?x2xf32>
}

// SCALARS:      result 0: f32 sha256={{.*}} first=[1.5]
// SCALARS-NEXT: result 1: i64 sha256={{.*}} first=[7]
func.func @scalars() -> (f32, i32) {
  %true = arith.constant true
  %a = arith.constant 1.5 : f32
  %b = arith.constant 2.5 : f32
  %n = arith.constant 7 : i32
  %r = scf.if %true -> f32 {
    scf.yield %a : f32
  } else {
    scf.yield %b : f32
  }
  return %r, %n : f32, i32
}

// MULTIPLY: error: {{.*}}upstream.mlir: {{.*}}upstream.mlir:[[#@LINE+2]]:8: 'arith.mulf': an op that the interpreter does not evaluate
func.func @multiply(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %y = arith.mulf %x, %x : tensor<?x2xf32>
  return %y : tensor<?x2xf32>
}

// DECLARED: error: {{.*}}upstream.mlir: @declared: a declaration, expected a function with a body
func.func private @declared() -> f32

// ENDLESS: 'func.func': calls nest deeper than 64, expected no recursion
func.func @endless() {
  func.call @endless() : () -> ()
  return
}

// CAST: 'tensor.cast': a dimension of 3, expected 2
func.func @wrong_cast(%x: tensor<?x2xf32>) -> tensor<2x2xf32> {
  %y = tensor.cast %x : tensor<?x2xf32> to tensor<2x2xf32>
  return %y : tensor<2x2xf32>
}
