//===- TokenizerVectorsTest.cpp - Ids that others found -------------------===//
//
// Ids of the Hugging Face tokenizers package and of llama.cpp; where they come
// from is in test/data/tokenizers/README.md.
//
//===----------------------------------------------------------------------===//

#include "TestTokenizers.h"

#include "lamina/Import/Json.h"

using namespace lamina;

namespace {

struct TestVector {
  std::string text;
  Ids ids;
};

std::vector<TestVector> readVectors(const std::string &name) {
  InputErrors errors;
  auto document = json::parseFile(testData(name), 1 << 20, errors);
  EXPECT_TRUE(document) << errors.toString();
  std::vector<TestVector> vectors;
  for (const json::Value &pair : document->root()) {
    TestVector vector;
    vector.text = pair.begin()[0].text();
    for (const json::Value &id : pair.begin()[1])
      vector.ids.push_back(int32_t(id.int64().value_or(-1)));
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

std::vector<std::string> splitText(const std::string &text,
                                   const std::string &separator) {
  std::vector<std::string> parts;
  for (size_t at = 0, end; at < text.size(); at = end + separator.size()) {
    end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
  }
  return parts;
}

TokenizerModel readGgufFile(const std::string &name) {
  InputErrors errors;
  std::optional<TokenizerModel> model;
  if (auto file = readGguf(testData(name), errors))
    model = readGgufTokenizer(*file, errors);
  EXPECT_TRUE(model) << errors.toString();
  return model ? std::move(*model) : TokenizerModel();
}

/// What a text decodes to: SentencePiece writes a space and its mark alike.
std::string decodedText(const Tokenizer &tokenizer, std::string text) {
  constexpr std::string_view mark = "\u2581";
  if (tokenizer.model().replacesSpaces)
    for (size_t at; (at = text.find(mark)) != text.npos;)
      text.replace(at, mark.size(), " ");
  return text;
}

void checkVectors(const Tokenizer &tokenizer,
                  const std::vector<TestVector> &vectors) {
  EncodeOptions options;
  options.parseSpecial = true;
  for (const TestVector &vector : vectors) {
    EXPECT_EQ(tokenizer.encode(vector.text, options), vector.ids)
        << vector.text;
    Ids ids = vector.ids;
    if (!ids.empty() && ids[0] == tokenizer.model().bosId &&
        tokenizer.model().addsBos)
      ids.erase(ids.begin());
    EXPECT_EQ(tokenizer.decode(ids, {/*skipSpecial=*/false}),
              decodedText(tokenizer, vector.text));
  }
}

TEST(TokenizerVectors, Stories260K) {
  std::vector<TestVector> vectors =
      readVectors("stories260K.tokenizer-vectors.json");
  EXPECT_EQ(vectors.size(), 29u);
  checkVectors(stories(), vectors);
}

TEST(TokenizerVectors, Stories260KInItsOtherFiles) {
  std::vector<TestVector> vectors =
      readVectors("stories260K.tokenizer-vectors.json");
  checkVectors(makeTokenizer(readDirectory("stories260K-bf16")), vectors);
  checkVectors(makeTokenizer(readGgufFile("stories260K.gguf")), vectors);
  checkVectors(makeTokenizer(readGgufFile("stories260K-q8_0.gguf")), vectors);
}

TEST(TokenizerVectors, SmolLM2) {
  std::vector<TestVector> vectors =
      readVectors("smollm2.tokenizer-vectors.json");
  EXPECT_EQ(vectors.size(), 29u);
  checkVectors(smollm2(), vectors);
}

TEST(TokenizerVectors, LlamaSpm) {
  const std::string base = "ggml-vocab-llama-spm.gguf";
  TokenizerModel model = readGgufFile(base);
  EXPECT_TRUE(model.addsBos);
  Tokenizer tokenizer = makeTokenizer(std::move(model));

  std::vector<std::string> texts =
      splitText(readAll(testData(base + ".inp")), "\n__ggml_vocab_test__\n");
  std::vector<std::string> lines =
      splitText(readAll(testData(base + ".out")), "\n");
  ASSERT_EQ(texts.size(), 46u);
  ASSERT_EQ(lines.size(), 46u);
  std::vector<TestVector> vectors;
  for (size_t i = 0; i < texts.size(); ++i) {
    TestVector vector{texts[i], {1}};
    for (const std::string &id : splitText(lines[i], " "))
      if (!id.empty())
        vector.ids.push_back(std::stoi(id));
    vectors.push_back(std::move(vector));
  }
  checkVectors(tokenizer, vectors);
}

} // namespace
