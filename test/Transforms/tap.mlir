// RUN: lamina-opt %s --llama-to-fused=ranks=2 --llama-require-fusion > %t.two
// RUN: FileCheck %s --check-prefixes=FUSED,TWO < %t.two
// RUN: lamina-opt %s --llama-to-fused --llama-require-fusion > %t.one
// RUN: FileCheck %s --check-prefixes=FUSED,ONE < %t.one
// RUN: lamina-opt %t.two --llama-unroll-layers --canonicalize | FileCheck %s --check-prefix=UNROLLED
// RUN: lamina-opt %t.two --llama-expand-fused | FileCheck %s --check-prefix=EXPANDED

// A tap of the residual stream or of a normed value stays where it is, and
// hinders no pass: every site fuses.

// FUSED-LABEL: func @step
// FUSED:         llama.tap %[[X0:.+]], "embedded" :
// FUSED-NEXT:    %[[N0:.+]] = llama.rms_norm %[[X0]]
// FUSED-NEXT:    %[[X:.+]]:2 = llama.layers %[[L:.+]] to 3
// TWO:             llama.all_reduce_residual_rms_norm {{.*}}@ffn_norm[%[[L]]]
// TWO:             %[[N:[^,]+]], %[[H:.+]] = llama.all_reduce_residual_rms_norm {{.*}}@next_norm[%[[L]]]
// ONE:             llama.residual_rms_norm {{.*}}@ffn_norm[%[[L]]]
// ONE:             %[[N:[^,]+]], %[[H:.+]] = llama.residual_rms_norm {{.*}}@next_norm[%[[L]]]
// FUSED-NEXT:      llama.tap %[[H]], "hidden.L"[%[[L]]]
// FUSED-NEXT:      llama.yield %[[H]], %[[N]]
// FUSED:         llama.tap %[[X]]#1, "hidden.norm" :

// UNROLLED:      llama.tap %{{.+}}, "embedded" :
// UNROLLED:      %[[N0:[^,]+]], %[[H0:.+]] = llama.all_reduce_residual_rms_norm {{.*}}@attn_norm[1]
// UNROLLED-NEXT: llama.tap %[[H0]], "hidden.L"[0]
// UNROLLED:      llama.tap %{{.+}}, "hidden.L"[1]
// UNROLLED:      %[[N2:[^,]+]], %[[H2:.+]] = llama.all_reduce_residual_rms_norm {{.*}}@output_norm
// UNROLLED-NEXT: llama.tap %[[H2]], "hidden.L"[2]
// UNROLLED-NEXT: llama.tap %[[N2]], "hidden.norm" :
// UNROLLED-NOT:  llama.tap

// EXPANDED:      %[[H:.+]] = llama.add
// EXPANDED:      %[[H:.+]] = llama.add
// EXPANDED-NEXT: llama.rms_norm %[[H]], @next_norm
// EXPANDED-NEXT: llama.tap %[[H]], "hidden.L"

// The passes that go on with a peeled last layer.

// RUN: sed -e 's/@output_norm eps 1.0e-05/@output_norm eps 1.0e-06/' %s | lamina-opt --llama-to-fused=ranks=2 --llama-require-fusion | FileCheck %s --check-prefix=PEELED
// PEELED:      llama.layers %[[L:.+]] to 2
// PEELED:        llama.tap %{{.+}}, "hidden.L"[%[[L]]]
// PEELED:      llama.tap %{{.+}}, "hidden.L"[2]
// PEELED-NEXT: llama.tap %{{.+}}, "hidden.norm" :

// What is observed (returned here too), and the logits, have the same bits.

// RUN: lamina-interpret %t.two --compare-with=%s --inputs=seed:4 --weights=seed:5 | FileCheck %s --check-prefix=SAME
// RUN: lamina-interpret %t.one --compare-with=%s --inputs=seed:4 --weights=seed:5 | FileCheck %s --check-prefix=SAME
// SAME-COUNT-3: bit-equal

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
    -> (tensor<?x50xf32>, tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %x0 = llama.embed %ids, @embed : tensor<?x64xbf16>
  llama.tap %x0, "embedded" : tensor<?x64xbf16>
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
    %h1 = llama.add %h, %o : tensor<?x64xbf16>
    %n2 = llama.rms_norm %h1, @ffn_norm[%l] eps 1.0e-05 norm hf : tensor<?x64xbf16>
    %g = llama.linear %n2, @gate[%l] leaves [2, 2, 2] : (tensor<?x64xbf16>) -> tensor<?x172xbf16>
    %u = llama.linear %n2, @up[%l] leaves [2, 2, 2] : (tensor<?x64xbf16>) -> tensor<?x172xbf16>
    %s = llama.silu_mul %g, %u : tensor<?x172xbf16>
    %f = llama.linear %s, @down[%l] leaves [2, 2] : (tensor<?x172xbf16>) -> tensor<?x64xbf16>
    %h2 = llama.add %h1, %f : tensor<?x64xbf16>
    llama.tap %h2, "hidden.L"[%l] : tensor<?x64xbf16>
    llama.yield %h2 : tensor<?x64xbf16>
  }
  %n = llama.rms_norm %x, @output_norm eps 1.0e-05 norm hf : tensor<?x64xbf16>
  llama.tap %n, "hidden.norm" : tensor<?x64xbf16>
  %w = llama.select_rows %n, %wanted : tensor<?x64xbf16> -> tensor<?x64xbf16>
  %logits = llama.linear %w, @lm_head leaves [2, 2, 2] : (tensor<?x64xbf16>) -> tensor<?x50xf32>
  return %logits, %x, %n : tensor<?x50xf32>, tensor<?x64xbf16>, tensor<?x64xbf16>
}
