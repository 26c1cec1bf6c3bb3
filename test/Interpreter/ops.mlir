// Each op against a second implementation of docs/numerics.md, in Python
// (Inputs/reference.py): every bit with --arith=stated, the values to 12 digits
// with --arith=f64.

// DEFINE: %{function} =
// DEFINE: %{tokens} = 3
// DEFINE: %{check} = lamina-interpret %s --function=%{function} --tokens=%{tokens} > %t.stated && python3 %S/Inputs/reference.py %{function} stated < %t.stated && lamina-interpret %s --function=%{function} --tokens=%{tokens} --arith=f64 > %t.f64 && python3 %S/Inputs/reference.py %{function} f64 < %t.f64

// REDEFINE: %{function} = embed
// RUN: %{check}
llama.weight private @table : tensor<7x4xf16> from "table"

func.func @embed(%ids: tensor<?xi32>, %wanted: tensor<?xi32>) -> (tensor<?x4xbf16>, tensor<?x4xbf16>) {
  %x = llama.embed %ids, @table : tensor<?x4xbf16>
  %selected = llama.select_rows %x, %wanted : tensor<?x4xbf16> -> tensor<?x4xbf16>
  return %x, %selected : tensor<?x4xbf16>, tensor<?x4xbf16>
}

// REDEFINE: %{function} = rms_norm
// RUN: %{check}
// 35 features: two rounds of the 16 accumulators and a tail.
llama.weight private @w : tensor<35xf32> from "w"

func.func @rms_norm(%x: tensor<?x35xf32>) -> (tensor<?x35xf32>, tensor<?x35xbf16>, tensor<?x35xf16>) {
  %hf = llama.rms_norm %x, @w eps 1.0e-05 norm hf : tensor<?x35xf32>
  %single = llama.rms_norm %x, @w eps 1.0e-05 norm single : tensor<?x35xf32> -> tensor<?x35xbf16>
  %centered = llama.rms_norm %x, @w eps 1.0e-05 norm zero_centered : tensor<?x35xf32> -> tensor<?x35xf16>
  return %hf, %single, %centered : tensor<?x35xf32>, tensor<?x35xbf16>, tensor<?x35xf16>
}

// REDEFINE: %{function} = elementwise
// RUN: %{check}
func.func @elementwise(%a: tensor<?x6xbf16>, %b: tensor<?x6xbf16>) -> (tensor<?x6xbf16>, tensor<?x6xbf16>) {
  %sum = llama.add %a, %b : tensor<?x6xbf16>
  %gated = llama.silu_mul %a, %b : tensor<?x6xbf16>
  return %sum, %gated : tensor<?x6xbf16>, tensor<?x6xbf16>
}

// REDEFINE: %{function} = linear
// RUN: %{check}
// Weight and activation types decide the order; leaves of three are padded in the
// paired order; a bias is added once.
llama.weight private @wf : tensor<4x12xf32> from "wf"
llama.weight private @wb : tensor<4x12xbf16> from "wb"
llama.weight private @wh : tensor<4x12xf16> from "wh"
llama.weight private @bias : tensor<4xf32> from "bias"

func.func @linear(%x32: tensor<?x12xf32>, %x16: tensor<?x12xbf16>)
    -> (tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xbf16>, tensor<?x4xbf16>) {
  %f = llama.linear %x32, @wf leaves [2, 2] : (tensor<?x12xf32>) -> tensor<?x4xf32>
  %m = llama.linear %x32, @wb bias @bias leaves [3] : (tensor<?x12xf32>) -> tensor<?x4xf32>
  %p = llama.linear %x16, @wb bias @bias leaves [2, 2] : (tensor<?x12xbf16>) -> tensor<?x4xbf16>
  %h = llama.linear %x16, @wh leaves [] : (tensor<?x12xbf16>) -> tensor<?x4xbf16>
  return %f, %m, %p, %h : tensor<?x4xf32>, tensor<?x4xf32>, tensor<?x4xbf16>, tensor<?x4xbf16>
}

// REDEFINE: %{function} = block_linear
// RUN: %{check}
llama.weight private @q8 : tensor<3x64x!llama.block<q8_0>> from "q8"
llama.weight private @q4 : tensor<3x64x!llama.block<q4_1>> from "q4"

func.func @block_linear(%x32: tensor<?x64xf32>, %x16: tensor<?x64xbf16>)
    -> (tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xbf16>, tensor<?x3xbf16>) {
  %a = llama.linear %x32, @q8 leaves [2] : (tensor<?x64xf32>) -> tensor<?x3xf32>
  %b = llama.linear %x32, @q4 leaves [2] : (tensor<?x64xf32>) -> tensor<?x3xf32>
  %c = llama.linear %x16, @q8 leaves [2] : (tensor<?x64xbf16>) -> tensor<?x3xbf16>
  %d = llama.linear %x16, @q4 leaves [2] : (tensor<?x64xbf16>) -> tensor<?x3xbf16>
  return %a, %b, %c, %d : tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xbf16>, tensor<?x3xbf16>
}

// REDEFINE: %{function} = int8_linear
// RUN: %{check}
func.func @int8_linear(%x32: tensor<?x64xf32>, %x16: tensor<?x64xbf16>)
    -> (tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xf32>) {
  %a = llama.linear %x32, @q8 int8 leaves [] : (tensor<?x64xf32>) -> tensor<?x3xf32>
  %b = llama.linear %x32, @q4 int8 leaves [] : (tensor<?x64xf32>) -> tensor<?x3xf32>
  %c = llama.linear %x16, @q4 int8 leaves [] : (tensor<?x64xbf16>) -> tensor<?x3xf32>
  return %a, %b, %c : tensor<?x3xf32>, tensor<?x3xf32>, tensor<?x3xf32>
}

// REDEFINE: %{function} = rope
// RUN: %{check}
func.func @rope(%x: tensor<?x8xf16>, %positions: tensor<?xi32>) -> (tensor<?x8xf16>, tensor<?x8xf16>) {
  %halves = llama.rope %x, %positions frequencies #llama.rope<[1.0, 0.03]> pairing halves : tensor<?x8xf16>
  %adjacent = llama.rope %x, %positions frequencies #llama.rope<[1.0, 0.03]> pairing adjacent : tensor<?x8xf16>
  return %halves, %adjacent : tensor<?x8xf16>, tensor<?x8xf16>
}

// REDEFINE: %{function} = attention
// RUN: %{check}
// Two query heads on one KV head, a bf16 cache.
func.func @attention(%q: tensor<?x4xf32>, %k: tensor<?x2xf32>, %v: tensor<?x2xf32>,
    %positions: tensor<?xi32>, %sequences: tensor<?xi32>) -> tensor<?x4xf32> {
  %a = llama.attention %q, %k, %v, %positions, %sequences layer [0]
      heads 2 kv_heads 1 scale 0.7 kv bf16 : tensor<?x4xf32>, tensor<?x2xf32>
  return %a : tensor<?x4xf32>
}

// REDEFINE: %{function} = attention_long
// REDEFINE: %{tokens} = 258
// RUN: %{check}
// Two segments of keys.
func.func @attention_long(%q: tensor<?x4xf32>, %k: tensor<?x2xf32>, %v: tensor<?x2xf32>,
    %positions: tensor<?xi32>, %sequences: tensor<?xi32>) -> tensor<?x4xf32> {
  %a = llama.attention %q, %k, %v, %positions, %sequences layer [0]
      heads 2 kv_heads 1 scale 0.7 kv bf16 : tensor<?x4xf32>, tensor<?x2xf32>
  return %a : tensor<?x4xf32>
}
