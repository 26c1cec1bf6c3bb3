//===- LlamaCollectives.td - What the ranks do together ----*- tablegen -*-===//
//
// In every formula T is the element type of the result and rnd rounds to it.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IR_LLAMACOLLECTIVES_TD
#define LAMINA_IR_LLAMACOLLECTIVES_TD

include "lamina/IR/LlamaOpBase.td"

def Llama_AllReduceOp : Llama_ComputeOp<"all_reduce", [
    Collective, Distributed, SymbolUser, Llama_WeightUserOpInterface
  ]> {
  let summary = "Sum over ranks, whole on every rank";
  let description = [{
    ```
    f32:    sum = rnd(tree over ranks of partial + bias)                 in f32
    native: sum = rnd(... rnd(rnd(partial_0 + partial_1) + partial_2) ... + bias)
    ```

    `tree` holds the radices of the summation tree over the ranks, outermost
    first: the leading radices of the product's `leaves`.

    Constraints:
    - (C1) The operand is partial, the result is whole, and they have one shape.
    - (C2) With `sum f32` the partial sum is f32; with `native` it has the element
      type of the result.
    - (C3) Each radix of `tree` is at least 2, and their product is `llama.ranks`.
    - (C4) `bias` is a vector over the features.

    Example:
    ```mlir
    %a = llama.all_reduce %p bias @bo[%l] sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16>
    ```
  }];
  let arguments = (ins
    Llama_Activation:$partial,
    OptionalAttr<FlatSymbolRefAttr>:$bias, Optional<Index>:$bias_layer,
    OptionalAttr<I64Attr>:$bias_index,
    Llama_SumModeAttr:$sum,
    DenseI64ArrayAttr:$tree
  );
  let results = (outs Llama_Activation:$reduced);
  let assemblyFormat = [{
    $partial `` custom<OptionalBias>($bias, $bias_layer, $bias_index) `sum` `` $sum
    `tree` $tree attr-dict `:` type($partial) `->` type($reduced)
  }];
  let extraClassDeclaration = [{
    ::llvm::SmallVector<::lamina::WeightRef> getWeightRefs();
    void setWeightRef(unsigned i, ::lamina::WeightRef ref);
  }];
  let hasVerifier = 1;
}

def Llama_ReduceScatterOp : Llama_ComputeOp<"reduce_scatter", [
    Collective, Distributed, SymbolUser, Llama_WeightUserOpInterface
  ]> {
  let summary = "Sum over ranks, of which each rank keeps its rows";
  let description = [{
    The rows that a rank has are those of `llama.all_reduce` with the same
    attributes.

    Constraints:
    - (C1) The operand is partial, the result has rows, and they have one shape.
    - (C2) With `sum f32` the partial sum is f32; with `native` it has the element
      type of the result.
    - (C3) Each radix of `tree` is at least 2, and their product is `llama.ranks`.
    - (C4) `bias` is a vector over the features.

    Example:
    ```mlir
    %a = llama.reduce_scatter %p bias @bo[%l] sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial> -> tensor<?x64xbf16, #llama.rows>
    ```
  }];
  let arguments = (ins
    Llama_Activation:$partial,
    OptionalAttr<FlatSymbolRefAttr>:$bias, Optional<Index>:$bias_layer,
    OptionalAttr<I64Attr>:$bias_index,
    Llama_SumModeAttr:$sum,
    DenseI64ArrayAttr:$tree
  );
  let results = (outs Llama_Activation:$reduced);
  let assemblyFormat = [{
    $partial `` custom<OptionalBias>($bias, $bias_layer, $bias_index) `sum` `` $sum
    `tree` $tree attr-dict `:` type($partial) `->` type($reduced)
  }];
  let extraClassDeclaration = [{
    ::llvm::SmallVector<::lamina::WeightRef> getWeightRefs();
    void setWeightRef(unsigned i, ::lamina::WeightRef ref);
  }];
  let hasVerifier = 1;
}

def Llama_AllReduceResidualRmsNormOp : Llama_ComputeOp<"all_reduce_residual_rms_norm", [
    Collective, Distributed, SymbolUser, Llama_WeightUserOpInterface,
    AttrSizedOperandSegments,
    AllTypesMatch<["residual", "new_residual"]> /*C1*/
  ]> {
  let summary = "Sum over ranks, add to the residual, then RMS norm";
  let description = [{
    ```
    update       = llama.all_reduce partial bias sum tree
    new_residual = llama.add residual, update
    normed       = llama.rms_norm new_residual, weight eps norm
    ```

    The sum is rounded to the type of the residual before it is added, and the
    norm reads the rounded `new_residual`: the op is defined by its expansion. With
    a residual in rows each rank adds and norms its own rows, and shares the normed
    ones:

    ```
    update       = llama.reduce_scatter partial bias sum tree
    new_residual = llama.add residual, update
    normed       = llama.all_gather (llama.rms_norm new_residual, weight eps norm)
    ```

    Constraints:
    - (C1) `residual` and `new_residual` have one type.
    - (C2) `partial` and `normed` have the shape of `residual`.
    - (C3) `partial` is partial and `normed` is whole; `residual` and
      `new_residual` are whole, or both have rows.
    - (C4) With `sum f32` the partial sum is f32; with `native` it has the element
      type of the residual.
    - (C5) Each radix of `tree` is at least 2, and their product is `llama.ranks`.
    - (C6) `weight` and `bias` are vectors over the features.
    - (C7) `eps` is positive and finite as f32.

    Example:
    ```mlir
    %n, %r = llama.all_reduce_residual_rms_norm %p, %h, @ffn_norm[%l]
        eps 1.0e-05 norm hf sum f32 tree [2]
        : tensor<?x64xf32, #llama.partial>, tensor<?x64xf32>
    ```
  }];
  let arguments = (ins
    Llama_Activation:$partial, Llama_Activation:$residual,
    FlatSymbolRefAttr:$weight, Optional<Index>:$layer, OptionalAttr<I64Attr>:$index,
    OptionalAttr<FlatSymbolRefAttr>:$bias, Optional<Index>:$bias_layer,
    OptionalAttr<I64Attr>:$bias_index,
    F64Attr:$eps,
    Llama_NormModeAttr:$norm,
    Llama_SumModeAttr:$sum,
    DenseI64ArrayAttr:$tree
  );
  let results = (outs Llama_Activation:$normed, Llama_Activation:$new_residual);
  let assemblyFormat = [{
    $partial `,` $residual `,` custom<WeightRef>($weight, $layer, $index)
    `` custom<OptionalBias>($bias, $bias_layer, $bias_index)
    `eps` custom<Float>($eps) `norm` `` $norm `sum` `` $sum `tree` $tree attr-dict `:`
    type($partial) `,` custom<InputAndResult>(type($residual), type($normed))
  }];
  let extraClassDeclaration = [{
    ::llvm::SmallVector<::lamina::WeightRef> getWeightRefs();
    void setWeightRef(unsigned i, ::lamina::WeightRef ref);
  }];
  let hasVerifier = 1;
}

def Llama_AllGatherOp : Llama_ComputeOp<"all_gather", [
    Collective, Distributed
  ]> {
  let summary = "Join the columns or the rows of all ranks on every rank";
  let description = [{
    Constraints:
    - (C1) The operand has columns, without copies, or rows; the result is whole,
      of the same shape and element type.

    Example:
    ```mlir
    %y = llama.all_gather %x
        : tensor<?x64xf32, #llama.columns<unit = 8>> -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Llama_Activation:$parts);
  let results = (outs Llama_Activation:$gathered);
  let assemblyFormat = "$parts attr-dict `:` type($parts) `->` type($gathered)";
  let hasVerifier = 1;
}

def Llama_GatherOp : Llama_ComputeOp<"gather", [
    Collective, Distributed
  ]> {
  let summary = "Join the columns of all ranks on rank 0";
  let description = [{
    Constraints:
    - (C1) The operand has columns, without copies; the result is `#llama.root`,
      of the same shape and element type.

    Example:
    ```mlir
    %y = llama.gather %x : tensor<?x512xf32, #llama.columns<unit = 1>>
        -> tensor<?x512xf32, #llama.root>
    ```
  }];
  let arguments = (ins Llama_Activation:$columns);
  let results = (outs Llama_Activation:$gathered);
  let assemblyFormat = "$columns attr-dict `:` type($columns) `->` type($gathered)";
  let hasVerifier = 1;
}

#endif // LAMINA_IR_LLAMACOLLECTIVES_TD
