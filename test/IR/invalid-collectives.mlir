// RUN: lamina-opt %s --split-input-file --verify-diagnostics

// Constraints of the collectives; where they may stand: invalid-encodings.mlir.

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_c1(%x: tensor<?x64xf32>) {
    // expected-error @below {{'llama.all_reduce' op needs a partial sum (#llama.partial), got whole}}
    %0 = llama.all_reduce %x sum f32 tree [2] : tensor<?x64xf32> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_c1_columns(%x: tensor<?x64xf32, #llama.columns<unit = 1>>) {
    // expected-error @below {{'llama.all_reduce' op needs a partial sum (#llama.partial), got #llama.columns<unit = 1>}}
    %0 = llama.all_reduce %x sum f32 tree [2] : tensor<?x64xf32, #llama.columns<unit = 1>> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_c1_result(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce' op needs result #0 to be whole, got #llama.partial}}
    %0 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_c1_shape(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce' op needs partial sum and result of one shape, got 'tensor<?x64xf32, #llama.partial>' and 'tensor<?x32xf32>'}}
    %0 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x32xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_c2(%p: tensor<?x64xbf16, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce' op needs a partial sum of f32 with `sum f32`, got 'tensor<?x64xbf16, #llama.partial>'}}
    %0 = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xbf16, #llama.partial> -> tensor<?x64xbf16>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_c2_native(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce' op needs a partial sum of 'bf16' with `sum native`, got 'tensor<?x64xf32, #llama.partial>'}}
    %0 = llama.all_reduce %p sum native tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_c3(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce' op needs a `tree` over the 2 ranks of the module, got [2, 2] with 4 leaves}}
    %0 = llama.all_reduce %p sum f32 tree [2, 2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_c3_empty(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce' op needs a `tree` over the 2 ranks of the module, got [] with 1 leaves}}
    %0 = llama.all_reduce %p sum f32 tree [] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_c3_one(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce' op needs radices of at least 2 in `tree`, got [2, 1]}}
    %0 = llama.all_reduce %p sum f32 tree [2, 1] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 4 : i64} {
  func.func @all_reduce_c3_negative(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce' op needs radices of at least 2 in `tree`, got [-2, -2]}}
    %0 = llama.all_reduce %p sum f32 tree [-2, -2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 4 : i64} {
  func.func @all_reduce_c3_huge(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce' op needs a `tree` whose radices multiply to at most 1024, got [9223372036854775807, 2]}}
    %0 = llama.all_reduce %p sum f32 tree [9223372036854775807, 2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @b : tensor<32xf32> from "b"
  func.func @all_reduce_c4(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce' op needs a bias that is a vector over the 64 features, got @b of type 'tensor<32xf32>'}}
    %0 = llama.all_reduce %p bias @b sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @b[2] : tensor<64xf32> from "b.*"
  func.func @all_reduce_c4_layer(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce' op needs a layer with the bias @b, which has 2 layers}}
    %0 = llama.all_reduce %p bias @b sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_c4_layer_alone(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce' op needs no `bias_layer` and no `bias_index` without a bias}}
    %0 = "llama.all_reduce"(%p) <{bias_index = 1 : i64, sum = #llama<sum f32>, tree = array<i64: 2>}> : (tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c1(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32>) {
    // expected-error @below {{failed to verify that all of {residual, new_residual} have same type}}
    %0, %1 = "llama.all_reduce_residual_rms_norm"(%p, %h) <{weight = @w, eps = 1.0 : f64, norm = #llama<norm hf>,
        sum = #llama<sum f32>, tree = array<i64: 2>, operandSegmentSizes = array<i32: 1, 1, 0, 0>}>
        : (tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>) -> (tensor<?x64xf32>, tensor<?x64xf16>)
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c2(%p: tensor<?x32xf32, #llama.partial>, %h: tensor<?x64xf32>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs partial sum and residual of one shape, got 'tensor<?x32xf32, #llama.partial>' and 'tensor<?x64xf32>'}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x32xf32, #llama.partial>, tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c2_normed(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs residual and normed of one shape, got 'tensor<?x64xf32>' and 'tensor<1x64xf32>'}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32> -> tensor<1x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c3(%p: tensor<?x64xf32>, %h: tensor<?x64xf32>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs a partial sum (#llama.partial), got whole}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x64xf32>, tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c3_residual(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs a residual that is whole or has rows, got #llama.partial}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %p, @w eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c3_normed(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs result #0 to be whole, got #llama.root}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32> -> tensor<?x64xf32, #llama.root>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c4(%p: tensor<?x64xf16, #llama.partial>, %h: tensor<?x64xf16>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs a partial sum of f32 with `sum f32`, got 'tensor<?x64xf16, #llama.partial>'}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x64xf16, #llama.partial>, tensor<?x64xf16>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c4_native(%p: tensor<?x64xf16, #llama.partial>, %h: tensor<?x64xbf16>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs a partial sum of 'bf16' with `sum native`, got 'tensor<?x64xf16, #llama.partial>'}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w eps 1.0 norm hf sum native tree [2]
        : tensor<?x64xf16, #llama.partial>, tensor<?x64xbf16>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c5(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs a `tree` over the 2 ranks of the module, got [3] with 3 leaves}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w eps 1.0 norm hf sum f32 tree [3]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<32xf32> from "w"
  func.func @all_reduce_residual_rms_norm_c6(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs a weight that is a vector over the 64 features, got @w of type 'tensor<32xf32>'}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<64xf32> from "w"
  llama.weight private @b : tensor<64x64xf32> from "b"
  func.func @all_reduce_residual_rms_norm_c6_bias(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs a bias that is a vector over the 64 features, got @b of type 'tensor<64x64xf32>'}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w bias @b eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<64xf32> from "w"
  llama.weight private @b[2] : tensor<64xf32> from "b.*"
  func.func @all_reduce_residual_rms_norm_c6_bias_layer(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs a layer from 0 to 1 with the bias @b, got layer 2}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w bias @b[2] eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c6_layer_alone(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32>, %l: index) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs no `bias_layer` and no `bias_index` without a bias}}
    %0, %1 = "llama.all_reduce_residual_rms_norm"(%p, %h, %l) <{weight = @w, eps = 1.0 : f64, norm = #llama<norm hf>,
        sum = #llama<sum f32>, tree = array<i64: 2>, operandSegmentSizes = array<i32: 1, 1, 0, 1>}>
        : (tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>, index) -> (tensor<?x64xf32>, tensor<?x64xf32>)
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c7(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs a positive finite eps as f32, got 0}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w eps 0.0 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_gather_c1(%x: tensor<?x64xf32>) {
    // expected-error @below {{'llama.all_gather' op needs columns or rows (#llama.columns, #llama.rows), got whole}}
    %0 = llama.all_gather %x : tensor<?x64xf32> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_gather_c1_partial(%x: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.all_gather' op needs columns or rows (#llama.columns, #llama.rows), got #llama.partial}}
    %0 = llama.all_gather %x : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 4 : i64} {
  func.func @all_gather_c1_copies(%x: tensor<?x64xf32, #llama.columns<unit = 32>>) {
    // expected-error @below {{'llama.all_gather' op needs at least one unit of columns for each of the 4 ranks, got 2}}
    %0 = llama.all_gather %x : tensor<?x64xf32, #llama.columns<unit = 32>> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_gather_c1_result(%x: tensor<?x64xf32, #llama.columns<unit = 1>>) {
    // expected-error @below {{'llama.all_gather' op needs result #0 to be whole, got #llama.root}}
    %0 = llama.all_gather %x : tensor<?x64xf32, #llama.columns<unit = 1>> -> tensor<?x64xf32, #llama.root>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_gather_c1_shape(%x: tensor<?x64xf32, #llama.columns<unit = 1>>) {
    // expected-error @below {{'llama.all_gather' op needs operand and result of one shape, got 'tensor<?x64xf32, #llama.columns<unit = 1>>' and 'tensor<?x32xf32>'}}
    %0 = llama.all_gather %x : tensor<?x64xf32, #llama.columns<unit = 1>> -> tensor<?x32xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_gather_c1_element(%x: tensor<?x64xf32, #llama.columns<unit = 1>>) {
    // expected-error @below {{'llama.all_gather' op needs a result of its operand's element type, 'tensor<?x64xf32, #llama.columns<unit = 1>>', got 'tensor<?x64xf16>'}}
    %0 = llama.all_gather %x : tensor<?x64xf32, #llama.columns<unit = 1>> -> tensor<?x64xf16>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @gather_c1(%x: tensor<?x64xf32, #llama.columns<unit = 1>>) {
    // expected-error @below {{'llama.gather' op needs result #0 to be #llama.root, got whole}}
    %0 = llama.gather %x : tensor<?x64xf32, #llama.columns<unit = 1>> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @gather_c1_operand(%x: tensor<?x64xf32, #llama.root>) {
    // expected-error @below {{'llama.gather' op needs columns (#llama.columns), got #llama.root}}
    %0 = llama.gather %x : tensor<?x64xf32, #llama.root> -> tensor<?x64xf32, #llama.root>
    return
  }
}

// -----

module attributes {llama.ranks = 3 : i64} {
  func.func @gather_c1_copies(%x: tensor<?x64xf32, #llama.columns<unit = 32>>) {
    // expected-error @below {{'llama.gather' op needs at least one unit of columns for each of the 3 ranks, got 2}}
    %0 = llama.gather %x : tensor<?x64xf32, #llama.columns<unit = 32>> -> tensor<?x64xf32, #llama.root>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @gather_c1_shape(%x: tensor<?x64xf32, #llama.columns<unit = 1>>) {
    // expected-error @below {{'llama.gather' op needs operand and result of one shape}}
    %0 = llama.gather %x : tensor<?x64xf32, #llama.columns<unit = 1>> -> tensor<3x64xf32, #llama.root>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @reduce_scatter_c1(%x: tensor<?x64xf32, #llama.rows>) {
    // expected-error @below {{'llama.reduce_scatter' op needs a partial sum (#llama.partial), got #llama.rows}}
    %0 = llama.reduce_scatter %x sum f32 tree [2] : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @reduce_scatter_c1_result(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.reduce_scatter' op needs result #0 to be #llama.rows, got whole}}
    %0 = llama.reduce_scatter %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @reduce_scatter_c1_shape(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.reduce_scatter' op needs partial sum and result of one shape, got 'tensor<?x64xf32, #llama.partial>' and 'tensor<?x32xf32, #llama.rows>'}}
    %0 = llama.reduce_scatter %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x32xf32, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @reduce_scatter_c2(%p: tensor<?x64xbf16, #llama.partial>) {
    // expected-error @below {{'llama.reduce_scatter' op needs a partial sum of f32 with `sum f32`, got 'tensor<?x64xbf16, #llama.partial>'}}
    %0 = llama.reduce_scatter %p sum f32 tree [2] : tensor<?x64xbf16, #llama.partial> -> tensor<?x64xbf16, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @reduce_scatter_c3(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.reduce_scatter' op needs a `tree` over the 2 ranks of the module, got [2, 2] with 4 leaves}}
    %0 = llama.reduce_scatter %p sum f32 tree [2, 2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @b : tensor<32xf32> from "b"
  func.func @reduce_scatter_c4(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.reduce_scatter' op needs a bias that is a vector over the 64 features, got @b of type 'tensor<32xf32>'}}
    %0 = llama.reduce_scatter %p bias @b sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @reduce_scatter_c4_layer_alone(%p: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.reduce_scatter' op needs no `bias_layer` and no `bias_index` without a bias}}
    %0 = "llama.reduce_scatter"(%p) <{bias_index = 1 : i64, sum = #llama<sum f32>, tree = array<i64: 2>}> : (tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c3_columns(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32, #llama.columns<unit = 8>>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs a residual that is whole or has rows, got #llama.columns<unit = 8>}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32, #llama.columns<unit = 8>> -> tensor<?x64xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_reduce_residual_rms_norm_c3_normed_rows(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xf32, #llama.rows>) {
    // expected-error @below {{'llama.all_reduce_residual_rms_norm' op needs result #0 to be whole, got #llama.rows}}
    %0, %1 = llama.all_reduce_residual_rms_norm %p, %h, @w eps 1.0 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @all_gather_c1_rows(%x: tensor<?x64xf32, #llama.rows>) {
    // expected-error @below {{'llama.all_gather' op needs result #0 to be whole, got #llama.rows}}
    %0 = llama.all_gather %x : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32, #llama.rows>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @gather_c1_rows(%x: tensor<?x64xf32, #llama.rows>) {
    // expected-error @below {{'llama.gather' op needs columns (#llama.columns), got #llama.rows}}
    %0 = llama.gather %x : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32, #llama.root>
    return
  }
}

// -----

// Without `llama.ranks` no value is partial.

func.func @all_reduce_without_ranks(%p: tensor<?x64xf32, #llama.partial>) {
  // expected-error @below {{'llama.all_reduce' op needs 'llama.ranks' on its module, since it has a distributed value}}
  %0 = llama.all_reduce %p sum f32 tree [] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
  return
}
