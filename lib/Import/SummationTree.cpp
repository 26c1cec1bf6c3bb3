//===- SummationTree.cpp - The order of every product's sum ---------------===//

#include "lamina/Import/SummationTree.h"

using namespace lamina;

/// True if `ways` equal leaves of `inner` elements are whole units.
static bool cutsIntoUnits(int64_t ways, int64_t inner, int64_t unit) {
  return inner % ways == 0 && inner / ways % unit == 0;
}

int64_t lamina::getRowSplitWays(int64_t queryHeads, int64_t kvHeads,
                                const std::vector<RowSplitWeight> &weights) {
  for (int64_t ways : {8, 4, 3, 2}) {
    bool fits =
        queryHeads % ways == 0 && (kvHeads % ways == 0 || ways % kvHeads == 0);
    for (const RowSplitWeight &weight : weights)
      fits = fits && cutsIntoUnits(ways, weight.inner, weight.unit);
    if (fits)
      return ways;
  }
  return 1;
}

std::vector<int64_t> lamina::getLeaves(int64_t ways, int64_t inner,
                                       int64_t unit) {
  std::vector<int64_t> radices;
  int64_t leaves = 1;
  auto append = [&](int64_t radix) {
    radices.push_back(radix);
    leaves *= radix;
  };
  if (ways == 3)
    append(3);
  else
    while (leaves < ways)
      append(2);
  while (leaves * 2 <= kMaxLeaves && cutsIntoUnits(leaves * 2, inner, unit))
    append(2);
  return radices;
}
