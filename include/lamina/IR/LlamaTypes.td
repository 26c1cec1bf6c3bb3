//===- LlamaTypes.td - Storage types and type constraints --*- tablegen -*-===//

#ifndef LAMINA_IR_LLAMATYPES_TD
#define LAMINA_IR_LLAMATYPES_TD

include "lamina/IR/LlamaAttrs.td"

//===----------------------------------------------------------------------===//
// Block-quantised storage
//===----------------------------------------------------------------------===//

def Llama_BlockFormat : I32Enum<"BlockFormat", "block-quantised storage format", [
    I32EnumCase<"q8_0", 0>, I32EnumCase<"q4_0", 1>, I32EnumCase<"q4_1", 2>,
    I32EnumCase<"q5_0", 3>, I32EnumCase<"q5_1", 4>, I32EnumCase<"q4_k", 5>,
    I32EnumCase<"q5_k", 6>, I32EnumCase<"q6_k", 7>
  ]> {
  let cppNamespace = "::lamina";
}

def Llama_BlockType : TypeDef<Llama_Dialect, "Block"> {
  let mnemonic = "block";
  let summary = "Element of a block-quantised weight";
  let description = [{
    Element type of a weight that is stored in blocks of 32 or 256 elements
    along its last dimension, in the formats of GGUF: `!llama.block<q8_0>`. The
    shape of the tensor is the logical shape.
  }];
  let parameters = (ins EnumParameter<Llama_BlockFormat>:$format);
  let assemblyFormat = "`<` $format `>`";
  let extraClassDeclaration = [{
    /// Elements of a block (32, or 256 for the k formats).
    int64_t getBlockSize() const;
    /// Bytes of a block.
    int64_t getBlockBytes() const;
  }];
}

//===----------------------------------------------------------------------===//
// Type constraints
//===----------------------------------------------------------------------===//

/// Activations: a tokens x features tensor with any distribution, and with no
/// encoding but a distribution.
def Llama_Activation : Type<CPred<"::lamina::isActivationType($_self)">,
    "tokens x features tensor of f32, f16 or bf16 with static positive features, "
    "whole or with a llama distribution",
    "::mlir::RankedTensorType">;

/// One i32 for each row.
def Llama_RowIndices : Type<CPred<"::lamina::isRowIndicesType($_self)">,
    "tokens tensor of i32", "::mlir::RankedTensorType">;

#endif // LAMINA_IR_LLAMATYPES_TD
