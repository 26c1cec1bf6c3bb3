//===- TestTokenizers.h - Tokenizers that tests share -----------*- C++ -*-===//

#ifndef LAMINA_UNITTESTS_TOKENIZER_TESTTOKENIZERS_H
#define LAMINA_UNITTESTS_TOKENIZER_TESTTOKENIZERS_H

#include "lamina/Import/TokenizerFiles.h"
#include "tokenizer/Tokenizer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace lamina {

using Ids = std::vector<int32_t>;

inline std::string testData(const std::string &name) {
  return std::string(LAMINA_TEST_DATA) + "/" + name;
}

inline std::string readAll(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

inline Tokenizer makeTokenizer(TokenizerModel model) {
  std::string error;
  std::optional<Tokenizer> tokenizer =
      Tokenizer::create(std::move(model), &error);
  EXPECT_TRUE(tokenizer) << error;
  return std::move(*tokenizer);
}

inline TokenizerModel readDirectory(const std::string &name) {
  InputErrors errors;
  std::optional<TokenizerModel> model =
      readTokenizerDirectory(testData(name), errors);
  EXPECT_TRUE(model) << errors.toString();
  return model ? std::move(*model) : TokenizerModel();
}

/// stories260K (SentencePiece) and SmolLM2 (byte-level), each read once.
inline const Tokenizer &stories() {
  static const Tokenizer tokenizer =
      makeTokenizer(readDirectory("stories260K"));
  return tokenizer;
}
inline const Tokenizer &smollm2() {
  static const Tokenizer tokenizer =
      makeTokenizer(readDirectory("tokenizers/smollm2"));
  return tokenizer;
}

/// An empty folder, removed at the end.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::string name = ::testing::TempDir() + "lamina-tokenizer-XXXXXX";
    EXPECT_TRUE(mkdtemp(name.data()));
    folder = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
  }
  TemporaryFolder(const TemporaryFolder &) = delete;
  TemporaryFolder &operator=(const TemporaryFolder &) = delete;

  const std::string &path() const { return folder; }
  std::string write(const std::string &name, std::string_view text) const {
    std::string file = folder + "/" + name;
    std::ofstream(file, std::ios::binary) << text;
    return file;
  }

private:
  std::string folder;
};

} // namespace lamina

#endif // LAMINA_UNITTESTS_TOKENIZER_TESTTOKENIZERS_H
