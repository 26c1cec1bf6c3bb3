// RUN: lamina-opt %s --split-input-file --verify-diagnostics

// expected-error @below {{'llama.weight' op needs a vector or matrix of f32, f16, bf16 or a block type with static positive dimensions, got 'tensor<64xf64>'}}
llama.weight private @weight_c1 : tensor<64xf64> from "w"

// -----

// expected-error @below {{'llama.weight' op needs a vector or matrix of f32, f16, bf16 or a block type with static positive dimensions, got 'tensor<i8>'}}
llama.weight private @weight_c1_element : tensor<i8> from "w"

// -----

// expected-error @below {{with static positive dimensions, got 'tensor<f32>'}}
llama.weight private @weight_c1_scalar : tensor<f32> from "w"

// -----

// expected-error @below {{with static positive dimensions, got 'tensor<2x3x4xf32>'}}
llama.weight private @weight_c1_cube : tensor<2x3x4xf32> from "w"

// -----

// expected-error @below {{with static positive dimensions, got 'tensor<?x64xf32>'}}
llama.weight private @weight_c1_dynamic : tensor<?x64xf32> from "w"

// -----

// expected-error @below {{with static positive dimensions, got 'tensor<0x64xf32>'}}
llama.weight private @weight_c1_empty : tensor<0x64xf32> from "w"

// -----

// expected-error @below {{with static positive dimensions, got 'tensor<8x64xf32, #llama.partial>'}}
llama.weight private @weight_c1_encoded : tensor<8x64xf32, #llama.partial> from "w"

// -----

// expected-error @below {{'llama.weight' op needs a size in bytes below 2^63, got 'tensor<4611686018427387904xf32>'}}
llama.weight private @weight_c1_bytes : tensor<4611686018427387904xf32> from "w"

// -----

// expected-error @below {{'llama.weight' op needs a size in bytes below 2^63, got 'tensor<4294967296x4294967296xbf16>'}}
llama.weight private @weight_c1_elements : tensor<4294967296x4294967296xbf16> from "w"

// -----

// expected-error @below {{failed to satisfy constraint: type attribute of ranked tensor of any type values}}
"llama.weight"() <{sym_name = "weight_c1_no_tensor", type = f32, source = "w"}> : () -> ()

// -----

// expected-error @below {{'llama.weight' op needs a matrix whose rows are whole blocks of 32, got 'tensor<8x48x!llama.block<q8_0>>'}}
llama.weight private @weight_c2 : tensor<8x48x!llama.block<q8_0>> from "w"

// -----

// expected-error @below {{'llama.weight' op needs a matrix whose rows are whole blocks of 256, got 'tensor<8x32x!llama.block<q6_k>>'}}
llama.weight private @weight_c2_k : tensor<8x32x!llama.block<q6_k>> from "w"

// -----

// expected-error @below {{'llama.weight' op needs a matrix whose rows are whole blocks of 32, got 'tensor<32x!llama.block<q4_0>>'}}
llama.weight private @weight_c2_vector : tensor<32x!llama.block<q4_0>> from "w"

// -----

// expected-error @below {{'llama.weight' op needs a positive number of layers, got 0}}
llama.weight private @weight_c3[0] : tensor<64xf32> from "w.*"

// -----

// expected-error @below {{'llama.weight' op needs a positive number of layers, got -4}}
llama.weight private @weight_c3_negative[-4] : tensor<64xf32> from "w.*"

// -----

// expected-error @below {{'llama.weight' op needs either a source name or a derivation, got neither}}
llama.weight private @weight_c4 : tensor<64xf32>

// -----

llama.weight private @a : tensor<64xf32> from "a"
// expected-error @below {{'llama.weight' op needs either a source name or a derivation, got both}}
llama.weight private @weight_c4_both : tensor<64xf32> from "w" = columns [@a]

// -----

llama.weight private @a : tensor<64xf32> from "a"
// expected-error @below {{'llama.weight' op needs no split and no placement on a derived weight: they are those of its parts, got #llama.split<columns, unit = 8>}}
llama.weight private @weight_c4_split : tensor<64xf32> split <columns, unit = 8> = columns [@a]

// -----

llama.weight private @a : tensor<64xf32> from "a"
// expected-error @below {{'llama.weight' op needs no split and no placement on a derived weight: they are those of its parts, got #llama.placement<["f"], [0], [0]>}}
llama.weight private @weight_c4_placement : tensor<64xf32> at <["f"], [0], [0]> = columns [@a]

// -----

// expected-error @below {{'llama.weight' op needs parts that are weights and not derived, got @absent, which is no llama.weight}}
llama.weight private @weight_c5[1] : tensor<64xf32> = layers [@absent]

// -----

func.func private @function()
// expected-error @below {{'llama.weight' op needs parts that are weights and not derived, got @function, which is no llama.weight}}
llama.weight private @weight_c5_function : tensor<64xf32> = columns [@function]

// -----

llama.weight private @a : tensor<64xf32> from "a"
llama.weight private @derived[2] : tensor<64xf32> = layers [@a, @a]
// expected-error @below {{'llama.weight' op needs parts that are weights and not derived, got @derived, which is derived}}
llama.weight private @weight_c5_derived[1] : tensor<64xf32> = layers [@derived[0 to 1]]

// -----

// expected-error @below {{'llama.weight' op needs parts that are weights and not derived, got @weight_c5_itself, which is derived}}
llama.weight private @weight_c5_itself[1] : tensor<64xf32> = layers [@weight_c5_itself[0 to 1]]

// -----

llama.weight private @a[4] : tensor<64xf32> from "a.*"
// expected-error @below {{'llama.weight' op needs a range of the 4 layers of @a, got [1 to 5]}}
llama.weight private @weight_c6[4] : tensor<64xf32> = layers [@a[1 to 5]]

// -----

// expected-error @below {{needs a range of layers from 0 on, or -1 and -1 for a weight without layers, got 3 to 1}}
llama.weight private @layer_range_c1_backwards[1] : tensor<64xf32> = layers [@a[3 to 1]]

// -----

// expected-error @below {{needs a range of layers from 0 on, or -1 and -1 for a weight without layers, got -5 to 77}}
func.func private @layer_range_c1() attributes {range = #llama.layer_range<@w, -5, 77>}

// -----

// expected-error @below {{needs a range of layers from 0 on, or -1 and -1 for a weight without layers, got -1 to 0}}
func.func private @layer_range_c1_whole() attributes {range = #llama.layer_range<@w, -1, 0>}

// -----

llama.weight private @a[4] : tensor<64xf32> from "a.*"
// expected-error @below {{'llama.weight' op needs a range of the 4 layers of @a, got no range}}
llama.weight private @weight_c6_whole[4] : tensor<64xf32> = layers [@a]

// -----

llama.weight private @a : tensor<64xf32> from "a"
// expected-error @below {{'llama.weight' op needs the whole of @a, got [0 to 1]}}
llama.weight private @weight_c6_range[1] : tensor<64xf32> = layers [@a[0 to 1]]

// -----

llama.weight private @a : tensor<64xf16> from "a"
// expected-error @below {{'llama.weight' op needs parts of its type 'tensor<64xf32>', got @a of type 'tensor<64xf16>'}}
llama.weight private @weight_c6_type[1] : tensor<64xf32> = layers [@a]

// -----

llama.weight private @a[4] : tensor<64xf32> from "a.*"
llama.weight private @b : tensor<64xf32> from "b"
// expected-error @below {{'llama.weight' op needs 4 layers, as its ranges have, got 5}}
llama.weight private @weight_c6_count[5] : tensor<64xf32> = layers [@a[1 to 4], @b]

// -----

llama.weight private @a : tensor<64xf32> from "a"
// expected-error @below {{'llama.weight' op needs 1 layers, as its ranges have, got none}}
llama.weight private @weight_c6_no_layers : tensor<64xf32> = layers [@a]

// -----

// expected-error @below {{'llama.weight' op needs 0 layers, as its ranges have, got 1}}
llama.weight private @weight_c6_nothing[1] : tensor<64xf32> = layers []

// -----

llama.weight private @a[9223372036854775807] : tensor<64xf32> from "a.*"
// expected-error @below {{'llama.weight' op needs fewer than 2^63 layers in its ranges, got more}}
llama.weight private @weight_c6_overflow[1] : tensor<64xf32>
    = layers [@a[0 to 9223372036854775807], @a[0 to 9223372036854775807]]

// -----

// expected-error @below {{needs a first layer that is not negative}}
llama.weight private @weight_c6_negative[4] : tensor<64xf32> = layers [@a[-1 to 3]]

// -----

llama.weight private @a : tensor<8x64xf32> from "a"
// expected-error @below {{'llama.weight' op needs parts with its layers, storage type and input features, got @a of type 'tensor<8x64xf32>' with no layers}}
llama.weight private @weight_c7[2] : tensor<8x64xf32> = columns [@a]

// -----

llama.weight private @a[4] : tensor<8x64xf32> from "a.*"
// expected-error @below {{'llama.weight' op needs parts with its layers, storage type and input features, got @a of type 'tensor<8x64xf32>' with 4 layers}}
llama.weight private @weight_c7_layers[2] : tensor<8x64xf32> = columns [@a]

// -----

llama.weight private @a : tensor<8x64xbf16> from "a"
// expected-error @below {{needs parts with its layers, storage type and input features, got @a of type 'tensor<8x64xbf16>' with no layers}}
llama.weight private @weight_c7_storage : tensor<8x64xf32> = columns [@a]

// -----

llama.weight private @a : tensor<8x32xf32> from "a"
// expected-error @below {{needs parts with its layers, storage type and input features, got @a of type 'tensor<8x32xf32>' with no layers}}
llama.weight private @weight_c7_input : tensor<8x64xf32> = columns [@a]

// -----

llama.weight private @a : tensor<8xf32> from "a"
// expected-error @below {{needs parts with its layers, storage type and input features, got @a of type 'tensor<8xf32>' with no layers}}
llama.weight private @weight_c7_vector : tensor<8x64xf32> = columns [@a]

// -----

llama.weight private @a : tensor<8x64xf32> from "a"
// expected-error @below {{'llama.weight' op needs the 16 output features of its parts, got 24}}
llama.weight private @weight_c7_output : tensor<24x64xf32> = columns [@a, @a]

// -----

// expected-error @below {{'llama.weight' op needs the 0 output features of its parts, got 24}}
llama.weight private @weight_c7_nothing : tensor<24x64xf32> = columns []

// -----

llama.weight private @a : tensor<4611686018427387903xbf16> from "a"
// expected-error @below {{'llama.weight' op needs fewer than 2^63 output features in its parts, got more}}
llama.weight private @weight_c7_overflow : tensor<24xbf16> = columns [@a, @a, @a]

// -----

// expected-error @below {{needs a positive unit, got 0}}
llama.weight private @weight_c8 : tensor<64x32xf32> from "w" split <columns, unit = 0>

// -----

// expected-error @below {{'llama.weight' op needs a positive split unit that divides 32, got #llama.split<rows, unit = 24>}}
llama.weight private @weight_c8_divides : tensor<64x32xf32> from "w" split <rows, unit = 24>

// -----

// expected-error @below {{needs a positive unit, got -1}}
llama.weight private @weight_c8_negative : tensor<64x32xf32> from "w" split <columns, unit = -1>

// -----

// expected-error @below {{'llama.weight' op needs a vector to be split by columns, got #llama.split<rows, unit = 8>}}
llama.weight private @weight_c8_vector : tensor<64xf32> from "w" split <rows, unit = 8>

// -----

// expected-error @below {{'llama.weight' op needs a split by rows in whole blocks of 32, got #llama.split<rows, unit = 16>}}
llama.weight private @weight_c8_blocks : tensor<8x64x!llama.block<q4_0>> from "w" split <rows, unit = 16>

// -----

// expected-error @below {{'llama.weight' op needs a placement with 2 files and offsets, got 1 and 2}}
llama.weight private @weight_c9[2] : tensor<64xf32> from "w.*" at <["f"], [0], [0, 256]>

// -----

// expected-error @below {{'llama.weight' op needs a placement with 1 files and offsets, got 1 and 0}}
llama.weight private @weight_c9_offsets : tensor<64xf32> from "w" at <["f"], [0], []>

// -----

// expected-error @below {{'llama.weight' op needs file names in its placement, got 7 : i64}}
llama.weight private @weight_c9_name : tensor<64xf32> from "w" at <[7], [0], [0]>

// -----

// expected-error @below {{'llama.weight' op needs a placement in one of its 1 files, got number 1}}
llama.weight private @weight_c9_file : tensor<64xf32> from "w" at <["f"], [1], [0]>

// -----

// expected-error @below {{'llama.weight' op needs a placement in one of its 0 files, got number -1}}
llama.weight private @weight_c9_no_file : tensor<64xf32> from "w" at <[], [-1], [0]>

// -----

// expected-error @below {{'llama.weight' op needs byte offsets that are not negative, got -8}}
llama.weight private @weight_c9_offset : tensor<64xf32> from "w" at <["f"], [0], [-8]>

// -----

// expected-error @below {{'llama.weight' op needs a source name with one '*' for the layer, got "w"}}
llama.weight private @weight_c10[2] : tensor<64xf32> from "w"

// -----

// expected-error @below {{'llama.weight' op needs a source name with one '*' for the layer, got "*.w.*"}}
llama.weight private @weight_c10_two[2] : tensor<64xf32> from "*.w.*"

// -----

// expected-error @below {{'llama.weight' op needs a source name with no '*', got "w.*"}}
llama.weight private @weight_c10_star : tensor<64xf32> from "w.*"

// -----

// expected-error @below {{expected `layers` or `columns` after `=`}}
llama.weight private @derived_by_rows : tensor<64xf32> = rows [@a]

// -----

// expected-note @below {{see existing symbol definition here}}
llama.weight private @twice : tensor<64xf32> from "a"
// expected-error @below {{redefinition of symbol named 'twice'}}
llama.weight private @twice : tensor<64xf32> from "a"

// -----

// expected-error @below {{expected one of [q8_0, q4_0, q4_1, q5_0, q5_1, q4_k, q5_k, q6_k] for block-quantised storage format, got: q2_k}}
// expected-error @below {{failed to parse Llama_BlockType parameter 'format'}}
llama.weight private @unknown_format : tensor<1x256x!llama.block<q2_k>> from "w"

// -----

func.func @weight_in_a_function() {
  // expected-error @below {{'llama.weight' op symbol's parent must have the SymbolTable trait}}
  llama.weight private @inner : tensor<64xf32> from "w"
  return
}

// -----

// weight_c6
llama.weight private @weight_c6_matrix_part : tensor<8x16xf32> from "a"
// expected-error @below {{'llama.weight' op needs a vector to be derived by layers, got 'tensor<8x16xf32>'}}
llama.weight private @weight_c6_matrix[1] : tensor<8x16xf32> = layers [@weight_c6_matrix_part]

// -----

// weight_c6
llama.weight private @weight_c6_split_part : tensor<8xf32> from "a" split <columns, unit = 1>
// expected-error @below {{'llama.weight' op needs parts that are whole on every rank, got @weight_c6_split_part with #llama.split<columns, unit = 1>}}
llama.weight private @weight_c6_split[1] : tensor<8xf32> = layers [@weight_c6_split_part]
