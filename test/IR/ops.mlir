// RUN: lamina-opt %s --split-input-file --verify-roundtrip
// RUN: lamina-opt %s --split-input-file --mlir-print-op-generic | lamina-opt --split-input-file | lamina-opt --split-input-file --mlir-print-op-generic > %t.generic
// RUN: lamina-opt %s --split-input-file --mlir-print-op-generic | diff - %t.generic

// The example of each op in LlamaOps.td. Other syntax: ops-syntax.mlir.

llama.weight private @attn_norm[32] : tensor<64xf32>
    from "model.layers.*.input_layernorm.weight"
llama.weight private @output_norm : tensor<64xf32> from "model.norm.weight"
llama.weight private @next_norm[32] : tensor<64xf32>
    = layers [@attn_norm[1 to 32], @output_norm]
llama.weight private @down[2] : tensor<64x96x!llama.block<q8_0>>
    from "model.layers.*.mlp.down_proj.weight" split <rows, unit = 32>
    at <["model.safetensors"], [0, 0], [128, 6656]>

llama.weight private @embed : tensor<512x64xf32> from "model.embed_tokens.weight"
llama.weight private @ffn_norm[32] : tensor<64xf32> from "model.layers.*.post_attention_layernorm.weight"
llama.weight private @wq[32] : tensor<64x64xf32> from "model.layers.*.self_attn.q_proj.weight"
llama.weight private @bq[32] : tensor<64xf32> from "model.layers.*.self_attn.q_proj.bias"

func.func @embed_rows(%ids: tensor<?xi32>) {
  %x = llama.embed %ids, @embed : tensor<?x64xf32>
  return
}

func.func @select_rows(%x: tensor<?x64xf32>, %wanted: tensor<?xi32>) {
  %s = llama.select_rows %x, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
  return
}

func.func @rms_norm(%x: tensor<?x64xf32>) {
  llama.layers %l to 32 {
    %n = llama.rms_norm %x, @attn_norm[%l] eps 1.0e-05 norm hf : tensor<?x64xf32>
    llama.yield
  }
  return
}

func.func @residual_rms_norm(%s: tensor<?x64xf32>, %h: tensor<?x64xf32>) {
  llama.layers %l to 32 {
    %n, %r = llama.residual_rms_norm %s, %h, @ffn_norm[%l] eps 1.0e-05 norm hf
        : tensor<?x64xf32>
    llama.yield
  }
  return
}

func.func @linear(%n: tensor<?x64xf32>) {
  llama.layers %l to 32 {
    %p = llama.linear %n, @wq[%l] bias @bq leaves [2, 2]
        : (tensor<?x64xf32>) -> tensor<?x64xf32>
    llama.yield
  }
  return
}

func.func @tap(%h: tensor<?x64xf32>) {
  llama.layers %l to 32 {
    llama.tap %h, "hidden.L"[%l] : tensor<?x64xf32>
    llama.yield
  }
  return
}

func.func @silu_mul(%gate: tensor<?x172xf32>, %up: tensor<?x172xf32>) {
  %g = llama.silu_mul %gate, %up : tensor<?x172xf32>
  return
}

func.func @add(%h: tensor<?x64xf32>, %a: tensor<?x64xf32>) {
  %r = llama.add %h, %a : tensor<?x64xf32>
  return
}

func.func @rope(%q: tensor<?x64xf32>, %positions: tensor<?xi32>) {
  %r = llama.rope %q, %positions
      frequencies #llama.rope<[1.0, 0.1, 0.01, 0.001]> pairing halves
      : tensor<?x64xf32>
  return
}

func.func @attention(%q: tensor<?x32xf32>, %k: tensor<?x16xf32>, %v: tensor<?x16xf32>,
                     %positions: tensor<?xi32>, %sequences: tensor<?xi32>) {
  llama.layers %l to 32 {
    %a = llama.attention %q, %k, %v, %positions, %sequences layer [%l]
        heads 8 kv_heads 4 scale 0.5 kv f32 : tensor<?x32xf32>, tensor<?x16xf32>
    llama.yield
  }
  return
}

func.func @layers(%x0: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %x = llama.layers %l to 32 iter (%h = %x0) : tensor<?x64xf32> {
    %n = llama.rms_norm %h, @attn_norm[%l] eps 1.0e-05 norm hf : tensor<?x64xf32>
    llama.yield %n : tensor<?x64xf32>
  }
  return %x : tensor<?x64xf32>
}

func.func @yield(%x: tensor<?x64xf32>) {
  %y = llama.layers %l to 32 iter (%h = %x) : tensor<?x64xf32> {
    llama.yield %h : tensor<?x64xf32>
  }
  return
}

// -----

module attributes {llama.ranks = 2 : i64} {
  llama.weight private @ffn_norm[32] : tensor<64xf32> from "model.layers.*.post_attention_layernorm.weight"
  llama.weight private @bo[32] : tensor<64xf32> from "model.layers.*.self_attn.o_proj.bias"

  func.func @all_reduce(%p: tensor<?x64xf32, #llama.partial>) {
    llama.layers %l to 32 {
      %a = llama.all_reduce %p bias @bo[%l] sum f32 tree [2]
          : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
      llama.yield
    }
    return
  }

  func.func @reduce_scatter(%p: tensor<?x64xf32, #llama.partial>) {
    llama.layers %l to 32 {
      %a = llama.reduce_scatter %p bias @bo[%l] sum f32 tree [2]
          : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16, #llama.rows>
      llama.yield
    }
    return
  }

  func.func @shard_rows(%x: tensor<?x64xf32>) {
    %h = llama.shard_rows %x : tensor<?x64xf32> -> tensor<?x64xf32, #llama.rows>
    return
  }

  func.func @all_reduce_residual_rms_norm(%p: tensor<?x64xf32, #llama.partial>,
                                          %h: tensor<?x64xf32>) {
    llama.layers %l to 32 {
      %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @ffn_norm[%l]
          eps 1.0e-05 norm hf sum f32 tree [2]
          : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
      llama.yield
    }
    return
  }

  func.func @all_gather(%x: tensor<?x64xf32, #llama.columns<unit = 8>>) {
    %y = llama.all_gather %x
        : tensor<?x64xf32, #llama.columns<unit = 8>> -> tensor<?x64xf32>
    return
  }

  func.func @gather(%x: tensor<?x512xf32, #llama.columns<unit = 1>>) {
    %y = llama.gather %x : tensor<?x512xf32, #llama.columns<unit = 1>>
        -> tensor<?x512xf32, #llama.root>
    return
  }
}
