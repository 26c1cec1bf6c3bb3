//===- StepBatch.h - The arrays of one step --------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_PROGRAM_STEPBATCH_H
#define LAMINA_RUNTIME_PROGRAM_STEPBATCH_H

#include "lamina/runtime.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lamina::program {

/// Which rows of a sequence get logits.
enum class WantedLogits { None, Last, All };

/// Collects the rows of sequences to a lamrt_step.
class StepBatch {
public:
  /// `maxPages` is the longest page list of a sequence.
  explicit StepBatch(int32_t maxPages) : maxPages(maxPages) { clear(); }

  void clear();

  /// Adds `count` rows of a sequence, the first at `position`. `pages` are
  /// those of its positions from 0 on.
  void add(const int32_t *ids, int32_t count, int32_t position,
           const std::vector<int32_t> &pages, WantedLogits wanted);

  int32_t numTokens() const { return static_cast<int32_t>(tokenIds.size()); }
  int32_t numSequences() const {
    return static_cast<int32_t>(kvLengths.size());
  }

  /// The step; it points into this batch.
  lamrt_step getStep() const;

private:
  int32_t maxPages;
  std::vector<int32_t> tokenIds, positions, sequenceOfRow, rowBegin, kvLengths;
  std::vector<int32_t> pageTable, logitRows;
};

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_STEPBATCH_H
