//===- NearMiss.h - Sites that are almost all_reduce, add, norm -----------===//
//
// What the generator puts where `rms_norm(residual + all_reduce(partial))`
// would be, and what the fusion must make of it.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_GENERATOR_NEARMISS_H
#define LAMINA_TEST_GENERATOR_NEARMISS_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

namespace lamina::generator {

enum class NearMiss {
  none,
  swapped,          // add(update, residual)
  residualReturned, // the sum with the residual has another user
  residualMissing,  // norm(update)
  residualTwice,    // add(residual, residual)
  sumTwice,         // add(update, update)
  sumOtherUser,     // the update has another user
  partialOtherUser, // the partial sum has another user
  twoNorms,         // two norms on one sum
  castPairUpdate,   // a pair of casts between all_reduce and add
  castPairNorm,     // ... between add and norm
  loneCastUpdate,   // one cast
  loneCastNorm,
  reshapePairUpdate, // expand_shape, collapse_shape
  reshapePairNorm,
  allReduceBetween, // another collective between all_reduce and add
  gatherBetween,
  layersBetween,  // a loop that holds a collective
  callBetween,    // a call, whose effects are not known
  pureBetween,    // an op without effects
  alreadyReduced, // the update is whole, from no collective
  residualIsSum,  // both addends are sums over ranks
  deadNorm,       // nothing reads the norm
  deadSite,       // nothing reads the norm and the add
  normInOtherBlock,
  sumInOtherBlock,
  lateLayer, // the layer of the norm's weight is a constant behind the add
};

/// All of them, in order.
llvm::ArrayRef<NearMiss> getNearMisses();
llvm::StringRef getName(NearMiss nearMiss);

/// What the fusion makes of a norm: `Fused`, the name of the missed remark, or
/// nothing where the norm is no site. The names are those of the remarks.
using SiteOutcome = llvm::StringRef;
inline constexpr SiteOutcome kNoSite = "";
inline constexpr SiteOutcome kFused = "Fused";
inline constexpr SiteOutcome kAlreadyFused = "AlreadyFused";
inline constexpr SiteOutcome kCastBeforeNorm = "CastBeforeNorm";
inline constexpr SiteOutcome kCastBeforeAdd = "CastBeforeAdd";

/// What decides the outcome of a near miss.
struct SiteContext {
  bool hasSeveralRanks = false;
  bool isCanonical = false; // canonicalisation has run
  bool foldsCasts = false;  // the cast pair widens first
  /// Layers of the loop of `normInOtherBlock`, `sumInOtherBlock` and
  /// `layersBetween`; a canonical loop of one layer is inlined.
  int64_t layers = 2;
  /// The residual is a sum over ranks with another user. A site whose update is
  /// none then misses on account of the residual.
  bool isResidualSum = false;
};

/// Returns what must become of a site's (first) norm.
SiteOutcome getOutcome(NearMiss nearMiss, const SiteContext &context);

} // namespace lamina::generator

#endif // LAMINA_TEST_GENERATOR_NEARMISS_H
