//===- LlamaOpBase.td - What ops of the llama dialect share -*- tablegen -*-===//

#ifndef LAMINA_IR_LLAMAOPBASE_TD
#define LAMINA_IR_LLAMAOPBASE_TD

include "lamina/IR/LlamaAttrs.td"
include "lamina/IR/LlamaDialect.td"
include "lamina/IR/LlamaInterfaces.td"
include "lamina/IR/LlamaTypes.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/LoopLikeInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

/// Collectives are never merged, dropped or reordered.
def Llama_CollectiveOrder : Resource<"::lamina::CollectiveOrder">;
/// The implicit KV cache.
def Llama_KVCache : Resource<"::lamina::KVCache">;
/// What the taps have observed, in program order.
def Llama_Taps : Resource<"::lamina::Taps">;

defvar Distributed =
    DeclareOpInterfaceMethods<Llama_DistributionOpInterface>;
defvar DistributedByColumns =
    DeclareOpInterfaceMethods<Llama_DistributionOpInterface, ["getColumnUnit"]>;
defvar Costed = DeclareOpInterfaceMethods<Llama_CostOpInterface>;
defvar Named = DeclareOpInterfaceMethods<OpAsmOpInterface, ["getAsmResultNames"]>;
defvar SymbolUser = DeclareOpInterfaceMethods<SymbolUserOpInterface>;

/// An op that computes: it has a cost and names its results.
class Llama_ComputeOp<string mnemonic, list<Trait> traits>
    : Llama_Op<mnemonic, !listconcat(traits, [Costed, Named])>;

/// The traits of a collective.
defvar Collective = MemoryEffects<[MemWrite<Llama_CollectiveOrder>]>;

/// The methods of a `WeightUserOpInterface` with one reference.
class Llama_OneWeightRef {
  code decl = [{
    ::llvm::SmallVector<::lamina::WeightRef> getWeightRefs() {
      return {{getWeightAttr(), getLayer(), getIndexAttr()}};
    }
    void setWeightRef(unsigned, ::lamina::WeightRef ref) {
      setWeightAttr(ref.symbol);
      getLayerMutable().assign(ref.getLayerRange());
      ref.index ? setIndexAttr(ref.index) : (void)removeIndexAttr();
    }
  }];
}

/// Rows of `positions`, `sequences` and the like: one for each row of `of`.
class RowsMatch<string of, string indices>
    : TypesMatchWith<"`" # indices # "` has one i32 for each row of `" # of # "`",
                     of, indices, "::lamina::getRowIndicesType($_self)">;

#endif // LAMINA_IR_LLAMAOPBASE_TD
