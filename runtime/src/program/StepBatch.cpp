//===- StepBatch.cpp - The arrays of one step -----------------------------===//

#include "program/StepBatch.h"

#include <algorithm>

namespace lamina::program {

void StepBatch::clear() {
  for (std::vector<int32_t> *array : {&tokenIds, &positions, &sequenceOfRow,
                                      &kvLengths, &pageTable, &logitRows})
    array->clear();
  rowBegin.assign(1, 0);
}

void StepBatch::add(const int32_t *ids, int32_t count, int32_t position,
                    const std::vector<int32_t> &pages, WantedLogits wanted) {
  int32_t sequence = numSequences();
  for (int32_t i = 0; i < count; ++i) {
    if (wanted == WantedLogits::All ||
        (wanted == WantedLogits::Last && i + 1 == count))
      logitRows.push_back(numTokens());
    tokenIds.push_back(ids[i]);
    positions.push_back(position + i);
    sequenceOfRow.push_back(sequence);
  }
  rowBegin.push_back(numTokens());
  kvLengths.push_back(position + count);
  size_t begin = pageTable.size();
  pageTable.resize(begin + static_cast<size_t>(maxPages), 0);
  std::copy_n(pages.begin(),
              std::min(pages.size(), static_cast<size_t>(maxPages)),
              pageTable.begin() + static_cast<std::ptrdiff_t>(begin));
}

lamrt_step StepBatch::getStep() const {
  lamrt_step step = {};
  step.struct_size = sizeof(step);
  step.num_tokens = numTokens();
  step.num_sequences = numSequences();
  step.num_logit_rows = static_cast<int32_t>(logitRows.size());
  step.bucket_tokens = step.num_tokens;
  step.max_pages = maxPages;
  step.token_ids = tokenIds.data();
  step.positions = positions.data();
  step.sequence_of_row = sequenceOfRow.data();
  step.row_begin = rowBegin.data();
  step.kv_length = kvLengths.data();
  step.page_table = pageTable.data();
  step.logit_rows = logitRows.data();
  return step;
}

} // namespace lamina::program
