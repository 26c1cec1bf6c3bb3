// A model of three layers in the paper's order; its adds are commuted, and its
// attention output has a bias.

llama.weight private @embed : tensor<50x64xbf16> from "model.embed_tokens.weight"
llama.weight private @attn_norm[3] : tensor<64xbf16> from "model.layers.*.input_layernorm.weight"
llama.weight private @wq[3] : tensor<64x64xbf16> from "model.layers.*.self_attn.q_proj.weight"
llama.weight private @wk[3] : tensor<32x64xbf16> from "model.layers.*.self_attn.k_proj.weight"
llama.weight private @wv[3] : tensor<32x64xbf16> from "model.layers.*.self_attn.v_proj.weight"
llama.weight private @wo[3] : tensor<64x64xbf16> from "model.layers.*.self_attn.o_proj.weight"
llama.weight private @bo[3] : tensor<64xbf16> from "model.layers.*.self_attn.o_proj.bias"
llama.weight private @ffn_norm[3] : tensor<64xbf16> from "model.layers.*.post_attention_layernorm.weight"
llama.weight private @gate[3] : tensor<172x64xbf16> from "model.layers.*.mlp.gate_proj.weight"
llama.weight private @up[3] : tensor<172x64xbf16> from "model.layers.*.mlp.up_proj.weight"
llama.weight private @down[3] : tensor<64x172xbf16> from "model.layers.*.mlp.down_proj.weight"
llama.weight private @output_norm : tensor<64xbf16> from "model.norm.weight"
llama.weight private @lm_head : tensor<50x64xbf16> from "lm_head.weight"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>, %wanted: tensor<?xi32>)
    -> tensor<?x50xf32> {
  %x0 = llama.embed %ids, @embed : tensor<?x64xbf16>
  %x = llama.layers %l to 3 iter (%h = %x0) : tensor<?x64xbf16> {
    %n1 = llama.rms_norm %h, @attn_norm[%l] eps 1.0e-05 norm hf : tensor<?x64xbf16>
    %q = llama.linear %n1, @wq[%l] leaves [2, 2, 2] : (tensor<?x64xbf16>) -> tensor<?x64xbf16>
    %k = llama.linear %n1, @wk[%l] leaves [2, 2, 2] : (tensor<?x64xbf16>) -> tensor<?x32xbf16>
    %v = llama.linear %n1, @wv[%l] leaves [2, 2, 2] : (tensor<?x64xbf16>) -> tensor<?x32xbf16>
    %qr = llama.rope %q, %positions frequencies #llama.rope<[1.0, 0.1, 0.01, 0.001]> pairing halves : tensor<?x64xbf16>
    %kr = llama.rope %k, %positions frequencies #llama.rope<[1.0, 0.1, 0.01, 0.001]> pairing halves : tensor<?x32xbf16>
    %a = llama.attention %qr, %kr, %v, %positions, %sequences layer [%l] heads 8 kv_heads 4
        scale 0.35355339059327379 kv bf16 : tensor<?x64xbf16>, tensor<?x32xbf16>
    %o = llama.linear %a, @wo[%l] bias @bo leaves [2, 2, 2] : (tensor<?x64xbf16>) -> tensor<?x64xbf16>
    %h1 = llama.add %o, %h : tensor<?x64xbf16>
    %n2 = llama.rms_norm %h1, @ffn_norm[%l] eps 1.0e-05 norm hf : tensor<?x64xbf16>
    %g = llama.linear %n2, @gate[%l] leaves [2, 2, 2] : (tensor<?x64xbf16>) -> tensor<?x172xbf16>
    %u = llama.linear %n2, @up[%l] leaves [2, 2, 2] : (tensor<?x64xbf16>) -> tensor<?x172xbf16>
    %s = llama.silu_mul %g, %u : tensor<?x172xbf16>
    %f = llama.linear %s, @down[%l] leaves [2, 2] : (tensor<?x172xbf16>) -> tensor<?x64xbf16>
    %h2 = llama.add %h1, %f : tensor<?x64xbf16>
    llama.yield %h2 : tensor<?x64xbf16>
  }
  %n = llama.rms_norm %x, @output_norm eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %w = llama.select_rows %n, %wanted : tensor<?x64xbf16> -> tensor<?x64xbf16>
  %logits = llama.linear %w, @lm_head leaves [2, 2, 2] : (tensor<?x64xbf16>) -> tensor<?x50xf32>
  return %logits : tensor<?x50xf32>
}
