//===- Passes.td - llama -> llama rewrites -----------------*- tablegen -*-===//

#ifndef LAMINA_TRANSFORMS_PASSES_TD
#define LAMINA_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def FuseAllReduceResidualRmsNormPass
    : Pass<"llama-fuse-all-reduce-residual-rms-norm", "::mlir::ModuleOp"> {
  let summary = "Fuse all_reduce + residual add + rms_norm into one op";
  let description = [{
    Saves two launches and three trips over the activations at each boundary of
    half a layer. Before:

    ```mlir
    %s = llama.all_reduce %p sum f32 tree [2] : ...
    %r = llama.add %h, %s : tensor<?x64xbf16>
    %n = llama.rms_norm %r, @ffn_norm[%l] eps 1.0e-05 norm hf : tensor<?x64xbf16>
    ```

    After:

    ```mlir
    %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @ffn_norm[%l]
        eps 1.0e-05 norm hf sum f32 tree [2] : ...
    ```

    A *site* is a norm whose input is a residual add and, with several ranks, the
    add has an all_reduce; of a residual in rows (`#llama.rows`), a reduce_scatter,
    and an all_gather joins the normed rows. With one rank the site becomes
    `llama.residual_rms_norm`. Other users of `%r` read the second result.

    Leaves a site alone, with a remark that says why, if its ops are in
    different blocks, a cast or a reshape stands between them, the sum has other
    users, another collective stands between the all_reduce and the add, normed
    rows are not joined by one all_gather behind the norm, a layer is not yet
    defined at the add, or the add was fused with another norm.

    Launches and bytes of the remarks are those of one step: a site in a loop
    counts once a layer.
  }];
  let dependentDialects = ["::lamina::LlamaDialect"];
}

def ShardResidualPass : Pass<"llama-shard-residual", "::mlir::ModuleOp"> {
  let summary = "Keep the residual in rows of the ranks between fused ops";
  let description = [{
    Each rank keeps the rows of the residual that it sums and norms, and shares
    the normed rows only. Before:

    ```mlir
    %x, %n = llama.layers %l to 32 iter (%h = %x0, %n1 = %n0) : T, T {
      ...
      %n2, %h1 = llama.all_reduce_residual_rms_norm %p, %h, @ffn_norm[%l] ... : ..., T
      ...
      %n3, %h2 = llama.all_reduce_residual_rms_norm %q, %h1, @next_norm[%l] ... : ..., T
      llama.yield %h2, %n3 : T, T
    }
    ```

    After, with `R` for `tensor<?x64xbf16, #llama.rows>`:

    ```mlir
    %h0 = llama.shard_rows %x0 : T -> R
    %x, %n = llama.layers %l to 32 iter (%h = %h0, %n1 = %n0) : R, T {
      ...
      %n2, %h1 = llama.all_reduce_residual_rms_norm %p, %h, @ffn_norm[%l] ... : ..., R -> T
      ...
      %n3, %h2 = llama.all_reduce_residual_rms_norm %q, %h1, @next_norm[%l] ... : ..., R -> T
      llama.yield %h2, %n3 : R, T
    }
    ```

    Any other reader of the residual reads an `llama.all_gather` of it. Works on
    whole *streams*: the residuals that fused ops and loops hand on to each other.

    Leaves a stream whole, with a remark that says why, if there is one rank, if
    the number of tokens is static and below two a rank, if its rows are those of
    a `llama.select_rows`, or if the gathers for other readers, as they run in
    a step, are at least half as many as the fused ops.
  }];
  let dependentDialects = ["::lamina::LlamaDialect"];
}

def RequireFusionPass : Pass<"llama-require-fusion", "::mlir::ModuleOp"> {
  let summary = "Fail if a site is left that did not fuse";
  let description = [{
    Runs the matcher of `--llama-fuse-all-reduce-residual-rms-norm` and reports,
    for each site that is left in the module, why it did not fuse and what to
    change. Sites that would fuse are errors too: the fusion did not run.
  }];
}

def ExpandFusedPass : Pass<"llama-expand-fused", "::mlir::ModuleOp"> {
  let summary = "Expand fused ops into the ops that define them";
  let description = [{
    The inverse of `--llama-fuse-all-reduce-residual-rms-norm`. After:

    ```mlir
    %s = llama.all_reduce %p sum f32 tree [2] : ...
    %r = llama.add %h, %s : tensor<?x64xbf16>
    %n = llama.rms_norm %r, @ffn_norm[%l] eps 1.0e-05 norm hf : tensor<?x64xbf16>
    ```

    A residual in rows becomes a `llama.reduce_scatter`, add and norm of rows, and
    a `llama.all_gather` of the normed rows.
  }];
  let dependentDialects = ["::lamina::LlamaDialect"];
}

def HoistFirstNormPass
    : Pass<"llama-hoist-first-norm", "::mlir::ModuleOp"> {
  let summary = "Move the first norm out in front of the layers";
  let description = [{
    Rotates the loop over the layers by one norm, so that every norm follows the
    residual add that it can be fused with. Before:

    ```mlir
    %x = llama.layers %l to 32 iter (%h = %x0) : T {
      %n1 = llama.rms_norm %h, @attn_norm[%l] eps 1.0e-05 norm hf : T
      ...
      %h2 = llama.add %h1, %f : T
      llama.yield %h2 : T
    }
    %n = llama.rms_norm %x, @output_norm eps 1.0e-05 norm hf : T
    ```

    After:

    ```mlir
    llama.weight private @next_norm[32] : tensor<64xf32>
        = layers [@attn_norm[1 to 32], @output_norm]
    %n0 = llama.rms_norm %x0, @attn_norm[0] eps 1.0e-05 norm hf : T
    %x, %n = llama.layers %l to 32 iter (%h = %x0, %n1 = %n0) : T, T {
      ...
      %h2 = llama.add %h1, %f : T
      %n3 = llama.rms_norm %h2, @next_norm[%l] eps 1.0e-05 norm hf : T
      llama.yield %h2, %n3 : T, T
    }
    ```

    The norm of the last layer is the final norm behind the loop. If that norm
    is missing or differs in eps, mode, type or storage of its weight, or its
    weight is derived, the last layer is peeled: the loop runs to 31, and the last layer follows as straight
    code with the static layer 31.

    Leaves a loop alone, with a remark that says why, if no norm or more than
    one reads an iteration value, the norm's weight is not read at the loop's
    layer, or the layer does not end in a residual add. A loop `to 0` is not
    rotated.
  }];
  let dependentDialects = ["::lamina::LlamaDialect", "::mlir::arith::ArithDialect"];
}

def ShardPass : Pass<"llama-shard", "::mlir::ModuleOp"> {
  let summary = "Split the weights and activations over the ranks";
  let description = [{
    Column-splits the products whose results are used by heads or features
    (query, key, value, gate, up, the logits), row-splits the products that read
    such columns (attention output, down), splits the embedding over the
    vocabulary, and makes partial sums whole by an all_reduce. Before:

    ```mlir
    %o = llama.linear %a, @wo[%l] leaves [2, 2, 2] : (T) -> T
    ```

    After, for `ranks=2`:

    ```mlir
    %p = llama.linear %a, @wo[%l] leaves [2, 2]
        : (tensor<?x64xbf16, #llama.columns<unit = 8>>) -> tensor<?x64xf32, #llama.partial>
    %o = llama.all_reduce %p sum f32 tree [2] : tensor<?x64xf32, #llama.partial> -> T
    ```

    The leading radices of `leaves` whose product is the number of ranks move to
    the collective; then the sum has the same bits as on one rank. A bias moves
    to the collective too, so that it is added once.

    Logits that a function returns, and nothing else reads, are gathered on rank
    0, unless the function is called. What is read by an op that takes whole
    values only, or stands where no collective may stand (in `scf.if`, or in a
    function that is called there), stays whole; so does the table of an embedding
    that another op reads whole.

    A plan that cannot be is one error with a table of all reasons; so is a
    module without `llama.ranks` that has a distributed value already.
  }];
  let options = [
    Option<"ranks", "ranks", "::lamina::RankCount", /*default=*/"::lamina::RankCount{1}",
           "Number of ranks">,
    Option<"sum", "sum", "::lamina::SumMode", /*default=*/"::lamina::SumMode::f32",
           "Where sums over ranks are rounded",
           [{::llvm::cl::values(
             clEnumValN(::lamina::SumMode::f32, "f32", "once, after the sum in f32"),
             clEnumValN(::lamina::SumMode::native, "native", "after each add"))}]>
  ];
  let dependentDialects = ["::lamina::LlamaDialect"];
}

def PrintShardPlanPass : Pass<"llama-print-shard-plan", "::mlir::ModuleOp"> {
  let summary = "Print how the weights are split, as a table";
  let description = [{
    Prints, for each weight, its rule and the bytes that each rank has of it; the
    last line adds them up. Before sharding, the plan for `ranks`; on a module
    with `llama.ranks`, what it holds. Goes to standard error, so that it does
    not mix with the module.
  }];
  let options = [
    Option<"ranks", "ranks", "::lamina::RankCount", /*default=*/"::lamina::RankCount{1}",
           "Number of ranks">
  ];
}

def MergeProjectionsPass
    : Pass<"llama-merge-projections", "::mlir::ModuleOp"> {
  let summary = "Join the products that read one input";
  let description = [{
    Query, key and value become one product, and so do gate and up. Before:

    ```mlir
    %q = llama.linear %n, @wq[%l] leaves [2, 2, 2] : (T) -> tensor<?x64xf32>
    %k = llama.linear %n, @wk[%l] leaves [2, 2, 2] : (T) -> tensor<?x32xf32>
    %v = llama.linear %n, @wv[%l] leaves [2, 2, 2] : (T) -> tensor<?x32xf32>
    ```

    After:

    ```mlir
    llama.weight private @wq_wk_wv[32] : tensor<128x64xf32> = columns [@wq, @wk, @wv]
    %q, %k, %v = llama.linear %n, @wq_wk_wv[%l] leaves [2, 2, 2]
        : (T) -> (tensor<?x64xf32>, tensor<?x32xf32>, tensor<?x32xf32>)
    ```

    Leaves products alone, with a remark, whose weights differ in storage type or
    layers, that differ in `leaves`, or of which only some have a bias.
  }];
  let dependentDialects = ["::lamina::LlamaDialect"];
}

def UnrollLayersPass : Pass<"llama-unroll-layers", "::mlir::ModuleOp"> {
  let summary = "Unroll the loop over the layers into straight code";
  let description = [{
    Every layer of `llama.layers` is written out, with its layer as a static
    index and its number in place of `*` in the locations. Before:

    ```mlir
    %x = llama.layers %l to 2 iter (%h = %x0) : T {
      %n = llama.rms_norm %h, @attn_norm[%l] eps 1.0e-05 norm hf : T
      llama.yield %n : T
    }
    ```

    After:

    ```mlir
    %n = llama.rms_norm %x0, @attn_norm[0] eps 1.0e-05 norm hf : T
    %x = llama.rms_norm %n, @attn_norm[1] eps 1.0e-05 norm hf : T
    ```

    More than 65536 layers in all are an error.
  }];
  let dependentDialects = ["::lamina::LlamaDialect", "::mlir::arith::ArithDialect"];
}

#endif // LAMINA_TRANSFORMS_PASSES_TD
