llama.weight private @norm : tensor<64xf32> from "model.norm.weight"
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %n = llama.rms_norm %x, @norm eps 1.0e-05 norm hf : tensor<?x64xf32>
  return %n : tensor<?x64xf32>
}
