//===- LoadProgressTest.cpp -----------------------------------------------===//

#include "program/LoadProgress.h"
#include "gtest/gtest.h"

#include <string>
#include <unistd.h>

using namespace lamina::program;

namespace {

/// What comes out of a pipe that `use` writes to.
template <typename Use>
std::string capture(Use use) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  use(ends[1]);
  close(ends[1]);
  char buffer[4096];
  ssize_t count = read(ends[0], buffer, sizeof(buffer));
  close(ends[0]);
  return std::string(buffer, static_cast<size_t>(count));
}

TEST(LoadProgress, SaysNothingOfAShortLoad) {
  EXPECT_EQ(capture([](int descriptor) {
              LoadProgress progress(descriptor, std::chrono::hours(1));
              for (uint64_t done = 0; done <= 100; ++done)
                progress.update(done, 100);
            }),
            "");
}

TEST(LoadProgress, ShowsALineAndRemovesIt) {
  EXPECT_EQ(capture([](int descriptor) {
              LoadProgress progress(descriptor, std::chrono::seconds(0));
              progress.update(500000000, 2000000000);
              // Too soon after the first.
              progress.update(600000000, 2000000000);
            }),
            "\rloading weights:  25 % of 2.0 GB\r\033[K");
}

TEST(LoadProgress, TakesAModelWithoutBytes) {
  EXPECT_EQ(capture([](int descriptor) {
              LoadProgress progress(descriptor, std::chrono::seconds(0));
              progress.update(0, 0);
            }),
            "");
}

} // namespace
