module attributes {llama.ranks = 2 : i64} {
  llama.weight private @w : tensor<64xf32> from "w"
  llama.weight private @b : tensor<64xf32> from "b"
  func.func @step(%arg0: tensor<?x64xf32>, %arg1: tensor<?x64xf32, #llama.partial>) -> tensor<?x64xf32> {
    %h = llama.shard_rows %arg0 : tensor<?x64xf32> -> tensor<?x64xf32, #llama.rows>
    %sum = llama.reduce_scatter %arg1 bias @b sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32, #llama.rows>
    %h_0 = llama.add %h, %sum : tensor<?x64xf32, #llama.rows>
    %n, %h_1 = llama.all_reduce_residual_rms_norm %arg1, %h_0, @w eps 1.0e-05 norm hf sum f32 tree [2] : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32>
    %gathered = llama.all_gather %h_1 : tensor<?x64xf32, #llama.rows> -> tensor<?x64xf32>
    return %gathered : tensor<?x64xf32>
  }
}

