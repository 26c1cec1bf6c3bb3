// RUN: lamina-opt %s --verify-roundtrip
// RUN: lamina-opt %s | FileCheck %s

// eps prints in the shortest form that reads back as the same value, so that a
// config's 1e-06 stays 1.0e-06.

// CHECK: eps 1.0e-06 norm
// CHECK: eps 2.0 norm
// CHECK: eps 1.0e+22 norm
// CHECK: eps 0.1 norm
// CHECK: eps 1.0e-30 norm
llama.weight private @norm : tensor<64xf32> from "model.norm.weight"
func.func @f(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %n = llama.rms_norm %x, @norm eps 1.0e-06 norm hf : tensor<?x64xf32>
  %m = llama.rms_norm %n, @norm eps 2.0 norm hf : tensor<?x64xf32>
  %o = llama.rms_norm %m, @norm eps 1.0e+22 norm hf : tensor<?x64xf32>
  %p = llama.rms_norm %o, @norm eps 0.1 norm hf : tensor<?x64xf32>
  %q = llama.rms_norm %p, @norm eps 1.0e-30 norm hf : tensor<?x64xf32>
  return %q : tensor<?x64xf32>
}
