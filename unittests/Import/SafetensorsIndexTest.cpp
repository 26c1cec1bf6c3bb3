//===- SafetensorsIndexTest.cpp - Tests of Safetensors.h: directories -----===//

#include "TemporaryFiles.h"
#include "lamina/Import/Safetensors.h"

#include <gmock/gmock.h>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using namespace lamina;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

static const std::string kIndex = "model.safetensors.index.json";

/// A file with these F32 tensors of one element each.
static std::string makeShard(const std::vector<std::string> &names) {
  std::string header = "{";
  for (size_t i = 0; i < names.size(); ++i)
    header += (i ? ",\"" : "\"") + names[i] +
              R"(":{"dtype":"F32","shape":[1],"data_offsets":[)" +
              std::to_string(4 * i) + "," + std::to_string(4 * i + 4) + "]}";
  header += "}";
  return littleEndian<uint64_t>(header.size()) + header +
         std::string(4 * names.size(), '\0');
}

namespace {

class SafetensorsIndex : public testing::Test {
protected:
  /// Reads the folder; the errors as summary() has them, or `ok`.
  std::string read() {
    InputErrors errors;
    warnings.clear();
    checkpoint = readSafetensorsDirectory(folder.path(), errors, warnings);
    EXPECT_EQ(checkpoint.has_value(), errors.empty());
    for (std::string &warning : warnings)
      if (warning.compare(0, folder.path().size(), folder.path()) == 0)
        warning.erase(0, folder.path().size() + 1);
    return errors.empty() ? "ok" : summary(errors, folder.path());
  }
  std::string readWith(std::string_view index) {
    folder.write(kIndex, index);
    return read();
  }

  /// A folder that other users can reach, which that for temporary files need
  /// not be.
  static bool chooseParent() {
    return ::access("/tmp", W_OK | X_OK) != 0 || !::setenv("TMPDIR", "/tmp", 1);
  }
  bool hasParent = chooseParent();
  TemporaryFolder folder;
  std::vector<std::string> warnings;
  std::optional<Checkpoint> checkpoint;
};

} // namespace

TEST_F(SafetensorsIndex, ReadsShards) {
  folder.write("1.safetensors", makeShard({"b", "d"}));
  folder.write("2.safetensors", makeShard({"c", "a"}));
  ASSERT_EQ(readWith(R"({"metadata":{"total_size":16},"weight_map":)"
                     R"({"a":"2.safetensors","b":"1.safetensors",)"
                     R"("c":"2.safetensors","d":"1.safetensors"}})"),
            "ok");
  EXPECT_THAT(warnings, IsEmpty());
  ASSERT_EQ(checkpoint->files.size(), 2u);
  EXPECT_EQ(checkpoint->files[1].path, folder.pathOf("2.safetensors"));
  ASSERT_EQ(checkpoint->tensors.size(), 4u);
  EXPECT_EQ(checkpoint->find("a")->file, 1u);
  EXPECT_EQ(checkpoint->find("a")->offset,
            checkpoint->files[1].headerBytes + 4);
  EXPECT_EQ(checkpoint->find("d")->file, 0u);
}

TEST_F(SafetensorsIndex, FollowsSymbolicLinks) {
  folder.write("blob", makeShard({"a"}));
  ASSERT_EQ(::symlink("blob", folder.pathOf("1.safetensors").c_str()), 0);
  EXPECT_EQ(readWith(R"({"weight_map":{"a":"1.safetensors"}})"), "ok");
}

TEST_F(SafetensorsIndex, PrefersSingleFile) {
  folder.write("model.safetensors", makeShard({"a"}));
  EXPECT_EQ(read(), "ok");
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_EQ(readWith("no JSON"), "ok");
  EXPECT_THAT(warnings, ElementsAre(kIndex + ": file: not used, since there is "
                                             "model.safetensors"));
}

TEST_F(SafetensorsIndex, NoCheckpoint) {
  EXPECT_THAT(read(), HasSubstr("no model.safetensors and no " + kIndex));
  folder.write("pytorch_model.bin", "x");
  EXPECT_THAT(read(), HasSubstr("weights as pytorch_model.bin only"));
  InputErrors errors;
  EXPECT_FALSE(
      readSafetensorsDirectory(folder.pathOf("absent"), errors, warnings));
  EXPECT_FALSE(readSafetensorsDirectory(folder.pathOf("pytorch_model.bin"),
                                        errors, warnings));
  EXPECT_EQ(summary(errors, folder.path()),
            "5 absent: directory: No such file or directory, expected a "
            "directory with a checkpoint\n"
            "pytorch_model.bin: directory: a file, expected a directory with a "
            "checkpoint\n");
}

TEST_F(SafetensorsIndex, WeightMap) {
  const std::string place = "3 " + kIndex + ":/weight_map: weight_map: ";
  const std::string expected =
      ", expected an object of tensor and file names\n";
  EXPECT_EQ(readWith("{}"), place + "absent" + expected);
  EXPECT_EQ(readWith("[]"), place + "absent" + expected);
  EXPECT_EQ(readWith(R"({"weight_map":[]})"), place + "an array" + expected);
  EXPECT_THAT(
      readWith(R"({"weight_map":{"a":1,"b":null}})"),
      HasSubstr("/weight_map/b: weight_map: null, expected a plain file "
                "name\n"));
  EXPECT_EQ(readWith(""),
            "3 " + kIndex +
                ":byte 0: JSON: an empty file, expected an object\n");
  EXPECT_THAT(readWith("{\"a\xFF\":1}"), HasSubstr("byte 3: JSON: byte 0xFF"));
}

TEST_F(SafetensorsIndex, FileNames) {
  for (std::string_view name :
       {"../../etc/passwd", "/etc/passwd", "a/../../b", "C:\\\\x", "", ".",
        "..", "C:x", "a\\u0000b", "a\\nb", "a/b"})
    EXPECT_THAT(
        readWith("{\"weight_map\":{\"a\":\"" + std::string(name) + "\"}}"),
        testing::AllOf(
            HasSubstr("3 " + kIndex + ":/weight_map/a: weight_map: \""),
            HasSubstr("expected a plain file name\n")))
        << name;
}

TEST_F(SafetensorsIndex, Limits) {
  folder.write(kIndex, "", 1'000'000'000);
  EXPECT_EQ(read(), "3 " + kIndex +
                        ": file: more than 67108864 bytes, expected a smaller "
                        "file\n");
  std::string many = "{\"weight_map\":[0";
  for (unsigned i = 0; i < 600'000; ++i)
    many += ",0";
  EXPECT_THAT(readWith(many + "]}"),
              HasSubstr("6 " + kIndex + ": JSON: more than 600000 values"));
}

TEST_F(SafetensorsIndex, AbsentAndUnlistedFiles) {
  folder.write("1.safetensors", makeShard({"a"}));
  folder.write("3.safetensors", makeShard({"c"}));
  folder.write("0.safetensors", "no shard");
  EXPECT_EQ(readWith(R"({"weight_map":{"a":"1.safetensors"}})"), "ok");
  EXPECT_THAT(warnings, ElementsAre("0.safetensors: file: not listed in " +
                                        kIndex + ", not used",
                                    "3.safetensors: file: not listed in " +
                                        kIndex + ", not used"));
  EXPECT_EQ(readWith(R"({"weight_map":{"a":"1.safetensors",)"
                     R"("b":"2.safetensors","c":"4.safetensors"}})"),
            "5 2.safetensors: file: No such file or directory, expected a "
            "readable file\n"
            "4.safetensors: file: No such file or directory, expected a "
            "readable file\n");
}

TEST_F(SafetensorsIndex, TensorsElsewhere) {
  folder.write("1.safetensors", makeShard({"a", "b", "twice"}));
  folder.write("2.safetensors", makeShard({"c", "twice", "unlisted"}));
  EXPECT_EQ(
      readWith(R"({"weight_map":{"a":"2.safetensors","b":"1.safetensors",)"
               R"("c":"2.safetensors","absent":"2.safetensors",)"
               R"("twice":"1.safetensors"}})"),
      "3 " + kIndex +
          ":/weight_map/a: weight_map: \"2.safetensors\", expected "
          "\"1.safetensors\", where tensor \"a\" lies\n" +
          kIndex +
          ":/weight_map/twice: weight_map: tensor \"twice\" in "
          "\"1.safetensors\" and in \"2.safetensors\", expected each tensor in "
          "one file\n" +
          kIndex +
          ":/weight_map/absent: weight_map: tensor \"absent\", absent from "
          "\"2.safetensors\", expected a tensor of that file\n");
  EXPECT_THAT(warnings,
              testing::Contains(kIndex + ":/weight_map/unlisted: weight_map: "
                                         "tensor \"unlisted\" of "
                                         "\"2.safetensors\" is not listed"));
}

TEST_F(SafetensorsIndex, TotalSize) {
  folder.write("1.safetensors", makeShard({"a", "b"}));
  auto readTotal = [&](std::string_view size) {
    EXPECT_EQ(readWith("{\"metadata\":{\"total_size\":" + std::string(size) +
                       "},\"weight_map\":{\"a\":\"1.safetensors\",\"b\":"
                       "\"1.safetensors\"}}"),
              "ok");
    return warnings.size() == 1 ? warnings[0] : "";
  };
  EXPECT_EQ(readTotal("8"), "");
  EXPECT_EQ(readTotal("9"), kIndex + ":/metadata/total_size: total_size: 9, "
                                     "but the tensors have 8 bytes");
  EXPECT_EQ(readTotal("8.5"), kIndex + ":/metadata/total_size: total_size: 8.5 "
                                       "is no number of bytes");
}

TEST_F(SafetensorsIndex, ReportsAllShards) {
  folder.write("1.safetensors", "x");
  folder.write("2.safetensors", "yz");
  EXPECT_EQ(
      readWith(R"({"weight_map":{"a":"1.safetensors","b":)"
               R"("2.safetensors"}})"),
      "3 1.safetensors: header length: a file of 1 bytes, expected at "
      "least 8 bytes\n"
      "2.safetensors: header length: a file of 2 bytes, expected at least "
      "8 bytes\n");
}

TEST_F(SafetensorsIndex, ManyShards) {
  constexpr unsigned count = 10'000;
  std::string index;
  for (unsigned i = 0; i < count; ++i) {
    std::string name = std::to_string(i);
    folder.write(name + ".safetensors", makeShard({name}));
    index += (i ? ",\"" : "\"") + name + "\":\"" + name + ".safetensors\"";
  }
  struct rlimit before;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  struct rlimit few = before;
  few.rlim_cur = 64;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  std::string report = readWith("{\"weight_map\":{" + index + "}}");
  ::setrlimit(RLIMIT_NOFILE, &before);
  ASSERT_EQ(report, "ok");
  EXPECT_EQ(checkpoint->files.size(), count);
  EXPECT_EQ(checkpoint->tensors.size(), count);
}

TEST_F(SafetensorsIndex, ManyAbsentShards) {
  std::string index;
  for (unsigned i = 0; i < 1000; ++i)
    index += (i ? ",\"" : "\"") + std::to_string(i) + "\":\"" +
             std::to_string(i) + "\"";
  std::string report = readWith("{\"weight_map\":{" + index + "}}");
  EXPECT_EQ(std::count(report.begin(), report.end(), '\n'), 101);
}

TEST_F(SafetensorsIndex, PermissionDenied) {
  std::string shard = folder.write("1.safetensors", makeShard({"a"}));
  ASSERT_EQ(::chmod(shard.c_str(), 0), 0);
  ASSERT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  folder.write(kIndex, R"({"weight_map":{"a":"1.safetensors"}})");
  ASSERT_EQ(::chmod(folder.pathOf(kIndex).c_str(), 0644), 0);
  bool isRoot = ::geteuid() == 0;
  if (isRoot && ::seteuid(65534) != 0)
    GTEST_SKIP() << "runs as root and cannot become another user";
  std::string report = read();
  if (isRoot)
    ASSERT_EQ(::seteuid(0), 0);
  EXPECT_EQ(report, "5 1.safetensors: file: Permission denied, expected a "
                    "readable file\n");
}
