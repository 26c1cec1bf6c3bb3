!T = tensor<?x64xf32>
llama.weight private @embed : tensor<50x64xf32> from "embed"
llama.weight private @n1 : tensor<64xf32> from "n1"
llama.weight private @n2 : tensor<64xf32> from "n2"
llama.weight private @n3 : tensor<64xf32> from "n3"
llama.weight private @up1 : tensor<128x64xf32> from "up1"
llama.weight private @down1 : tensor<64x128xf32> from "down1"
llama.weight private @up2 : tensor<128x64xf32> from "up2"
llama.weight private @down2 : tensor<64x128xf32> from "down2"
llama.weight private @head : tensor<50x64xf32> from "head"
func.func @step(%ids: tensor<?xi32>, %positions: tensor<?xi32>, %sequences: tensor<?xi32>, %wanted: tensor<?xi32>) -> tensor<?x50xf32> {
  %x = llama.embed %ids, @embed : !T
  %a = llama.rms_norm %x, @n1 eps 1.0e-05 norm hf : !T
  %u = llama.linear %a, @up1 leaves [2, 2, 2] : (!T) -> tensor<?x128xf32>
  %s = llama.silu_mul %u, %u : tensor<?x128xf32>
  %d = llama.linear %s, @down1 leaves [2, 2, 2] : (tensor<?x128xf32>) -> !T
  %h = llama.add %x, %d : !T
  %b = llama.rms_norm %h, @n2 eps 1.0e-05 norm hf : !T
  %hs = llama.select_rows %h, %wanted : !T -> !T
  %bs = llama.select_rows %b, %wanted : !T -> !T
  %u2 = llama.linear %bs, @up2 leaves [2, 2, 2] : (!T) -> tensor<?x128xf32>
  %s2 = llama.silu_mul %u2, %u2 : tensor<?x128xf32>
  %d2 = llama.linear %s2, @down2 leaves [2, 2, 2] : (tensor<?x128xf32>) -> !T
  %h2 = llama.add %hs, %d2 : !T
  %c = llama.rms_norm %h2, @n3 eps 1.0e-05 norm hf : !T
  %l = llama.linear %c, @head leaves [2, 2, 2] : (!T) -> tensor<?x50xf32>
  return %l : tensor<?x50xf32>
}
