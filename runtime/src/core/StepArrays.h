//===- StepArrays.h - The rows of the current step -------------*- C++ -*-===//
//
// The arrays of a step, checked once and copied to memory that was allocated
// when the rank was created.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_STEPARRAYS_H
#define LAMINA_RUNTIME_CORE_STEPARRAYS_H

#include "lamina/runtime.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lamina::runtime {

/// The largest step of a rank.
struct StepLimits {
  int32_t tokens = 0;
  int32_t logitRows = 0;
  int32_t sequences = 0;
  int32_t pages = 0; ///< of the cache
  int64_t vocabulary = 0;
  int64_t context = 0;
};

class StepArrays {
public:
  void allocate(const StepLimits &limits);

  /// Checks `step` and copies it. Fails with LAMRT_USAGE for arrays that
  /// contradict each other and with LAMRT_LIMIT for what is too large; then
  /// there is no step.
  lamrt_status begin(const lamrt_step &step);

  /// Remembers which positions of the pages are written now.
  void commit();

  int32_t numTokens() const { return tokens; }
  int32_t numSequences() const { return sequences; }
  int32_t numLogitRows() const { return logits; }
  const int32_t *tokenIds() const { return tokenIdArray.data(); }
  const int32_t *positions() const { return positionArray.data(); }
  const int32_t *sequenceOfRow() const { return sequenceArray.data(); }
  const int32_t *logitRows() const { return logitArray.data(); }
  /// Rows [rowBegin(s), rowBegin(s + 1)) are those of sequence s.
  int32_t rowBegin(int32_t sequence) const {
    return rowBeginArray[static_cast<size_t>(sequence)];
  }
  const int32_t *rowBegins() const { return rowBeginArray.data(); }
  const int32_t *pageTable() const { return pageArray.data(); }
  int64_t pageColumns() const { return pagesPerSequence; }
  /// The page of the positions [64i, 64i + 64) of a sequence is entry i.
  const int32_t *pages(int32_t sequence) const {
    return pageArray.data() + int64_t(sequence) * pagesPerSequence;
  }

private:
  lamrt_status checkCounts(const lamrt_step &step) const;
  lamrt_status checkRows(const lamrt_step &step, int32_t sequence) const;
  lamrt_status checkTokens(const lamrt_step &step) const;
  lamrt_status checkPages(const lamrt_step &step);
  lamrt_status checkSharing(const lamrt_step &step);
  void copy(const lamrt_step &step);

  StepLimits limits;
  int32_t tokens = 0, sequences = 0, logits = 0;
  int64_t pagesPerSequence = 0;
  std::vector<int32_t> tokenIdArray, positionArray, sequenceArray;
  std::vector<int32_t> logitArray, rowBeginArray, pageArray;
  /// Positions at the start of each page that have been written.
  std::vector<int32_t> writtenPositions;
  /// Scratch of checkSharing: who writes each page in this step.
  std::vector<int64_t> pageWriter;
};

} // namespace lamina::runtime

#endif // LAMINA_RUNTIME_CORE_STEPARRAYS_H
