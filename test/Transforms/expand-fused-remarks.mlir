// RUN: lamina-opt %s --llama-expand-fused --remarks-filter=llama-expand --remark-policy=all -o /dev/null 2>&1 | FileCheck %s

// What the fusion saved comes back: in each of the 3 layers two launches and
// 3 x 64 x 2 bytes; with one rank one launch and the sum read once more.

module attributes {llama.ranks = 2 : i64} {

llama.weight private @norm[3] : tensor<64xbf16> from "norm.*"

// CHECK: [Passed] Expanded | Category:llama-expand | Function=all_reduce | ActivationBytesAddedPerToken=1152, LaunchesAdded=6, Remark="expanded llama.all_reduce_residual_rms_norm"
func.func @all_reduce(%p: tensor<?x64xf32, #llama.partial>, %x: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %y = llama.layers %l to 3 iter (%h = %x) : tensor<?x64xbf16> {
    %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @norm[%l] eps 1.0e-05 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16>
    llama.yield %r : tensor<?x64xbf16>
  }
  return %y : tensor<?x64xbf16>
}

// CHECK: [Passed] Expanded | Category:llama-expand | Function=one_rank | ActivationBytesAddedPerToken=128, LaunchesAdded=1, Remark="expanded llama.residual_rms_norm"
// CHECK-NOT: Category
func.func @one_rank(%u: tensor<?x64xbf16>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %n, %r = llama.residual_rms_norm %u, %h, @norm[0] eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

}
