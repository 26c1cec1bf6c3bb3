//===- MessagesTest.cpp - What rank 0 tells the other processes -----------===//

#include "program/Messages.h"
#include "program/StepBatch.h"

#include <gtest/gtest.h>

#include <climits>
#include <memory>

namespace lamina::test {

namespace {

using namespace program;

/// Decodes a copy that ends where the message does, so that a sanitizer sees a
/// read behind it.
bool isStep(const Words &words, lamrt_step &step) {
  std::unique_ptr<int32_t[]> copy(new int32_t[words.size()]);
  std::copy(words.begin(), words.end(), copy.get());
  return decodeStep(copy.get(), words.size(), step);
}

bool isStep(const Words &words) {
  lamrt_step step = {};
  return isStep(words, step);
}

/// Two sequences, five rows, two of them wanted.
StepBatch makeBatch() {
  StepBatch batch(3);
  const int32_t first[] = {5, 6, 7, 8}, second[] = {9};
  batch.add(first, 4, 10, {4, 2, 0}, WantedLogits::Last);
  batch.add(second, 1, 0, {1}, WantedLogits::All);
  return batch;
}

void expectSame(const int32_t *found, const int32_t *expected, int64_t count,
                const char *name) {
  for (int64_t i = 0; i < count; ++i)
    EXPECT_EQ(found[i], expected[i]) << name << " " << i;
}

} // namespace

TEST(Messages, AStepComesBackAsItWas) {
  StepBatch batch = makeBatch();
  lamrt_step step = batch.getStep(), found = {};
  Words words = encodeStep(step);
  EXPECT_EQ(getKind(words.data(), words.size()), Message::Step);
  ASSERT_TRUE(decodeStep(words.data(), words.size(), found));
  EXPECT_EQ(found.struct_size, sizeof(lamrt_step));
  ASSERT_EQ(found.num_tokens, 5);
  ASSERT_EQ(found.num_sequences, 2);
  ASSERT_EQ(found.num_logit_rows, 2);
  ASSERT_EQ(found.max_pages, step.max_pages);
  EXPECT_EQ(found.bucket_tokens, step.bucket_tokens);
  expectSame(found.token_ids, step.token_ids, 5, "token_ids");
  expectSame(found.positions, step.positions, 5, "positions");
  expectSame(found.sequence_of_row, step.sequence_of_row, 5, "sequence_of_row");
  expectSame(found.row_begin, step.row_begin, 3, "row_begin");
  expectSame(found.kv_length, step.kv_length, 2, "kv_length");
  expectSame(found.page_table, step.page_table, 2 * step.max_pages,
             "page_table");
  expectSame(found.logit_rows, step.logit_rows, 2, "logit_rows");
}

TEST(Messages, AStepOfNothingComesBack) {
  lamrt_step step = {};
  const int32_t zero = 0;
  step.row_begin = &zero;
  Words words = encodeStep(step);
  lamrt_step found = {};
  ASSERT_TRUE(isStep(words, found));
  EXPECT_EQ(found.num_tokens, 0);
  EXPECT_EQ(found.num_sequences, 0);
}

TEST(Messages, AStepOfAnotherLengthIsRefused) {
  StepBatch batch = makeBatch();
  Words words = encodeStep(batch.getStep());
  ASSERT_TRUE(isStep(words));
  for (size_t size = 0; size < words.size(); ++size)
    EXPECT_FALSE(isStep(
        Words(words.begin(), words.begin() + static_cast<ptrdiff_t>(size))))
        << size;
  words.push_back(0);
  EXPECT_FALSE(isStep(words));
}

/// Counts that do not fit the length, among them those whose products are more
/// than 64 bits hold or wrap around 32.
TEST(Messages, AStepOfOtherCountsIsRefused) {
  StepBatch batch = makeBatch();
  const Words words = encodeStep(batch.getStep());
  constexpr size_t kBucket = 4; // a count of nothing in the message
  for (size_t word : {1, 2, 3, 4, 5})
    for (int32_t value :
         {-1, INT_MIN, INT_MAX, 0, 1 << 16, 1 << 30, words[word] + 1}) {
      Words damaged = words;
      damaged[word] = value;
      EXPECT_EQ(isStep(damaged),
                value == words[word] || (word == kBucket && value >= 0))
          << word << " is " << value;
    }
  Words both = words;
  both[2] = both[5] = INT_MAX;
  EXPECT_FALSE(isStep(both));
  both[2] = both[5] = 1 << 16;
  EXPECT_FALSE(isStep(both));
}

TEST(Messages, TheSizesOfARankComeBack) {
  lamrt_rank_options options = {}, found = {};
  options.max_tokens = 1;
  options.max_logit_rows = 2;
  options.max_sequences = 3;
  options.num_pages = 4;
  Words words = encodeCreate(options);
  EXPECT_EQ(getKind(words.data(), words.size()), Message::Create);
  ASSERT_TRUE(decodeCreate(words.data(), words.size(), found));
  EXPECT_EQ(found.max_tokens, 1);
  EXPECT_EQ(found.max_logit_rows, 2);
  EXPECT_EQ(found.max_sequences, 3);
  EXPECT_EQ(found.num_pages, 4);
  for (size_t size = 0; size < words.size(); ++size)
    EXPECT_FALSE(decodeCreate(words.data(), size, found));
  words.push_back(0);
  EXPECT_FALSE(decodeCreate(words.data(), words.size(), found));
}

TEST(Messages, TheEndComesBack) {
  Words words = encodeEnd(130);
  int32_t code = 0;
  EXPECT_EQ(getKind(words.data(), words.size()), Message::End);
  ASSERT_TRUE(decodeEnd(words.data(), words.size(), code));
  EXPECT_EQ(code, 130);
  EXPECT_FALSE(decodeEnd(words.data(), 1, code));
  words.push_back(0);
  EXPECT_FALSE(decodeEnd(words.data(), words.size(), code));
}

TEST(Messages, AMessageOfNothingHasNoKind) {
  int32_t kind = static_cast<int32_t>(getKind(nullptr, 0));
  EXPECT_NE(kind, static_cast<int32_t>(Message::Create));
  EXPECT_NE(kind, static_cast<int32_t>(Message::Step));
  EXPECT_NE(kind, static_cast<int32_t>(Message::Wait));
  EXPECT_NE(kind, static_cast<int32_t>(Message::End));
  Words wait = encodeWait();
  EXPECT_EQ(getKind(wait.data(), wait.size()), Message::Wait);
  Words meet = encodeMeet();
  EXPECT_EQ(getKind(meet.data(), meet.size()), Message::Meet);
}

} // namespace lamina::test
