// RUN: lamina-opt %s --split-input-file --verify-diagnostics

// Constraints of rope and attention.

func.func @rope_c1(%x: tensor<?x8xf32>, %positions: tensor<4xi32>) {
  // expected-error @below {{`positions` has one i32 for each row of `input`}}
  %0 = "llama.rope"(%x, %positions) <{frequencies = #llama.rope<[1.0]>, pairing = #llama<pairing halves>}>
      : (tensor<?x8xf32>, tensor<4xi32>) -> tensor<?x8xf32>
  return
}

// -----

func.func @rope_c1_type(%x: tensor<?x8xf32>, %positions: tensor<?xi32>) {
  // expected-error @below {{failed to verify that all of {input, rotated} have same type}}
  %0 = "llama.rope"(%x, %positions) <{frequencies = #llama.rope<[1.0]>, pairing = #llama<pairing halves>}>
      : (tensor<?x8xf32>, tensor<?xi32>) -> tensor<?x8xf16>
  return
}

// -----

func.func @rope_c2(%x: tensor<?x8xf32>, %positions: tensor<?xi32>) {
  // expected-error @below {{'llama.rope' op needs a head dimension (twice its 3 frequencies) that divides the 8 features}}
  %0 = llama.rope %x, %positions frequencies #llama.rope<[1.0, 0.5, 0.25]> pairing halves : tensor<?x8xf32>
  return
}

// -----

func.func @rope_c2_none(%x: tensor<?x8xf32>, %positions: tensor<?xi32>) {
  // expected-error @below {{'llama.rope' op needs a head dimension (twice its 0 frequencies) that divides the 8 features}}
  %0 = llama.rope %x, %positions frequencies #llama.rope<[]> pairing halves : tensor<?x8xf32>
  return
}

// -----

func.func @rope_c2_infinite(%x: tensor<?x8xf32>, %positions: tensor<?xi32>) {
  // expected-error @below {{'llama.rope' op needs finite frequencies, got INF}}
  %0 = llama.rope %x, %positions frequencies #llama.rope<[1.0, 0x7FF0000000000000]> pairing halves : tensor<?x8xf32>
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @rope_c3(%x: tensor<?x8xf32, #llama.columns<unit = 2>>, %positions: tensor<?xi32>) {
    // expected-error @below {{'llama.rope' op needs columns in units of whole heads of 4, got #llama.columns<unit = 2>}}
    %0 = llama.rope %x, %positions frequencies #llama.rope<[1.0, 0.5]> pairing halves : tensor<?x8xf32, #llama.columns<unit = 2>>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @rope_c3_partial(%x: tensor<?x8xf32, #llama.partial>, %positions: tensor<?xi32>) {
    // expected-error @below {{'llama.rope' op needs its input whole or with columns, got #llama.partial}}
    %0 = llama.rope %x, %positions frequencies #llama.rope<[1.0, 0.5]> pairing halves : tensor<?x8xf32, #llama.partial>
    return
  }
}

// -----

func.func @attention_c1(%q: tensor<?x32xf32>, %k: tensor<4x16xf32>, %p: tensor<?xi32>, %s: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs query and key with the same rows, got 'tensor<?x32xf32>' and 'tensor<4x16xf32>'}}
  %0 = llama.attention %q, %k, %k, %p, %s layer [0] heads 8 kv_heads 4 scale 0.5 kv f32 : tensor<?x32xf32>, tensor<4x16xf32>
  return
}

// -----

func.func @attention_c1_value(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf16>, %p: tensor<?xi32>) {
  // expected-error @below {{failed to verify that all of {key, value} have same type}}
  %0 = "llama.attention"(%q, %k, %v, %p, %p) <{index = 0 : i64, heads = 8 : i64, kv_heads = 4 : i64, scale = 0.5 : f64, kv = f32}>
      : (tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf16>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @attention_c1_result(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{failed to verify that all of {query, attended} have same type}}
  %0 = "llama.attention"(%q, %k, %k, %p, %p) <{index = 0 : i64, heads = 8 : i64, kv_heads = 4 : i64, scale = 0.5 : f64, kv = f32}>
      : (tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x32xf16>
  return
}

// -----

func.func @attention_c1_positions(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<4xi32>, %s: tensor<?xi32>) {
  // expected-error @below {{`positions` has one i32 for each row of `query`}}
  %0 = "llama.attention"(%q, %k, %k, %p, %s) <{index = 0 : i64, heads = 8 : i64, kv_heads = 4 : i64, scale = 0.5 : f64, kv = f32}>
      : (tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<4xi32>, tensor<?xi32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @attention_c1_sequences(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>, %s: tensor<4xi32>) {
  // expected-error @below {{`sequences` has one i32 for each row of `query`}}
  %0 = "llama.attention"(%q, %k, %k, %p, %s) <{index = 0 : i64, heads = 8 : i64, kv_heads = 4 : i64, scale = 0.5 : f64, kv = f32}>
      : (tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<4xi32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @attention_c2(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs positive `heads` that are a multiple of `kv_heads`, got 8 and 3}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 8 kv_heads 3 scale 0.5 kv f32 : tensor<?x32xf32>, tensor<?x16xf32>
  return
}

// -----

func.func @attention_c2_none(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs positive `heads` that are a multiple of `kv_heads`, got 0 and 0}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 0 kv_heads 0 scale 0.5 kv f32 : tensor<?x32xf32>, tensor<?x16xf32>
  return
}

// -----

func.func @attention_c2_negative(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs positive `heads` that are a multiple of `kv_heads`, got -8 and -4}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads -8 kv_heads -4 scale 0.5 kv f32 : tensor<?x32xf32>, tensor<?x16xf32>
  return
}

// -----

func.func @attention_c2_features(%q: tensor<?x36xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs one head dimension and element type, got 'tensor<?x36xf32>' with 8 heads and 'tensor<?x16xf32>' with 4}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 8 kv_heads 4 scale 0.5 kv f32 : tensor<?x36xf32>, tensor<?x16xf32>
  return
}

// -----

func.func @attention_c2_key_features(%q: tensor<?x32xf32>, %k: tensor<?x18xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs one head dimension and element type, got 'tensor<?x32xf32>' with 8 heads and 'tensor<?x18xf32>' with 4}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 8 kv_heads 4 scale 0.5 kv f32 : tensor<?x32xf32>, tensor<?x18xf32>
  return
}

// -----

func.func @attention_c2_head_dim(%q: tensor<?x32xf32>, %k: tensor<?x32xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs one head dimension and element type, got 'tensor<?x32xf32>' with 8 heads and 'tensor<?x32xf32>' with 4}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 8 kv_heads 4 scale 0.5 kv f32 : tensor<?x32xf32>, tensor<?x32xf32>
  return
}

// -----

func.func @attention_c2_element(%q: tensor<?x32xf32>, %k: tensor<?x16xf16>, %p: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs one head dimension and element type, got 'tensor<?x32xf32>' with 8 heads and 'tensor<?x16xf16>' with 4}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 8 kv_heads 4 scale 0.5 kv f32 : tensor<?x32xf32>, tensor<?x16xf16>
  return
}

// -----

func.func @attention_c2_huge(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{with 4611686018427387904 heads and}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 4611686018427387904 kv_heads 4611686018427387904 scale 0.5 kv f32
      : tensor<?x32xf32>, tensor<?x16xf32>
  return
}

// -----

func.func @attention_c3(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs a positive finite scale as f32, got -0.5}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 8 kv_heads 4 scale -0.5 kv f32 : tensor<?x32xf32>, tensor<?x16xf32>
  return
}

// -----

func.func @attention_c4(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs `kv` to be f32, f16 or bf16, got 'i8'}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 8 kv_heads 4 scale 0.5 kv i8 : tensor<?x32xf32>, tensor<?x16xf32>
  return
}

// -----

func.func @attention_c4_block(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs `kv` to be f32, f16 or bf16, got '!llama.block<q8_0>'}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 8 kv_heads 4 scale 0.5 kv !llama.block<q8_0> : tensor<?x32xf32>, tensor<?x16xf32>
  return
}

// -----

func.func @attention_c5(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs a layer that is not negative, got -1}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [-1] heads 8 kv_heads 4 scale 0.5 kv f32 : tensor<?x32xf32>, tensor<?x16xf32>
  return
}

// -----

func.func @attention_c5_constant(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
  %c = arith.constant -7 : index
  // expected-error @below {{'llama.attention' op needs a layer that is not negative, got -7}}
  %0 = llama.attention %q, %k, %k, %p, %p layer [%c] heads 8 kv_heads 4 scale 0.5 kv f32 : tensor<?x32xf32>, tensor<?x16xf32>
  return
}

// -----

func.func @attention_c5_none(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
  // expected-error @below {{'llama.attention' op needs one layer, got none}}
  %0 = "llama.attention"(%q, %k, %k, %p, %p) <{heads = 8 : i64, kv_heads = 4 : i64, scale = 0.5 : f64, kv = f32}>
      : (tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>) -> tensor<?x32xf32>
  return
}

// -----

func.func @attention_c5_both(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %p: tensor<?xi32>, %l: index) {
  // expected-error @below {{'llama.attention' op needs one layer, got both a value and a number}}
  %0 = "llama.attention"(%q, %k, %k, %p, %p, %l) <{index = 1 : i64, heads = 8 : i64, kv_heads = 4 : i64, scale = 0.5 : f64, kv = f32}>
      : (tensor<?x32xf32>, tensor<?x16xf32>, tensor<?x16xf32>, tensor<?xi32>, tensor<?xi32>, index) -> tensor<?x32xf32>
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @attention_c6(%q: tensor<?x32xf32, #llama.columns<unit = 8>>, %k: tensor<?x16xf32>, %p: tensor<?xi32>) {
    // expected-error @below {{'llama.attention' op needs query, key and value that are all whole or all have columns, got #llama.columns<unit = 8>, whole and whole}}
    %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 8 kv_heads 4 scale 0.5 kv f32
        : tensor<?x32xf32, #llama.columns<unit = 8>>, tensor<?x16xf32>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @attention_c6_partial(%q: tensor<?x32xf32, #llama.partial>, %k: tensor<?x16xf32, #llama.partial>, %p: tensor<?xi32>) {
    // expected-error @below {{all whole or all have columns, got #llama.partial, #llama.partial and #llama.partial}}
    %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 8 kv_heads 4 scale 0.5 kv f32
        : tensor<?x32xf32, #llama.partial>, tensor<?x16xf32, #llama.partial>
    return
  }
}

// -----

module attributes {llama.ranks = 2 : i64} {
  func.func @attention_c6_half_heads(%q: tensor<?x32xf32, #llama.columns<unit = 8>>, %k: tensor<?x16xf32, #llama.columns<unit = 2>>, %p: tensor<?xi32>) {
    // expected-error @below {{'llama.attention' op needs columns in units of whole heads of 4, got #llama.columns<unit = 8> and #llama.columns<unit = 2>}}
    %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 8 kv_heads 4 scale 0.5 kv f32
        : tensor<?x32xf32, #llama.columns<unit = 8>>, tensor<?x16xf32, #llama.columns<unit = 2>>
    return
  }
}

// -----

// Rank 0 has query heads 0, 1 and 2, which read key-value heads 0, 0 and 1, but
// only key-value head 0.

module attributes {llama.ranks = 2 : i64} {
  func.func @attention_c6_owner(%q: tensor<?x24xf32, #llama.columns<unit = 4>>, %k: tensor<?x12xf32, #llama.columns<unit = 4>>, %p: tensor<?xi32>) {
    // expected-error @below {{'llama.attention' op needs on each rank the key-value heads that its query heads read, got #llama.columns<unit = 4> and #llama.columns<unit = 4> on 2 ranks}}
    %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 6 kv_heads 3 scale 0.5 kv f32
        : tensor<?x24xf32, #llama.columns<unit = 4>>, tensor<?x12xf32, #llama.columns<unit = 4>>
    return
  }
}

// -----

// Units of two query heads: rank 2 has heads 4 and 5, which read both key-value
// heads, but a copy of the second only.

module attributes {llama.ranks = 4 : i64} {
  func.func @attention_c6_copies_owner(%q: tensor<?x40xf32, #llama.columns<unit = 8>>, %k: tensor<?x8xf32, #llama.columns<unit = 4>>, %p: tensor<?xi32>) {
    // expected-error @below {{'llama.attention' op needs on each rank the key-value heads that its query heads read, got #llama.columns<unit = 8> and #llama.columns<unit = 4> on 4 ranks}}
    %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 10 kv_heads 2 scale 0.5 kv f32
        : tensor<?x40xf32, #llama.columns<unit = 8>>, tensor<?x8xf32, #llama.columns<unit = 4>>
    return
  }
}

// -----

module attributes {llama.ranks = 8 : i64} {
  func.func @attention_c6_query_copies(%q: tensor<?x16xf32, #llama.columns<unit = 4>>, %k: tensor<?x8xf32, #llama.columns<unit = 4>>, %p: tensor<?xi32>) {
    // expected-error @below {{'llama.attention' op needs at least one unit of query heads for each of the 8 ranks, got 4}}
    %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 4 kv_heads 2 scale 0.5 kv f32
        : tensor<?x16xf32, #llama.columns<unit = 4>>, tensor<?x8xf32, #llama.columns<unit = 4>>
    return
  }
}

// -----

module attributes {llama.ranks = 3 : i64} {
  func.func @attention_c6_multiple(%q: tensor<?x32xf32, #llama.columns<unit = 4>>, %k: tensor<?x8xf32, #llama.columns<unit = 4>>, %p: tensor<?xi32>) {
    // expected-error @below {{'llama.attention' op needs ranks that are a multiple of the 2 units of key-value heads, got 3}}
    %0 = llama.attention %q, %k, %k, %p, %p layer [0] heads 8 kv_heads 2 scale 0.5 kv f32
        : tensor<?x32xf32, #llama.columns<unit = 4>>, tensor<?x8xf32, #llama.columns<unit = 4>>
    return
  }
}
