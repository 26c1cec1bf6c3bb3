module attributes {lamina.files = [{header_hash = -5987790872729733352 : i64, header_size = 576 : i64, name = "blocks.gguf", sample_hash = -1436957050074490651 : i64, size = 77408 : i64}], lamina.max_context = 256 : i64, llama.ranks = 1 : i64} {
  llama.weight private @table : tensor<16x256x!llama.block<q4_k>> from "q4_k" at <["blocks.gguf"], [0], [15680]>
  func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x256xf32> {
    %rows = llama.embed %ids, @table : tensor<?x256xf32>
    %result = llama.select_rows %rows, %wanted : tensor<?x256xf32> -> tensor<?x256xf32>
    return %result : tensor<?x256xf32>
  }
}
