//===- LlamaOps.td - Ops of the llama dialect --------------*- tablegen -*-===//
//
// In every formula T is the element type of the result and rnd rounds to it.
// `docs/numerics.md` gives order and rounding of every sum.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IR_LLAMAOPS_TD
#define LAMINA_IR_LLAMAOPS_TD

include "lamina/IR/LlamaCollectives.td"
include "lamina/IR/LlamaOpBase.td"

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def Llama_WeightOp : Llama_Op<"weight", [Symbol, SymbolUser]> {
  let summary = "A weight of the model, or one derived from others";
  let description = [{
    Declares a weight by its logical shape (`[out, in]`, or `[out]` for norms and
    biases), its storage type, the number of layers, and where its bytes are:
    the name pattern in the checkpoint (`*` stands for the layer) and, once a
    checkpoint was read, file and offset of each layer. The bytes are never in
    the IR. `split` says how the weight is split over the ranks.

    A derived weight is made of others: `layers [...]` takes its layers, in
    order, from other weights; `columns [...]` joins the output features of its
    parts.

    Constraints:
    - (C1) The type is a tensor of f32, f16, bf16 or a block type, of rank 1 or
      2, with static positive dimensions.
    - (C2) A block type has rank 2, and its blocks divide the last dimension.
    - (C3) The number of layers is positive.
    - (C4) A weight has a source name or is derived, not both; only a weight with
      a source name has a placement or a split.
    - (C5) The parts of a derived weight are weights that are not derived.
    - (C6) In `layers`, the result is a vector, each range lies in its weight, each
      weight has the type of the result and no split, and the ranges add up to the
      number of layers.
    - (C7) In `columns`, the parts have the layers, the storage type and the
      input features of the result, and their output features add up to its own.
    - (C8) The unit of a split is positive and divides the dimension it splits,
      by rows in whole blocks; a vector is split by columns.
    - (C9) A placement has one entry for each layer, each naming one of its files.
    - (C10) A source name has one `*` exactly where the weight has layers.

    Example:
    ```mlir
    llama.weight private @attn_norm[32] : tensor<64xf32>
        from "model.layers.*.input_layernorm.weight"
    llama.weight private @output_norm : tensor<64xf32> from "model.norm.weight"
    llama.weight private @next_norm[32] : tensor<64xf32>
        = layers [@attn_norm[1 to 32], @output_norm]
    llama.weight private @down[2] : tensor<64x96x!llama.block<q8_0>>
        from "model.layers.*.mlp.down_proj.weight" split <rows, unit = 32>
        at <["model.safetensors"], [0, 0], [128, 6656]>
    ```
  }];
  let arguments = (ins
    SymbolNameAttr:$sym_name,
    OptionalAttr<StrAttr>:$sym_visibility,
    TypeAttrOf<AnyRankedTensor>:$type,
    OptionalAttr<I64Attr>:$layers,
    OptionalAttr<StrAttr>:$source,
    OptionalAttr<AnyAttrOf<[Llama_LayersOfAttr, Llama_ColumnsOfAttr]>>:$derived,
    OptionalAttr<Llama_SplitAttr>:$split,
    OptionalAttr<Llama_PlacementAttr>:$placement
  );
  let assemblyFormat = [{
    `` custom<Visibility>($sym_visibility) $sym_name (`[` $layers^ `]`)? `:` $type
    (`from` $source^)? (`split` $split^)? (`at` $placement^)?
    `` custom<Derivation>($derived) attr-dict
  }];
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
    /// Element or block type of the stored weight.
    ::mlir::Type getStorageType() { return getTensorType().getElementType(); }
    /// Output features (the only dimension of a vector).
    int64_t getOut() { return getTensorType().getDimSize(0); }
    /// Input features of a matrix.
    int64_t getIn() { return getTensorType().getDimSize(1); }
    ::lamina::LayersOfAttr getLayersOf() {
      return ::llvm::dyn_cast_or_null<::lamina::LayersOfAttr>(getDerivedAttr());
    }
    ::lamina::ColumnsOfAttr getColumnsOf() {
      return ::llvm::dyn_cast_or_null<::lamina::ColumnsOfAttr>(getDerivedAttr());
    }
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Rows in and out
//===----------------------------------------------------------------------===//

def Llama_EmbedOp : Llama_ComputeOp<"embed", [
    Pure, Distributed, SymbolUser,
    RowsMatch<"embedded", "ids"> /*C1*/
  ]> {
  let summary = "Rows of the embedding table";
  let description = [{
    ```
    embedded[t, :] = rnd(weight[ids[t], :])
    ```

    With a weight that is split over the vocabulary, the rows of other ranks are
    -0.0 and the result is a partial sum.

    Constraints:
    - (C1) `ids` has one i32 for each row of the result.
    - (C2) `weight` is a matrix without layers, not derived, whose input features
      are the features of the result.
    - (C3) The result is whole with a whole weight. A split weight is split by
      columns, with at least one unit for each rank, and the result is partial.

    Example:
    ```mlir
    %x = llama.embed %ids, @embed : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Llama_RowIndices:$ids, FlatSymbolRefAttr:$weight);
  let results = (outs Llama_Activation:$embedded);
  let assemblyFormat = "$ids `,` $weight attr-dict `:` type($embedded)";
}

def Llama_SelectRowsOp : Llama_ComputeOp<"select_rows", [
    Pure, DistributedByColumns,
    RowsMatch<"selected", "wanted"> /*C1*/
  ]> {
  let summary = "The rows that are wanted";
  let description = [{
    ```
    selected[i, :] = input[wanted[i], :]
    ```

    Constraints:
    - (C1) `wanted` has one i32 for each row of the result.
    - (C2) Input and result have the same features, element type and
      distribution, which is not partial.

    Example:
    ```mlir
    %s = llama.select_rows %x, %wanted : tensor<?x64xf32> -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Llama_Activation:$input, Llama_RowIndices:$wanted);
  let results = (outs Llama_Activation:$selected);
  let assemblyFormat = [{
    $input `,` $wanted attr-dict `:` type($input) `->` type($selected)
  }];
  let hasVerifier = 1;
}

def Llama_ShardRowsOp : Llama_ComputeOp<"shard_rows", [
    Pure, Distributed
  ]> {
  let summary = "The rows of a whole value that a rank keeps";
  let description = [{
    No rank needs another for this. What `llama.all_gather` has just joined from
    rows folds to these.

    Constraints:
    - (C1) The operand is whole, the result has rows, and they have one shape and
      element type.

    Example:
    ```mlir
    %h = llama.shard_rows %x : tensor<?x64xf32> -> tensor<?x64xf32, #llama.rows>
    ```
  }];
  let arguments = (ins Llama_Activation:$whole);
  let results = (outs Llama_Activation:$rows);
  let assemblyFormat = "$whole attr-dict `:` type($whole) `->` type($rows)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Normalisation
//===----------------------------------------------------------------------===//

def Llama_RmsNormOp : Llama_ComputeOp<"rms_norm", [
    Pure, Distributed, SymbolUser, Llama_WeightUserOpInterface
  ]> {
  let summary = "RMS norm over the features";
  let description = [{
    ```
    q         = 1 / sqrt(mean(input[t, :]^2) + eps)                      in f32
    normed    = hf:            rnd(rnd(input*q) * weight)
                single:        rnd(input*q*weight)
                zero_centered: rnd(input*q*(1 + weight))
    ```

    The result may have another element type than the input.

    Constraints:
    - (C1) Input and result have one shape.
    - (C2) `weight` is a vector over the features.
    - (C3) `eps` is positive and finite as f32.
    - (C4) Input and result are whole on every rank, or both have rows.

    Example:
    ```mlir
    %n = llama.rms_norm %x, @attn_norm[%l] eps 1.0e-05 norm hf : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins
    Llama_Activation:$input,
    FlatSymbolRefAttr:$weight, Optional<Index>:$layer, OptionalAttr<I64Attr>:$index,
    F64Attr:$eps,
    Llama_NormModeAttr:$norm
  );
  let results = (outs Llama_Activation:$normed);
  let assemblyFormat = [{
    $input `,` custom<WeightRef>($weight, $layer, $index)
    `eps` custom<Float>($eps) `norm` `` $norm attr-dict `:`
    custom<InputAndResult>(type($input), type($normed))
  }];
  let extraClassDeclaration = Llama_OneWeightRef<>.decl;
  let hasVerifier = 1;
}

def Llama_ResidualRmsNormOp : Llama_ComputeOp<"residual_rms_norm", [
    Pure, Distributed, SymbolUser, Llama_WeightUserOpInterface,
    AllTypesMatch<["update", "residual", "new_residual"]> /*C1*/
  ]> {
  let summary = "Add to the residual, then RMS norm";
  let description = [{
    ```
    new_residual = llama.add residual, update
    normed       = llama.rms_norm new_residual, weight
    ```

    The norm reads the rounded `new_residual`.

    Constraints:
    - (C1) `update`, `residual` and `new_residual` have one type.
    - (C2) `normed` has the shape of `residual`.
    - (C3) `weight` is a vector over the features.
    - (C4) `eps` is positive and finite as f32.
    - (C5) Operands and results are whole on every rank.

    Example:
    ```mlir
    %n, %r = llama.residual_rms_norm %s, %h, @ffn_norm[%l] eps 1.0e-05 norm hf
        : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins
    Llama_Activation:$update, Llama_Activation:$residual,
    FlatSymbolRefAttr:$weight, Optional<Index>:$layer, OptionalAttr<I64Attr>:$index,
    F64Attr:$eps,
    Llama_NormModeAttr:$norm
  );
  let results = (outs Llama_Activation:$normed, Llama_Activation:$new_residual);
  let assemblyFormat = [{
    $update `,` $residual `,` custom<WeightRef>($weight, $layer, $index)
    `eps` custom<Float>($eps) `norm` `` $norm attr-dict `:`
    custom<InputAndResult>(type($residual), type($normed))
  }];
  let extraClassDeclaration = Llama_OneWeightRef<>.decl;
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Products and element-wise ops
//===----------------------------------------------------------------------===//

def Llama_LinearOp : Llama_ComputeOp<"linear", [
    Pure, DistributedByColumns, SymbolUser, Llama_WeightUserOpInterface
  ]> {
  let summary = "Product with a weight";
  let description = [{
    ```
    product[t, o] = rnd(sum over k of input[t, k] * weight[o, k] + bias[o])
    ```

    The sum is taken in f32 by the tree `leaves`: the radices, outermost first,
    of a tree over equal chunks of the input features that a rank has. With a
    weight that is split by rows the result is a partial sum. A weight derived by
    `columns` has one result for each part.

    With `int8` the input is rounded to 8 bits before it is multiplied, with one
    scale for each 32 features of a row: "int8 activations" of docs/numerics.md.

    Constraints:
    - (C1) Results have the rows of `input`; one result for an ordinary weight,
      one for each part of a weight derived by `columns`.
    - (C2) `weight` is a matrix whose input features are the features of
      `input`; the output features of each part are the features of its result.
    - (C3) Each radix of `leaves` is at least 2, with at most 1024 leaves; they
      cut the input features of each rank into equal chunks that are whole blocks
      of the storage type.
    - (C4) `bias` is a vector over the output features, with layers exactly where
      the weight has them, with its parts, split as they are by columns; a partial
      sum has no bias.
    - (C5) A whole weight takes a whole input; one split by columns takes a whole
      input and returns columns, copied where the ranks are a multiple of fewer
      units; one split by rows takes columns of its unit, no copies, and returns a
      partial sum.
    - (C6) With `int8` the weight has a block type. Its leaves and its shares are
      whole blocks of 32 or 256 then (C3, C5), so that none cuts 32 features that
      have one scale.

    Example:
    ```mlir
    %p = llama.linear %n, @wq[%l] bias @bq leaves [2, 2]
        : (tensor<?x64xf32>) -> tensor<?x64xf32>
    ```
  }];
  let arguments = (ins
    Llama_Activation:$input,
    FlatSymbolRefAttr:$weight, Optional<Index>:$layer, OptionalAttr<I64Attr>:$index,
    OptionalAttr<FlatSymbolRefAttr>:$bias, // at the layer of the weight
    UnitAttr:$int8,
    DenseI64ArrayAttr:$leaves
  );
  let results = (outs Variadic<Llama_Activation>:$products);
  let assemblyFormat = [{
    $input `,` custom<WeightRef>($weight, $layer, $index) (`bias` $bias^)?
    (`int8` $int8^)? `leaves` $leaves attr-dict `:` functional-type($input, $products)
  }];
  let extraClassDeclaration = Llama_OneWeightRef<>.decl;
  let hasVerifier = 1;
  let useCustomPropertiesEncoding = 1; // version 1 had no `int8`
}

def Llama_SiluMulOp : Llama_ComputeOp<"silu_mul", [
    Pure, DistributedByColumns, SameOperandsAndResultType /*C1*/
  ]> {
  let summary = "SiLU of the gate, times up";
  let description = [{
    ```
    gated = rnd(gate / (1 + exp(-gate)) * up)                            in f32
    ```

    Constraints:
    - (C1) Operands and result have one type.
    - (C2) That type is not partial.

    Example:
    ```mlir
    %g = llama.silu_mul %gate, %up : tensor<?x172xf32>
    ```
  }];
  let arguments = (ins Llama_Activation:$gate, Llama_Activation:$up);
  let results = (outs Llama_Activation:$gated);
  let assemblyFormat = "$gate `,` $up attr-dict `:` type($gated)";
  let hasVerifier = 1;
}

def Llama_AddOp : Llama_ComputeOp<"add", [
    Pure, DistributedByColumns, Commutative, SameOperandsAndResultType /*C1*/
  ]> {
  let summary = "Residual add";
  let description = [{
    ```
    sum = rnd(residual + update)
    ```

    Canonicalisation puts the residual first: a product or a sum over ranks is
    the update.

    Constraints:
    - (C1) Operands and result have one type.
    - (C2) That type is not partial.

    Example:
    ```mlir
    %r = llama.add %h, %a : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Llama_Activation:$residual, Llama_Activation:$update);
  let results = (outs Llama_Activation:$sum);
  let assemblyFormat = "$residual `,` $update attr-dict `:` type($sum)";
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

def Llama_RopeOp : Llama_ComputeOp<"rope", [
    Pure, DistributedByColumns,
    AllTypesMatch<["input", "rotated"]>, // C1
    RowsMatch<"input", "positions"> /*C1*/
  ]> {
  let summary = "Rotary position embedding";
  let description = [{
    ```
    angle = position[t] * inverse_frequency[i]                           in f64
    (a, b) -> (a*cos(angle) - b*sin(angle), a*sin(angle) + b*cos(angle))
    ```

    for each head and each pair of columns (a, b): `halves` pairs i with
    i + head_dim/2, `adjacent` pairs 2i with 2i + 1.

    Constraints:
    - (C1) Input and result have one type, with one position for each row.
    - (C2) There is at least one frequency, all are finite, and the head
      dimension (twice their number) divides the features.
    - (C3) The type is whole, or has columns in units of whole heads.

    Example:
    ```mlir
    %r = llama.rope %q, %positions
        frequencies #llama.rope<[1.0, 0.1, 0.01, 0.001]> pairing halves
        : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Llama_Activation:$input, Llama_RowIndices:$positions,
                       Llama_RopeAttr:$frequencies, Llama_RopePairingAttr:$pairing);
  let results = (outs Llama_Activation:$rotated);
  let assemblyFormat = [{
    $input `,` $positions `frequencies` custom<Rope>($frequencies)
    `pairing` `` $pairing attr-dict `:` type($input)
  }];
  let hasVerifier = 1;
}

def Llama_AttentionOp : Llama_ComputeOp<"attention", [
    MemoryEffects<[MemRead<Llama_KVCache>, MemWrite<Llama_KVCache>]>,
    DistributedByColumns, SymbolUser, Llama_WeightUserOpInterface,
    AllTypesMatch<["query", "attended"]>, AllTypesMatch<["key", "value"]>, // C1
    RowsMatch<"query", "positions">, RowsMatch<"query", "sequences"> /*C1*/
  ]> {
  let summary = "Causal attention through the KV cache";
  let description = [{
    Writes the keys and values of the step's rows to the cache of `layer`, in its
    storage type `kv`; then, for each row and query head,

    ```
    score[j] = scale * (query . key[j])      for the positions j <= position[t]
    attended = sum over j of softmax(score)[j] * value[j]
    ```

    over the cached rows of the row's sequence. Query head h reads key-value head
    `h / (heads / kv_heads)`.

    Constraints:
    - (C1) Query and result have one type, key and value have one type; all have
      the same rows, with one position and one sequence for each.
    - (C2) `heads` and `kv_heads` are positive, `kv_heads` divides `heads`, and
      both give the same head dimension and element type.
    - (C3) `scale` is positive and finite as f32.
    - (C4) `kv` is f32, f16 or bf16.
    - (C5) The layer is a constant that is not negative, or the layer of
      `llama.layers`.
    - (C6) Query, key and value are whole, or all have columns in units of whole
      heads; then each rank has the key-value heads that its query heads read,
      and no copies of query heads.

    Example:
    ```mlir
    %a = llama.attention %q, %k, %v, %positions, %sequences layer [%l]
        heads 8 kv_heads 4 scale 0.5 kv f32 : tensor<?x32xf32>, tensor<?x16xf32>
    ```
  }];
  let arguments = (ins
    Llama_Activation:$query, Llama_Activation:$key, Llama_Activation:$value,
    Llama_RowIndices:$positions, Llama_RowIndices:$sequences,
    Optional<Index>:$layer, OptionalAttr<I64Attr>:$index,
    I64Attr:$heads, I64Attr:$kv_heads, F64Attr:$scale, TypeAttr:$kv
  );
  let results = (outs Llama_Activation:$attended);
  let assemblyFormat = [{
    $query `,` $key `,` $value `,` $positions `,` $sequences
    `layer` custom<LayerRef>($layer, $index) `heads` $heads `kv_heads` $kv_heads
    `scale` custom<Float>($scale) `kv` $kv attr-dict `:` type($query) `,` type($key)
  }];
  let extraClassDeclaration = [{
    ::llvm::SmallVector<::lamina::WeightRef> getWeightRefs() {
      return {{::mlir::FlatSymbolRefAttr(), getLayer(), getIndexAttr()}};
    }
    void setWeightRef(unsigned, ::lamina::WeightRef ref) {
      getLayerMutable().assign(ref.getLayerRange());
      ref.index ? setIndexAttr(ref.index) : (void)removeIndexAttr();
    }
    /// Columns of one head.
    int64_t getHeadDim() {
      return getQuery().getType().getDimSize(1) / getHeads();
    }
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Observation
//===----------------------------------------------------------------------===//

def Llama_TapOp : Llama_Op<"tap", [
    MemoryEffects<[MemWrite<Llama_Taps>]>, // never merged, dropped or reordered
    Distributed, Llama_WeightUserOpInterface
  ]> {
  let summary = "A point where a value is observed";
  let description = [{
    Hands `observed` to whoever runs the program, under the name `label`, with the
    layer behind it where there is one: `"hidden.L"[3]` is `hidden.L3`. Computes
    nothing and changes no value. Taps keep their order among each other; no other
    op waits for them, so that a rewrite may fuse the ops around one.

    Constraints:
    - (C1) `label` is not empty.
    - (C2) The layer, where there is one, is a constant that is not negative, or
      the layer of `llama.layers`.
    - (C3) `observed` is whole on every rank.

    Example:
    ```mlir
    llama.tap %h, "hidden.L"[%l] : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins
    Llama_Activation:$observed, StrAttr:$label,
    Optional<Index>:$layer, OptionalAttr<I64Attr>:$index
  );
  let assemblyFormat = [{
    $observed `,` $label `` custom<OptionalLayerRef>($layer, $index) attr-dict
    `:` type($observed)
  }];
  let extraClassDeclaration = [{
    ::llvm::SmallVector<::lamina::WeightRef> getWeightRefs();
    void setWeightRef(unsigned i, ::lamina::WeightRef ref);
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Layers
//===----------------------------------------------------------------------===//

def Llama_LayersOp : Llama_Op<"layers", [
    RecursiveMemoryEffects, SingleBlock, Named,
    DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmBlockArgumentNames"]>,
    DeclareOpInterfaceMethods<RegionBranchOpInterface,
        ["getEntrySuccessorOperands", "getRegionInvocationBounds"]>,
    DeclareOpInterfaceMethods<LoopLikeOpInterface,
        ["getInitsMutable", "getRegionIterArgs", "getYieldedValuesMutable",
         "getLoopResults", "getLoopInductionVars", "getLoopLowerBounds",
         "getLoopUpperBounds", "getLoopSteps", "getStaticTripCount"]>
  ]> {
  let summary = "The layers of the model, as a loop over a weight table";
  let description = [{
    Runs the body for the layers 0 to `count` - 1; the iteration values of a layer
    are what the layer before yielded, and `inits` for the first.

    Constraints:
    - (C1) `count` is not negative.
    - (C2) The body's arguments are an index and the iteration values; these,
      `inits`, the yielded values and the results have the same types.

    Example:
    ```mlir
    %x = llama.layers %l to 32 iter (%h = %x0) : tensor<?x64xf32> {
      %n = llama.rms_norm %h, @attn_norm[%l] eps 1.0e-05 norm hf : tensor<?x64xf32>
      llama.yield %n : tensor<?x64xf32>
    }
    ```
  }];
  let arguments = (ins I64Attr:$count, Variadic<AnyType>:$inits);
  let results = (outs Variadic<AnyType>:$finals);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    custom<Layers>($count, $inits, type($inits), type($finals), $body)
    attr-dict-with-keyword
  }];
  let extraClassDeclaration = [{
    /// The layer that the body computes, an index.
    ::mlir::BlockArgument getLayer() { return getBody().getArgument(0); }
    ::lamina::YieldOp getYield();
  }];
  let hasRegionVerifier = 1;
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Llama_YieldOp : Llama_Op<"yield", [
    Pure, Terminator, ReturnLike, ParentOneOf<["LayersOp"]>
  ]> {
  let summary = "The iteration values for the next layer";
  let description = [{
    Constraints:
    - (C1) The parent is `llama.layers`.

    Example:
    ```mlir
    llama.yield %h : tensor<?x64xf32>
    ```
  }];
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif // LAMINA_IR_LLAMAOPS_TD
