// RUN: lamina-interpret %s --function=fused > %t
// RUN: lamina-interpret %s --function=expanded | diff - %t
// RUN: lamina-interpret %s --function=rows | diff - %t
// RUN: lamina-interpret %s --function=rows_expanded | diff - %t
// RUN: lamina-interpret %s --function=fused --tokens=9 > %t.many
// RUN: lamina-interpret %s --function=rows --tokens=9 | diff - %t.many
// RUN: lamina-interpret %s --function=fused --tokens=1 > %t.one
// RUN: lamina-interpret %s --function=rows --tokens=1 | diff - %t.one
// RUN: lamina-interpret %s --function=fused --arith=f64 > %t.exact
// RUN: lamina-interpret %s --function=rows --arith=f64 | diff - %t.exact
// RUN: lamina-interpret %s --function=residual > %t.residual
// RUN: lamina-interpret %s --function=residual_expanded | diff - %t.residual

// The fused ops are their expansions, in every bit: the residual is added once, the
// bias once, and the norm reads the rounded residual.

module attributes {llama.ranks = 4} {
  llama.weight private @w : tensor<33xf32> from "w"
  llama.weight private @bias : tensor<33xbf16> from "b"

  func.func @fused(%p: tensor<?x33xf32, #llama.partial>, %h: tensor<?x33xbf16>) -> (tensor<?x33xbf16>, tensor<?x33xbf16>) {
    %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @w bias @bias
        eps 1.0e-05 norm hf sum f32 tree [2, 2] : tensor<?x33xf32, #llama.partial>, tensor<?x33xbf16>
    return %n, %r : tensor<?x33xbf16>, tensor<?x33xbf16>
  }
  func.func @expanded(%p: tensor<?x33xf32, #llama.partial>, %h: tensor<?x33xbf16>) -> (tensor<?x33xbf16>, tensor<?x33xbf16>) {
    %s = llama.all_reduce %p bias @bias sum f32 tree [2, 2] : tensor<?x33xf32, #llama.partial> -> tensor<?x33xbf16>
    %r = llama.add %h, %s : tensor<?x33xbf16>
    %n = llama.rms_norm %r, @w eps 1.0e-05 norm hf : tensor<?x33xbf16>
    return %n, %r : tensor<?x33xbf16>, tensor<?x33xbf16>
  }

  // With a residual in rows the bits are the same.

  func.func @rows(%p: tensor<?x33xf32, #llama.partial>, %h: tensor<?x33xbf16, #llama.rows>)
      -> (tensor<?x33xbf16>, tensor<?x33xbf16, #llama.rows>) {
    %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @w bias @bias
        eps 1.0e-05 norm hf sum f32 tree [2, 2]
        : tensor<?x33xf32, #llama.partial>, tensor<?x33xbf16, #llama.rows> -> tensor<?x33xbf16>
    return %n, %r : tensor<?x33xbf16>, tensor<?x33xbf16, #llama.rows>
  }
  func.func @rows_expanded(%p: tensor<?x33xf32, #llama.partial>, %h: tensor<?x33xbf16, #llama.rows>)
      -> (tensor<?x33xbf16>, tensor<?x33xbf16, #llama.rows>) {
    %s = llama.reduce_scatter %p bias @bias sum f32 tree [2, 2] : tensor<?x33xf32, #llama.partial> -> tensor<?x33xbf16, #llama.rows>
    %r = llama.add %h, %s : tensor<?x33xbf16, #llama.rows>
    %o = llama.rms_norm %r, @w eps 1.0e-05 norm hf : tensor<?x33xbf16, #llama.rows>
    %n = llama.all_gather %o : tensor<?x33xbf16, #llama.rows> -> tensor<?x33xbf16>
    return %n, %r : tensor<?x33xbf16>, tensor<?x33xbf16, #llama.rows>
  }

  func.func @residual(%s: tensor<?x33xf16>, %h: tensor<?x33xf16>) -> (tensor<?x33xbf16>, tensor<?x33xf16>) {
    %n, %r = llama.residual_rms_norm %s, %h, @w eps 1.0e-05 norm single : tensor<?x33xf16> -> tensor<?x33xbf16>
    return %n, %r : tensor<?x33xbf16>, tensor<?x33xf16>
  }
  func.func @residual_expanded(%s: tensor<?x33xf16>, %h: tensor<?x33xf16>) -> (tensor<?x33xbf16>, tensor<?x33xf16>) {
    %r = llama.add %h, %s : tensor<?x33xf16>
    %n = llama.rms_norm %r, @w eps 1.0e-05 norm single : tensor<?x33xf16> -> tensor<?x33xbf16>
    return %n, %r : tensor<?x33xbf16>, tensor<?x33xf16>
  }
}
