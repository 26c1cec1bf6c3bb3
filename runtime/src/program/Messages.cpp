//===- Messages.cpp - What rank 0 tells the other processes ---------------===//

#include "program/Messages.h"

#include "lamina/Support/CheckedMath.h"

namespace lamina::program {

namespace {

constexpr uint64_t kCreateWords = 5, kStepHeader = 6, kEndWords = 2;

void append(Words &words, const int32_t *values, int64_t count) {
  words.insert(words.end(), values, values + count);
}

} // namespace

Words encodeCreate(const lamrt_rank_options &options) {
  return {static_cast<int32_t>(Message::Create), options.max_tokens,
          options.max_logit_rows, options.max_sequences, options.num_pages};
}

Words encodeStep(const lamrt_step &step) {
  Words words = {static_cast<int32_t>(Message::Step),
                 step.num_tokens,
                 step.num_sequences,
                 step.num_logit_rows,
                 step.bucket_tokens,
                 step.max_pages};
  append(words, step.token_ids, step.num_tokens);
  append(words, step.positions, step.num_tokens);
  append(words, step.sequence_of_row, step.num_tokens);
  append(words, step.row_begin, int64_t(step.num_sequences) + 1);
  append(words, step.kv_length, step.num_sequences);
  append(words, step.page_table, int64_t(step.num_sequences) * step.max_pages);
  append(words, step.logit_rows, step.num_logit_rows);
  return words;
}

Words encodeWait() { return {static_cast<int32_t>(Message::Wait)}; }

Words encodeMeet() { return {static_cast<int32_t>(Message::Meet)}; }

Words encodeEnd(int32_t code) {
  return {static_cast<int32_t>(Message::End), code};
}

Message getKind(const int32_t *words, uint64_t size) {
  return static_cast<Message>(size > 0 ? words[0] : 0);
}

bool decodeCreate(const int32_t *words, uint64_t size,
                  lamrt_rank_options &options) {
  if (size != kCreateWords)
    return false;
  options.max_tokens = words[1];
  options.max_logit_rows = words[2];
  options.max_sequences = words[3];
  options.num_pages = words[4];
  return true;
}

bool decodeStep(const int32_t *words, uint64_t size, lamrt_step &step) {
  if (size < kStepHeader)
    return false;
  for (uint64_t i = 1; i < kStepHeader; ++i)
    if (words[i] < 0)
      return false;
  step = {};
  step.struct_size = sizeof(step);
  step.num_tokens = words[1];
  step.num_sequences = words[2];
  step.num_logit_rows = words[3];
  step.bucket_tokens = words[4];
  step.max_pages = words[5];
  auto tokens = static_cast<uint64_t>(words[1]);
  auto sequences = static_cast<uint64_t>(words[2]);
  auto table = checkedMul<uint64_t>(sequences, uint64_t(words[5]));
  // Each count is below 2^31.
  if (!table || *table > size ||
      size != kStepHeader + 3 * tokens + 2 * sequences + 1 + *table +
                  static_cast<uint64_t>(words[3]))
    return false;
  const int32_t *next = words + kStepHeader;
  auto take = [&](uint64_t count) {
    const int32_t *taken = next;
    next += count;
    return taken;
  };
  step.token_ids = take(tokens);
  step.positions = take(tokens);
  step.sequence_of_row = take(tokens);
  step.row_begin = take(sequences + 1);
  step.kv_length = take(sequences);
  step.page_table = take(*table);
  step.logit_rows = take(static_cast<uint64_t>(words[3]));
  return true;
}

bool decodeEnd(const int32_t *words, uint64_t size, int32_t &code) {
  if (size != kEndWords)
    return false;
  code = words[1];
  return true;
}

} // namespace lamina::program
