//===- TokenizerBlobTest.cpp - Tests of serialize and deserialize ---------===//

#include "TestTokenizers.h"

using namespace lamina;

namespace {

/// A model with a value in every field.
TokenizerModel smallModel() {
  TokenizerModel model;
  model.kind = TokenizerKind::SentencePieceBpe;
  model.preTokenizer = PreTokenizerKind::Spaces;
  model.spacePrefix = SpacePrefix::FirstPartUnlessSpace;
  model.replacesSpaces = model.hasByteFallback = true;
  model.mergesByScore = true;
  model.tokens = {"<unk>", "a", "", "ab\xFF", "b"};
  model.types = {TokenType::Unknown, TokenType::Normal, TokenType::Unused,
                 TokenType::UserDefined, TokenType::Normal};
  model.scores = {0.0f, -1.5f, 0.0f, -3.0f, -0.0f};
  model.merges = {{1, 4, 3}};
  model.addedTokens = {{0, true, false, false, true},
                       {3, false, true, true, false}};
  model.bosId = 1;
  model.eosId = 4;
  model.unknownId = 0;
  model.addsBos = true;
  model.bosRule = "rule";
  model.endOfGenerationIds = {1, 4};
  model.chatTemplate = "{{ x }}";
  return model;
}

TEST(TokenizerBlob, ReadsBackWhatItWrote) {
  TokenizerModel model = smallModel();
  std::string bytes = serialize(model);
  std::string error;
  auto read = deserialize(bytes, &error);
  ASSERT_TRUE(read) << error;
  EXPECT_EQ(read->kind, model.kind);
  EXPECT_EQ(read->spacePrefix, model.spacePrefix);
  EXPECT_EQ(read->tokens, model.tokens);
  EXPECT_EQ(read->types, model.types);
  EXPECT_EQ(read->scores, model.scores);
  EXPECT_EQ(read->merges[0].result, 3);
  EXPECT_TRUE(read->addedTokens[1].stripsRight);
  EXPECT_EQ(read->bosRule, "rule");
  EXPECT_EQ(read->endOfGenerationIds, model.endOfGenerationIds);
  EXPECT_EQ(read->chatTemplate, "{{ x }}");
  EXPECT_EQ(serialize(*read), bytes);
}

TEST(TokenizerBlob, WorksAsBefore) {
  for (const Tokenizer *tokenizer : {&stories(), &smollm2()}) {
    std::string error;
    auto model = deserialize(serialize(tokenizer->model()), &error);
    ASSERT_TRUE(model) << error;
    EXPECT_EQ(serialize(*model), serialize(tokenizer->model()));
    Tokenizer copy = makeTokenizer(std::move(*model));
    EXPECT_EQ(copy.encode("Once upon a time \u65E5\u672C."),
              tokenizer->encode("Once upon a time \u65E5\u672C."));
  }
}

TEST(TokenizerBlob, RefusesEveryPrefix) {
  std::string bytes = serialize(smallModel());
  for (size_t size = 0; size < bytes.size(); ++size) {
    std::string error;
    EXPECT_FALSE(deserialize(bytes.substr(0, size), &error)) << size;
    EXPECT_FALSE(error.empty());
  }
  EXPECT_FALSE(deserialize(bytes + "x", nullptr));
}

// A damaged blob is refused, or is another model that can be used.
TEST(TokenizerBlob, SurvivesEveryDamagedByte) {
  std::string bytes = serialize(smallModel());
  unsigned refused = 0;
  for (size_t at = 0; at < bytes.size(); ++at)
    for (unsigned mask : {0x01u, 0x80u, 0xFFu}) {
      std::string damaged = bytes;
      damaged[at] = char(damaged[at] ^ char(mask));
      auto model = deserialize(damaged, nullptr);
      refused += !model;
      if (model)
        makeTokenizer(std::move(*model)).encode("ab <unk> \u65E5");
    }
  EXPECT_GT(refused, bytes.size());
}

TEST(TokenizerBlob, RefusesOtherVersions) {
  std::string bytes = serialize(smallModel());
  bytes[4] = 2;
  std::string error;
  EXPECT_FALSE(deserialize(bytes, &error));
  EXPECT_EQ(error, "tokenizer blob: version 2, expected 1");
}

TEST(TokenizerModel, NamesWhatIsWrong) {
  auto complaint = [](auto change) {
    TokenizerModel model = smallModel();
    change(model);
    return findModelError(model).value_or("");
  };
  EXPECT_EQ(complaint([](TokenizerModel &) {}), "");
  EXPECT_EQ(complaint([](TokenizerModel &model) { model.bosId = 5; }),
            "bos id: 5, expected an id from 0 to 4");
  EXPECT_EQ(complaint([](TokenizerModel &model) { model.bosId = -1; }),
            "bos id: none, and it is to be added, expected an id from 0 to 4");
  EXPECT_EQ(complaint([](TokenizerModel &model) { model.scores.pop_back(); }),
            "scores: 4, expected 5 or none");
  EXPECT_EQ(complaint([](TokenizerModel &model) { model.types.pop_back(); }),
            "token types: 4, expected 5");
  EXPECT_EQ(
      complaint([](TokenizerModel &model) { model.merges[0].left = 9; }),
      "merge 0: an id outside the vocabulary, expected an id from 0 to 4");
  EXPECT_NE(
      complaint([](TokenizerModel &model) { model.addedTokens[0].id = 3; }),
      "");
  EXPECT_NE(complaint([](TokenizerModel &model) { model.tokens.clear(); }), "");
}

} // namespace
