//===- GgufTest.cpp - Tests of Gguf.h -------------------------------------===//

#include "lamina/Import/Gguf.h"

#include "TemporaryFiles.h"

#include <gmock/gmock.h>

using namespace lamina;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

static std::string u32(uint32_t number) { return littleEndian(number); }
static std::string u64(uint64_t number) { return littleEndian(number); }
static std::string text(const std::string &bytes) {
  return u64(bytes.size()) + bytes;
}

/// A metadata member; the number of `type` is the format's.
static std::string member(const std::string &key, uint32_t type,
                          const std::string &value) {
  return text(key) + u32(type) + value;
}
static const std::string kArchitecture =
    member("general.architecture", 8, text("llama"));

/// The description of a tensor, dimensions innermost first.
static std::string tensor(const std::string &name,
                          const std::vector<uint64_t> &dimensions,
                          uint32_t type, uint64_t offset) {
  std::string bytes = text(name) + u32(dimensions.size());
  for (uint64_t size : dimensions)
    bytes += u64(size);
  return bytes + u32(type) + u64(offset);
}

/// A file up to its data, padded to `alignment` bytes.
static std::string makeFile(const std::vector<std::string> &members,
                            const std::vector<std::string> &tensors = {},
                            size_t alignment = 32) {
  std::string bytes =
      "GGUF" + u32(3) + u64(tensors.size()) + u64(members.size());
  for (const std::string &part : members)
    bytes += part;
  for (const std::string &part : tensors)
    bytes += part;
  bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
  return bytes;
}

/// What reading `content` with a hole behind it reports: `ok`, `warning: ...`,
/// or the errors.
static std::string check(std::string_view content, uint64_t hole = 0) {
  static TemporaryFolder folder; // made once: some tests read thousands
  InputErrors errors;
  std::vector<std::string> warnings;
  auto file = readGguf(folder.write("f", content, hole), errors, &warnings);
  EXPECT_EQ(file.has_value(), errors.empty());
  if (!errors.empty())
    return summary(errors, folder.path());
  return warnings.empty()
             ? "ok"
             : "warning: " + warnings[0].substr(folder.path().size() + 1);
}
/// The same with these members after `general.architecture`, whose value ends
/// at byte 77.
static std::string checkMembers(const std::vector<std::string> &more) {
  std::vector<std::string> members = {kArchitecture};
  members.insert(members.end(), more.begin(), more.end());
  return check(makeFile(members));
}
static std::string checkTensors(const std::vector<std::string> &tensors,
                                uint64_t dataBytes = 0) {
  return check(makeFile({kArchitecture}, tensors), dataBytes);
}
/// Descriptions of tensors begin here in files of checkTensors().
static const uint64_t kTensorsBegin = 24 + kArchitecture.size();
static std::string place(uint64_t offset) {
  return "f:byte " + std::to_string(kTensorsBegin + offset) + ": ";
}

TEST(Gguf, ReadsScalars) {
  TemporaryFolder folder;
  std::string path = folder.write(
      "f",
      makeFile({kArchitecture, member("u8", 0, "\xFF"), member("i8", 1, "\xFF"),
                member("u16", 2, littleEndian<uint16_t>(65535)),
                member("i16", 3, littleEndian<int16_t>(-2)),
                member("u32", 4, u32(UINT32_MAX)),
                member("i32", 5, littleEndian<int32_t>(-3)),
                member("f32", 6, littleEndian(0.1f)),
                member("yes", 7, std::string(1, '\1')),
                member("u64", 10, u64(UINT64_MAX)),
                member("i64", 11, littleEndian<int64_t>(INT64_MIN)),
                member("f64", 12, littleEndian(0.1))}));
  InputErrors errors;
  auto read = readGguf(path, errors);
  ASSERT_TRUE(read) << errors.toString();
  GgufFile file = std::move(*read);
  EXPECT_EQ(file.path(), path);
  EXPECT_EQ(file.metadata().size(), 12u);
  EXPECT_EQ(file.find("general.architecture")->string(), "llama");
  EXPECT_EQ(file.find("u8")->integer(), 255);
  EXPECT_EQ(file.find("i8")->integer(), -1);
  EXPECT_EQ(file.find("u16")->integer(), 65535);
  EXPECT_EQ(file.find("i16")->integer(), -2);
  EXPECT_EQ(file.find("u32")->integer(), int64_t(UINT32_MAX));
  EXPECT_EQ(file.find("i32")->integer(), -3);
  EXPECT_EQ(file.find("u64")->integer(), std::nullopt);
  EXPECT_EQ(file.find("i64")->integer(), INT64_MIN);
  EXPECT_EQ(file.find("f32")->floating(), double(0.1f));
  EXPECT_EQ(file.find("f64")->floating(), 0.1);
  EXPECT_EQ(file.find("yes")->boolean(), true);
  EXPECT_EQ(file.find("absent"), nullptr);
  // No value is read as one of another type.
  EXPECT_EQ(file.find("f32")->integer(), std::nullopt);
  EXPECT_EQ(file.find("yes")->integer(), std::nullopt);
  EXPECT_EQ(file.find("u32")->floating(), std::nullopt);
  EXPECT_EQ(file.find("u32")->boolean(), std::nullopt);
  EXPECT_EQ(file.find("u32")->string(), std::nullopt);
  EXPECT_EQ(file.find("u8")->offset(), kTensorsBegin + 8 + 2 + 4);
  EXPECT_EQ(file.find("u64")->describe(), "18446744073709551615 (UINT64)");
  EXPECT_EQ(file.find("f32")->describe(), "0.1 (FLOAT32)");
  EXPECT_EQ(file.find("yes")->describe(), "true (BOOL)");
  EXPECT_EQ(file.find("general.architecture")->describe(),
            "\"llama\" (STRING)");
  EXPECT_TRUE(file.checkpoint().tensors.empty());
}

TEST(Gguf, ReadsArrays) {
  TemporaryFolder folder;
  std::string inner = u32(4) + u64(1) + u32(7);
  std::string path = folder.write(
      "f",
      makeFile(
          {kArchitecture,
           member("s", 9, u32(8) + u64(2) + text("") + text("ab")),
           member("i", 9, u32(5) + u64(2) + littleEndian<int32_t>(-1) + u32(9)),
           member("f", 9, u32(6) + u64(1) + littleEndian(2.5f)),
           member("b", 9, u32(7) + u64(2) + std::string("\1\0", 2)),
           member("none", 9, u32(0) + u64(0)),
           member("nested", 9, u32(9) + u64(2) + inner + inner),
           member("big", 9, u32(10) + u64(1) + u64(UINT64_MAX))}));
  InputErrors errors;
  auto file = readGguf(path, errors);
  ASSERT_TRUE(file) << errors.toString();
  EXPECT_THAT(*file->find("s")->strings(), ElementsAre("", "ab"));
  EXPECT_THAT(*file->find("i")->integers(), ElementsAre(-1, 9));
  EXPECT_THAT(*file->find("f")->floats(), ElementsAre(2.5));
  EXPECT_EQ(file->find("b")->size(), 2u);
  EXPECT_EQ(file->find("b")->elementType(), GgufType::Bool);
  EXPECT_TRUE(file->find("none")->integers()->empty());
  EXPECT_EQ(file->find("s")->integers(), std::nullopt);
  EXPECT_EQ(file->find("s")->floats(), std::nullopt);
  EXPECT_EQ(file->find("i")->strings(), std::nullopt);
  EXPECT_EQ(file->find("i")->floats(), std::nullopt);
  EXPECT_EQ(file->find("f")->integers(), std::nullopt);
  EXPECT_EQ(file->find("b")->integers(), std::nullopt);
  EXPECT_EQ(file->find("nested")->integers(), std::nullopt);
  EXPECT_EQ(file->find("big")->integers(), std::nullopt);
  EXPECT_EQ(file->find("i")->integer(), std::nullopt);
  EXPECT_EQ(file->find("s")->describe(), "an array of 2 STRING");
}

TEST(Gguf, ReadsTensorsOfAllTypes) {
  struct Type {
    uint32_t number;
    StorageType storage;
    uint64_t bytes; // of 2 x 256 elements
  };
  // Sizes of blocks: ggml-common.h.
  const Type types[] = {
      {0, StorageType::F32, 2048},  {1, StorageType::F16, 1024},
      {2, StorageType::Q4_0, 288},  {3, StorageType::Q4_1, 320},
      {6, StorageType::Q5_0, 352},  {7, StorageType::Q5_1, 384},
      {8, StorageType::Q8_0, 544},  {12, StorageType::Q4_K, 288},
      {13, StorageType::Q5_K, 352}, {14, StorageType::Q6_K, 420},
      {30, StorageType::BF16, 1024}};
  std::vector<std::string> tensors;
  uint64_t offset = 0;
  for (const Type &type : types) {
    tensors.push_back(tensor("t" + std::to_string(type.number), {256, 2},
                             type.number, offset));
    offset += (type.bytes + 31) / 32 * 32;
  }
  TemporaryFolder folder;
  std::string content = makeFile({kArchitecture}, tensors);
  InputErrors errors;
  auto file = readGguf(folder.write("f", content, offset), errors);
  ASSERT_TRUE(file) << errors.toString();
  const Checkpoint &checkpoint = file->checkpoint();
  EXPECT_EQ(checkpoint.files[0].headerBytes, content.size());
  EXPECT_EQ(checkpoint.tensors.size(), std::size(types));
  offset = content.size();
  for (const Type &type : types) {
    auto *found = checkpoint.find("t" + std::to_string(type.number));
    ASSERT_TRUE(found);
    EXPECT_EQ(found->type, type.storage);
    EXPECT_THAT(found->shape, ElementsAre(2, 256)); // row-major
    EXPECT_EQ(found->bytes, type.bytes);
    EXPECT_EQ(found->offset, offset);
    EXPECT_EQ(2 * 256 / getBlockElements(type.storage) *
                  getBlockBytes(type.storage),
              int64_t(type.bytes));
    offset += (type.bytes + 31) / 32 * 32;
  }
}

TEST(Gguf, MagicAndVersion) {
  EXPECT_EQ(check("GGU"), "3 f:byte 0: magic: the end of the file at byte 3, "
                          "expected \"GGUF\"\n");
  EXPECT_EQ(check("FUGG    "),
            "3 f:byte 0: magic: \"FUGG\", not GGUF, expected \"GGUF\"\n");
  for (std::string_view legacy : {"GGML", "GGJT", "lmgg", "tjgg"})
    EXPECT_EQ(check(std::string(legacy) + "1234"),
              "4 f:byte 0: magic: \"" + std::string(legacy) +
                  "\", not GGUF (legacy GGML), expected \"GGUF\"\n");
  auto checkVersion = [](uint32_t version) {
    std::string file = makeFile({kArchitecture});
    return check(file.replace(4, 4, u32(version)));
  };
  EXPECT_EQ(checkVersion(2), "ok");
  const std::string expected = ", expected 2 or 3, little-endian\n";
  EXPECT_EQ(checkVersion(0),
            "4 f:byte 4: version: 0, which does not exist" + expected);
  EXPECT_EQ(checkVersion(1),
            "4 f:byte 4: version: 1, which has lengths of 32 bits" + expected);
  EXPECT_EQ(checkVersion(4),
            "4 f:byte 4: version: 4, which is newer than this reader" +
                expected);
  EXPECT_EQ(checkVersion(0x03000000),
            "4 f:byte 4: version: 3 in big-endian byte order" + expected);
}

TEST(Gguf, Counts) {
  for (uint64_t count : {UINT64_MAX, uint64_t(1) << 63, uint64_t(1) << 60}) {
    std::string number = std::to_string(count);
    EXPECT_EQ(
        check("GGUF" + u32(3) + u64(count) + u64(0) + std::string(76, '\0')),
        "3 f:byte 8: number of tensors: " + number +
            ", expected at most 2 in the remaining 76 bytes\n");
    EXPECT_EQ(check("GGUF" + u32(3) + u64(count) + u64(count) +
                    std::string(76, '\0')),
              "3 f:byte 8: number of tensors: " + number +
                  ", expected at most 2 in the remaining 76 bytes\n"
                  "f:byte 16: number of metadata members: " +
                  number + ", expected at most 5 in the remaining 76 bytes\n");
  }
  EXPECT_EQ(check("GGUF" + u32(3) + u64(500'001) + u64(65537), 1 << 30),
            "6 f:byte 8: number of tensors: 500001, expected at most 500000\n"
            "f:byte 16: number of metadata members: 65537, expected at most "
            "65536\n");
}

TEST(Gguf, Keys) {
  std::string first = "3 f:byte 69: metadata key: ";
  ASSERT_EQ(kTensorsBegin, 69u);
  EXPECT_EQ(checkMembers({member("", 0, "a")}),
            first + "an empty key, expected a key\n");
  EXPECT_EQ(checkMembers({member(std::string(65535, 'a'), 0, "a")}), "ok");
  EXPECT_EQ(checkMembers({member(std::string(65536, 'a'), 0, "a")}),
            first + "65536 bytes, expected at most 65535\n");
  EXPECT_EQ(checkMembers({u64(UINT64_MAX) + std::string(8, 'a')}),
            first + "18446744073709551615 bytes, expected at most 65535\n");
  EXPECT_EQ(checkMembers({u64(1000) + std::string(27, 'a')}),
            first + "a string of 1000 bytes, expected at most 51, the rest of "
                    "the file\n");
  const std::pair<std::string, std::string> keys[] = {
      {std::string("ab\0", 3), "\"ab\\x00\""},
      {"ab\xFF", "\"ab\\xFF\""},
      {"abC", "\"abC\""},
      {"ab c", "\"ab c\""}};
  for (const auto &[key, shown] : keys)
    EXPECT_EQ(checkMembers({member(key, 0, "a")}),
              "3 f:byte 79: metadata key: " + shown +
                  ", expected lower-case ASCII\n");
  EXPECT_EQ(checkMembers({member("a", 0, "a"), member("a", 0, "b")}),
            "3 f:byte 83: metadata key: duplicate key \"a\", first at byte 69, "
            "expected each key once\n");
}

TEST(Gguf, ValueTypes) {
  for (uint32_t type : {13u, 255u, 1u << 31, UINT32_MAX}) {
    std::string found = "value type " + std::to_string(type) +
                        ", expected a type from 0 to 12\n";
    EXPECT_EQ(checkMembers({member("k", type, "abcd")}),
              "3 f:byte 78: k: " + found);
    EXPECT_EQ(checkMembers({member("k", 9, u32(type) + u64(0))}),
              "3 f:byte 82: k: " + found);
  }
  EXPECT_EQ(checkMembers({member("k", 7, "\2")}),
            "3 f:byte 82: k: a BOOL of 2, expected 0 or 1\n");
  EXPECT_EQ(checkMembers({member("k", 9, u32(7) + u64(2) + "\1\2")}),
            "3 f:byte 95: k: a BOOL of 2, expected 0 or 1\n");
}

TEST(Gguf, StringsAndArraysPastTheEnd) {
  for (uint64_t size : {UINT64_MAX, uint64_t(1) << 31, uint64_t(1000)}) {
    std::string number = std::to_string(size);
    EXPECT_THAT(checkMembers({member("k", 8, u64(size) + "abc")}),
                StartsWith("3 f:byte 82: k: a string of " + number +
                           " bytes, expected at most "));
    EXPECT_THAT(
        checkMembers({member("k", 9, u32(8) + u64(2) + text("a") + u64(size))}),
        StartsWith("3 f:byte 103: k: a string of " + number + " bytes"));
    EXPECT_THAT(checkMembers({member("k", 9, u32(11) + u64(size) + "abc")}),
                StartsWith("3 f:byte 94: k: an array of " + number +
                           " INT64, expected at most "));
    EXPECT_THAT(checkMembers({member("k", 9, u32(8) + u64(size) + "abc")}),
                StartsWith("3 f:byte "));
    EXPECT_THAT(checkMembers({member("k", 9, u32(9) + u64(size) + "abc")}),
                StartsWith("3 f:byte "));
  }
}

TEST(Gguf, NestedArrays) {
  auto nest = [](unsigned depth) {
    std::string value = u32(0) + u64(0);
    for (unsigned i = 1; i < depth; ++i)
      value = u32(9) + u64(1) + value;
    return checkMembers({member("k", 9, value)});
  };
  EXPECT_EQ(nest(4), "ok");
  EXPECT_THAT(nest(5), HasSubstr("3 f:byte 130: k: arrays nested more than 4 "
                                 "deep, expected at most 4\n"));
  EXPECT_THAT(nest(10'000), HasSubstr("3 f:byte 130: k: arrays nested"));
}

TEST(Gguf, Architecture) {
  EXPECT_EQ(check(makeFile({member("k", 0, "a")})),
            "3 f: general.architecture: absent, expected a name (STRING)\n");
  EXPECT_EQ(check(makeFile({member("general.architecture", 4, u32(7))})),
            "3 f:byte 56: general.architecture: 7 (UINT32), expected a name "
            "(STRING)\n");
  EXPECT_THAT(check(makeFile({kArchitecture, kArchitecture})),
              HasSubstr("duplicate key \"general.architecture\", first at byte "
                        "24"));
}

TEST(Gguf, Alignment) {
  const std::string expected =
      ", expected a power of two from 8 to 1048576 (UINT32)\n";
  for (uint32_t number : {0u, 1u, 7u, 13u, 24u, 1u << 21, 1u << 31})
    EXPECT_EQ(checkMembers({member("general.alignment", 4, u32(number))}),
              "3 f:byte 98: general.alignment: " + std::to_string(number) +
                  " (UINT32)" + expected);
  EXPECT_EQ(checkMembers({member("general.alignment", 5, u32(32))}),
            "3 f:byte 98: general.alignment: 32 (INT32)" + expected);
  EXPECT_EQ(checkMembers({member("general.alignment", 8, text("32"))}),
            "3 f:byte 98: general.alignment: \"32\" (STRING)" + expected);
  EXPECT_EQ(
      checkMembers({member("general.alignment", 9, u32(4) + u64(1) + u32(32))}),
      "3 f:byte 98: general.alignment: an array of 1 UINT32" + expected);
  std::string wide = member("general.alignment", 4, u32(128));
  EXPECT_EQ(
      check(makeFile({kArchitecture, wide},
                     {tensor("a", {1}, 0, 0), tensor("b", {1}, 0, 128)}, 128),
            132),
      "ok");
}

TEST(Gguf, Splits) {
  auto number = [](const char *key, int16_t value) {
    return member(key, 3, littleEndian<int16_t>(value));
  };
  EXPECT_EQ(checkMembers({number("split.count", 0), number("split.no", 0)}),
            "ok");
  EXPECT_EQ(checkMembers({number("split.count", 1), number("split.no", 0),
                          number("split.tensors.count", 0)}),
            "ok");
  EXPECT_EQ(checkMembers({number("split.no", 1), number("split.count", 3)}),
            "4 f:byte 114: split.count: part 2 of 3, expected a file that is "
            "whole\n"
            "help: merge the parts with llama-gguf-split --merge\n");
  EXPECT_THAT(checkMembers({number("split.no", 3), number("split.count", 3)}),
              HasSubstr("f:byte 89: split.no: 3, expected less than "
                        "split.count, 3\n"));
  EXPECT_EQ(checkMembers({number("split.tensors.count", 7)}),
            "3 f:byte 100: split.tensors.count: 7, expected 0, the number of "
            "tensors\n");
  EXPECT_THAT(checkMembers({number("split.count", -1)}),
              HasSubstr("split.count: -1 (INT16), expected a number of 0 or "
                        "more\n"));
  EXPECT_THAT(checkMembers({member("split.count", 8, text("2"))}),
              HasSubstr("split.count: \"2\" (STRING)"));
}

TEST(Gguf, TensorNames) {
  EXPECT_EQ(checkTensors({tensor(std::string(63, 'a'), {1}, 0, 0)}, 4), "ok");
  EXPECT_EQ(checkTensors({tensor("", {1}, 0, 0)}, 4),
            "3 " + place(0) +
                "tensor name: a name of 0 bytes, expected 1 to 63 "
                "bytes\n");
  EXPECT_EQ(checkTensors({tensor(std::string(64, 'a'), {1}, 0, 0)}, 4),
            "3 " + place(0) +
                "tensor name: a name of 64 bytes, expected 1 to "
                "63 bytes\n");
  EXPECT_THAT(checkTensors({u64(uint64_t(1) << 40) + std::string(30, 'a')}),
              StartsWith("3 " + place(0) +
                         "tensor name: a string of 1099511627776 bytes"));
  EXPECT_EQ(checkTensors({tensor(std::string("a\0b", 3), {1}, 0, 0)}, 4),
            "3 " + place(9) +
                "tensor name: \"a\\x00b\", expected UTF-8 without "
                "NUL\n");
  EXPECT_EQ(checkTensors({tensor("a", {1}, 0, 0), tensor("a", {1}, 0, 32)}, 64),
            "3 " + place(33) +
                "tensor name: duplicate tensor \"a\", first at byte " +
                std::to_string(kTensorsBegin) + ", expected each name once\n");
}

TEST(Gguf, Dimensions) {
  EXPECT_EQ(checkTensors({tensor("a", {1, 1, 1, 1}, 0, 0)}, 4), "ok");
  EXPECT_EQ(checkTensors({tensor("a", {0, 3}, 0, 0)}), "ok");
  for (uint32_t count : {0u, 5u, UINT32_MAX})
    EXPECT_EQ(checkTensors({text("a") + u32(count) + std::string(60, '\0')}),
              "3 " + place(9) + "a: " + std::to_string(count) +
                  " dimensions, expected 1 to 4\n");
  const std::string expected =
      ", which overflow, expected a size of less than 2^63 elements and 2^64 "
      "bytes\n";
  EXPECT_EQ(checkTensors({tensor("a", {uint64_t(1) << 62, 4}, 0, 0)}),
            "3 " + place(13) + "a: 4 x 4611686018427387904 elements of F32" +
                expected);
  EXPECT_EQ(checkTensors({tensor("a", {uint64_t(1) << 62}, 0, 0)}),
            "3 " + place(13) + "a: 4611686018427387904 elements of F32" +
                expected);
  EXPECT_THAT(checkTensors({tensor("a", {uint64_t(1) << 60}, 2, 0)}),
              HasSubstr("3 f:byte "));
  // 2^64 - 2 bytes, which padding wraps.
  EXPECT_EQ(checkTensors({tensor("a", {INT64_MAX}, 1, 0)}),
            "3 " + place(13) + "a: 9223372036854775807 elements of F16" +
                expected);
  EXPECT_EQ(checkTensors({tensor("a", {uint64_t(1) << 63}, 0, 0)}),
            "3 " + place(13) +
                "a: a dimension of 9223372036854775808, expected "
                "at most 9223372036854775807\n");
  EXPECT_EQ(checkTensors({tensor("a", {33, 32}, 8, 0)}, 4000),
            "3 " + place(13) +
                "a: rows of 33 elements, expected a multiple of "
                "32, the block of Q8_0\n");
}

TEST(Gguf, TensorTypes) {
  const std::string expected = ", expected F32, F16, BF16, Q8_0, Q4_0, Q4_1, "
                               "Q5_0, Q5_1, Q4_K, Q5_K or Q6_K\n";
  for (uint32_t type : {99u, UINT32_MAX, 41u})
    EXPECT_EQ(checkTensors({tensor("a", {256}, type, 0)}, 256),
              "3 " + place(21) + "a: unknown tensor type " +
                  std::to_string(type) + expected);
  EXPECT_EQ(
      checkTensors({tensor("a", {256}, 4, 0), tensor("b", {256}, 5, 96)}, 256),
      "4 " + place(21) +
          "a: unsupported type Q4_2, which was removed from the format" +
          expected + place(33 + 21) +
          "b: unsupported type Q4_3, which was removed from the format" +
          expected);
  EXPECT_EQ(checkTensors({tensor("blk.0.ffn_up.weight", {256}, 10, 0)}, 256),
            "4 " + place(39) + "blk.0.ffn_up.weight: unsupported type Q2_K" +
                expected);
  for (uint32_t type : {15u, 16u, 20u, 24u, 28u, 34u, 39u})
    EXPECT_THAT(checkTensors({tensor("a", {256}, type, 0)}, 4096),
                StartsWith("4 " + place(21) + "a: unsupported type "));
}

TEST(Gguf, Offsets) {
  EXPECT_EQ(checkTensors({tensor("a", {9}, 0, 0), tensor("b", {1}, 0, 64)}, 68),
            "ok");
  EXPECT_EQ(checkTensors({tensor("a", {1}, 0, 4)}, 100),
            "3 " + place(25) +
                "a: offset 4, expected a multiple of "
                "general.alignment, 32\n");
  for (uint64_t offset : {0, 32, 96, 1 << 20})
    EXPECT_THAT(
        checkTensors({tensor("a", {9}, 0, 0), tensor("b", {1}, 0, offset),
                      tensor("c", {1}, 0, offset + 32)},
                     1 << 21),
        StartsWith("3 " + place(33 + 25) + "b: offset " +
                   std::to_string(offset) +
                   ", expected 64, the end of the tensor before it\n"));
  EXPECT_THAT(checkTensors({tensor("a", {1}, 0, 32)}, 64),
              HasSubstr("a: offset 32, expected 0"));
  EXPECT_THAT(checkTensors({tensor("a", {64}, 0, UINT64_MAX - 31)}),
              HasSubstr("bytes, which overflow, expected an end of less than "
                        "2^64"));
}

TEST(Gguf, End) {
  std::string file = makeFile({kArchitecture},
                              {tensor("a", {9}, 0, 0), tensor("b", {9}, 0, 64),
                               tensor("c", {1}, 0, 128)});
  std::string size = std::to_string(file.size());
  auto at = [&](uint64_t offset) {
    return std::to_string(file.size() + offset);
  };
  EXPECT_EQ(check(file, 132), "ok");
  EXPECT_EQ(check(file, 160), "ok");
  EXPECT_EQ(check(file, 161), "warning: f:byte " + at(160) +
                                  ": file: 1 bytes after the last tensor");
  EXPECT_EQ(check(file, 99),
            "3 f:byte " + at(99) + ": b: a file of " + at(99) +
                " bytes; 1 more tensors end later, expected bytes " + at(64) +
                " to " + at(100) + "\n");
  EXPECT_THAT(check(file), HasSubstr("a: a file of " + size +
                                     " bytes; 2 more tensors end later"));
}

TEST(Gguf, ReportsAllFaults) {
  EXPECT_EQ(
      checkMembers({member("A", 0, "a"), member("b", 7, "\7"),
                    member("general.alignment", 4, u32(3))}),
      "3 f:byte 77: metadata key: \"A\", expected lower-case ASCII\n"
      "f:byte 96: b: a BOOL of 7, expected 0 or 1\n"
      "f:byte 126: general.alignment: 3 (UINT32), expected a power of two "
      "from 8 to 1048576 (UINT32)\n");
  std::vector<std::string> tensors;
  for (unsigned i = 0; i < 200; ++i)
    tensors.push_back(tensor(std::to_string(i), {256}, 99, 0));
  std::string report = checkTensors(tensors);
  EXPECT_EQ(std::count(report.begin(), report.end(), '\n'), 101);
  EXPECT_THAT(report, HasSubstr("f: file: 100 more errors\n"));
}

TEST(Gguf, LongTokenLists) {
  constexpr unsigned count = 1'000'000;
  std::string tokens = u32(8) + u64(count);
  for (unsigned i = 0; i < count; ++i)
    tokens += text(std::to_string(i));
  TemporaryFolder folder;
  std::string path =
      folder.write("f", makeFile({kArchitecture, member("tokens", 9, tokens)}));
  InputErrors errors;
  auto file = readGguf(path, errors);
  ASSERT_TRUE(file) << errors.toString();
  auto strings = file->find("tokens")->strings();
  ASSERT_EQ(strings->size(), count);
  EXPECT_EQ(strings->back(), "999999");
}

TEST(Gguf, DamagedFiles) {
  std::string header = makeFile(
      {kArchitecture, member("general.alignment", 4, u32(32)),
       member("s", 9, u32(8) + u64(2) + text("a") + text("bc")),
       member("n", 9, u32(9) + u64(1) + u32(6) + u64(1) + littleEndian(1.5f)),
       member("yes", 7, "\1"), member("split.count", 2, std::string(2, '\0'))},
      {tensor("a", {32, 2}, 8, 0), tensor("b", {3}, 0, 96)});
  std::string good = header + std::string(108, '\0');
  ASSERT_EQ(check(good), "ok");
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_THAT(check(std::string_view(good).substr(0, size)),
                StartsWith("3 f"))
        << "first " << size << " bytes";
  for (size_t bit = 0; bit < header.size() * 8; ++bit) {
    std::string damaged = good;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    check(damaged); // compares the result with the number of errors
  }
}
