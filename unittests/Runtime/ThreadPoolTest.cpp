//===- ThreadPoolTest.cpp - Static splits of work over threads ------------===//

#include "core/ThreadPool.h"
#include "core/FloatingPointMode.h"
#include "core/HostResources.h"
#include "lamina/Support/FatalErrors.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>
#include <string>
#include <sys/mman.h>
#include <unistd.h>

namespace lamina::runtime {

namespace {

TEST(ThreadPool, EveryItemIsDoneOnce) {
  for (int32_t threads : {1, 2, 3, 8}) {
    ThreadPool pool;
    ASSERT_EQ(pool.start(threads), LAMRT_OK);
    EXPECT_EQ(pool.threads(), threads);
    for (int64_t count : {0, 1, 2, 7, 8, 1000})
      for (int64_t grain : {1, 3, 100}) {
        std::vector<int> done(static_cast<size_t>(count), 0);
        pool.forRange(count, grain,
                      [&](int64_t begin, int64_t end, int32_t thread) {
                        EXPECT_LT(thread, threads);
                        EXPECT_TRUE(end - begin >= grain || count < grain);
                        for (int64_t i = begin; i < end; ++i)
                          ++done[static_cast<size_t>(i)];
                      });
        EXPECT_EQ(done, std::vector<int>(static_cast<size_t>(count), 1));
      }
  }
}

TEST(ThreadPool, ManyJobsWithAndWithoutParking) {
  ThreadPool pool;
  ASSERT_EQ(pool.start(4), LAMRT_OK);
  std::vector<int64_t> sums(4 * 64, 0);
  for (int job = 0; job < 3000; ++job) {
    pool.run(4, [&](int32_t thread) { sums[thread * 64] += job; });
    // Long enough for the workers to park.
    if (job % 500 == 0)
      usleep(3000);
  }
  for (int thread = 0; thread < 4; ++thread)
    EXPECT_EQ(sums[thread * 64], 2999 * 3000 / 2);
}

#if defined(__x86_64__)
TEST(ThreadPool, WorkersHaveTheStatedMode) {
  unsigned saved = _mm_getcsr();
  _mm_setcsr(0xffc0);
  ThreadPool pool;
  ASSERT_EQ(pool.start(3), LAMRT_OK);
  unsigned modes[3] = {};
  pool.run(3, [&](int32_t thread) { modes[thread] = _mm_getcsr() & 0xffc0; });
  _mm_setcsr(saved);
  EXPECT_EQ(modes[1], 0x1f80u);
  EXPECT_EQ(modes[2], 0x1f80u);
}
#endif

/// Reads on a worker what another process has cut off a mapped file.
void readCutFile() {
  reportFatalErrors();
  std::string path = testing::TempDir() + "lamina-cut-XXXXXX";
  int descriptor = mkstemp(path.data());
  if (descriptor < 0 || ftruncate(descriptor, 4096) != 0)
    _exit(1);
  unlink(path.c_str());
  auto *bytes = static_cast<volatile char *>(
      mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE, descriptor, 0));
  ThreadPool pool;
  if (pool.start(2) != LAMRT_OK || ftruncate(descriptor, 0) != 0)
    _exit(1);
  pool.run(2, [&](int32_t thread) {
    if (thread == 1)
      (void)*bytes;
  });
  _exit(0);
}

TEST(ThreadPool, AFileThatIsCutIsAnErrorOnWorkersToo) {
  EXPECT_EXIT(readCutFile(), testing::ExitedWithCode(5),
              "^error: /.*/lamina-cut-.*: a part that cannot be read");
}

TEST(HostResources, ThisProcessMayUseSomething) {
  EXPECT_GE(getUsableProcessors(), 1);
  EXPECT_LE(getUsableProcessors(), sysconf(_SC_NPROCESSORS_ONLN));
  EXPECT_GT(getMemoryLimit().bytes, uint64_t(1) << 20);
}

} // namespace

} // namespace lamina::runtime
