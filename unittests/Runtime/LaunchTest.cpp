//===- LaunchTest.cpp - What started this process -------------------------===//

#include "lamina/Support/Launch.h"
#include "comm/MpiCandidates.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <utility>

namespace lamina::test {

namespace {

class LaunchTest : public testing::Test {
protected:
  void SetUp() override { clear(); }
  void TearDown() override { clear(); }

  static void clear() {
    for (const char *name :
         {"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK",
          "OMPI_COMM_WORLD_LOCAL_SIZE", "PMI_SIZE", "PMI_RANK",
          "MPI_LOCALNRANKS", "SLURM_STEP_NUM_TASKS", "PMIX_RANK",
          "SLURM_NTASKS_PER_NODE", "WORLD_SIZE", "RANK", "LAMINA_MPI"})
      unsetenv(name);
  }

  using Variables = std::vector<std::pair<const char *, const char *>>;
  static std::string read(const Variables &variables, Launch &launch) {
    clear();
    for (auto [name, value] : variables)
      setenv(name, value, 1);
    return readLaunch(launch);
  }

  static void expectRefused(const Variables &variables, const char *message) {
    Launch launch;
    EXPECT_EQ(read(variables, launch), message);
    EXPECT_EQ(launch.size, 1);
  }
};

} // namespace

TEST_F(LaunchTest, WithoutOneThereIsOneProcess) {
  Launch launch;
  ASSERT_EQ(read({}, launch), "");
  EXPECT_EQ(launch.size, 1);
  EXPECT_EQ(launch.rank, 0);
  // A rank without a size is of something else.
  ASSERT_EQ(read({{"PMI_RANK", "3"}, {"RANK", "2"}}, launch), "");
  EXPECT_EQ(launch.size, 1);
  EXPECT_EQ(launch.rank, 0);
}

TEST_F(LaunchTest, EachIsKnown) {
  Launch launch;
  ASSERT_EQ(read({{"OMPI_COMM_WORLD_SIZE", "4"},
                  {"OMPI_COMM_WORLD_RANK", "3"},
                  {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}},
                 launch),
            "");
  EXPECT_EQ(launch.size, 4);
  EXPECT_EQ(launch.rank, 3);
  EXPECT_EQ(launch.localSize, 2);
  EXPECT_TRUE(launch.isOpenMpi);
  EXPECT_STREQ(launch.variable, "OMPI_COMM_WORLD_SIZE");
  ASSERT_EQ(read({{"PMI_SIZE", "2"}, {"PMI_RANK", "1"}}, launch), "");
  EXPECT_EQ(launch.size, 2);
  EXPECT_EQ(launch.rank, 1);
  EXPECT_EQ(launch.localSize, 1);
  EXPECT_FALSE(launch.isOpenMpi);
  ASSERT_EQ(read({{"SLURM_STEP_NUM_TASKS", "8"}, {"PMIX_RANK", "7"}}, launch),
            "");
  EXPECT_EQ(launch.size, 8);
  EXPECT_EQ(launch.rank, 7);
}

/// The rest of an environment counts less than these two.
TEST_F(LaunchTest, ALocalSizeThatMakesNoSenseIsLeftOut) {
  Launch launch;
  for (const char *text : {"", "0", "-1", "5", "2(x2)"}) {
    ASSERT_EQ(
        read({{"PMI_SIZE", "4"}, {"PMI_RANK", "1"}, {"MPI_LOCALNRANKS", text}},
             launch),
        "");
    EXPECT_EQ(launch.localSize, 1) << text;
  }
}

TEST_F(LaunchTest, NonsenseIsRefused) {
  for (const char *text : {"", "0", "-2", "two", "2x", "99999999999", " 2"}) {
    std::string message = "environment: PMI_SIZE: '" + std::string(text) +
                          "', expected a number of processes";
    expectRefused({{"PMI_SIZE", text}, {"PMI_RANK", "0"}}, message.c_str());
  }
  for (const char *text : {"", "2", "-1", "x"}) {
    std::string message = "environment: PMI_RANK: '" + std::string(text) +
                          "', expected a rank below the number of processes";
    expectRefused({{"PMI_SIZE", "2"}, {"PMI_RANK", text}}, message.c_str());
  }
}

/// N processes that each take themselves for the only one would give N answers.
TEST_F(LaunchTest, TorchrunIsRefused) {
  const char *message = "environment: WORLD_SIZE: '2', expected 1: torchrun "
                        "starts ranks of GPUs, mpirun those of CPUs";
  expectRefused({{"WORLD_SIZE", "2"}, {"RANK", "0"}}, message);
  // Also if each of them has a world of MPI to itself.
  expectRefused({{"WORLD_SIZE", "2"},
                 {"RANK", "0"},
                 {"PMI_SIZE", "1"},
                 {"PMI_RANK", "0"}},
                message);
  Launch launch;
  EXPECT_EQ(read({{"WORLD_SIZE", "1"}, {"RANK", "0"}}, launch), "");
  EXPECT_EQ(read({{"WORLD_SIZE", "2"},
                  {"RANK", "0"},
                  {"PMI_SIZE", "2"},
                  {"PMI_RANK", "0"}},
                 launch),
            "");
  EXPECT_EQ(launch.size, 2);
}

TEST_F(LaunchTest, TheLibraryIsThatOfTheLauncher) {
  Launch launch;
  launch.isOpenMpi = true;
  EXPECT_EQ(runtime::getMpiCandidates(launch).back(), "libmpi.so.40");
  launch.isOpenMpi = false;
  std::vector<std::string> names = runtime::getMpiCandidates(launch);
  ASSERT_GE(names.size(), 2u);
  EXPECT_EQ(names[names.size() - 2], "libmpich.so.12");
  EXPECT_EQ(names.back(), "libmpi.so.12");
  setenv("LAMINA_MPI", "/there/libmpi.so", 1);
  EXPECT_EQ(runtime::getMpiCandidates(launch),
            std::vector<std::string>{"/there/libmpi.so"});
}

} // namespace lamina::test
