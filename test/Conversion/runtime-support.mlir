// RUN: lamina-opt %s --llama-plan-buffers --split-input-file --verify-diagnostics

// What is valid and no program can do; each with the op that it is about.

// expected-error@+1 {{'builtin.module' op is not supported by the runtime: it has no function @step}}
module {
  llama.weight private @embed : tensor<8x64xf32> from "embed"
}

// -----

// Sums over ranks that are rounded after each add.

module attributes {llama.ranks = 2 : i64} {
llama.weight private @embed : tensor<8x64xbf16> from "embed" split <columns, unit = 1>
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %p = llama.embed %ids, @embed : tensor<?x64xf32, #llama.partial>
  // expected-error@+1 {{'llama.all_reduce' op is not supported by the runtime: its sum is rounded after each add (sum native), expected sum f32}}
  %s = llama.all_reduce %p sum native tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
  %w = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}
}

// -----

// Other functions.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
// expected-error@+1 {{'func.func' op is not supported by the runtime: it stands beside @step, expected weights only}}
func.func private @other()
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  %w = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}

// -----

// An entry without lists of rows, or with another result.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
// expected-error@+1 {{'func.func' op is not supported by the runtime: it has the type '(tensor<?xi32>) -> tensor<?x64xf32>', expected four tensor<?xi32> (ids, positions, sequences, wanted) and one result}}
func.func @step(%ids: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  return %s : tensor<?x64xf32>
}

// -----

// A fixed number of rows.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
// expected-error@+1 {{'func.func' op is not supported by the runtime: it has the type}}
func.func @step(%ids: tensor<4xi32>, %p: tensor<4xi32>, %s: tensor<4xi32>, %w: tensor<4xi32>) -> tensor<4x64xf32> {
  %x = llama.embed %ids, @embed : tensor<4x64xf32>
  return %x : tensor<4x64xf32>
}

// -----

// A result of another type.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
// expected-error@+1 {{'func.func' op is not supported by the runtime: its result is 'tensor<?x64xbf16>', expected whole rows of f32}}
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xbf16> {
  %x = llama.embed %ids, @embed : tensor<?x64xbf16>
  %w = llama.select_rows %x, %wanted : tensor<?x64xbf16> -> tensor<?x64xbf16>
  return %w : tensor<?x64xbf16>
}

// -----

// All rows instead of the wanted ones.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  // expected-error@+1 {{'func.return' op is not supported by the runtime: it reads the rows of the step, expected the wanted rows}}
  return %s : tensor<?x64xf32>
}

// -----

// Wanted rows of wanted rows.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  %v = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  // expected-error@+1 {{'llama.select_rows' op is not supported by the runtime: it reads the wanted rows, expected the rows of the step}}
  %w = llama.select_rows %v, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}

// -----

// Both in one op.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  %v = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  // expected-error@+1 {{'llama.add' op is not supported by the runtime: it reads the rows of the step, expected the wanted rows}}
  %u = llama.add %v, %s : tensor<?x64xf32>
  return %u : tensor<?x64xf32>
}

// -----

// Both in one value of a loop.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  // expected-error@+1 {{'llama.layers' op is not supported by the runtime: an iteration value has the rows of the step and the wanted rows, expected one of them}}
  %x = llama.layers %l to 3 iter (%h = %s) : tensor<?x64xf32> {
    %v = llama.select_rows %h, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
    llama.yield %v : tensor<?x64xf32>
  }
  %w = llama.select_rows %x, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}

// -----

// Indices that are not the entry's.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  // expected-error@+1 {{'llama.embed' op is not supported by the runtime: it reads other ids than argument 0 of @step}}
  %s = llama.embed %positions, @embed : tensor<?x64xf32>
  // expected-error@+1 {{'llama.rope' op is not supported by the runtime: it reads other positions than argument 1 of @step}}
  %r = llama.rope %s, %ids frequencies #llama.rope<[1.0, 0.1]> pairing halves : tensor<?x64xf32>
  // expected-error@+2 {{'llama.attention' op is not supported by the runtime: it reads other positions than argument 1 of @step}}
  // expected-error@+1 {{'llama.attention' op is not supported by the runtime: it reads other sequences than argument 2 of @step}}
  %a = llama.attention %s, %s, %s, %sequences, %positions layer [0] heads 4 kv_heads 4 scale 0.5 kv f32 : tensor<?x64xf32>, tensor<?x64xf32>
  // expected-error@+1 {{'llama.select_rows' op is not supported by the runtime: it reads other wanted than argument 3 of @step}}
  %w = llama.select_rows %s, %ids : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}

// -----

// Two kinds of cache.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  %a = llama.attention %s, %s, %s, %positions, %sequences layer [0] heads 4 kv_heads 4 scale 0.5 kv f32 : tensor<?x64xf32>, tensor<?x64xf32>
  // expected-error@+1 {{'llama.attention' op is not supported by the runtime: its cache has 4 heads of 16 'bf16', expected those of the first attention, 4 heads of 16 'f32'}}
  %b = llama.attention %a, %a, %a, %positions, %sequences layer [1] heads 4 kv_heads 4 scale 0.5 kv bf16 : tensor<?x64xf32>, tensor<?x64xf32>
  %w = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}

// -----

// Two vocabularies.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
llama.weight private @more : tensor<9x64xf32> from "more"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  // expected-error@+1 {{'llama.embed' op is not supported by the runtime: its table has 9 rows, expected those of the first embed, 8}}
  %t = llama.embed %ids, @more : tensor<?x64xf32>
  %w = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}

// -----

// Ops of other dialects, and constants that are no layer.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  // expected-error@+1 {{'arith.constant' op is not supported by the runtime: it is a 'i32', expected the index of a layer}}
  %c = arith.constant 1 : i32
  // expected-error@+1 {{'arith.addi' op is not supported by the runtime: no call of the runtime does what it does}}
  %d = arith.addi %c, %c : i32
  %w = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}

// -----

// A loop that carries something else.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  // expected-error@+1 {{'llama.layers' op is not supported by the runtime: it carries a value of type 'tensor<?xi32>', expected activations only}}
  %p = llama.layers %l to 3 iter (%q = %positions) : tensor<?xi32> {
    llama.yield %q : tensor<?xi32>
  }
  %w = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}

// -----

// More features than 32 bits hold; the weight is as wide.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
llama.weight private @wide : tensor<4294967296x64xf32> from "wide"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  // expected-error@+1 {{'llama.linear' op is not supported by the runtime: a result has 4294967296 features, expected at most 2147483647}}
  %v = llama.linear %s, @wide leaves [] : (tensor<?x64xf32>) -> tensor<?x4294967296xf32>
  %w = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}

// -----

// More layers than that, of a weight.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
// expected-error@+1 {{'llama.weight' op is not supported by the runtime: it has 4294967296 layers, expected at most 2147483647}}
llama.weight private @deep[4294967296] : tensor<64xf32> from "deep.*"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  %w = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}

// -----

// Of a loop.

llama.weight private @embed : tensor<8x64xf32> from "embed"
llama.weight private @norm[3] : tensor<64xf32> from "norm.*"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %s = llama.embed %ids, @embed : tensor<?x64xf32>
  // expected-error@+1 {{'llama.layers' op is not supported by the runtime: it has 4294967296 layers, expected at most 2147483647}}
  llama.layers %l to 4294967296 {
    llama.yield
  }
  %w = llama.select_rows %s, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}

// -----

// Rows of a rank are of the step; of the wanted rows there are none.

module attributes {llama.ranks = 2 : i64} {
llama.weight private @embed : tensor<8x64xf32> from "embed"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %x = llama.embed %ids, @embed : tensor<?x64xf32>
  %w = llama.select_rows %x, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  // expected-error@+1 {{'llama.shard_rows' op is not supported by the runtime: it reads the wanted rows, expected the rows of the step}}
  %h = llama.shard_rows %w : tensor<?x64xf32> -> tensor<?x64xf32, #llama.rows>
  %g = llama.all_gather %h : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32>
  return %g : tensor<?x64xf32>
}
}

// -----

module attributes {llama.ranks = 2 : i64} {
llama.weight private @embed : tensor<8x64xf32> from "embed" split <columns, unit = 1>
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                %wanted: tensor<?xi32>) -> tensor<?x64xf32> {
  %p = llama.embed %ids, @embed : tensor<?x64xf32, #llama.partial>
  // expected-error@+1 {{'llama.reduce_scatter' op is not supported by the runtime: its sum is rounded after each add (sum native), expected sum f32}}
  %h = llama.reduce_scatter %p sum native tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32, #llama.rows>
  %g = llama.all_gather %h : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32>
  %w = llama.select_rows %g, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return %w : tensor<?x64xf32>
}
}
