// RUN: lamina-opt %s --llama-unroll-layers --verify-diagnostics
// RUN: not lamina-opt %s --llama-unroll-layers -o /dev/null 2> /dev/null

func.func @no_unroll_too_many_layers(%x: tensor<?x64xf32>) -> tensor<?x64xf32> {
  %y = llama.layers %l to 1000 iter (%h = %x) : tensor<?x64xf32> {
    // expected-error @below {{has 1000000 layers to write out, expected at most 65536}}
    %z = llama.layers %m to 1000 iter (%i = %h) : tensor<?x64xf32> {
      %n = llama.add %i, %x : tensor<?x64xf32>
      llama.yield %n : tensor<?x64xf32>
    }
    llama.yield %z : tensor<?x64xf32>
  }
  return %y : tensor<?x64xf32>
}
