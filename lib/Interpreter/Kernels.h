//===- Kernels.h - The arithmetic of the ops, on one rank -------*- C++ -*-===//
//
// Each op twice: as docs/numerics.md states it, and in plain f64. Operands are
// the rank's own part; shapes have been checked.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_LIB_INTERPRETER_KERNELS_H
#define LAMINA_LIB_INTERPRETER_KERNELS_H

#include "Slices.h"
#include "lamina/IR/LlamaDialect.h"
#include "lamina/Interpreter/Interpreter.h"
#include "llvm/ADT/DenseMap.h"

namespace lamina {

/// Rounds to `element` with `stated`, unless the value has that type already.
double store(Arithmetic arithmetic, Element from, Element to, double value);

/// A part of a weight: output features `out`, input features `in`.
struct WeightSlice {
  std::shared_ptr<const WeightValues> weight;
  Span out;
  Span in;
};

/// y = a * w^T + bias, in `element`. `bias` is empty or has one f32 for each
/// output of the slice. With `isInt8` the weight has a block format, and the
/// activations are rounded to 8 bits, in the stated arithmetic.
Tensor linear(Arithmetic arithmetic, const Tensor &a, const WeightSlice &slice,
              llvm::ArrayRef<float> bias, llvm::ArrayRef<int64_t> leaves,
              bool isInt8, Element element);

/// x + y.
Tensor add(Arithmetic arithmetic, const Tensor &x, const Tensor &y);

Tensor siluMul(Arithmetic arithmetic, const Tensor &gate, const Tensor &up);

Tensor rmsNorm(Arithmetic arithmetic, const Tensor &x,
               llvm::ArrayRef<float> weight, double eps, NormMode mode,
               Element element);

Tensor rope(Arithmetic arithmetic, const Tensor &x, const Tensor &positions,
            llvm::ArrayRef<double> frequencies, RopePairing pairing);

/// The sum over ranks, in `element`.
Tensor allReduce(Arithmetic arithmetic, llvm::ArrayRef<TensorRef> partials,
                 llvm::ArrayRef<float> bias, SumMode mode,
                 llvm::ArrayRef<int64_t> tree, Element element);

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// The keys and values of one sequence and layer, by position: one row of the
/// rank's KV heads each, empty if never written.
struct SequenceCache {
  std::vector<std::vector<double>> keys, values;
};

/// The cache of one rank: by (layer, sequence).
using RankCache = llvm::DenseMap<std::pair<int64_t, int64_t>, SequenceCache>;

struct AttentionParameters {
  int64_t layer = 0;
  int64_t headDim = 0;
  int64_t group = 1; // query heads a KV head
  Span heads;        // of this rank
  Span kvHeads;      // of this rank
  double scale = 1.0;
  Element kv = Element::f32;
};

/// Operands of attention.
struct AttentionInputs {
  const Tensor &query, &key, &value, &positions, &sequences;
};

/// Writes the step's rows to `cache`. Returns an error text, empty if all is
/// well.
std::string writeCache(Arithmetic arithmetic, const AttentionInputs &inputs,
                       const AttentionParameters &parameters, RankCache &cache);

/// Attends. Every row's key-value head is on the rank, and `writeCache` has
/// run. Returns an error text if a position before a row's own was never
/// written.
std::string attend(Arithmetic arithmetic, const AttentionInputs &inputs,
                   const AttentionParameters &parameters,
                   const RankCache &cache, Tensor &attended);

} // namespace lamina

#endif // LAMINA_LIB_INTERPRETER_KERNELS_H
