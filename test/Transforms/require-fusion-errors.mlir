// RUN: lamina-opt %s --llama-require-fusion --split-input-file --verify-diagnostics
// RUN: not lamina-opt %s --llama-require-fusion --split-input-file -o /dev/null 2> /dev/null

module attributes {llama.ranks = 2 : i64} {

llama.weight private @norm[3] : tensor<64xbf16> from "norm.*"
llama.weight private @final : tensor<64xbf16> from "final"

func.func @not_run(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  // expected-error @below {{site did not fuse: it matches, but the fusion did not run; run --llama-fuse-all-reduce-residual-rms-norm first}}
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

func.func @already_fused(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @final eps 1.0e-05 norm hf sum f32 tree [2]
      : tensor<?x64xf32, #llama.partial>, tensor<?x64xbf16>
  // expected-error @below {{site did not fuse: the residual add is already fused with another norm; if the norms are equal, read the result of one in both places}}
  %m = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %m : tensor<?x64xbf16>, tensor<?x64xbf16>
}

func.func @norm_in_other_block(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %x = llama.layers %l to 3 iter (%i = %h) : tensor<?x64xbf16> {
    // expected-error @below {{site did not fuse: the norm is in another block than the residual add; move the norm next to the add, or hoist the first norm}}
    %n = llama.rms_norm %r, @norm[%l] eps 1.0e-05 norm hf : tensor<?x64xbf16>
    llama.yield %n : tensor<?x64xbf16>
  }
  return %x : tensor<?x64xbf16>
}

func.func @sum_in_other_block(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %x = llama.layers %l to 3 iter (%i = %h) : tensor<?x64xbf16> {
    %r = llama.add %i, %s : tensor<?x64xbf16>
    // expected-error @below {{site did not fuse: the all_reduce is in another block than the add; move the all_reduce next to the add}}
    %n = llama.rms_norm %r, @norm[%l] eps 1.0e-05 norm hf : tensor<?x64xbf16>
    llama.yield %n : tensor<?x64xbf16>
  }
  return %x : tensor<?x64xbf16>
}

func.func @sum_has_other_users(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  // expected-error @below {{site did not fuse: the sum of the all_reduce has other users; let them read the residual stream, which the fused op returns}}
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %s : tensor<?x64xbf16>, tensor<?x64xbf16>
}

// Every site that is left is reported.

func.func @collective_between(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>)
    -> (tensor<?x64xbf16>, tensor<?x64xbf16>) {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %t = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  // expected-error @below {{site did not fuse: an op that is or may hold a collective stands between the all_reduce and the add; move that op before the all_reduce or behind the add}}
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  %u = llama.add %h, %t : tensor<?x64xbf16>
  // expected-error @below {{site did not fuse: it matches}}
  %m = llama.rms_norm %u, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n, %m : tensor<?x64xbf16>, tensor<?x64xbf16>
}

func.func @late_layer(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %c2 = arith.constant 2 : index
  // expected-error @below {{site did not fuse: the layer of the norm's weight is defined after the add; define the layer before the add}}
  %n = llama.rms_norm %r, @norm[%c2] eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

func.func @cast_before_norm(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xf32> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
  %r = llama.add %h, %s : tensor<?x64xbf16>
  %w = arith.extf %r : tensor<?x64xbf16> to tensor<?x64xf32>
  // expected-error @below {{site did not fuse: a cast or a reshape stands between the residual add and the norm; let the norm read the sum: its result may have another element type}}
  %n = llama.rms_norm %w, @final eps 1.0e-05 norm hf : tensor<?x64xf32>
  return %n : tensor<?x64xf32>
}

func.func @cast_before_add(%p: tensor<?x64xf32, #llama.partial>, %h: tensor<?x64xbf16>) -> tensor<?x64xbf16> {
  %s = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> tensor<?x64xf32>
  %t = arith.truncf %s : tensor<?x64xf32> to tensor<?x64xbf16>
  %r = llama.add %h, %t : tensor<?x64xbf16>
  // expected-error @below {{site did not fuse: a cast or a reshape stands between the all_reduce and the add; let the all_reduce have the type of the residual}}
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xbf16>
  return %n : tensor<?x64xbf16>
}

}

// -----

// One rank, without the attribute: an add of anything is a residual add.

llama.weight private @final : tensor<64xf32> from "final"

func.func @not_run_one_rank(%u: tensor<?x64xf32>, %h: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %r = llama.add %h, %u : tensor<?x64xf32>
  // expected-error @below {{site did not fuse: it matches, but the fusion did not run}}
  %n = llama.rms_norm %r, @final eps 1.0e-05 norm hf : tensor<?x64xf32>
  return %n : tensor<?x64xf32>
}
