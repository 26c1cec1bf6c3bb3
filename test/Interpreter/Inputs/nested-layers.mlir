// 2^62 layers of 4 layers; an inner loop counts once for each layer around it.
func.func @step() {
  llama.layers %l to 4611686018427387904 {
    llama.layers %m to 4 {
      llama.yield
    }
    llama.yield
  }
  return
}
