//===- RunWithinTest.cpp - A call that may never come back ----------------===//

#include "comm/RunWithin.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <thread>

namespace lamina::test {

using runtime::runWithin;

TEST(RunWithin, WhatComesBackIsStored) {
  int result = 0;
  EXPECT_TRUE(runWithin(60000, [] { return 7; }, result));
  EXPECT_EQ(result, 7);
}

/// What the work refers to lives as long as it does.
TEST(RunWithin, WhatDoesNotComeBackIsLeft) {
  auto isReleased = std::make_shared<std::atomic<bool>>(false);
  std::weak_ptr<std::atomic<bool>> watched = isReleased;
  int result = 5;
  auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(runWithin(
      100,
      [isReleased] {
        while (!*isReleased)
          std::this_thread::sleep_for(std::chrono::milliseconds(1));
        return 1;
      },
      result));
  EXPECT_GE(std::chrono::steady_clock::now() - begin,
            std::chrono::milliseconds(100));
  EXPECT_EQ(result, 5);
  *isReleased = true;
  isReleased.reset();
  while (!watched.expired())
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

/// A signal goes to a thread that waits for it, not into MPI.
TEST(RunWithin, SignalsAreBlockedInsideOnly) {
  sigset_t inside, before, after;
  pthread_sigmask(SIG_SETMASK, nullptr, &before);
  int result = 0;
  ASSERT_TRUE(runWithin(
      60000, [&] { return pthread_sigmask(SIG_SETMASK, nullptr, &inside); },
      result));
  pthread_sigmask(SIG_SETMASK, nullptr, &after);
  EXPECT_EQ(sigismember(&inside, SIGINT), 1);
  EXPECT_EQ(sigismember(&before, SIGINT), sigismember(&after, SIGINT));
}

} // namespace lamina::test
