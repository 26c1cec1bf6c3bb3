//===- RacesTest.cpp - ThreadSanitizer sees races of kernels --------------===//

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <cstdio>
#include <string>
#include <sys/wait.h>

namespace {

struct Result {
  int exit = -1;
  std::string output;
};

Result runCase(const std::string &name) {
  std::string command = "TSAN_OPTIONS=atexit_sleep_ms=0 " +
                        std::string(LAMINA_RACE_PROGRAM) + " " + name + " 2>&1";
  Result result;
  FILE *pipe = popen(command.c_str(), "r");
  if (!pipe)
    return result;
  char part[512];
  while (size_t got = fread(part, 1, sizeof(part), pipe))
    result.output.append(part, got);
  int status = pclose(pipe);
  if (WIFEXITED(status))
    result.exit = WEXITSTATUS(status);
  return result;
}

class RacesTest : public ::testing::TestWithParam<const char *> {};
class OrderedTest : public ::testing::TestWithParam<const char *> {};

TEST_P(RacesTest, is_found) {
  Result result = runCase(GetParam());
  EXPECT_EQ(result.exit, 66) << result.output;
  EXPECT_THAT(result.output, ::testing::HasSubstr("data race"));
  EXPECT_THAT(result.output, ::testing::HasSubstr("RaceProgram.cu"));
}

TEST_P(OrderedTest, is_left_alone) {
  Result result = runCase(GetParam());
  EXPECT_EQ(result.exit, 0) << result.output;
}

std::string caseName(const ::testing::TestParamInfo<const char *> &info) {
  std::string name = info.param;
  for (char &c : name)
    if (c == '-')
      c = '_';
  return name;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, RacesTest,
    ::testing::Values("sum-without-barrier", "neighbour-without-syncwarp",
                      "rounds-without-second-barrier", "flag-without-release",
                      "warp-rounds-without-second-syncwarp",
                      "streams-without-event", "pinned-without-synchronize"),
    caseName);

INSTANTIATE_TEST_SUITE_P(Cases, OrderedTest,
                         ::testing::Values("sum", "neighbour", "rounds",
                                           "warp-rounds", "stack", "flag",
                                           "streams", "pinned"),
                         caseName);

} // namespace
