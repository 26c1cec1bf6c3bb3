// RUN: lamina-opt %s --split-input-file --verify-diagnostics

// Constraints of the ops without a collective, one function a label. What an
// error is about stands in it once: what is needed, and what was got.

llama.weight private @w : tensor<512x64xf32> from "w"
func.func @embed_c1(%ids: tensor<4xi32>) {
  // expected-error @below {{`ids` has one i32 for each row of `embedded`}}
  %0 = "llama.embed"(%ids) <{weight = @w}> : (tensor<4xi32>) -> tensor<?x64xf32>
  return
}

// -----

llama.weight private @w : tensor<512x64xf32> from "w"
func.func @embed_c1_ids(%ids: tensor<?xi64>) {
  // expected-error @below {{operand #0 must be tokens tensor of i32, but got 'tensor<?xi64>'}}
  %0 = "llama.embed"(%ids) <{weight = @w}> : (tensor<?xi64>) -> tensor<?x64xf32>
  return
}

// -----

llama.weight private @w : tensor<512x32xf32> from "w"
func.func @embed_c2(%ids: tensor<?xi32>) {
  // expected-error @below {{'llama.embed' op needs a weight of type vocabulary x 64, got @w of type 'tensor<512x32xf32>'}}
  %0 = llama.embed %ids, @w : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w : tensor<64xf32> from "w"
func.func @embed_c2_vector(%ids: tensor<?xi32>) {
  // expected-error @below {{'llama.embed' op needs a weight of type vocabulary x 64, got @w of type 'tensor<64xf32>'}}
  %0 = llama.embed %ids, @w : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w[2] : tensor<512x64xf32> from "w.*"
func.func @embed_c2_layers(%ids: tensor<?xi32>) {
  // expected-error @below {{'llama.embed' op needs a layer with the weight @w, which has 2 layers}}
  %0 = llama.embed %ids, @w : tensor<?x64xf32>
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<512x64xf32> from "w" split <columns, unit = 1>
  func.func @embed_c3(%ids: tensor<?xi32>) {
    // expected-error @below {{'llama.embed' op needs result #0 to be #llama.partial, got whole}}
    %0 = llama.embed %ids, @w : tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<512x64xf32> from "w"
  func.func @embed_c3_whole(%ids: tensor<?xi32>) {
    // expected-error @below {{'llama.embed' op needs result #0 to be whole, got #llama.partial}}
    %0 = llama.embed %ids, @w : tensor<?x64xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<512x64xf32> from "w" split <rows, unit = 32>
  func.func @embed_c3_rows(%ids: tensor<?xi32>) {
    // expected-error @below {{'llama.embed' op needs a weight that is split over the vocabulary (columns), got #llama.split<rows, unit = 32>}}
    %0 = llama.embed %ids, @w : tensor<?x64xf32, #llama.partial>
    return
  }
}

// -----

// A rank that has a copy of another's rows would add them a second time.
module attributes {llama.ranks = 4 : i64} {
  llama.weight private @w : tensor<512x64xf32> from "w" split <columns, unit = 256>
  func.func @embed_c3_copies(%ids: tensor<?xi32>) {
    // expected-error @below {{'llama.embed' op needs at least one unit of the vocabulary for each of the 4 ranks, got 2}}
    %0 = llama.embed %ids, @w : tensor<?x64xf32, #llama.partial>
    return
  }
}

// -----

func.func @select_rows_c1(%x: tensor<?x64xf32>, %wanted: tensor<3xi32>) {
  // expected-error @below {{`wanted` has one i32 for each row of `selected`}}
  %0 = "llama.select_rows"(%x, %wanted) : (tensor<?x64xf32>, tensor<3xi32>) -> tensor<4x64xf32>
  return
}

// -----

func.func @select_rows_c2(%x: tensor<?x64xf32>, %wanted: tensor<?xi32>) {
  // expected-error @below {{'llama.select_rows' op needs a result with the features and element type of its input, 'tensor<?x64xf32>', got 'tensor<?x32xf32>'}}
  %0 = llama.select_rows %x, %wanted : tensor<?x64xf32> -> tensor<?x32xf32>
  return
}

// -----

func.func @select_rows_c2_element(%x: tensor<?x64xf32>, %wanted: tensor<?xi32>) {
  // expected-error @below {{'llama.select_rows' op needs a result with the features and element type of its input, 'tensor<?x64xf32>', got 'tensor<?x64xf16>'}}
  %0 = llama.select_rows %x, %wanted : tensor<?x64xf32> -> tensor<?x64xf16>
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @select_rows_c2_distribution(%x: tensor<?x64xf32, #llama.columns<unit = 8>>, %wanted: tensor<?xi32>) {
    // expected-error @below {{'llama.select_rows' op needs result #0 to be #llama.columns<unit = 8>, got whole}}
    %0 = llama.select_rows %x, %wanted : tensor<?x64xf32, #llama.columns<unit = 8>> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @select_rows_c2_partial(%x: tensor<?x64xf32, #llama.partial>, %wanted: tensor<?xi32>) {
    // expected-error @below {{'llama.select_rows' op needs its input whole or with columns, got #llama.partial}}
    %0 = llama.select_rows %x, %wanted : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @select_rows_c2_root(%x: tensor<?x64xf32, #llama.root>, %wanted: tensor<?xi32>) {
    // expected-error @below {{'llama.select_rows' op needs its input whole or with columns, got #llama.root}}
    %0 = llama.select_rows %x, %wanted : tensor<?x64xf32, #llama.root> -> tensor<?x64xf32, #llama.root>
    return
  }
}

// -----

llama.weight private @w : tensor<64xf32> from "w"
func.func @rms_norm_c1(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs input and result of one shape, got 'tensor<?x64xf32>' and 'tensor<4x64xf32>'}}
  %0 = llama.rms_norm %x, @w eps 1.0 norm hf : tensor<?x64xf32> -> tensor<4x64xf32>
  return
}

// -----

llama.weight private @w : tensor<32xf32> from "w"
func.func @rms_norm_c2(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs a weight that is a vector over the 64 features, got @w of type 'tensor<32xf32>'}}
  %0 = llama.rms_norm %x, @w eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

llama.weight private @w : tensor<64x64xf32> from "w"
func.func @rms_norm_c2_matrix(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs a weight that is a vector over the 64 features, got @w of type 'tensor<64x64xf32>'}}
  %0 = llama.rms_norm %x, @w eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

func.func @rms_norm_c3(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs a positive finite eps as f32, got 0}}
  %0 = llama.rms_norm %x, @w eps 0.0 norm hf : tensor<?x64xf32>
  return
}

// -----

func.func @rms_norm_c3_negative(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs a positive finite eps as f32, got -1.0E-5}}
  %0 = llama.rms_norm %x, @w eps -1.0e-05 norm hf : tensor<?x64xf32>
  return
}

// -----

func.func @rms_norm_c3_infinite(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs a positive finite eps as f32, got +Inf}}
  %0 = llama.rms_norm %x, @w eps 0x7FF0000000000000 norm hf : tensor<?x64xf32>
  return
}

// -----

func.func @rms_norm_c3_nan(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.rms_norm' op needs a positive finite eps as f32, got NaN}}
  %0 = llama.rms_norm %x, @w eps 0x7FF8000000000000 norm hf : tensor<?x64xf32>
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @rms_norm_c4(%x: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.rms_norm' op needs a whole input, got #llama.partial}}
    %0 = llama.rms_norm %x, @w eps 1.0 norm hf : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @rms_norm_c4_columns(%x: tensor<?x64xf32, #llama.columns<unit = 8>>) {
    // expected-error @below {{'llama.rms_norm' op needs a whole input, got #llama.columns<unit = 8>}}
    %0 = llama.rms_norm %x, @w eps 1.0 norm hf : tensor<?x64xf32, #llama.columns<unit = 8>>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @rms_norm_c4_result(%x: tensor<?x64xf32>) {
    // expected-error @below {{'llama.rms_norm' op needs result #0 to be whole, got #llama.root}}
    %0 = llama.rms_norm %x, @w eps 1.0 norm hf : tensor<?x64xf32> -> tensor<?x64xf32, #llama.root>
    return
  }
}

// -----

func.func @residual_rms_norm_c1(%u: tensor<?x64xf32>, %h: tensor<?x64xbf16>) {
  // expected-error @below {{failed to verify that all of {update, residual, new_residual} have same type}}
  %0, %1 = "llama.residual_rms_norm"(%u, %h) <{weight = @w, eps = 1.0 : f64, norm = #llama<norm hf>}>
      : (tensor<?x64xf32>, tensor<?x64xbf16>) -> (tensor<?x64xbf16>, tensor<?x64xbf16>)
  return
}

// -----

func.func @residual_rms_norm_c2(%u: tensor<?x64xf32>) {
  // expected-error @below {{'llama.residual_rms_norm' op needs residual and normed of one shape, got 'tensor<?x64xf32>' and 'tensor<?x32xf32>'}}
  %0, %1 = llama.residual_rms_norm %u, %u, @w eps 1.0 norm hf : tensor<?x64xf32> -> tensor<?x32xf32>
  return
}

// -----

llama.weight private @w : tensor<65xf32> from "w"
func.func @residual_rms_norm_c3(%u: tensor<?x64xf32>) {
  // expected-error @below {{'llama.residual_rms_norm' op needs a weight that is a vector over the 64 features, got @w of type 'tensor<65xf32>'}}
  %0, %1 = llama.residual_rms_norm %u, %u, @w eps 1.0 norm hf : tensor<?x64xf32>
  return
}

// -----

func.func @residual_rms_norm_c4(%u: tensor<?x64xf32>) {
  // expected-error @below {{'llama.residual_rms_norm' op needs a positive finite eps as f32, got -0}}
  %0, %1 = llama.residual_rms_norm %u, %u, @w eps -0.0 norm hf : tensor<?x64xf32>
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @residual_rms_norm_c5(%u: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.residual_rms_norm' op needs a whole update, got #llama.partial}}
    %0, %1 = llama.residual_rms_norm %u, %u, @w eps 1.0 norm hf : tensor<?x64xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @residual_rms_norm_c5_normed(%u: tensor<?x64xf32>) {
    // expected-error @below {{'llama.residual_rms_norm' op needs result #0 to be whole, got #llama.partial}}
    %0, %1 = llama.residual_rms_norm %u, %u, @w eps 1.0 norm hf : tensor<?x64xf32> -> tensor<?x64xf32, #llama.partial>
    return
  }
}

// -----

func.func @silu_mul_c1(%gate: tensor<?x64xf32>, %up: tensor<?x32xf32>) {
  // expected-error @below {{requires the same type for all operands and results}}
  %0 = "llama.silu_mul"(%gate, %up) : (tensor<?x64xf32>, tensor<?x32xf32>) -> tensor<?x64xf32>
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @silu_mul_c2(%gate: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.silu_mul' op needs its operands whole, with columns or with rows, got #llama.partial}}
    %0 = llama.silu_mul %gate, %gate : tensor<?x64xf32, #llama.partial>
    return
  }
}

// -----

func.func @add_c1(%h: tensor<?x64xf32>, %u: tensor<?x64xf16>) {
  // expected-error @below {{requires the same type for all operands and results}}
  %0 = "llama.add"(%h, %u) : (tensor<?x64xf32>, tensor<?x64xf16>) -> tensor<?x64xf32>
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @add_c2(%h: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.add' op needs its operands whole, with columns or with rows, got #llama.partial}}
    %0 = llama.add %h, %h : tensor<?x64xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @add_c2_root(%h: tensor<?x64xf32, #llama.root>) {
    // expected-error @below {{'llama.add' op needs its operands whole, with columns or with rows, got #llama.root}}
    %0 = llama.add %h, %h : tensor<?x64xf32, #llama.root>
    return
  }
}

// -----

// What no activation is: a vector, an integer, no features, dynamic features, an
// encoding that is no distribution.

func.func @add_no_activation_rank(%h: tensor<64xf32>) {
  // expected-error @below {{operand #0 must be tokens x features tensor of f32, f16 or bf16 with static positive features, whole or with a llama distribution, but got 'tensor<64xf32>'}}
  %0 = llama.add %h, %h : tensor<64xf32>
  return
}

// -----

func.func @add_no_activation_element(%h: tensor<?x64xi32>) {
  // expected-error @below {{but got 'tensor<?x64xi32>'}}
  %0 = llama.add %h, %h : tensor<?x64xi32>
  return
}

// -----

func.func @add_no_activation_f64(%h: tensor<?x64xf64>) {
  // expected-error @below {{but got 'tensor<?x64xf64>'}}
  %0 = llama.add %h, %h : tensor<?x64xf64>
  return
}

// -----

func.func @add_no_activation_empty(%h: tensor<?x0xf32>) {
  // expected-error @below {{but got 'tensor<?x0xf32>'}}
  %0 = llama.add %h, %h : tensor<?x0xf32>
  return
}

// -----

func.func @add_no_activation_dynamic(%h: tensor<4x?xf32>) {
  // expected-error @below {{but got 'tensor<4x?xf32>'}}
  %0 = llama.add %h, %h : tensor<4x?xf32>
  return
}

// -----

func.func @add_no_activation_encoding(%h: tensor<?x64xf32, "sparse">) {
  // expected-error @below {{but got 'tensor<?x64xf32, "sparse">'}}
  %0 = llama.add %h, %h : tensor<?x64xf32, "sparse">
  return
}

// -----

func.func @add_no_activation_split(%h: tensor<?x64xf32, #llama.split<columns, unit = 8>>) {
  // expected-error @below {{but got 'tensor<?x64xf32, #llama.split<columns, unit = 8>>'}}
  %0 = llama.add %h, %h : tensor<?x64xf32, #llama.split<columns, unit = 8>>
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @shard_rows_c1(%x: tensor<?x64xf32, #llama.columns<unit = 8>>) {
    // expected-error @below {{'llama.shard_rows' op needs a whole value, got #llama.columns<unit = 8>}}
    %0 = llama.shard_rows %x : tensor<?x64xf32, #llama.columns<unit = 8>> -> tensor<?x64xf32, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @shard_rows_c1_result(%x: tensor<?x64xf32>) {
    // expected-error @below {{'llama.shard_rows' op needs result #0 to be #llama.rows, got whole}}
    %0 = llama.shard_rows %x : tensor<?x64xf32> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @shard_rows_c1_shape(%x: tensor<?x64xf32>) {
    // expected-error @below {{'llama.shard_rows' op needs operand and result of one shape, got 'tensor<?x64xf32>' and 'tensor<3x64xf32, #llama.rows>'}}
    %0 = llama.shard_rows %x : tensor<?x64xf32> -> tensor<3x64xf32, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @shard_rows_c1_element(%x: tensor<?x64xf32>) {
    // expected-error @below {{'llama.shard_rows' op needs a result of its operand's element type, 'tensor<?x64xf32>', got 'tensor<?x64xf16, #llama.rows>'}}
    %0 = llama.shard_rows %x : tensor<?x64xf32> -> tensor<?x64xf16, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @select_rows_c2_rows(%x: tensor<?x64xf32, #llama.rows>, %wanted: tensor<?xi32>) {
    // expected-error @below {{'llama.select_rows' op needs its input whole or with columns, got #llama.rows}}
    %0 = llama.select_rows %x, %wanted : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @rms_norm_c4_rows(%x: tensor<?x64xf32, #llama.rows>) {
    // expected-error @below {{'llama.rms_norm' op needs result #0 to be #llama.rows, got whole}}
    %0 = llama.rms_norm %x, @w eps 1.0 norm hf : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  // expected-note @below {{prior use here}}
  func.func @add_c1_rows(%x: tensor<?x64xf32, #llama.rows>, %y: tensor<?x64xf32>) {
    // expected-error @below {{use of value '%y' expects different type than prior uses}}
    %0 = llama.add %x, %y : tensor<?x64xf32, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @residual_rms_norm_c5_rows(%x: tensor<?x64xf32, #llama.rows>) {
    // expected-error @below {{'llama.residual_rms_norm' op needs a whole update, got #llama.rows}}
    %0, %1 = llama.residual_rms_norm %x, %x, @w eps 1.0 norm hf : tensor<?x64xf32, #llama.rows>
    return
  }
}
