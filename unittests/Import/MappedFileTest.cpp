//===- MappedFileTest.cpp - Tests of MappedFile.h and InputFile.h ---------===//

#include "lamina/Support/MappedFile.h"

#include "TemporaryFiles.h"
#include "lamina/Support/InputFile.h"

#include <sys/stat.h>

using namespace lamina;

TEST(MappedFile, MapsAllBytes) {
  TemporaryFolder folder;
  InputErrors errors;
  auto file = MappedFile::open(folder.write("f", "lamina"), errors);
  ASSERT_TRUE(file);
  const char *start = file->bytes().data();
  MappedFile moved = std::move(*file);
  EXPECT_EQ(moved.bytes(), "lamina");
  EXPECT_EQ(moved.bytes().data(), start);
  EXPECT_EQ(moved.size(), 6u);
  EXPECT_EQ(moved.path(), folder.pathOf("f"));
}

TEST(MappedFile, MapsEmptyAndSparseFiles) {
  TemporaryFolder folder;
  InputErrors errors;
  auto empty = MappedFile::open(folder.write("empty", ""), errors);
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->bytes(), "");
  auto sparse =
      MappedFile::open(folder.write("sparse", "a", uint64_t(1) << 33), errors);
  ASSERT_TRUE(sparse) << errors.toString();
  EXPECT_EQ(sparse->size(), (uint64_t(1) << 33) + 1);
  EXPECT_EQ(sparse->bytes().back(), '\0');
}

TEST(MappedFile, RefusesWhatIsNoFile) {
  TemporaryFolder folder;
  ASSERT_EQ(::mkfifo(folder.pathOf("pipe").c_str(), 0600), 0);
  ASSERT_EQ(::mkdir(folder.pathOf("d").c_str(), 0700), 0);
  InputErrors errors;
  for (const char *name : {"absent", "pipe", "d"})
    EXPECT_FALSE(MappedFile::open(folder.pathOf(name), errors));
  EXPECT_FALSE(MappedFile::open("/dev/null", errors));
  EXPECT_EQ(summary(errors, folder.path()),
            "5 absent: file: No such file or directory, expected a readable "
            "file\n"
            "pipe: file: a pipe, expected a readable file\n"
            "d: file: a directory, expected a readable file\n"
            "error: /dev/null: file: a device, expected a readable file\n");
}

TEST(InputFile, ReadsRanges) {
  TemporaryFolder folder;
  InputErrors errors;
  auto file = InputFile::open(folder.write("f", "0123456789"), errors);
  ASSERT_TRUE(file);
  EXPECT_EQ(file->size(), 10u);
  char bytes[4];
  ASSERT_TRUE(file->read(3, bytes, 4, errors));
  EXPECT_EQ(std::string_view(bytes, 4), "3456");
  EXPECT_TRUE(file->read(10, bytes, 0, errors));
}

TEST(InputFile, ReportsEarlyEnd) {
  TemporaryFolder folder;
  InputErrors errors;
  auto file = InputFile::open(folder.write("f", "0123456789"), errors);
  ASSERT_TRUE(file);
  char bytes[4];
  EXPECT_FALSE(file->read(8, bytes, 4, errors));
  EXPECT_EQ(summary(errors, folder.path()),
            "5 f:byte 10: file: the end of the file, expected 2 more bytes\n");
}
