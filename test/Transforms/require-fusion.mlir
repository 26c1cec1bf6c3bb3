// RUN: lamina-opt %s --llama-require-fusion | FileCheck %s
// RUN: lamina-opt %s --llama-fuse-all-reduce-residual-rms-norm --llama-require-fusion | FileCheck %s

// Everything is fused, or is no site: the first norm, and the norm of a sum
// that no rank adds to.

module attributes {llama.ranks = 2 : i64} {

llama.weight private @final : tensor<64xbf16> from "final"

// CHECK-LABEL: func @fused
func.func @fused(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %n = llama.rms_norm %h, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %o = llama.rms_norm %s, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %r = llama.add %n, %o : tensor<?x64xbf16>
  %q = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %m, %k = llama.all_reduce_residual_rms_norm %p, %q, @final eps 1.0e-05 norm hf sum f32 tree [2]
      : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16>
  return %m : tensor<?x64xbf16>
}

// CHECK-LABEL: func private @declaration
func.func private @declaration(tensor<?x64xbf16>) -> tensor<?x64xbf16>

}
