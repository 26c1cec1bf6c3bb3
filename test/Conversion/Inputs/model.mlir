// The fused stage of a model of two layers, with what a driver adds: places,
// files and limits. Taps show the residual and the last norm.

module attributes {llama.ranks = 1 : i64,
    lamina.model_path = "models/tiny", lamina.relative_model_path = "../tiny",
    lamina.max_context = 128 : i64, lamina.json = "{\22name\22: \22tiny\22}",
    lamina.files = [
      {name = "a.safetensors", size = 4096 : i64, header_size = 64 : i64,
       header_hash = -2 : i64, sample_hash = 3 : i64},
      {name = "b.safetensors", size = 2048 : i64, header_size = 32 : i64,
       header_hash = 4 : i64, sample_hash = 5 : i64, full_hash = 6 : i64}],
    lamina.tokenizer = dense_resource<tokenizer> : tensor<3xi8>} {
  llama.weight private @embed : tensor<10x16xf32> from "embed"
      at <["a.safetensors"], [0], [64]>
  llama.weight private @norm[2] : tensor<16xf32> from "norm.*"
      at <["a.safetensors", "b.safetensors"], [0, 1], [704, 32]>
  llama.weight private @wq[2] : tensor<16x16xbf16> from "q.*"
      at <["a.safetensors"], [0, 0], [768, 1280]>
  llama.weight private @wk[2] : tensor<8x16xbf16> from "k.*"
      at <["a.safetensors"], [0, 0], [1792, 2048]>
  llama.weight private @wv[2] : tensor<8x16xbf16> from "v.*"
      at <["a.safetensors"], [0, 0], [2304, 2560]>
  llama.weight private @qkv[2] : tensor<32x16xbf16> = columns [@wq, @wk, @wv]
  llama.weight private @bq[2] : tensor<16xf32> from "bq.*"
      at <["b.safetensors"], [0, 0], [96, 160]>
  llama.weight private @bk[2] : tensor<8xf32> from "bk.*"
      at <["b.safetensors"], [0, 0], [224, 256]>
  llama.weight private @bv[2] : tensor<8xf32> from "bv.*"
      at <["b.safetensors"], [0, 0], [288, 320]>
  llama.weight private @bqkv[2] : tensor<32xf32> = columns [@bq, @bk, @bv]
  llama.weight private @wo[2] : tensor<16x16xf16> from "o.*"
      at <["a.safetensors"], [0, 0], [2816, 3328]>
  llama.weight private @final : tensor<16xf32> from "final"
      at <["b.safetensors"], [0], [352]>
  llama.weight private @next[2] : tensor<16xf32> = layers [@norm[1 to 2], @final]
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>,
                  %wanted: tensor<?xi32>) -> tensor<?x10xf32> {
    %x0 = llama.embed %ids, @embed : tensor<?x16xf32>
    %n0 = llama.rms_norm %x0, @norm[0] eps 1.0e-05 norm hf : tensor<?x16xf32>
    %x:2 = llama.layers %l to 2 iter (%h = %x0, %n = %n0) : tensor<?x16xf32>, tensor<?x16xf32> {
      %q, %k, %v = llama.linear %n, @qkv[%l] bias @bqkv leaves [2, 2]
          : (tensor<?x16xf32>) -> (tensor<?x16xf32>, tensor<?x8xf32>, tensor<?x8xf32>)
      %qr = llama.rope %q, %positions frequencies #llama.rope<[1.0, 0.1]> pairing halves : tensor<?x16xf32>
      %kr = llama.rope %k, %positions frequencies #llama.rope<[1.0, 0.1]> pairing halves : tensor<?x8xf32>
      %a = llama.attention %qr, %kr, %v, %positions, %sequences layer [%l]
          heads 4 kv_heads 2 scale 0.5 kv f16 : tensor<?x16xf32>, tensor<?x8xf32>
      %o = llama.linear %a, @wo[%l] leaves [2] : (tensor<?x16xf32>) -> tensor<?x16xf32>
      %m, %r = llama.residual_rms_norm %o, %h, @next[%l] eps 2.0e-05 norm single : tensor<?x16xf32>
      llama.tap %r, "hidden.L"[%l] : tensor<?x16xf32>
      llama.yield %r, %m : tensor<?x16xf32>, tensor<?x16xf32>
    }
    llama.tap %x#1, "hidden.norm" : tensor<?x16xf32>
    %w = llama.select_rows %x#1, %wanted : tensor<?x16xf32> -> tensor<?x16xf32>
    %y = llama.linear %w, @embed leaves [2, 2] : (tensor<?x16xf32>) -> tensor<?x10xf32>
    return %y : tensor<?x10xf32>
  }
}

{-#
  dialect_resources: {
    builtin: {
      tokenizer: "0x01000000AB00FF"
    }
  }
#-}
