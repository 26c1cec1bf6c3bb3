//===- LlamaDialect.td - The llama dialect -----------------*- tablegen -*-===//
//
// The dialect and the base class of its ops.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IR_LLAMADIALECT_TD
#define LAMINA_IR_LLAMADIALECT_TD

include "mlir/IR/OpBase.td"

def Llama_Dialect : Dialect {
  let name = "llama";
  let cppNamespace = "::lamina";
  let summary = "Tensor-parallel Llama graphs, one program for every rank";
  let description = [{
    Values are tensors of shape `tokens x features`. The number of tokens is
    dynamic: one step holds rows of any number of sequences, so that prefill,
    decode and mixed batches are one program. Types hold the *global* shape; the
    encoding of the type says which part of the value a rank has:

    | encoding                   | meaning on rank r of n                     |
    |----------------------------|--------------------------------------------|
    | none                       | replicated: the same bits on every rank    |
    | `#llama.partial`           | an addend of the sum over ranks            |
    | `#llama.rows`              | the rows [r*ceil(T/n), (r+1)*ceil(T/n)) of T |
    | `#llama.columns<unit = u>` | a range of units of u columns              |
    | `#llama.root`              | the whole value on rank 0, nothing elsewhere |

    The number of ranks is the module attribute `llama.ranks`; every module with
    an encoded value has it. Its verifier checks that only ops of this dialect,
    of `func` and calls touch encoded values, and that collectives sit directly
    in a function or in `llama.layers`, where every rank reaches them; so do the
    calls of functions that hold one.

    The numerics of every op (order and rounding of each sum) are written down
    in `docs/numerics.md`.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let hasOperationAttrVerify = 1;
  let hasRegionArgAttrVerify = 1;
  let hasRegionResultAttrVerify = 1;
  let hasCanonicalizer = 1;
  let extraClassDeclaration = [{
    /// The module attribute that holds the number of ranks (i64, at least 1).
    static constexpr ::llvm::StringLiteral getRanksAttrName() {
      return "llama.ranks";
    }
    /// Version of the dialect that is written into bytecode. 2 added `int8` of
    /// llama.linear, 3 added `#llama.rows` and its ops. Bytecode of older
    /// versions is read.
    static constexpr int64_t getVersion() { return 3; }
  }];
}

class Llama_Op<string mnemonic, list<Trait> traits = []>
    : Op<Llama_Dialect, mnemonic, traits>;

#endif // LAMINA_IR_LLAMADIALECT_TD
