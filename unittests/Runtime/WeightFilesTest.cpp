//===- WeightFilesTest.cpp - Is it the file that was compiled? ------------===//

#include "TestRank.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace lamina::test {

namespace {

using testing::HasSubstr;

/// A copy of the model in a folder of its own.
class WeightFilesTest : public testing::Test {
protected:
  void SetUp() override {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "lamina-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder = pattern;
    std::filesystem::copy(getDataFolder() + "stories260K", folder,
                          std::filesystem::copy_options::recursive);
    path = folder + "/model.safetensors";
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  lamrt_status create(bool verify = false, const char *model = nullptr) {
    lamrt_rank *rank = nullptr;
    lamrt_rank_options options = getRankOptions(1, 1);
    options.model_path = model ? model : folder.c_str();
    options.verify_weights = verify;
    lamrt_status status = lamrt_rank_create(&stories.program, &options, &rank);
    EXPECT_EQ(rank != nullptr, status == LAMRT_OK);
    lamrt_rank_destroy(rank);
    return status;
  }
  void flipByte(std::streamoff offset) {
    std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(offset);
    char byte = static_cast<char>(stream.get() ^ 1);
    stream.seekp(offset);
    stream.put(byte);
  }

  StoriesProgram stories;
  std::string folder, path;
};

TEST_F(WeightFilesTest, TheSameFileElsewhereIsTaken) {
  EXPECT_EQ(create(), LAMRT_OK) << lamrt_last_error();
  EXPECT_EQ(create(true), LAMRT_OK) << lamrt_last_error();
  // A path to a file of it stands for its folder; the one file may be renamed.
  EXPECT_EQ(create(false, path.c_str()), LAMRT_OK) << lamrt_last_error();
  std::string renamed = folder + "/renamed";
  std::filesystem::rename(path, renamed);
  EXPECT_EQ(create(false, renamed.c_str()), LAMRT_OK) << lamrt_last_error();
}

TEST_F(WeightFilesTest, OtherFilesAreRefused) {
  flipByte(20);
  EXPECT_EQ(create(), LAMRT_CHECK_FAILED);
  EXPECT_THAT(lamrt_last_error(), HasSubstr("model.safetensors"));
  EXPECT_THAT(lamrt_last_error(), HasSubstr("header differs"));
  flipByte(20);
  // In the second sampled block.
  flipByte(1044992 / 64 / 4096 * 4096 + 10);
  EXPECT_EQ(create(), LAMRT_CHECK_FAILED);
  EXPECT_THAT(lamrt_last_error(), HasSubstr("sampled blocks differ"));
  std::filesystem::resize_file(path, 1000);
  EXPECT_EQ(create(), LAMRT_CHECK_FAILED);
  EXPECT_THAT(lamrt_last_error(), HasSubstr("1000 bytes, expected 1044992"));
  std::filesystem::resize_file(path, 0);
  EXPECT_EQ(create(), LAMRT_CHECK_FAILED);
  std::filesystem::remove(path);
  EXPECT_EQ(create(), LAMRT_IO);
  EXPECT_THAT(lamrt_last_error(), HasSubstr("not found"));
  std::filesystem::create_directory(path);
  EXPECT_EQ(create(), LAMRT_IO);
  EXPECT_THAT(lamrt_last_error(), HasSubstr("not a regular file"));
}

TEST_F(WeightFilesTest, EveryByteIsVerifiedOnRequest) {
  // Between the sampled blocks: they start at each 16328 bytes, rounded down.
  flipByte(4096 + 4096 + 100);
  EXPECT_EQ(create(), LAMRT_OK) << lamrt_last_error();
  EXPECT_EQ(create(true), LAMRT_CHECK_FAILED);
  EXPECT_THAT(lamrt_last_error(), HasSubstr("bytes differ"));
  stories.file.has_full_hash = 0;
  EXPECT_EQ(create(true), LAMRT_USAGE);
  EXPECT_THAT(lamrt_last_error(), HasSubstr("holds no full hash"));
}

TEST_F(WeightFilesTest, SizesAreNamedBeforeMemoryIsTaken) {
  lamrt_rank *rank = nullptr;
  lamrt_rank_options options = getRankOptions(1, 1);
  options.num_pages = INT32_MAX;
  EXPECT_EQ(lamrt_rank_create(&stories.program, &options, &rank), LAMRT_LIMIT);
  EXPECT_THAT(lamrt_last_error(),
              testing::MatchesRegex("memory: needs [0-9]+ MiB .weights [0-9]+, "
                                    "KV cache [0-9]+, activations [0-9]+., "
                                    "limit [0-9]+ MiB .*"));
}

} // namespace

} // namespace lamina::test
