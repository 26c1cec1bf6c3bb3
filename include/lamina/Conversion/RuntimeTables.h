//===- RuntimeTables.h - The tables of a module of the runtime stage ------===//
//
// What the calls name by number, as attributes: of the module, and of its
// weights, whose numbers are their places in the module.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_CONVERSION_RUNTIMETABLES_H
#define LAMINA_CONVERSION_RUNTIMETABLES_H

#include "llvm/ADT/StringRef.h"

namespace lamina {

/// What belongs to one number of ranks, and to the function of that name: an
/// array of `{arena, collectives, kv_heads, lists, ranks, slots}`. `slots` and
/// `arena` are those of the buffer plan; `kv_heads` are the most key-value
/// heads that a rank caches; `lists` are `array<i32: ...>`; `collectives` are
/// `{features, operation, rows, times, type}` in program order, with
/// `result_bytes`, those of a row's results that every rank has in the end, and
/// `keeps_rows` where each rank keeps its rows of a result.
inline constexpr llvm::StringLiteral kVariantsAttr = "lamina.variants";
/// Names of the collectives, in the order of LAMRT_ALL_REDUCE ...
inline constexpr llvm::StringLiteral kCollectiveNames[] = {
    "all_reduce", "all_reduce_residual_rms_norm", "all_gather", "gather",
    "reduce_scatter"};
/// Inverse frequencies: an array of `#llama.rope`.
inline constexpr llvm::StringLiteral kFrequenciesAttr = "lamina.frequencies";
/// Labels of the taps: an array of strings.
inline constexpr llvm::StringLiteral kTapsAttr = "lamina.taps";
/// The KV cache: `{layers, kv_heads, head_dim, type}`; absent without
/// attention.
inline constexpr llvm::StringLiteral kCacheAttr = "lamina.cache";
/// Features of the step's result, an i64.
inline constexpr llvm::StringLiteral kResultFeaturesAttr =
    "lamina.result_features";
/// Rows of the embedding table, an i64.
inline constexpr llvm::StringLiteral kVocabularyAttr = "lamina.vocabulary";
/// On a weight, what reads it: an array of `"embed"`, `"linear"`, `"vector"`.
inline constexpr llvm::StringLiteral kUsesAttr = "lamina.uses";
/// Prefix of a step's name; the number of ranks follows.
inline constexpr llvm::StringLiteral kStepPrefix = "step_";

} // namespace lamina

#endif // LAMINA_CONVERSION_RUNTIMETABLES_H
