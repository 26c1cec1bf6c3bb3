//===- SummationTree.h - The order of every product's sum -------*- C++ -*-===//
//
// The leaves rule of docs/numerics.md: the inner dimension K of a product is
// cut into equal leaves, which are combined by a tree that depends on the
// model alone, never on the number of ranks. A rank then owns whole subtrees,
// and the sum over ranks has the bits of the sum on one rank.
// Needs neither LLVM nor MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IMPORT_SUMMATIONTREE_H
#define LAMINA_IMPORT_SUMMATIONTREE_H

#include <cstdint>
#include <vector>

namespace lamina {

/// A weight that tensor parallelism splits along its inner dimension: the
/// output projections of attention and of the feed-forward network.
struct RowSplitWeight {
  int64_t inner = 0; ///< K, in elements; positive
  /// Elements that no leaf may cut: 1 for f32, f16, bf16; the block size (32,
  /// or 256 for the k formats) for block-quantised types.
  int64_t unit = 1;
};

/// Leaves of a tree are at most this many.
constexpr int64_t kMaxLeaves = 8;

/// Returns n, the number of ranks that the trees of the row-split weights are
/// made for: the largest of 8, 4, 3, 2, 1 that divides the query heads, that
/// divides the KV heads or is a multiple of them, and for which K / n of every
/// weight of `weights` is a whole number of units.
int64_t getRowSplitWays(int64_t queryHeads, int64_t kvHeads,
                        const std::vector<RowSplitWeight> &weights);

/// Returns the radices of the tree of a product with inner dimension `inner`
/// and storage unit `unit`, the root's first: the radices of `ways` (8 is
/// [2, 2, 2], 4 is [2, 2], 3 is [3], 2 is [2], 1 is []), then 2 as long as a
/// leaf stays a whole number of units and there are at most `kMaxLeaves`
/// leaves. `ways` is getRowSplitWays() for row-split weights, 1 for all others.
std::vector<int64_t> getLeaves(int64_t ways, int64_t inner, int64_t unit);

} // namespace lamina

#endif // LAMINA_IMPORT_SUMMATIONTREE_H
