module {
  llama.weight private @w[2] : tensor<8x64x!llama.block<q8_0>> from "w.*"
  llama.weight private @b[2] : tensor<8xf32> from "b.*"
  llama.weight private @v : tensor<8x64xbf16> from "v"
  func.func @step(%arg0: tensor<?x64xf32>) {
    llama.layers %l to 2 {
      %w_0 = llama.linear %arg0, @w[%l] bias @b int8 leaves [2] : (tensor<?x64xf32>) -> tensor<?x8xf32>
      llama.yield
    }
    %w = llama.linear %arg0, @w[1] int8 leaves [] : (tensor<?x64xf32>) -> tensor<?x8xf32>
    %v = llama.linear %arg0, @v leaves [2] : (tensor<?x64xf32>) -> tensor<?x8xf32>
    return
  }
}

