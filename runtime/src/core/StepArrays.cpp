//===- StepArrays.cpp - The rows of the current step ----------------------===//

#include "StepArrays.h"

#include "Failure.h"

#include <algorithm>

namespace lamina::runtime {

namespace {

constexpr int32_t kPage = LAMRT_PAGE_POSITIONS;
constexpr int64_t kNobody = -1;

int32_t countPages(int64_t positions) {
  return static_cast<int32_t>((positions + kPage - 1) / kPage);
}

} // namespace

void StepArrays::allocate(const StepLimits &stepLimits) {
  limits = stepLimits;
  pagesPerSequence = countPages(limits.context);
  auto tokenCount = static_cast<size_t>(limits.tokens);
  tokenIdArray.resize(tokenCount);
  positionArray.resize(tokenCount);
  sequenceArray.resize(tokenCount);
  logitArray.resize(static_cast<size_t>(limits.logitRows));
  rowBeginArray.resize(static_cast<size_t>(limits.sequences) + 1);
  pageArray.resize(static_cast<size_t>(limits.sequences * pagesPerSequence));
  writtenPositions.assign(static_cast<size_t>(limits.pages), 0);
  pageWriter.assign(static_cast<size_t>(limits.pages), kNobody);
}

lamrt_status StepArrays::begin(const lamrt_step &step) {
  tokens = sequences = logits = 0;
  if (lamrt_status status = checkCounts(step))
    return status;
  if (lamrt_status status = checkTokens(step))
    return status;
  for (int32_t s = 0; s < step.num_sequences; ++s)
    if (lamrt_status status = checkRows(step, s))
      return status;
  if (lamrt_status status = checkPages(step))
    return status;
  copy(step);
  return LAMRT_OK;
}

lamrt_status StepArrays::checkCounts(const lamrt_step &step) const {
  if (step.struct_size < sizeof(lamrt_step))
    return fail(LAMRT_USAGE, "step: %u bytes, expected at least %zu",
                step.struct_size, sizeof(lamrt_step));
  if (step.num_tokens < 0 || step.num_sequences < 0 || step.num_logit_rows < 0)
    return fail(LAMRT_USAGE, "step: a negative number of rows");
  if (step.num_tokens > limits.tokens)
    return fail(LAMRT_LIMIT, "step: %d rows, the rank was made for %d",
                step.num_tokens, limits.tokens);
  if (step.num_sequences > limits.sequences)
    return fail(LAMRT_LIMIT, "step: %d sequences, the rank was made for %d",
                step.num_sequences, limits.sequences);
  if (step.num_logit_rows > limits.logitRows)
    return fail(LAMRT_LIMIT,
                "step: %d rows of logits, the rank was made for %d",
                step.num_logit_rows, limits.logitRows);
  if (step.bucket_tokens != 0 && step.bucket_tokens < step.num_tokens)
    return fail(LAMRT_USAGE, "step: padded to %d rows, it has %d",
                step.bucket_tokens, step.num_tokens);
  if (step.num_tokens > 0 &&
      (!step.token_ids || !step.positions || !step.sequence_of_row))
    return fail(LAMRT_USAGE, "step: an array is missing");
  if (step.num_sequences > 0 && (!step.kv_length || !step.page_table))
    return fail(LAMRT_USAGE, "step: an array is missing");
  if (!step.row_begin || (step.num_logit_rows > 0 && !step.logit_rows))
    return fail(LAMRT_USAGE, "step: an array is missing");
  return LAMRT_OK;
}

lamrt_status StepArrays::checkTokens(const lamrt_step &step) const {
  for (int32_t t = 0; t < step.num_tokens; ++t)
    if (step.token_ids[t] < 0 || step.token_ids[t] >= limits.vocabulary)
      return fail(LAMRT_LIMIT,
                  "step: row %d: token id %d, the vocabulary has %lld", t,
                  step.token_ids[t], static_cast<long long>(limits.vocabulary));
  for (int32_t i = 0; i < step.num_logit_rows; ++i) {
    int32_t before = i == 0 ? -1 : step.logit_rows[i - 1];
    if (step.logit_rows[i] <= before || step.logit_rows[i] >= step.num_tokens)
      return fail(LAMRT_USAGE, "step: rows of logits: %d after %d, of %d rows",
                  step.logit_rows[i], before, step.num_tokens);
  }
  if (step.row_begin[0] != 0 ||
      step.row_begin[step.num_sequences] != step.num_tokens)
    return fail(LAMRT_USAGE, "step: the sequences do not cover the rows");
  for (int32_t s = 0; s < step.num_sequences; ++s)
    if (step.row_begin[s + 1] < step.row_begin[s] ||
        step.row_begin[s + 1] > step.num_tokens)
      return fail(LAMRT_USAGE, "step: sequence %d: rows %d to %d", s,
                  step.row_begin[s], step.row_begin[s + 1]);
  return LAMRT_OK;
}

lamrt_status StepArrays::checkRows(const lamrt_step &step,
                                   int32_t sequence) const {
  int32_t begin = step.row_begin[sequence], end = step.row_begin[sequence + 1];
  int64_t length = step.kv_length[sequence];
  if (length < 0 || length > limits.context)
    return fail(LAMRT_LIMIT,
                "step: sequence %d: %lld positions, the context has %lld",
                sequence, static_cast<long long>(length),
                static_cast<long long>(limits.context));
  if (countPages(length) > step.max_pages)
    return fail(LAMRT_USAGE, "step: sequence %d: %lld positions on %d pages",
                sequence, static_cast<long long>(length), step.max_pages);
  // The last row is at the last position.
  int64_t position = length - (end - begin);
  if (position < 0)
    return fail(LAMRT_USAGE, "step: sequence %d: %d rows, %lld positions",
                sequence, end - begin, static_cast<long long>(length));
  for (int32_t t = begin; t < end; ++t, ++position) {
    if (step.positions[t] != position)
      return fail(LAMRT_USAGE, "step: row %d: position %d, expected %lld", t,
                  step.positions[t], static_cast<long long>(position));
    if (step.sequence_of_row[t] != sequence)
      return fail(LAMRT_USAGE, "step: row %d: sequence %d, expected %d", t,
                  step.sequence_of_row[t], sequence);
  }
  return LAMRT_OK;
}

/// Pages must exist, and hold every position that the step reads and does not
/// write.
lamrt_status StepArrays::checkPages(const lamrt_step &step) {
  for (int32_t s = 0; s < step.num_sequences; ++s) {
    const int32_t *table = step.page_table + int64_t(s) * step.max_pages;
    int32_t rows = step.row_begin[s + 1] - step.row_begin[s];
    int32_t first = step.kv_length[s] - rows;
    for (int32_t i = 0; i < countPages(step.kv_length[s]); ++i) {
      if (table[i] < 0 || table[i] >= limits.pages)
        return fail(LAMRT_USAGE, "step: sequence %d: page %d, the cache has %d",
                    s, table[i], limits.pages);
      int32_t needed = std::clamp(first - i * kPage, 0, kPage);
      if (writtenPositions[static_cast<size_t>(table[i])] < needed)
        return fail(
            LAMRT_USAGE, "step: sequence %d: position %d was never written", s,
            i * kPage + writtenPositions[static_cast<size_t>(table[i])]);
    }
  }
  return checkSharing(step);
}

/// A page that is written belongs to one place of one sequence; pages that are
/// only read may be shared.
lamrt_status StepArrays::checkSharing(const lamrt_step &step) {
  lamrt_status status = LAMRT_OK;
  auto place = [](int32_t s, int32_t i) { return (int64_t(s) << 32) | i; };
  auto forEachPage = [&](bool writtenOnly, auto visit) {
    for (int32_t s = 0; s < step.num_sequences; ++s) {
      int32_t rows = step.row_begin[s + 1] - step.row_begin[s];
      int32_t first = writtenOnly ? (step.kv_length[s] - rows) / kPage : 0;
      int32_t last =
          writtenOnly && rows == 0 ? 0 : countPages(step.kv_length[s]);
      for (int32_t i = first; i < last; ++i)
        visit(s, i, step.page_table[int64_t(s) * step.max_pages + i]);
    }
  };
  forEachPage(true, [&](int32_t s, int32_t i, int32_t page) {
    pageWriter[static_cast<size_t>(page)] = place(s, i);
  });
  forEachPage(false, [&](int32_t s, int32_t i, int32_t page) {
    int64_t writer = pageWriter[static_cast<size_t>(page)];
    if (!status && writer != kNobody && writer != place(s, i))
      status = fail(LAMRT_USAGE,
                    "step: page %d is written for sequence %d and used for %d",
                    page, static_cast<int32_t>(writer >> 32), s);
  });
  forEachPage(true, [&](int32_t, int32_t, int32_t page) {
    pageWriter[static_cast<size_t>(page)] = kNobody;
  });
  return status;
}

void StepArrays::copy(const lamrt_step &step) {
  tokens = step.num_tokens;
  sequences = step.num_sequences;
  logits = step.num_logit_rows;
  std::copy_n(step.token_ids, tokens, tokenIdArray.begin());
  std::copy_n(step.positions, tokens, positionArray.begin());
  std::copy_n(step.sequence_of_row, tokens, sequenceArray.begin());
  std::copy_n(step.logit_rows, logits, logitArray.begin());
  std::copy_n(step.row_begin, sequences + 1, rowBeginArray.begin());
  for (int32_t s = 0; s < sequences; ++s)
    std::copy_n(step.page_table + int64_t(s) * step.max_pages,
                countPages(step.kv_length[s]),
                pageArray.begin() + s * pagesPerSequence);
}

void StepArrays::commit() {
  for (int32_t s = 0; s < sequences; ++s)
    for (int32_t t = rowBegin(s); t < rowBegin(s + 1); ++t) {
      int32_t position = positionArray[static_cast<size_t>(t)];
      writtenPositions[static_cast<size_t>(pages(s)[position / kPage])] =
          position % kPage + 1;
    }
}

} // namespace lamina::runtime
