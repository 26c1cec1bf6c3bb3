//===- SafetensorsTest.cpp - Tests of Safetensors.h: one file -------------===//

#include "lamina/Import/Safetensors.h"

#include "TemporaryFiles.h"

#include <gmock/gmock.h>

using namespace lamina;
using testing::HasSubstr;

/// A file with that header, and `dataBytes` zero bytes.
static std::string makeFile(std::string_view header, size_t dataBytes = 0) {
  return littleEndian<uint64_t>(header.size()) + std::string(header) +
         std::string(dataBytes, '\0');
}

/// What reading the header of `content` reports: `ok`, or the errors.
static std::string check(std::string_view content, uint64_t hole = 0) {
  static TemporaryFolder folder; // made once: some tests read thousands
  InputErrors errors;
  auto file = readSafetensorsHeader(folder.write("f", content, hole), errors);
  EXPECT_EQ(file.has_value(), errors.empty());
  return errors.empty() ? "ok" : summary(errors, folder.path());
}

static std::string checkHeader(std::string_view header, size_t dataBytes = 0) {
  return check(makeFile(header, dataBytes));
}

/// The same for one F32 tensor `w` with that shape and these offsets.
static std::string checkTensor(const std::string &shape,
                               const std::string &offsets, size_t dataBytes = 0,
                               const std::string &dtype = "\"F32\"") {
  return checkHeader("{\"w\":{\"dtype\":" + dtype + ",\"shape\":" + shape +
                         ",\"data_offsets\":" + offsets + "}}",
                     dataBytes);
}

TEST(Safetensors, ReadsHeaderAndBytes) {
  TemporaryFolder folder;
  std::string header =
      R"({"__metadata__":{"format":"pt"},)"
      R"("b":{"dtype":"BF16","shape":[2,3],"data_offsets":[8,20]},)"
      R"("a":{"dtype":"I64","shape":[],"data_offsets":[0,8]},)"
      R"("none":{"dtype":"F64","shape":[3,0],"data_offsets":[8,8]}}   )";
  std::string content = makeFile(header) + "01234567abcdefghijkl";
  InputErrors errors;
  auto file = readSafetensorsHeader(folder.write("f", content), errors);
  ASSERT_TRUE(file) << errors.toString();
  EXPECT_EQ(file->file.size, content.size());
  EXPECT_EQ(file->file.headerBytes, 8 + header.size());
  ASSERT_EQ(file->metadata.size(), 1u);
  EXPECT_EQ(file->metadata[0].second, "pt");
  ASSERT_EQ(file->tensors.size(), 3u);
  EXPECT_EQ(file->tensors[0].name, "a");
  EXPECT_EQ(file->tensors[0].dtype, "I64");
  EXPECT_EQ(file->tensors[0].itemBits, 64u);
  EXPECT_TRUE(file->tensors[0].shape.empty());
  const SafetensorsTensor *b = file->find("b");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->shape, (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(b->offset, 8 + header.size() + 8);
  EXPECT_EQ(file->find("c"), nullptr);
  auto bytes = readTensorBytes(*file, *b, errors);
  ASSERT_TRUE(bytes);
  EXPECT_EQ(
      std::string_view(reinterpret_cast<char *>(bytes->data()), bytes->size()),
      "abcdefghijkl");
}

TEST(Safetensors, MakesCheckpoint) {
  TemporaryFolder folder;
  std::string path = folder.write(
      "f",
      makeFile(R"({"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[4,16]},)"
               R"("a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
               R"("c":{"dtype":"F16","shape":[2],"data_offsets":[16,20]}})",
               20));
  InputErrors errors;
  auto checkpoint = readSafetensors(path, errors);
  ASSERT_TRUE(checkpoint) << errors.toString();
  ASSERT_EQ(checkpoint->files.size(), 1u);
  EXPECT_EQ(checkpoint->files[0].path, path);
  ASSERT_EQ(checkpoint->tensors.size(), 3u);
  EXPECT_EQ(checkpoint->tensors[0].name, "a");
  EXPECT_EQ(checkpoint->tensors[0].type, StorageType::F32);
  EXPECT_EQ(checkpoint->find("b")->type, StorageType::BF16);
  EXPECT_EQ(checkpoint->find("b")->bytes, 12u);
  EXPECT_EQ(checkpoint->find("b")->offset,
            checkpoint->files[0].headerBytes + 4);
  EXPECT_EQ(checkpoint->find("c")->type, StorageType::F16);
  EXPECT_EQ(checkpoint->find("d"), nullptr);
}

TEST(Safetensors, RefusesTypesWithoutStorage) {
  TemporaryFolder folder;
  std::string path = folder.write(
      "f",
      makeFile(R"({"x":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]},)"
               R"("y":{"dtype":"C64","shape":[1],"data_offsets":[2,10]},)"
               R"("z":{"dtype":"F4","shape":[4],"data_offsets":[10,12]}})",
               12));
  InputErrors errors;
  EXPECT_FALSE(readSafetensors(path, errors));
  EXPECT_EQ(summary(errors, folder.path()),
            "4 f:/x/dtype: dtype: unsupported type F8_E4M3 of tensor \"x\", "
            "expected F32, F16 or BF16\n"
            "f:/y/dtype: dtype: unsupported type C64 of tensor \"y\", expected "
            "F32, F16 or BF16\n"
            "f:/z/dtype: dtype: unsupported type F4 of tensor \"z\", expected "
            "F32, F16 or BF16\n");
}

TEST(Safetensors, HeaderLength) {
  EXPECT_EQ(
      check(""),
      "3 f: header length: a file of 0 bytes, expected at least 8 bytes\n");
  EXPECT_EQ(
      check("1234567"),
      "3 f: header length: a file of 7 bytes, expected at least 8 bytes\n");
  EXPECT_EQ(check(littleEndian<uint64_t>(UINT64_MAX)),
            "3 f:byte 0: header length: 18446744073709551615, expected at most "
            "100000000\n");
  EXPECT_EQ(check(littleEndian<uint64_t>(100'000'001), 200'000'000),
            "3 f:byte 0: header length: 100000001, expected at most "
            "100000000\n");
  EXPECT_EQ(
      check(littleEndian<uint64_t>(3) + "{}"),
      "3 f:byte 0: header length: a header that ends at byte 11, expected "
      "an end inside the file of 10 bytes\n");
  EXPECT_EQ(checkHeader(""), "3 f:byte 0: header length: an empty header, "
                             "expected a JSON object\n");
  InputErrors errors;
  EXPECT_FALSE(readSafetensorsHeader("/no/such/file", errors));
  EXPECT_EQ(errors.exitCode(), ExitCode::InputOutput);
}

TEST(Safetensors, HeaderText) {
  EXPECT_EQ(checkHeader("{}"), "ok");
  EXPECT_EQ(checkHeader("  {} \n\t\r"), "ok");
  EXPECT_EQ(checkHeader("   "),
            "3 f:byte 11: header: the end of the header, expected '{'\n");
  EXPECT_EQ(checkHeader("[]"), "3 f:byte 8: header: '[', expected '{'\n");
  EXPECT_EQ(checkHeader(std::string(100, '\0')),
            "3 f:byte 8: header: byte 0x00, expected '{'\n");
  EXPECT_EQ(checkHeader("{\"a\xFF\":{}}"),
            "3 f:byte 11: JSON: byte 0xFF, expected UTF-8\n");
  EXPECT_THAT(checkHeader("{\"a\":{"), HasSubstr("3 f:byte 14: JSON: "));
  EXPECT_THAT(checkHeader("{\"a"), HasSubstr("a string without end"));
  EXPECT_EQ(checkHeader("{} x"),
            "3 f:byte 11: header: 'x', expected the end of the header\n");
  EXPECT_EQ(checkHeader(std::string("{}\0", 3)),
            "3 f:byte 10: header: byte 0x00, expected the end of the header\n");
  EXPECT_THAT(checkHeader("{\"a\":1]"), HasSubstr("3 f:byte 14: JSON: "));
  EXPECT_THAT(checkHeader("{,}"), HasSubstr("3 f:byte 9: JSON: "));
  EXPECT_EQ(checkHeader("{\"a\":" + std::string(100'000, '[')),
            "3 f:byte 76: JSON: more than 64 levels of nesting, expected at "
            "most 64\n");
  std::string many = "{\"a\":[0";
  for (unsigned i = 0; i < 200'000; ++i)
    many += ",0";
  EXPECT_EQ(checkHeader(many + "]}"),
            "6 f:byte 9: header: a member of more than 200000 JSON values, "
            "expected a smaller one\n");
}

TEST(Safetensors, DuplicateKeys) {
  EXPECT_EQ(checkHeader("{\"a\":{},\"a\":{}}"),
            "3 f:byte 16: JSON: duplicate key \"a\", first at byte 9, expected "
            "each key once\n");
  for (std::string_view key : {"dtype", "shape", "data_offsets"})
    EXPECT_EQ(checkHeader("{\"a\":{\"" + std::string(key) + "\":0,\"" +
                          std::string(key) + "\":0}}"),
              "3 f:byte " + std::to_string(19 + key.size()) +
                  ": JSON: duplicate key \"" + std::string(key) +
                  "\", first at byte 14, expected each key once\n");
}

TEST(Safetensors, DTypes) {
  EXPECT_EQ(checkTensor("[1]", "[0,4]", 4), "ok");
  for (std::string_view dtype : {"\"F128\"", "\"f32\"", "7", "null"})
    EXPECT_THAT(checkTensor("[1]", "[0,4]", 4, std::string(dtype)),
                HasSubstr("3 f:/w/dtype: dtype: " + std::string(dtype) +
                          ", expected one of BOOL, F4,"));
  EXPECT_EQ(checkTensor("[3]", "[0,2]", 2, "\"F4\""),
            "3 f:/w/shape: shape: F4[3], 12 bits, expected a whole number of "
            "bytes\n");
  EXPECT_EQ(checkTensor("[4]", "[0,3]", 3, "\"F6_E2M3\""), "ok");
}

TEST(Safetensors, Shapes) {
  EXPECT_EQ(checkTensor("[]", "[0,4]", 4), "ok");
  EXPECT_EQ(checkTensor("[0,5]", "[0,0]"), "ok");
  EXPECT_EQ(checkTensor("3", "[0,4]", 4),
            "3 f:/w/shape: shape: 3, expected a list of sizes\n");
  for (std::string_view size :
       {"-1", "2.0", "1e3", "\"3\"", "18446744073709551616", "null", "[1]"})
    EXPECT_THAT(checkTensor("[1," + std::string(size) + "]", "[0,4]", 4),
                HasSubstr("3 f:/w/shape/1: shape: "));
  EXPECT_EQ(checkTensor("[2,18446744073709551614]", "[0,4]", 4),
            "3 f:/w/shape: shape: 2 x 18446744073709551614 elements, which "
            "overflow, expected a product of less than 2^63\n");
  EXPECT_EQ(checkTensor("[2,9223372036854775807]", "[0,4]", 4),
            "3 f:/w/shape: shape: F32[2, 9223372036854775807], whose size "
            "overflows, expected less than 2^64 bits\n");
  EXPECT_EQ(checkTensor("[1,1,1,1,1,1,1,1]", "[0,4]", 4), "ok");
  EXPECT_EQ(checkTensor("[1,1,1,1,1,1,1,1,1]", "[0,4]", 4),
            "3 f:/w/shape: shape: 9 dimensions, expected at most 8\n");
  std::string ones = "[1";
  for (unsigned i = 1; i < 1'000'000; ++i)
    ones += ",1";
  EXPECT_THAT(checkTensor(ones + "]", "[0,4]", 4), HasSubstr("6 f:byte 9: "));
}

TEST(Safetensors, Offsets) {
  for (std::string_view offsets : {"4", "[0]", "[0,4,4]", "{}"})
    EXPECT_THAT(checkTensor("[1]", std::string(offsets), 4),
                HasSubstr("3 f:/w/data_offsets: data_offsets: "));
  EXPECT_THAT(checkTensor("[1]", "[-1,3]", 4),
              HasSubstr("3 f:/w/data_offsets/0: data_offsets: -1"));
  EXPECT_EQ(
      checkTensor("[1]", "[8,4]", 8),
      "3 f:/w/data_offsets: data_offsets: an end of 4, expected an end of "
      "at least the begin, 8\n");
  EXPECT_EQ(checkTensor("[2]", "[0,4]", 4),
            "3 f:/w/data_offsets: data_offsets: 4 bytes, expected 8 bytes for "
            "F32[2]\n");
  EXPECT_EQ(
      checkTensor("[1]", "[100,104]", 4),
      "3 f:/w/data_offsets: data_offsets: bytes 100 to 104, after a hole "
      "of 100 bytes, expected begin 0, the start of the data\n"
      "f:byte 70: file: a file that ends 100 bytes early, expected a size "
      "of 170 bytes\n");
  EXPECT_THAT(checkTensor("[1]", "[18446744073709551611,18446744073709551615]"),
              HasSubstr("expected a size of more than 2^64 bytes"));
  EXPECT_EQ(
      checkTensor("[1]", "[0,4]", 3),
      "3 f:byte 65: file: a file that ends 1 bytes early, expected a size "
      "of 66 bytes\n");
  EXPECT_EQ(checkTensor("[1]", "[0,4]", 9),
            "3 f:byte 66: file: 5 bytes after the last tensor, expected a size "
            "of 66 bytes\n");
  EXPECT_EQ(checkHeader("{}", 5),
            "3 f:byte 10: file: 5 bytes after the last tensor, expected a size "
            "of 10 bytes\n");
}

TEST(Safetensors, OverlapsAndHoles) {
  auto two = [](const char *a, const char *b) {
    return checkHeader(
        std::string(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":)") + a +
            R"(},"b":{"dtype":"F32","shape":[1],"data_offsets":)" + b + "}}",
        8);
  };
  EXPECT_EQ(two("[4,8]", "[0,4]"), "ok");
  EXPECT_THAT(two("[0,4]", "[0,4]"),
              HasSubstr("f:/b/data_offsets: data_offsets: bytes 0 to 4, which "
                        "overlap tensor \"a\", expected begin 4, the end of "
                        "tensor \"a\"\n"));
  EXPECT_THAT(two("[0,4]", "[2,6]"), HasSubstr("which overlap tensor \"a\""));
  EXPECT_THAT(two("[0,4]", "[5,9]"),
              HasSubstr("after a hole of 1 bytes, expected begin 4, the end of "
                        "tensor \"a\""));
}

TEST(Safetensors, ReportsAllTensors) {
  EXPECT_EQ(
      checkHeader(R"({"a":7,"b":{},"c":{"dtype":"F32","shape":[-1],)"
                  R"("data_offsets":[3]}})"),
      "3 f:/a: tensor: 7, expected an object\n"
      "f:/b: dtype: absent, expected a dtype\n"
      "f:/b: shape: absent, expected a list of sizes\n"
      "f:/b: data_offsets: absent, expected two byte offsets [begin, end]\n"
      "f:/c/shape/0: shape: -1, expected an integer from 0 to "
      "9223372036854775807\n"
      "f:/c/data_offsets: data_offsets: an array of 1, expected two byte "
      "offsets [begin, end]\n");
}

TEST(Safetensors, Metadata) {
  EXPECT_EQ(checkHeader(R"({"__metadata__":{}})"), "ok");
  EXPECT_EQ(checkHeader(R"({"__metadata__":[]})"),
            "3 f:/__metadata__: __metadata__: an array, expected an object\n");
  EXPECT_EQ(checkHeader(R"({"__metadata__":{"a":"b","c":1}})"),
            "3 f:/__metadata__/c: __metadata__: 1, expected a string\n");
}

/// A header of `count` tensors of one element each, `stride` bytes apart.
static std::string makeManyTensors(unsigned count, unsigned stride) {
  std::string header = "{";
  for (unsigned i = 0; i < count; ++i) {
    std::string begin = std::to_string(i * stride);
    std::string end = std::to_string(i * stride + 4);
    header += (i ? ",\"t" : "\"t") + std::to_string(i) +
              R"(":{"dtype":"F32","shape":[1],"data_offsets":[)" + begin + "," +
              end + "]}";
  }
  return header + "}";
}

TEST(Safetensors, ManyTensors) {
  constexpr unsigned count = 1'000'000;
  TemporaryFolder folder;
  std::string path = folder.write("f", makeFile(makeManyTensors(count, 4)),
                                  uint64_t(count) * 4);
  InputErrors errors;
  auto file = readSafetensorsHeader(path, errors);
  ASSERT_TRUE(file) << errors.toString();
  ASSERT_EQ(file->tensors.size(), count);
  // By name, each with what is its own.
  const std::string *previous = nullptr;
  for (const SafetensorsTensor &tensor : file->tensors) {
    if (previous)
      ASSERT_LT(*previous, tensor.name);
    previous = &tensor.name;
    ASSERT_EQ(tensor.offset,
              file->file.headerBytes + 4 * std::stoull(tensor.name.substr(1)));
  }
}

TEST(Safetensors, ManyTensorsInOneRange) {
  std::string report = checkHeader(makeManyTensors(10'000, 0), 4);
  EXPECT_EQ(std::count(report.begin(), report.end(), '\n'), 101);
  EXPECT_THAT(report, HasSubstr("which overlap tensor \"t0\""));
  EXPECT_THAT(report, HasSubstr("f: file: 9899 more errors\n"));
}

// Headers are parsed in parts; errors must not depend on where a part ends.
TEST(Safetensors, ErrorsInLaterParts) {
  std::string header = makeManyTensors(10'000, 4);
  header.pop_back();
  uint64_t end = 8 + header.size();
  auto checkTail = [&](std::string_view tail) {
    return checkHeader(header + std::string(tail), 40'000);
  };
  EXPECT_EQ(checkTail("}"), "ok");
  EXPECT_EQ(
      checkTail(",\"t0\":{\"dtype\":\"F32\",\"shape\":[0],"
                "\"data_offsets\":[0,0]}}"),
      "3 f:byte " + std::to_string(end + 1) +
          ": header: duplicate key \"t0\", first at byte 9, expected each "
          "key once\n");
  EXPECT_THAT(checkTail(""),
              HasSubstr("3 f:byte " + std::to_string(end) + ": JSON: "));
  EXPECT_THAT(checkTail(",}"),
              HasSubstr("3 f:byte " + std::to_string(end + 1)));
  EXPECT_THAT(checkTail("]"), HasSubstr("3 f:byte " + std::to_string(end)));
  EXPECT_THAT(checkTail(",\"x\":{\"dtype\":0,\"dtype\":1}}"),
              HasSubstr("first at byte " + std::to_string(end + 6)));
  // A comma at every place where a part can end.
  std::string last = makeManyTensors(1, 4);
  for (unsigned blanks = 0; blanks < 140; ++blanks) {
    std::string spaced = "{" + std::string(65'400 + blanks, ' ');
    EXPECT_EQ(checkHeader(spaced + last.substr(1), 4), "ok");
    std::string member = last.substr(1, last.size() - 2);
    EXPECT_THAT(checkHeader(spaced + member + ",}", 4), HasSubstr("3 f:byte "));
    EXPECT_THAT(checkHeader(spaced + member + ",," + member + "}", 4),
                HasSubstr("3 f:byte "));
    EXPECT_THAT(checkHeader(spaced + member + "," + member + "}", 4),
                HasSubstr("duplicate key \"t0\""));
  }
}

TEST(Safetensors, DamagedFiles) {
  std::string good =
      makeFile(R"({"__metadata__":{"k":"v"},"a":{"dtype":"F32","shape":[2,1],)"
               R"("data_offsets":[0,8]},"b":{"dtype":"BF16","shape":[3],)"
               R"("data_offsets":[8,14]}})",
               14);
  EXPECT_EQ(check(good), "ok");
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_THAT(check(std::string_view(good).substr(0, size)),
                testing::StartsWith("3 f"))
        << "first " << size << " bytes";
  for (size_t bit = 0; bit < (good.size() - 14) * 8; ++bit) {
    std::string damaged = good;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    check(damaged); // compares the result with the number of errors
  }
}
