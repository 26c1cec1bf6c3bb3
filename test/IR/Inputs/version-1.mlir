#rope = #llama.rope<[1.000000e+00, 0.10000000000000002]>
module attributes {llama.ranks = 2 : i64} {
  llama.weight private @embed : tensor<512x64xf32> from "embed" split <columns, unit = 1>
  llama.weight private @norm[4] : tensor<64xf32> from "norm.*" at <["a.safetensors", "b.safetensors"], [0, 0, 1, 1], [0, 256, 0, 256]>
  llama.weight private @final : tensor<64xf32> from "final"
  llama.weight private @next[4] : tensor<64xf32> = layers [@norm[1 to 4], @final]
  llama.weight private @wq[4] : tensor<64x64xbf16> from "q.*" split <columns, unit = 8>
  llama.weight private @wk[4] : tensor<32x64xbf16> from "k.*" split <columns, unit = 4>
  llama.weight private @wqk[4] : tensor<96x64xbf16> = columns [@wq, @wk]
  llama.weight private @down[4] : tensor<64x64x!llama.block<q8_0>> from "down.*" split <rows, unit = 32>
  llama.weight private @bias[4] : tensor<64xf32> from "bias.*"
  func.func @step(%arg0: tensor<?xi32>) -> (tensor<?x64xf32>, tensor<?x64xf32, #llama.root>) {
    %x = llama.embed %arg0, @embed : tensor<?x64xf32, #llama.partial>
    %sum = llama.all_reduce %x sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
    %n = llama.rms_norm %sum, @norm[0] eps 1.0e-05 norm hf : tensor<?x64xf32>
    %x_0:2 = llama.layers %l to 4 iter (%h_2 = %sum, %n_3 = %n) : tensor<?x64xf32>, tensor<?x64xf32> {
      %p, %p_4 = llama.linear %n_3, @wqk[%l] leaves [2, 2] : (tensor<?x64xf32>) -> (tensor<?x64xf32, #llama.columns<unit = 8>>, tensor<?x32xf32, #llama.columns<unit = 4>>)
      %rotated = llama.rope %p, %arg0 frequencies #rope pairing halves : tensor<?x64xf32, #llama.columns<unit = 8>>
      %attended = llama.attention %rotated, %p_4, %p_4, %arg0, %arg0 layer [%l] heads 16 kv_heads 8 scale 0.5 kv bf16 : tensor<?x64xf32, #llama.columns<unit = 8>>, tensor<?x32xf32, #llama.columns<unit = 4>>
      %gated = llama.silu_mul %attended, %rotated : tensor<?x64xf32, #llama.columns<unit = 8>>
      %gathered_5 = llama.all_gather %gated : tensor<?x64xf32, #llama.columns<unit = 8>> -> tensor<?x64xf32>
      %h_6 = llama.add %h_2, %gathered_5 : tensor<?x64xf32>
      %n_7, %h_8 = llama.all_reduce_residual_rms_norm %x, %h_6, @next[%l] bias @bias[%l] eps 1.0e-05 norm single sum f32 tree [2] : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
      llama.yield %h_8, %n_7 : tensor<?x64xf32>, tensor<?x64xf32>
    }
    %n_1, %h = llama.residual_rms_norm %x_0#1, %x_0#0, @final eps 1.0e-05 norm zero_centered : tensor<?x64xf32>
    %rows = llama.select_rows %n_1, %arg0 : tensor<?x64xf32> -> tensor<?x64xf32>
    %q = llama.linear %rows, @wq[3] leaves [] : (tensor<?x64xf32>) -> tensor<?x64xf32, #llama.columns<unit = 8>>
    %gathered = llama.gather %q : tensor<?x64xf32, #llama.columns<unit = 8>> -> tensor<?x64xf32, #llama.root>
    return %h, %gathered : tensor<?x64xf32>, tensor<?x64xf32, #llama.root>
  }
}

