//===- BytePairMerge.h - Joining neighbours by rank -------------*- C++ -*-===//
//
// Byte pair encoding of one word in n log n time: the symbols are a linked
// list, and a heap holds the joins that are possible.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_TOKENIZER_BYTEPAIRMERGE_H
#define LAMINA_RUNTIME_TOKENIZER_BYTEPAIRMERGE_H

#include "tokenizer/HashTables.h"

#include <algorithm>

namespace lamina {

/// A part of a word. A symbol that was joined to its left neighbour has
/// length 0.
struct Symbol {
  uint32_t begin = 0; ///< byte of the word
  uint32_t length = 0;
  int32_t id = -1; ///< -1: no token
  int32_t previous = -1;
  int32_t next = -1;
};

/// The memory of the merges, kept from word to word.
struct MergeScratch {
  struct Candidate {
    uint32_t rank;
    int32_t left;    ///< index of the left symbol
    uint32_t length; ///< bytes of both symbols when the candidate was made
    int32_t id;
  };
  std::vector<Symbol> symbols;
  std::vector<Candidate> heap;

  void add(uint32_t begin, uint32_t length, int32_t id) {
    auto index = int32_t(symbols.size());
    if (index > 0)
      symbols.back().next = index;
    symbols.push_back({begin, length, id, index - 1, -1});
  }
};

/// Joins the symbols of `scratch`, in order of rank and from left to right
/// within a rank, until no two neighbours can be joined. `findJoin(left,
/// right)` returns what two symbols become.
template <typename FindJoin>
void mergeSymbols(MergeScratch &scratch, FindJoin findJoin) {
  using Candidate = MergeScratch::Candidate;
  std::vector<Symbol> &symbols = scratch.symbols;
  std::vector<Candidate> &heap = scratch.heap;
  heap.clear();
  // std::*_heap keep the largest in front.
  auto isLater = [](const Candidate &a, const Candidate &b) {
    return a.rank != b.rank ? a.rank > b.rank : a.left > b.left;
  };
  auto addCandidate = [&](int32_t left) {
    const Symbol &first = symbols[size_t(left)];
    const Symbol &second = symbols[size_t(first.next)];
    Join join = findJoin(first, second);
    if (join.id >= 0)
      heap.push_back({join.rank, left, first.length + second.length, join.id});
    return join.id >= 0;
  };

  for (size_t i = 0; i + 1 < symbols.size(); ++i)
    addCandidate(int32_t(i));
  std::make_heap(heap.begin(), heap.end(), isLater);

  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), isLater);
    Candidate best = heap.back();
    heap.pop_back();
    Symbol &left = symbols[size_t(best.left)];
    if (left.length == 0 || left.next < 0)
      continue;
    // Symbols only grow, so another length means that the candidate is stale.
    Symbol &right = symbols[size_t(left.next)];
    if (left.length + right.length != best.length)
      continue;

    left.length = best.length;
    left.id = best.id;
    left.next = right.next;
    right.length = 0;
    if (left.next >= 0) {
      symbols[size_t(left.next)].previous = best.left;
      if (addCandidate(best.left))
        std::push_heap(heap.begin(), heap.end(), isLater);
    }
    if (left.previous >= 0 && addCandidate(left.previous))
      std::push_heap(heap.begin(), heap.end(), isLater);
  }
}

} // namespace lamina

#endif // LAMINA_RUNTIME_TOKENIZER_BYTEPAIRMERGE_H
