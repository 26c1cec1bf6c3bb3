module attributes {llama.ranks = 2} {
  func.func @step(%x: tensor<?x2xf32, #llama.columns<unit = 1>>) {
    %r = llama.gather %x : tensor<?x2xf32, #llama.columns<unit = 1>> -> tensor<?x2xf32, #llama.root>
    llama.tap %r, "logits" : tensor<?x2xf32, #llama.root>
    return
  }
}
