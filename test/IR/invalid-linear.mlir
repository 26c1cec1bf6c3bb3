// RUN: lamina-opt %s --split-input-file --verify-diagnostics

// Constraints of `llama.linear`, and of references to weights in general.

func.func @linear_c1(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs at least one result}}
  llama.linear %x, @w leaves [] : (tensor<?x64xf32>) -> ()
  return
}

// -----

func.func @linear_c1_rows(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs results with the rows of its input, 'tensor<?x64xf32>', got 'tensor<4x8xf32>'}}
  %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32>) -> tensor<4x8xf32>
  return
}

// -----

llama.weight private @w : tensor<8x64xf32> from "w"
func.func @linear_c1_two(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs one result for each of the 1 parts of @w, got 2}}
  %0:2 = llama.linear %x, @w leaves [] : (tensor<?x64xf32>) -> (tensor<?x4xf32>, tensor<?x4xf32>)
  return
}

// -----

llama.weight private @a : tensor<8x64xf32> from "a"
llama.weight private @b : tensor<4x64xf32> from "b"
llama.weight private @w : tensor<12x64xf32> = columns [@a, @b]
func.func @linear_c1_merged(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs one result for each of the 2 parts of @w, got 1}}
  %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32>) -> tensor<?x12xf32>
  return
}

// -----

llama.weight private @w : tensor<8x32xf32> from "w"
func.func @linear_c2(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs a weight of type out x 64, got @w of type 'tensor<8x32xf32>'}}
  %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.weight private @w : tensor<64xf32> from "w"
func.func @linear_c2_vector(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs a weight of type out x 64, got @w of type 'tensor<64xf32>'}}
  %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32>
  return
}

// -----

llama.weight private @w : tensor<8x64xf32> from "w"
func.func @linear_c2_output(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs a result of 8 features for @w, got 'tensor<?x16xf32>'}}
  %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32>) -> tensor<?x16xf32>
  return
}

// -----

llama.weight private @a : tensor<8x64xf32> from "a"
llama.weight private @b : tensor<4x64xf32> from "b"
llama.weight private @w : tensor<12x64xf32> = columns [@a, @b]
func.func @linear_c2_parts(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs a result of 8 features for @a, got 'tensor<?x4xf32>'}}
  %0:2 = llama.linear %x, @w leaves [] : (tensor<?x64xf32>) -> (tensor<?x4xf32>, tensor<?x8xf32>)
  return
}

// -----

func.func @linear_c3(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs radices of at least 2 in `leaves`, got [2, 1]}}
  %0 = llama.linear %x, @w leaves [2, 1] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @linear_c3_negative(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs radices of at least 2 in `leaves`, got [-2, -2]}}
  %0 = llama.linear %x, @w leaves [-2, -2] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @linear_c3_many(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs a `leaves` whose radices multiply to at most 1024, got [1024, 2]}}
  %0 = llama.linear %x, @w leaves [1024, 2] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @linear_c3_overflow(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs a `leaves` whose radices multiply to at most 1024, got [4294967296, 4294967296]}}
  %0 = llama.linear %x, @w leaves [4294967296, 4294967296] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.weight private @w : tensor<8x64xf32> from "w"
func.func @linear_c3_chunks(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs `leaves` that cut the 64 input features of rank 0 into equal chunks of whole blocks, got [3]}}
  %0 = llama.linear %x, @w leaves [3] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.weight private @w : tensor<8x64x!llama.block<q8_0>> from "w"
func.func @linear_c3_blocks(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs `leaves` that cut the 64 input features of rank 0 into equal chunks of whole blocks, got [2, 2]}}
  %0 = llama.linear %x, @w leaves [2, 2] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

// 24 features are 12 on each rank, which 8 leaves do not cut.
module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<8x24xf32> from "w" split <rows, unit = 1>
  func.func @linear_c3_rank(%x: tensor<?x24xf32, #llama.columns<unit = 1>>) {
    // expected-error @below {{'llama.linear' op needs `leaves` that cut the 12 input features of rank 0 into equal chunks of whole blocks, got [8]}}
    %0 = llama.linear %x, @w leaves [8] : (tensor<?x24xf32, #llama.columns<unit = 1>>) -> tensor<?x8xf32, #llama.partial>
    return
  }
}

// -----

llama.weight private @w : tensor<8x64xf32> from "w"
llama.weight private @b : tensor<16xf32> from "b"
func.func @linear_c4(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs a bias that is a vector over the 8 features, got @b of type 'tensor<16xf32>'}}
  %0 = llama.linear %x, @w bias @b leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.weight private @w : tensor<8x64xf32> from "w"
func.func @linear_c4_matrix(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs a bias that is a vector over the 8 features, got @w of type 'tensor<8x64xf32>'}}
  %0 = llama.linear %x, @w bias @w leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.weight private @w[2] : tensor<8x64xf32> from "w.*"
llama.weight private @b : tensor<8xf32> from "b"
func.func @linear_c4_layers(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs no layer with the bias @b, which has no layers}}
  %0 = llama.linear %x, @w[1] bias @b leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.weight private @w[2] : tensor<8x64xf32> from "w.*"
llama.weight private @b[1] : tensor<8xf32> from "b.*"
func.func @linear_c4_fewer_layers(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs a layer from 0 to 0 with the bias @b, got layer 1}}
  %0 = llama.linear %x, @w[1] bias @b leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

llama.weight private @w : tensor<8x64xf32> from "w"
func.func @linear_c4_missing(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs a bias that is a llama.weight, got @b}}
  %0 = llama.linear %x, @w bias @b leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @linear_c4_partial(%x: tensor<?x64xf32, #llama.columns<unit = 1>>) {
    // expected-error @below {{'llama.linear' op needs no bias on a partial sum: it would be added once a rank; it belongs to the collective}}
    %0 = llama.linear %x, @w bias @b leaves [] : (tensor<?x64xf32, #llama.columns<unit = 1>>) -> tensor<?x8xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<8x64xf32> from "w"
  func.func @linear_c5(%x: tensor<?x64xf32, #llama.columns<unit = 1>>) {
    // expected-error @below {{'llama.linear' op needs a whole input, got #llama.columns<unit = 1>}}
    %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32, #llama.columns<unit = 1>>) -> tensor<?x8xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<8x64xf32> from "w"
  func.func @linear_c5_partial_input(%x: tensor<?x64xf32, #llama.partial>) {
    // expected-error @below {{'llama.linear' op needs a whole input, got #llama.partial}}
    %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32, #llama.partial>) -> tensor<?x8xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<8x64xf32> from "w"
  func.func @linear_c5_whole_result(%x: tensor<?x64xf32>) {
    // expected-error @below {{'llama.linear' op needs result #0 to be whole, got #llama.columns<unit = 1>}}
    %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32, #llama.columns<unit = 1>>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<8x64xf32> from "w" split <columns, unit = 4>
  func.func @linear_c5_columns(%x: tensor<?x64xf32>) {
    // expected-error @below {{'llama.linear' op needs result #0 to be #llama.columns<unit = 4>, got #llama.columns<unit = 1>}}
    %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32, #llama.columns<unit = 1>>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @a : tensor<8x64xf32> from "a" split <columns, unit = 4>
  llama.weight private @b : tensor<8x64xf32> from "b"
  llama.weight private @w : tensor<16x64xf32> = columns [@a, @b]
  func.func @linear_c5_second_part(%x: tensor<?x64xf32>) {
    // expected-error @below {{'llama.linear' op needs result #1 to be whole, got #llama.columns<unit = 4>}}
    %0:2 = llama.linear %x, @w leaves [] : (tensor<?x64xf32>)
        -> (tensor<?x8xf32, #llama.columns<unit = 4>>, tensor<?x8xf32, #llama.columns<unit = 4>>)
    return
  }
}

// -----

module attributes {llama.ranks = 3 : i64} {
  llama.weight private @w : tensor<8x64xf32> from "w" split <columns, unit = 4>
  func.func @linear_c5_multiple(%x: tensor<?x64xf32>) {
    // expected-error @below {{'llama.linear' op needs ranks that are a multiple of the 2 units of columns that they share, got 3}}
    %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32, #llama.columns<unit = 4>>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<8x64xf32> from "w" split <rows, unit = 1>
  func.func @linear_c5_rows(%x: tensor<?x64xf32>) {
    // expected-error @below {{'llama.linear' op needs an input with columns in units of 1, as its weight is split, got whole}}
    %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<8x64xf32> from "w" split <rows, unit = 32>
  func.func @linear_c5_unit(%x: tensor<?x64xf32, #llama.columns<unit = 8>>) {
    // expected-error @below {{'llama.linear' op needs an input with columns in units of 32, as its weight is split, got #llama.columns<unit = 8>}}
    %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32, #llama.columns<unit = 8>>) -> tensor<?x8xf32, #llama.partial>
    return
  }
}

// -----

// The addend of a rank with a copy would be added twice.
module attributes {llama.ranks = 4 : i64} {
  llama.weight private @w : tensor<8x64xf32> from "w" split <rows, unit = 32>
  func.func @linear_c5_copies(%x: tensor<?x64xf32, #llama.columns<unit = 32>>) {
    // expected-error @below {{'llama.linear' op needs at least one unit of columns for each of the 4 ranks, got 2}}
    %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32, #llama.columns<unit = 32>>) -> tensor<?x8xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<8x64xf32> from "w" split <rows, unit = 1>
  func.func @linear_c5_result(%x: tensor<?x64xf32, #llama.columns<unit = 1>>) {
    // expected-error @below {{'llama.linear' op needs result #0 to be #llama.partial, got whole}}
    %0 = llama.linear %x, @w leaves [] : (tensor<?x64xf32, #llama.columns<unit = 1>>) -> tensor<?x8xf32>
    return
  }
}

// -----

// A bias has the parts of its weight.

llama.weight private @wa : tensor<8x16xf32> from "a"
llama.weight private @wb : tensor<8x16xf32> from "b"
llama.weight private @wab : tensor<16x16xf32> = columns [@wa, @wb]
llama.weight private @bias : tensor<16xf32> from "bias"
func.func @linear_c4_parts(%x: tensor<?x16xf32>) {
  // expected-error @below {{'llama.linear' op needs a bias with the 2 parts of @wab, got @bias}}
  %p:2 = llama.linear %x, @wab bias @bias leaves [] : (tensor<?x16xf32>) -> (tensor<?x8xf32>, tensor<?x8xf32>)
  return
}

// -----

llama.weight private @w : tensor<8x64xbf16> from "w"
func.func @linear_c6(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs a weight of a block type with `int8`, got @w of type 'tensor<8x64xbf16>'}}
  %0 = llama.linear %x, @w int8 leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

// A leaf of 16 features would cut 32 that have one scale.
llama.weight private @w : tensor<8x64x!llama.block<q8_0>> from "w"
func.func @linear_c6_leaves(%x: tensor<?x64xf32>) {
  // expected-error @below {{'llama.linear' op needs `leaves` that cut the 64 input features of rank 0 into equal chunks of whole blocks, got [4]}}
  %0 = llama.linear %x, @w int8 leaves [4] : (tensor<?x64xf32>) -> tensor<?x8xf32>
  return
}

// -----

// A rank boundary would.
module attributes {llama.ranks = 2 : i64} {
  // expected-error @below {{'llama.weight' op needs a split by rows in whole blocks of 32, got #llama.split<rows, unit = 16>}}
  llama.weight private @w : tensor<8x96x!llama.block<q8_0>> from "w" split <rows, unit = 16>
  func.func @linear_c6_ranks(%x: tensor<?x96xf32, #llama.columns<unit = 16>>) {
    %0 = llama.linear %x, @w int8 leaves [] : (tensor<?x96xf32, #llama.columns<unit = 16>>) -> tensor<?x8xf32, #llama.partial>
    return
  }
}
