//===- LlamaInterfaces.td - What every op answers once -----*- tablegen -*-===//

#ifndef LAMINA_IR_LLAMAINTERFACES_TD
#define LAMINA_IR_LLAMAINTERFACES_TD

include "mlir/IR/OpBase.td"

def Llama_DistributionOpInterface : OpInterface<"DistributionOpInterface"> {
  let cppNamespace = "::lamina";
  let description = [{
    How the distribution of an op's results follows from that of its operands.
    The verifier and `--llama-shard` both read it. A distribution is the
    encoding of a tensor type; the null attribute means replicated.
  }];
  let methods = [
    InterfaceMethod<[{
        Appends the distribution of each result to `results`, given that of each
        operand (null for operands that are no tensors) and the split of the
        weight, one for each part (null: whole). Fails if the op does not accept
        these operands; `emitError` then says what it accepts.
      }],
      "::llvm::LogicalResult", "inferDistributions",
      (ins "::llvm::ArrayRef<::mlir::Attribute>":$operands,
           "::llvm::ArrayRef<::lamina::SplitAttr>":$splits,
           "int64_t":$ranks,
           "::llvm::SmallVectorImpl<::mlir::Attribute> &":$results,
           "::llvm::function_ref<::mlir::InFlightDiagnostic()>":$emitError)>,
    InterfaceMethod<[{
        Returns the unit in which operand number `operand` can be split by
        columns if the op's result is split in units of `resultUnit` columns (1:
        no demand); nothing if that operand must be whole.
      }],
      "std::optional<int64_t>", "getColumnUnit",
      (ins "unsigned":$operand, "int64_t":$resultUnit, "int64_t":$ranks), [{}],
      [{ return std::nullopt; }]>
  ];
}

def Llama_CostOpInterface : OpInterface<"CostOpInterface"> {
  let cppNamespace = "::lamina";
  let description = [{
    What one execution of an op costs on one rank.
  }];
  let methods = [
    InterfaceMethod<"Returns launches, and bytes as a function of tokens.",
      "::lamina::Cost", "getCost", (ins)>
  ];
}

def Llama_WeightUserOpInterface : OpInterface<"WeightUserOpInterface"> {
  let cppNamespace = "::lamina";
  let description = [{
    Ops that name weights or a layer. Unrolling and canonicalisation change the
    layer through it; the verifier checks the symbols through it.
  }];
  let methods = [
    InterfaceMethod<[{
        Returns the references of the op, in the order of its assembly. A
        reference without a symbol is a bare layer (of a KV cache).
      }],
      "::llvm::SmallVector<::lamina::WeightRef>", "getWeightRefs", (ins)>,
    InterfaceMethod<"Replaces reference number `i` of `getWeightRefs`.",
      "void", "setWeightRef",
      (ins "unsigned":$i, "::lamina::WeightRef":$ref)>
  ];
}

#endif // LAMINA_IR_LLAMAINTERFACES_TD
