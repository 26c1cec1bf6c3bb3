//===- TestRank.h - Sequences on a rank, for tests -------------*- C++ -*-===//

#ifndef LAMINA_UNITTESTS_RUNTIME_TESTRANK_H
#define LAMINA_UNITTESTS_RUNTIME_TESTRANK_H

#include "StoriesProgram.h"
#include "program/StepBatch.h"

#include <gtest/gtest.h>

#include <memory>

namespace lamina::test {

using RankPointer = std::unique_ptr<lamrt_rank, void (*)(lamrt_rank *)>;

inline RankPointer createRank(const StoriesProgram &stories,
                              const lamrt_rank_options &options) {
  lamrt_rank *rank = nullptr;
  EXPECT_EQ(lamrt_rank_create(&stories.program, &options, &rank), LAMRT_OK)
      << lamrt_last_error();
  return RankPointer(rank, lamrt_rank_destroy);
}

/// Pages first, first + stride, ... for the whole context.
inline std::vector<int32_t> makePages(int32_t first, int32_t stride = 1) {
  std::vector<int32_t> pages(8);
  for (int32_t i = 0; i < 8; ++i)
    pages[static_cast<size_t>(i)] = first + i * stride;
  return pages;
}

/// The ids of the golden run, BOS first.
std::vector<int32_t> getGoldenIds();

/// Runs the batch; returns its logits, a row of 512 each.
inline std::vector<float> runBatch(lamrt_rank *rank,
                                   const program::StepBatch &batch) {
  lamrt_step step = batch.getStep();
  const float *logits = nullptr;
  EXPECT_EQ(lamrt_rank_step(rank, &step, &logits), LAMRT_OK)
      << lamrt_last_error();
  if (!logits)
    return {};
  return std::vector<float>(logits, logits + step.num_logit_rows * 512);
}

/// Logits of all rows of `ids`, in steps of `chunk` rows.
inline std::vector<float> runChunks(lamrt_rank *rank,
                                    const std::vector<int32_t> &ids,
                                    int32_t chunk,
                                    const std::vector<int32_t> &pages) {
  std::vector<float> all;
  program::StepBatch batch(8);
  auto size = static_cast<int32_t>(ids.size());
  for (int32_t begin = 0; begin < size; begin += chunk) {
    batch.clear();
    batch.add(ids.data() + begin, std::min(chunk, size - begin), begin, pages,
              program::WantedLogits::All);
    std::vector<float> logits = runBatch(rank, batch);
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

} // namespace lamina::test

#endif // LAMINA_UNITTESTS_RUNTIME_TESTRANK_H
