//===- LlamaAttrs.td - Encodings, numerics and weight attributes -*- tablegen -*-===//
//
// The distribution encodings, the enums of the numerics attributes, and the
// attributes of `llama.weight`.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IR_LLAMAATTRS_TD
#define LAMINA_IR_LLAMAATTRS_TD

include "lamina/IR/LlamaDialect.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributes.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/TensorEncoding.td"

class Llama_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Llama_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

//===----------------------------------------------------------------------===//
// Distribution encodings
//===----------------------------------------------------------------------===//

class Llama_Encoding<string name, string attrMnemonic>
    : Llama_Attr<name, attrMnemonic,
                 [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]>;

def Llama_PartialAttr : Llama_Encoding<"Partial", "partial"> {
  let summary = "Each rank holds an addend; the value is their sum";
  let description = [{
    The value is the sum over ranks, in the order of the collective's `tree`.

    Constraints:
    - (C1) The tensor has the form tokens x features.
  }];
}

def Llama_RowsAttr : Llama_Encoding<"Rows", "rows"> {
  let summary = "Each rank holds a range of rows";
  let description = [{
    Rank r of n holds the rows `[r*ceil(T/n), (r+1)*ceil(T/n))` of the T rows,
    clamped to T: with fewer rows than ranks the last ranks hold none.

    Constraints:
    - (C1) The tensor has the form tokens x features.
  }];
}

def Llama_ColumnsAttr : Llama_Encoding<"Columns", "columns"> {
  let summary = "Each rank holds a range of units of columns";
  let description = [{
    The features are cut into `U = features / unit` units (a head, a
    quantisation block, a column). Rank r of n holds the units
    `[floor(r*U/n), floor((r+1)*U/n))`. With fewer units than ranks (KV heads)
    n is a multiple of U and rank r holds a copy of unit `floor(r*U/n)`.

    Constraints:
    - (C1) The tensor has the form tokens x features.
    - (C2) `unit` is positive and divides the features.
  }];
  let parameters = (ins "int64_t":$unit);
  let assemblyFormat = "`<` `unit` `=` $unit `>`";
  let genVerifyDecl = 1;
}

def Llama_RootAttr : Llama_Encoding<"Root", "root"> {
  let summary = "The whole value on rank 0, nothing elsewhere";
  let description = [{
    What `llama.gather` returns: only rank 0 may read it.

    Constraints:
    - (C1) The tensor has the form tokens x features.
  }];
}

//===----------------------------------------------------------------------===//
// Numerics
//===----------------------------------------------------------------------===//

class Llama_EnumAttr<I32Enum info, string attrMnemonic>
    : EnumAttr<Llama_Dialect, info, attrMnemonic> {
  let assemblyFormat = "$value";
}

def Llama_SumMode : I32Enum<"SumMode", "where a sum over ranks is rounded", [
    I32EnumCase<"f32", 0>, // partials and bias added in f32, rounded once
    I32EnumCase<"native", 1> // partials are T, rounded after each add
  ]> {
  let cppNamespace = "::lamina";
}
def Llama_SumModeAttr : Llama_EnumAttr<Llama_SumMode, "sum">;

def Llama_NormMode : I32Enum<"NormMode", "how a norm rounds", [
    I32EnumCase<"hf", 0>,           // rnd(rnd(r*q) * w)
    I32EnumCase<"single", 1>,       // rnd(r*q*w)
    I32EnumCase<"zero_centered", 2> // rnd(r*q*(1+w))
  ]> {
  let cppNamespace = "::lamina";
}
def Llama_NormModeAttr : Llama_EnumAttr<Llama_NormMode, "norm">;

//===----------------------------------------------------------------------===//
// Rotary embedding
//===----------------------------------------------------------------------===//

def Llama_RopePairing : I32Enum<"RopePairing", "which columns rotate together", [
    I32EnumCase<"halves", 0>,  // i and i + head_dim/2 (Hugging Face)
    I32EnumCase<"adjacent", 1> // 2i and 2i + 1 (GGUF)
  ]> {
  let cppNamespace = "::lamina";
}
def Llama_RopePairingAttr : Llama_EnumAttr<Llama_RopePairing, "pairing">;

def Llama_RopeAttr : Llama_Attr<"Rope", "rope"> {
  let summary = "Inverse frequencies of a rotary embedding";
  let description = [{
    One f64 constant for each pair of columns of a head, in radians per
    position; made at import, with any frequency scaling applied.
  }];
  let parameters = (ins "::mlir::DenseF64ArrayAttr":$inverse_frequencies);
  // Exact: an array of f64 prints six digits of each.
  let assemblyFormat = "`<` custom<Frequencies>($inverse_frequencies) `>`";
  let genMnemonicAlias = 1;
  let extraClassDeclaration = [{
    /// Columns of one head: two for each frequency.
    int64_t getHeadDim() const { return 2 * getInverseFrequencies().size(); }
  }];
}

//===----------------------------------------------------------------------===//
// Weights
//===----------------------------------------------------------------------===//

def Llama_SplitKind : I32Enum<"SplitKind", "dimension of a weight that is split", [
    I32EnumCase<"columns", 0>, // output features (or vocabulary): dimension 0
    I32EnumCase<"rows", 1>     // input features: dimension 1
  ]> {
  let cppNamespace = "::lamina";
}

def Llama_SplitAttr : Llama_Attr<"Split", "split"> {
  let summary = "How a weight is split over the ranks";
  let description = [{
    Weights have the shape `[out, in]` or `[out]`. `columns` splits the output
    features of the product (for an embedding: the vocabulary), `rows` the input
    features; the ranges are those of `#llama.columns` with the same unit.
  }];
  let parameters = (ins EnumParameter<Llama_SplitKind>:$kind, "int64_t":$unit);
  let assemblyFormat = "`<` $kind `,` `unit` `=` $unit `>`";
  let genVerifyDecl = 1;
}

def Llama_PlacementAttr : Llama_Attr<"Placement", "placement"> {
  let summary = "File and byte offset of each layer of a weight";
  let description = [{
    `files` are names relative to the model's folder; layer i lies in file
    `files[file[i]]` at byte `offset[i]`. A weight without layers has one entry.
  }];
  let parameters = (ins "::mlir::ArrayAttr":$files,
                        "::mlir::DenseI32ArrayAttr":$file,
                        "::mlir::DenseI64ArrayAttr":$offset);
  let assemblyFormat = "`<` $files `,` $file `,` $offset `>`";
}

def Llama_LayerRangeAttr : Llama_Attr<"LayerRange", "layer_range"> {
  let summary = "A range of layers of a weight";
  let description = [{
    `@w[1 to 32]`: layers 1 to 31 of `@w`; `@w`: a weight without layers, which
    counts as one and has the numbers -1 and -1.

    Constraints:
    - (C1) The range begins at 0 or later and does not end before it begins, or
      both numbers are -1.
  }];
  let parameters = (ins "::mlir::FlatSymbolRefAttr":$weight,
                        "int64_t":$begin, "int64_t":$end);
  // Printed by the `WeightSource` directive; this form serves generic IR.
  let assemblyFormat = "`<` $weight `,` $begin `,` $end `>`";
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// True for `@w`, a weight without layers.
    bool isWhole() const { return getBegin() < 0; }
    /// Number of layers in the range.
    int64_t getCount() const { return isWhole() ? 1 : getEnd() - getBegin(); }
  }];
}

def Llama_LayersOfAttr : Llama_Attr<"LayersOf", "layers_of"> {
  let summary = "A weight whose layers are taken from other weights, in order";
  let parameters = (ins ArrayRefParameter<"::lamina::LayerRangeAttr">:$ranges);
  let assemblyFormat = "`<` $ranges `>`";
}

def Llama_ColumnsOfAttr : Llama_Attr<"ColumnsOf", "columns_of"> {
  let summary = "A weight whose output features are those of other weights";
  let parameters = (ins ArrayRefParameter<"::mlir::FlatSymbolRefAttr">:$parts);
  let assemblyFormat = "`<` $parts `>`";
}

#endif // LAMINA_IR_LLAMAATTRS_TD
