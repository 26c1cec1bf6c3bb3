// RUN: lamina-interpret %s --function=loop > %t.loop
// RUN: lamina-interpret %s --function=straight | diff - %t.loop
// RUN: FileCheck %s < %t.loop

// A loop is its body once a layer, with the layer's weights and its part of the
// KV cache; derived weights draw from their sources.

// CHECK:      result 0: tensor<5x4xf32>
// CHECK-NEXT: result 1: tensor<5x3xf32>
// CHECK-NEXT: result 2: tensor<5x1xf32>

llama.weight private @norm[2] : tensor<4xf32> from "layers.*.norm"
llama.weight private @final : tensor<4xf32> from "final"
llama.weight private @next[2] : tensor<4xf32> = layers [@norm[1 to 2], @final]
llama.weight private @a[2] : tensor<3x4xbf16> from "layers.*.a"
llama.weight private @b[2] : tensor<1x4xbf16> from "layers.*.b"
llama.weight private @ab[2] : tensor<4x4xbf16> = columns [@a, @b]


func.func @loop(%x: tensor<?x4xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>)
    -> (tensor<?x4xf32>, tensor<?x3xf32>, tensor<?x1xf32>) {
  %y = llama.layers %l to 2 iter (%h = %x) : tensor<?x4xf32> {
    %n = llama.rms_norm %h, @next[%l] eps 1.0e-05 norm hf : tensor<?x4xf32>
    %t = llama.attention %n, %n, %h, %p, %s layer [%l] heads 2 kv_heads 2 scale 1.0 kv f32 : tensor<?x4xf32>, tensor<?x4xf32>
    llama.yield %t : tensor<?x4xf32>
  }
  %a, %b = llama.linear %y, @ab[1] leaves [2] : (tensor<?x4xf32>) -> (tensor<?x3xf32>, tensor<?x1xf32>)
  return %y, %a, %b : tensor<?x4xf32>, tensor<?x3xf32>, tensor<?x1xf32>
}

func.func @straight(%x: tensor<?x4xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>)
    -> (tensor<?x4xf32>, tensor<?x3xf32>, tensor<?x1xf32>) {
  %n0 = llama.rms_norm %x, @norm[1] eps 1.0e-05 norm hf : tensor<?x4xf32>
  %t0 = llama.attention %n0, %n0, %x, %p, %s layer [0] heads 2 kv_heads 2 scale 1.0 kv f32 : tensor<?x4xf32>, tensor<?x4xf32>
  %n1 = llama.rms_norm %t0, @final eps 1.0e-05 norm hf : tensor<?x4xf32>
  %t1 = llama.attention %n1, %n1, %t0, %p, %s layer [1] heads 2 kv_heads 2 scale 1.0 kv f32 : tensor<?x4xf32>, tensor<?x4xf32>
  %a = llama.linear %t1, @a[1] leaves [2] : (tensor<?x4xf32>) -> tensor<?x3xf32>
  %b = llama.linear %t1, @b[1] leaves [2] : (tensor<?x4xf32>) -> tensor<?x1xf32>
  return %t1, %a, %b : tensor<?x4xf32>, tensor<?x3xf32>, tensor<?x1xf32>
}
