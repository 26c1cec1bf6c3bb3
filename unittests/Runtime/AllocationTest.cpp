//===- AllocationTest.cpp - A step allocates nothing ----------------------===//

// ThreadSanitizer has operators of its own.
#if !defined(__has_feature) || !__has_feature(thread_sanitizer)

#include "TestRank.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<bool> isCounting{false};
std::atomic<int> allocations{0};

} // namespace

// The only way of the runtime to get memory from the C++ library.
void *operator new(std::size_t size) {
  if (isCounting)
    ++allocations;
  void *memory = std::malloc(size ? size : 1);
  if (!memory)
    std::abort();
  return memory;
}
void operator delete(void *memory) noexcept { std::free(memory); }
void operator delete(void *memory, std::size_t) noexcept { std::free(memory); }

namespace lamina::test {

namespace {

TEST(Allocation, StepsAllocateNothing) {
  StoriesProgram stories;
  RankPointer rank = createRank(stories, getRankOptions(8, 2));
  ASSERT_TRUE(rank);
  const std::vector<int32_t> ids(40, 5);
  for (int32_t rows : {40, 1}) {
    program::StepBatch batch(8);
    for (int32_t s = 0; s < 8; ++s)
      batch.add(ids.data(), rows, rows == 1 ? 40 : 0, makePages(8 * s),
                program::WantedLogits::Last);
    lamrt_step step = batch.getStep();
    const float *logits = nullptr;
    allocations = 0;
    isCounting = true;
    lamrt_status status = lamrt_rank_step(rank.get(), &step, &logits);
    isCounting = false;
    EXPECT_EQ(status, LAMRT_OK) << lamrt_last_error();
    EXPECT_EQ(allocations, 0);
  }
  // The counter counts.
  isCounting = true;
  std::vector<int32_t> more(ids);
  isCounting = false;
  EXPECT_GT(allocations, 0);
  EXPECT_EQ(more.size(), 40u);
}

} // namespace

} // namespace lamina::test

#endif
