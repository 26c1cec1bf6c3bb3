llama.weight private @large : tensor<2147483648xf32> from "large"
func.func @step() {
  return
}
