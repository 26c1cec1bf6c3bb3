// RUN: lamina-opt %s --split-input-file --verify-roundtrip
// RUN: lamina-opt %s --split-input-file --mlir-print-op-generic | lamina-opt --split-input-file | lamina-opt --split-input-file --mlir-print-op-generic > %t.generic
// RUN: lamina-opt %s --split-input-file --mlir-print-op-generic | diff - %t.generic

// Every variant of the syntax that the examples in ops.mlir do not show, and
// valid corner cases.

// Weights: visibility, storage types, placement.

llama.weight @public : tensor<64xf32> from "public"
llama.weight public @explicitly_public : tensor<64xf32> from "explicit"
llama.weight nested @nested : tensor<64xf32> from "nested"
llama.weight private @private : tensor<64xf32> from "private"
llama.weight private @"model.layers.0/q" : tensor<64xf32> from "a \22quoted\22 name"
llama.weight private @attributes : tensor<64xf32> from "attributes" {tag = "kept"}

llama.weight private @f16 : tensor<64x32xf16> from "f16"
llama.weight private @bf16 : tensor<64x32xbf16> from "bf16"
llama.weight private @q8_0 : tensor<1x32x!llama.block<q8_0>> from "q8_0"
llama.weight private @q4_0 : tensor<1x32x!llama.block<q4_0>> from "q4_0"
llama.weight private @q4_1 : tensor<1x32x!llama.block<q4_1>> from "q4_1"
llama.weight private @q5_0 : tensor<1x32x!llama.block<q5_0>> from "q5_0"
llama.weight private @q5_1 : tensor<1x32x!llama.block<q5_1>> from "q5_1"
llama.weight private @q4_k : tensor<1x256x!llama.block<q4_k>> from "q4_k"
llama.weight private @q5_k : tensor<1x256x!llama.block<q5_k>> from "q5_k"
llama.weight private @q6_k : tensor<1x256x!llama.block<q6_k>> from "q6_k"

llama.weight private @one_layer[1] : tensor<64xf32> from "one.*"
llama.weight private @split_columns : tensor<64x32xf32> from "split" split <columns, unit = 8>
llama.weight private @split_vector : tensor<64xf32> from "split" split <columns, unit = 64>
llama.weight private @placed : tensor<64xf32> from "placed"
    at <["a.safetensors", "b.safetensors"], [1], [0]>
llama.weight private @split_and_placed[2] : tensor<64x32xf32> from "placed.*"
    split <rows, unit = 1> at <["a.safetensors"], [0, 0], [0, 8192]>

// Derived weights: an empty range, a range of one weight twice, columns.

llama.weight private @norms[4] : tensor<64xf32> from "norms.*"
llama.weight private @final : tensor<64xf32> from "final"
llama.weight private @derived[6] : tensor<64xf32>
    = layers [@norms[4 to 4], @norms[0 to 4], @final, @norms[3 to 4]]
llama.weight private @wk[4] : tensor<16x64xf32> from "k.*"
llama.weight private @wv[4] : tensor<16x64xf32> from "v.*"
llama.weight private @wkv[4] : tensor<32x64xf32> = columns [@wk, @wv]
llama.weight private @head : tensor<32x64xf32> = columns [@head_a, @head_b] {tag = "kept"}
llama.weight private @head_a : tensor<8x64xf32> from "a"
llama.weight private @head_b : tensor<24x64xf32> from "b"

// References: whole weights, static layers, constants, layers of the loop.

func.func @references(%x: tensor<?x64xf32>, %u: tensor<?x64xf32>) {
  %whole = llama.rms_norm %x, @final eps 1.0 norm hf : tensor<?x64xf32>
  %first = llama.rms_norm %x, @norms[0] eps 1.0 norm hf : tensor<?x64xf32>
  %last = llama.rms_norm %x, @derived[5] eps 1.0 norm hf : tensor<?x64xf32>
  %c3 = arith.constant 3 : index
  %constant = llama.rms_norm %x, @norms[%c3] eps 1.0 norm hf : tensor<?x64xf32>
  llama.layers %l to 4 {
    %dynamic = llama.rms_norm %x, @norms[%l] eps 1.0 norm hf : tensor<?x64xf32>
    %longer = llama.rms_norm %x, @derived[%l] eps 1.0 norm hf : tensor<?x64xf32>
    llama.yield
  }
  %n, %h = llama.residual_rms_norm %u, %x, @norms[2] eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// Norms: every mode, another type of the result, extreme eps.

func.func @norms_modes(%x: tensor<?x64xbf16>, %u: tensor<?x64xbf16>) {
  %0 = llama.rms_norm %x, @final eps 1.0e-05 norm single : tensor<?x64xbf16>
  %1 = llama.rms_norm %x, @final eps 1.0e-30 norm zero_centered : tensor<?x64xbf16>
  %2 = llama.rms_norm %x, @final eps 0.10000000000000001 norm hf : tensor<?x64xbf16> -> tensor<?x64xf32>
  %3, %4 = llama.residual_rms_norm %u, %x, @final eps 1.0e-05 norm single
      : tensor<?x64xbf16> -> tensor<?x64xf16>
  return
}

// Products: no leaves, several results, biases with and without layers.

llama.weight private @bk[4] : tensor<16xf32> from "bk.*"
llama.weight private @bv[4] : tensor<16xf32> from "bv.*"
llama.weight private @bkv[4] : tensor<32xf32> = columns [@bk, @bv]
llama.weight private @bhead_a : tensor<8xf32> from "bhead_a"
llama.weight private @bhead_b : tensor<24xf32> from "bhead_b"
llama.weight private @bhead : tensor<32xf32> = columns [@bhead_a, @bhead_b]
func.func @products(%x: tensor<?x64xbf16>) {
  %0 = llama.linear %x, @head_a leaves [] : (tensor<?x64xbf16>) -> tensor<?x8xf32>
  %1:2 = llama.linear %x, @wkv[1] leaves [8] : (tensor<?x64xbf16>)
      -> (tensor<?x16xbf16>, tensor<?x16xbf16>)
  %2:2 = llama.linear %x, @wkv[1] bias @bkv leaves [2, 2, 2] : (tensor<?x64xbf16>)
      -> (tensor<?x16xbf16>, tensor<?x16xbf16>)
  %3:2 = llama.linear %x, @head bias @bhead leaves [64] : (tensor<?x64xbf16>)
      -> (tensor<?x8xbf16>, tensor<?x24xf16>)
  %4:2 = "llama.linear"(%x) <{weight = @head, leaves = array<i64: 64>}> {tag = 1 : i64}
      : (tensor<?x64xbf16>) -> (tensor<?x8xbf16>, tensor<?x24xf16>)
  return
}

// Products that round their input to 8 bits, of each type.

llama.weight private @q8 : tensor<16x64x!llama.block<q8_0>> from "q8"
llama.weight private @q4 : tensor<16x256x!llama.block<q4_k>> from "q4"
llama.weight private @b8 : tensor<16xf32> from "b8"
func.func @int8_products(%x: tensor<?x64xbf16>, %y: tensor<?x256xf32>) {
  %0 = llama.linear %x, @q8 int8 leaves [2] : (tensor<?x64xbf16>) -> tensor<?x16xf32>
  %1 = llama.linear %x, @q8 bias @b8 int8 leaves [] : (tensor<?x64xbf16>) -> tensor<?x16xf32>
  %2 = llama.linear %y, @q4 int8 leaves [] {tag = 1 : i64} : (tensor<?x256xf32>) -> tensor<?x16xf32>
  %3 = "llama.linear"(%y) <{weight = @q4, int8, leaves = array<i64>}>
      : (tensor<?x256xf32>) -> tensor<?x16xf32>
  return
}

// Attention: each storage type of the cache, a constant layer, one head for all.

func.func @attention_variants(%q: tensor<3x32xf16>, %k: tensor<3x4xf16>, %v: tensor<3x4xf16>,
                              %positions: tensor<3xi32>, %sequences: tensor<3xi32>) {
  %0 = llama.attention %q, %k, %v, %positions, %sequences layer [0]
      heads 8 kv_heads 1 scale 0.353553390593273786 kv f16 : tensor<3x32xf16>, tensor<3x4xf16>
  %1 = llama.attention %q, %q, %q, %positions, %sequences layer [9223372036854775807]
      heads 32 kv_heads 32 scale 1.0e+30 kv bf16 : tensor<3x32xf16>, tensor<3x32xf16>
  return
}

// Rope: adjacent pairs, one frequency, zero and negative ones, an alias.

#freq = #llama.rope<[1.0, -0.5]>
func.func @rope_variants(%x: tensor<?x8xf32>, %positions: tensor<?xi32>) {
  %0 = llama.rope %x, %positions frequencies #freq pairing adjacent : tensor<?x8xf32>
  %1 = llama.rope %x, %positions frequencies #llama.rope<[0.0]> pairing halves : tensor<?x8xf32>
  return
}

// Loops: none, one, several iteration values of any type, nested in a loop, of
// no layer.

func.func @loops(%x: tensor<?x64xf32>, %i: i32) {
  llama.layers %l to 0 {
    llama.yield
  }
  %0 = llama.layers %l to 1 iter (%h = %x) : tensor<?x64xf32> {
    llama.yield %h : tensor<?x64xf32>
  } attributes {tag = "kept"}
  %1:3 = llama.layers %l to 4 iter (%h = %x, %n = %x, %c = %i) : tensor<?x64xf32>, tensor<?x64xf32>, i32 {
    %2 = llama.layers %m to 2 iter (%g = %h) : tensor<?x64xf32> {
      %3 = llama.rms_norm %g, @norms[%l] eps 1.0 norm hf : tensor<?x64xf32>
      %4 = llama.rms_norm %3, @norms[%m] eps 1.0 norm hf : tensor<?x64xf32>
      llama.yield %4 : tensor<?x64xf32>
    }
    llama.yield %n, %2, %c : tensor<?x64xf32>, tensor<?x64xf32>, i32
  }
  return
}

// No token, and no wanted row.

func.func @no_tokens(%ids: tensor<0xi32>, %x: tensor<0x64xf32>, %h: tensor<?x64xf32>) {
  %0 = llama.rms_norm %x, @final eps 1.0 norm hf : tensor<0x64xf32>
  %1 = llama.linear %0, @head_a leaves [] : (tensor<0x64xf32>) -> tensor<0x8xf32>
  %2 = llama.select_rows %h, %ids : tensor<?x64xf32> -> tensor<0x64xf32>
  return
}

// -----

// Huge dimensions: 2^40, and 2^62 where bytes are not counted.

llama.weight private @big : tensor<1099511627776x64xf32> from "big"
llama.weight private @bigger : tensor<2305843009213693951xf32> from "bigger"
llama.weight private @blocks : tensor<2147483648x2147483648x!llama.block<q4_0>> from "blocks"
llama.weight private @many[4611686018427387904] : tensor<64xf32> from "many.*"
llama.weight private @more[4611686018427387905] : tensor<64xf32>
    = layers [@many[0 to 4611686018427387904], @many[4611686018427387903 to 4611686018427387904]]
func.func @huge(%ids: tensor<4611686018427387904xi32>, %h: tensor<?x4611686018427387904xf32>,
                %x: tensor<4611686018427387904x64xf32>) {
  %0 = llama.linear %x, @big leaves [64]
      : (tensor<4611686018427387904x64xf32>) -> tensor<4611686018427387904x1099511627776xf32>
  return
}

// -----

// Distributed values on 2 ranks, in uneven shares too: 23 columns are 11 + 12.

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @embed : tensor<23x64xf32> from "embed" split <columns, unit = 1>
  llama.weight private @up : tensor<23x64xf32> from "up" split <columns, unit = 1>
  llama.weight private @down : tensor<64x23xf32> from "down" split <rows, unit = 1>
  llama.weight private @q8_down : tensor<64x96x!llama.block<q8_0>> from "down" split <rows, unit = 32>
  llama.weight private @o[4] : tensor<64x128x!llama.block<q8_0>> from "o.*" split <rows, unit = 32>
  llama.weight private @norm[4] : tensor<64xf32> from "norm.*"
  llama.weight private @bias[4] : tensor<64xf32> from "bias.*"
  llama.weight private @final : tensor<64xf32> from "final"
  llama.weight private @final_bias : tensor<64xf32> from "final_bias"

  func.func @uneven(%ids: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x23xf32> {
    %0 = llama.embed %ids, @embed : tensor<?x64xf32, #llama.partial>
    %1 = llama.all_reduce %0 sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    %2 = llama.linear %1, @up leaves [2, 2] : (tensor<?x64xf32>) -> tensor<?x23xf32, #llama.columns<unit = 1>>
    %3 = llama.silu_mul %2, %2 : tensor<?x23xf32, #llama.columns<unit = 1>>
    %4 = llama.add %3, %2 : tensor<?x23xf32, #llama.columns<unit = 1>>
    %5 = llama.linear %4, @down leaves [] : (tensor<?x23xf32, #llama.columns<unit = 1>>) -> tensor<?x64xf32, #llama.partial>
    %6 = llama.select_rows %4, %wanted : tensor<?x23xf32, #llama.columns<unit = 1>> -> tensor<?x23xf32, #llama.columns<unit = 1>>
    %7 = llama.all_gather %6 : tensor<?x23xf32, #llama.columns<unit = 1>> -> tensor<?x23xf32>
    return %7 : tensor<?x23xf32>
  }

  func.func @uneven_blocks(%x: tensor<?x96xf32, #llama.columns<unit = 32>>) {
    %0 = llama.linear %x, @q8_down leaves [] : (tensor<?x96xf32, #llama.columns<unit = 32>>) -> tensor<?x64xf32, #llama.partial>
    return
  }

  func.func @leaves_of_a_rank(%x: tensor<?x128xf32, #llama.columns<unit = 32>>) {
    %0 = llama.linear %x, @o[0] leaves [2] : (tensor<?x128xf32, #llama.columns<unit = 32>>) -> tensor<?x64xf32, #llama.partial>
    return
  }

  // Both modes of the sum, with and without a bias, of each kind of reference.
  func.func @sums(%p: tensor<?x64xf32, #llama.partial>, %q: tensor<?x64xbf16, #llama.partial>, %h: tensor<?x64xbf16>) {
    %0 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf16>
    %1 = llama.all_reduce %q bias @bias[3] sum native tree [2] : tensor<?x64xbf16, #llama.partial> -> tensor<?x64xbf16>
    %2 = llama.all_reduce %q bias @final_bias sum native tree [2] : tensor<?x64xbf16, #llama.partial> -> tensor<?x64xbf16>
    %3, %4 = llama.all_reduce_residual_rms_norm %p, %h, @norm[0] eps 1.0 norm single sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16>
    %5, %6 = llama.all_reduce_residual_rms_norm %q, %h, @final bias @final_bias eps 1.0 norm zero_centered sum native tree [2]
        : tensor<?x64xbf16, #llama.partial>, tensor<?x64xbf16> -> tensor<?x64xf32>
    llama.layers %l to 4 {
      %7, %8 = llama.all_reduce_residual_rms_norm %p, %h, @norm[%l] bias @bias[%l] eps 1.0 norm hf sum f32 tree [2]
          : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16>
      %9, %10 = llama.all_reduce_residual_rms_norm %p, %h, @final bias @bias[%l] eps 1.0 norm hf sum f32 tree [2]
          : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16>
      %11, %12 = llama.all_reduce_residual_rms_norm %p, %h, @norm[%l] bias @bias[1] eps 1.0 norm hf sum f32 tree [2]
          : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16>
      %13, %14 = llama.all_reduce_residual_rms_norm %p, %h, @norm[%l] bias @final_bias eps 1.0 norm hf sum f32 tree [2]
          : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16>
      llama.yield
    }
    return
  }

  // Heads in columns: three units of two heads, of which rank 0 has one.
  func.func @heads(%q: tensor<?x24xf32, #llama.columns<unit = 8>>, %k: tensor<?x12xf32, #llama.columns<unit = 4>>,
                   %positions: tensor<?xi32>, %sequences: tensor<?xi32>) {
    %0 = llama.rope %q, %positions frequencies #llama.rope<[1.0, 0.5]> pairing halves : tensor<?x24xf32, #llama.columns<unit = 8>>
    %1 = llama.attention %0, %k, %k, %positions, %sequences layer [0] heads 6 kv_heads 3 scale 0.5 kv f32
        : tensor<?x24xf32, #llama.columns<unit = 8>>, tensor<?x12xf32, #llama.columns<unit = 4>>
    return
  }

  // What else may touch a distributed value: functions, calls, loops.
  func.func private @declared(tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32, #llama.root>
  func.func @carried(%p: tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32, #llama.partial> {
    %0 = func.call @declared(%p) : (tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32, #llama.root>
    %1 = llama.layers %l to 4 iter (%h = %p) : tensor<?x64xf32, #llama.partial> {
      llama.yield %h : tensor<?x64xf32, #llama.partial>
    }
    return %1 : tensor<?x64xf32, #llama.partial>
  }
}

// -----

// Fewer key-value heads than ranks: each of 2 heads is on 2 of 4 ranks.

module attributes {llama.ranks = 4 : i64} {
  llama.weight private @wk : tensor<8x64xf32> from "k" split <columns, unit = 4>
  func.func @copies(%x: tensor<?x64xf32>, %q: tensor<?x32xf32, #llama.columns<unit = 4>>,
                    %positions: tensor<?xi32>, %sequences: tensor<?xi32>) {
    %k = llama.linear %x, @wk leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32, #llama.columns<unit = 4>>
    %0 = llama.attention %q, %k, %k, %positions, %sequences layer [0] heads 8 kv_heads 2 scale 0.5 kv f32
        : tensor<?x32xf32, #llama.columns<unit = 4>>, tensor<?x8xf32, #llama.columns<unit = 4>>
    return
  }
}

// -----

// One rank may be written down; its tree is empty.

module attributes {llama.ranks = 1 : i64} {
  func.func @one_rank(%p: tensor<?x64xf32, #llama.partial>) {
    %0 = llama.all_reduce %p sum f32 tree [] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
}

// -----

// The largest number of ranks, and a module in a module.

module attributes {llama.ranks = 1024 : i64} {
  func.func @most_ranks(%p: tensor<?x64xf32, #llama.partial>) {
    %0 = llama.all_reduce %p sum f32 tree [32, 32] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
  module attributes {llama.ranks = 3 : i64} {
    func.func @inner_ranks(%p: tensor<?x64xf32, #llama.partial>) {
      %0 = llama.all_reduce %p sum f32 tree [3] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
      return
    }
  }
}

// Taps: without a layer, with a number, with a constant; layers need not exist.

func.func @taps(%x: tensor<?x64xf32>) {
  %c = arith.constant 7 : index
  llama.tap %x, "hidden.norm" : tensor<?x64xf32>
  llama.tap %x, "hidden.L"[31] : tensor<?x64xf32>
  llama.tap %x, "hidden.L"[%c] {tag = "kept"} : tensor<?x64xf32>
  llama.tap %x, "a \22quoted\22 name" : tensor<?x64xf32>
  return
}

// -----

// Values in rows, with fewer rows than ranks as well.

module attributes {llama.ranks = 4 : i64} {
  llama.weight private @w : tensor<64xf32> from "w"
  func.func @rows(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16, #llama.rows>, %few: tensor<3x64xf32>)
      -> (tensor<?x64xf32>, tensor<?x64xbf16, #llama.rows>, tensor<3x64xf32, #llama.rows>) {
    %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @w eps 1.0 norm hf sum f32 tree [2, 2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16, #llama.rows> -> tensor<?x64xf32>
    %s = llama.add %h, %r : tensor<?x64xbf16, #llama.rows>
    %m = llama.silu_mul %h, %s : tensor<?x64xbf16, #llama.rows>
    %o = llama.rms_norm %m, @w eps 1.0 norm hf : tensor<?x64xbf16, #llama.rows> -> tensor<?x64xf32, #llama.rows>
    %g = llama.all_gather %o : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32>
    %c = llama.reduce_scatter %p sum f32 tree [2, 2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16, #llama.rows>
    %f = llama.shard_rows %few : tensor<3x64xf32> -> tensor<3x64xf32, #llama.rows>
    %x = llama.layers %l to 2 iter (%i = %c) : tensor<?x64xbf16, #llama.rows> {
      llama.yield %i : tensor<?x64xbf16, #llama.rows>
    }
    return %g, %x, %f : tensor<?x64xf32>, tensor<?x64xbf16, #llama.rows>, tensor<3x64xf32, #llama.rows>
  }
}
