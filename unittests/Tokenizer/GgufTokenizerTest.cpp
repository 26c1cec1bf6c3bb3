//===- GgufTokenizerTest.cpp - Tests of readGgufTokenizer -----------------===//

#include "TestTokenizers.h"

#include <gmock/gmock.h>

#include <cmath>
#include <cstring>
#include <map>

using namespace lamina;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

template <typename Number>
std::string bytesOf(Number number) {
  std::string bytes(sizeof(number), '\0');
  std::memcpy(bytes.data(), &number, sizeof(number));
  return bytes;
}

std::string textBytes(std::string_view text) {
  return bytesOf(uint64_t(text.size())) + std::string(text);
}

/// Values with their types, as the format writes them.
std::string value(GgufType type, const std::string &bytes) {
  return bytesOf(uint32_t(type)) + bytes;
}
std::string value(std::string_view text) {
  return value(GgufType::String, textBytes(text));
}
std::string value(uint32_t number) {
  return value(GgufType::UInt32, bytesOf(number));
}
std::string value(bool flag) {
  return value(GgufType::Bool, bytesOf(uint8_t(flag)));
}
std::string array(GgufType type, size_t count, const std::string &bytes) {
  return value(GgufType::Array,
               bytesOf(uint32_t(type)) + bytesOf(uint64_t(count)) + bytes);
}
std::string array(const std::vector<std::string> &texts) {
  std::string bytes;
  for (const std::string &text : texts)
    bytes += textBytes(text);
  return array(GgufType::String, texts.size(), bytes);
}
std::string array(const std::vector<float> &numbers) {
  std::string bytes;
  for (float number : numbers)
    bytes += bytesOf(number);
  return array(GgufType::Float32, numbers.size(), bytes);
}
std::string array(const std::vector<int32_t> &numbers) {
  std::string bytes;
  for (int32_t number : numbers)
    bytes += bytesOf(number);
  return array(GgufType::Int32, numbers.size(), bytes);
}

/// Metadata of a file, without `tokenizer.`.
using Metadata = std::map<std::string, std::string>;

struct ReadResult {
  std::optional<TokenizerModel> model;
  ExitCode code;
  std::string text;
};

ReadResult read(const Metadata &metadata) {
  std::string bytes = "GGUF" + bytesOf(uint32_t(3)) + bytesOf(uint64_t(0)) +
                      bytesOf(uint64_t(metadata.size() + 1)) +
                      textBytes("general.architecture") +
                      value(std::string_view("llama"));
  for (const auto &[key, bytesOfValue] : metadata)
    bytes += textBytes("tokenizer." + key) + bytesOfValue;
  TemporaryFolder folder;
  std::string path = folder.write("model.gguf", bytes);
  InputErrors errors;
  auto file = readGguf(path, errors);
  EXPECT_TRUE(file) << errors.toString();
  if (!file)
    return {std::nullopt, errors.exitCode(), errors.toString()};
  auto model = readGgufTokenizer(*file, errors);
  EXPECT_EQ(model.has_value(), errors.empty());
  return {std::move(model), errors.exitCode(), errors.toString()};
}

Metadata sentencePiece() {
  return {
      {"ggml.model", value(std::string_view("llama"))},
      {"ggml.tokens", array(std::vector<std::string>{"<unk>", "<s>", "</s>",
                                                     "<0x41>", "\u2581", "a",
                                                     "\u2581"
                                                     "a",
                                                     "<u>"})},
      {"ggml.scores", array(std::vector<float>{0, 0, 0, 0, -3, -2, -1, 0})},
      {"ggml.token_type", array(std::vector<int32_t>{2, 3, 3, 6, 1, 1, 1, 4})}};
}

Metadata byteLevel() {
  return {{"ggml.model", value(std::string_view("gpt2"))},
          {"ggml.pre", value(std::string_view("smollm"))},
          {"ggml.tokens",
           array(std::vector<std::string>{"a", "b", "ab", "<|im_end|>", "e"})},
          {"ggml.token_type", array(std::vector<int32_t>{1, 1, 1, 3, 1})},
          {"ggml.merges", array(std::vector<std::string>{"a b"})}};
}

void expectError(Metadata metadata, const std::string &key,
                 const std::string &bytes, ExitCode code,
                 const std::string &message) {
  metadata[key] = bytes;
  if (bytes.empty())
    metadata.erase(key);
  ReadResult result = read(metadata);
  EXPECT_FALSE(result.model);
  EXPECT_EQ(result.code, code) << result.text;
  EXPECT_THAT(result.text, HasSubstr("tokenizer." + key + ": " + message));
}

constexpr ExitCode kMalformed = ExitCode::Malformed;
constexpr ExitCode kUnsupported = ExitCode::Unsupported;

TEST(GgufTokenizer, SentencePiece) {
  ReadResult result = read(sentencePiece());
  ASSERT_TRUE(result.model) << result.text;
  EXPECT_TRUE(result.model->addsBos);
  EXPECT_EQ(result.model->bosId, 1);
  EXPECT_THAT(result.model->endOfGenerationIds, ElementsAre(2));
  Tokenizer tokenizer = makeTokenizer(*result.model);
  EXPECT_THAT(tokenizer.encode("a aA<u>"), ElementsAre(1, 6, 6, 3, 7));
  EXPECT_EQ(tokenizer.decode({1, 6, 6, 3, 7}), "a aA<u>");
  EXPECT_THAT(tokenizer.encode("z"), ElementsAre(1, 4, 0));

  Metadata metadata = sentencePiece();
  metadata["ggml.add_bos_token"] = value(false);
  metadata["ggml.add_space_prefix"] = value(false);
  EXPECT_THAT(makeTokenizer(*read(metadata).model).encode("a"), ElementsAre(5));
}

TEST(GgufTokenizer, SentencePieceWithoutTypes) {
  Metadata metadata = sentencePiece();
  metadata.erase("ggml.token_type");
  ReadResult result = read(metadata);
  ASSERT_TRUE(result.model) << result.text;
  EXPECT_EQ(result.model->types[0], TokenType::Unknown);
  EXPECT_EQ(result.model->types[2], TokenType::Control);
  EXPECT_EQ(result.model->types[3], TokenType::Byte);
}

TEST(GgufTokenizer, ByteLevel) {
  ReadResult result = read(byteLevel());
  ASSERT_TRUE(result.model) << result.text;
  EXPECT_FALSE(result.model->addsBos);
  EXPECT_EQ(result.model->preTokenizer, PreTokenizerKind::DigitsGpt2);
  EXPECT_THAT(result.model->endOfGenerationIds, ElementsAre(3));
  EXPECT_THAT(makeTokenizer(*result.model).encode("abba"),
              ElementsAre(2, 1, 0));

  Metadata metadata = byteLevel();
  metadata["ggml.pre"] = value(std::string_view("llama-bpe"));
  metadata["ggml.bos_token_id"] = value(4u);
  metadata["ggml.eot_token_id"] = value(0u);
  metadata["chat_template"] = value(std::string_view("{{ x }}"));
  result = read(metadata);
  ASSERT_TRUE(result.model) << result.text;
  EXPECT_TRUE(result.model->addsBos);
  EXPECT_TRUE(result.model->ignoresMerges);
  EXPECT_THAT(result.model->endOfGenerationIds, ElementsAre(0, 3));
  EXPECT_EQ(result.model->chatTemplate, "{{ x }}");
}

// The tokenizer of SmolLM2's tokenizer.json, written as GGUF metadata.
TEST(GgufTokenizer, AgreesWithTokenizerJson) {
  const TokenizerModel &model = smollm2().model();
  std::vector<std::string> merges;
  for (const TokenMerge &merge : model.merges)
    merges.push_back(model.tokens[size_t(merge.left)] + " " +
                     model.tokens[size_t(merge.right)]);
  std::vector<int32_t> types;
  for (TokenType type : model.types)
    types.push_back(int32_t(type));
  Metadata metadata = byteLevel();
  metadata["ggml.tokens"] = array(model.tokens);
  metadata["ggml.token_type"] = array(types);
  metadata["ggml.merges"] = array(merges);
  ReadResult result = read(metadata);
  ASSERT_TRUE(result.model) << result.text;
  Tokenizer tokenizer = makeTokenizer(*result.model);
  for (std::string_view text :
       {"Hello  world 123", "\u65E5\u672C\u8A9E <|im_start|>x", "it's\n\n a"})
    EXPECT_EQ(tokenizer.encode(text), smollm2().encode(text));
}

TEST(GgufTokenizer, ArraysOfWrongLengthOrType) {
  Metadata spm = sentencePiece(), bpe = byteLevel();
  expectError(spm, "ggml.tokens", "", kMalformed, "absent");
  expectError(spm, "ggml.tokens", value(7u), kMalformed, "7");
  expectError(spm, "ggml.tokens", array(std::vector<std::string>{}), kMalformed,
              "0 tokens");
  expectError(spm, "ggml.scores", "", kMalformed, "absent");
  expectError(spm, "ggml.scores", array(std::vector<float>{1, 2}), kMalformed,
              "2 elements, expected 8, one for each token");
  expectError(spm, "ggml.scores",
              array(std::vector<float>{0, 0, 0, 0, 0, 0, 0, NAN}), kMalformed,
              "a number that is not finite");
  expectError(spm, "ggml.token_type", array(std::vector<int32_t>{1}),
              kMalformed, "1 elements, expected 8");
  expectError(spm, "ggml.token_type",
              array(std::vector<int32_t>{2, 3, 3, 6, 1, 1, 1, 9}), kMalformed,
              "9 for token 7");
  expectError(spm, "ggml.token_type",
              array(std::vector<int32_t>{2, 3, 3, 6, 6, 1, 1, 1}), kMalformed,
              "the byte type for token 4");
  expectError(bpe, "ggml.merges", "", kMalformed, "absent");
  for (const char *merge : {"ab", "a b e", "a z", "b a", "z b"})
    expectError(bpe, "ggml.merges",
                array(std::vector<std::string>{"a b", merge}), kMalformed,
                "merge 1, \"" + std::string(merge) + "\", expected ");
}

TEST(GgufTokenizer, EmptyAndDuplicateTokensAreAccepted) {
  Metadata metadata = byteLevel();
  metadata["ggml.tokens"] =
      array(std::vector<std::string>{"a", "b", "ab", "", "a"});
  ReadResult result = read(metadata);
  ASSERT_TRUE(result.model) << result.text;
  EXPECT_EQ(makeTokenizer(*result.model).decode({0, 3, 4}), "aa");
}

TEST(GgufTokenizer, IdsOutsideTheVocabulary) {
  for (const char *key :
       {"ggml.bos_token_id", "ggml.eos_token_id", "ggml.unknown_token_id",
        "ggml.padding_token_id", "ggml.eot_token_id"}) {
    expectError(sentencePiece(), key, value(8u), kMalformed, "8");
    expectError(sentencePiece(), key,
                value(GgufType::Int32, bytesOf(int32_t(-1))), kMalformed, "-1");
    expectError(sentencePiece(), key, value(0xFFFFFFFFu), kMalformed,
                "4294967295");
    expectError(sentencePiece(), key, value(std::string_view("1")), kMalformed,
                "");
  }
  expectError(byteLevel(), "ggml.add_bos_token", value(1u), kMalformed, "1");
  // BOS is to be added, and there is none.
  Metadata metadata = byteLevel();
  metadata["ggml.add_bos_token"] = value(true);
  EXPECT_THAT(read(metadata).text, HasSubstr("tokenizer.ggml.bos_token_id: "));
}

TEST(GgufTokenizer, OtherTokenizersAreRefusedByName) {
  expectError(sentencePiece(), "ggml.model", "", kMalformed, "absent");
  expectError(sentencePiece(), "ggml.model", value(3u), kMalformed, "3");
  expectError(sentencePiece(), "ggml.model", value(std::string_view("bert")),
              kUnsupported, "\"bert\", expected \"llama\" or \"gpt2\"");
  expectError(byteLevel(), "ggml.pre", "", kUnsupported, "absent");
  expectError(byteLevel(), "ggml.pre", value(std::string_view("default")),
              kUnsupported, "\"default\", expected one of gpt-2, smollm");
  expectError(byteLevel(), "ggml.pre", value(3u), kMalformed, "3");
}

} // namespace
