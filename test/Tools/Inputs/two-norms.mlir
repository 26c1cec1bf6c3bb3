llama.weight private @norm : tensor<64xf32> from "model.norm.weight"
llama.weight private @unused : tensor<64xf32> from "model.unused.weight"
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %a = llama.rms_norm %x, @norm eps 1.0e-05 norm hf : tensor<?x64xf32>
  %b = llama.rms_norm %x, @norm eps 1.0e-05 norm single : tensor<?x64xf32>
  return %b : tensor<?x64xf32>
}
