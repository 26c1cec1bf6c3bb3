//===- TokenizerFilesTest.cpp - Tests of readTokenizerDirectory -----------===//

#include "TestTokenizers.h"

#include <gmock/gmock.h>

using namespace lamina;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

/// Parts of a small tokenizer.json; a test replaces one.
struct Parts {
  std::string type = R"("BPE")";
  std::string vocab = R"({"a": 0, "b": 1, "ab": 2, "<s>": 3, "</s>": 4})";
  std::string merges = R"(["a b"])";
  std::string settings = R"("unk_token": null)";
  std::string added =
      R"([{"id": 3, "content": "<s>", "special": true, "normalized": false}])";
  std::string normalizer = "null";
  std::string preTokenizer =
      R"({"type": "ByteLevel", "add_prefix_space": false})";
  std::string postProcessor = "null";
  std::string decoder = R"({"type": "ByteLevel"})";

  std::string text() const {
    return R"({"added_tokens": )" + added + R"(, "normalizer": )" + normalizer +
           R"(, "pre_tokenizer": )" + preTokenizer + R"(, "post_processor": )" +
           postProcessor + R"(, "decoder": )" + decoder +
           R"(, "model": {"type": )" + type + ", " + settings +
           R"(, "vocab": )" + vocab + R"(, "merges": )" + merges + "}}\n";
  }
};

struct ReadResult {
  std::optional<TokenizerModel> model;
  ExitCode code;
  std::string text;
};

/// Reads a directory of the given files.
ReadResult
readFiles(const std::vector<std::pair<std::string, std::string>> &files) {
  TemporaryFolder folder;
  for (const auto &[name, text] : files)
    folder.write(name, text);
  InputErrors errors;
  auto model = readTokenizerDirectory(folder.path(), errors);
  EXPECT_EQ(model.has_value(), errors.empty());
  std::string text = errors.toString();
  for (size_t at; (at = text.find(folder.path() + "/")) != text.npos;)
    text.erase(at, folder.path().size() + 1);
  return {std::move(model), errors.exitCode(), text};
}

ReadResult readParts(const Parts &parts) {
  return readFiles({{"tokenizer.json", parts.text()}});
}

/// Expects one error line that contains `message`.
void expectError(const ReadResult &result, ExitCode code,
                 const std::string &message) {
  EXPECT_FALSE(result.model);
  EXPECT_EQ(result.code, code) << result.text;
  EXPECT_THAT(result.text, HasSubstr(message));
}

constexpr ExitCode kMalformed = ExitCode::Malformed;
constexpr ExitCode kUnsupported = ExitCode::Unsupported;

TEST(TokenizerFiles, ReadsASmallOne) {
  ReadResult result = readParts({});
  ASSERT_TRUE(result.model) << result.text;
  EXPECT_EQ(result.model->kind, TokenizerKind::ByteLevelBpe);
  EXPECT_EQ(result.model->preTokenizer, PreTokenizerKind::Gpt2);
  EXPECT_EQ(result.model->tokens.size(), 5u);
  EXPECT_EQ(result.model->types[3], TokenType::Control);
  EXPECT_THAT(makeTokenizer(*result.model).encode("aab"), ElementsAre(0, 2));
}

TEST(TokenizerFiles, RefusesOtherModels) {
  for (const char *type : {"Unigram", "WordPiece", "WordLevel", "Other"}) {
    Parts parts;
    parts.type = '"' + std::string(type) + '"';
    expectError(readParts(parts), kUnsupported,
                "tokenizer.json:/model/type: tokenizer: \"" +
                    std::string(type) + "\", expected \"BPE\"");
  }
}

TEST(TokenizerFiles, Merges) {
  auto read = [](std::string merges) {
    Parts parts;
    parts.merges = std::move(merges);
    return readParts(parts);
  };
  for (const char *good : {R"([["a", "b"]])", R"(["a b", "a b"])",
                           R"(["#version: 0.2", "a b"])", "[]"})
    EXPECT_TRUE(read(good).model) << good;
  auto bad = [&](const char *merges, const char *message) {
    expectError(read(merges), kMalformed, message);
  };
  bad(R"(["a b", ["a", "b"]])", ":/model/merges/1: ");
  bad(R"([["a", "b"], "a b"])", ":/model/merges/1: ");
  bad(R"(["ab"])", ":/model/merges/0: tokenizer: \"ab\", expected two tokens");
  bad(R"(["a b c"])", ":/model/merges/0: ");
  bad(R"([["a"]])", ":/model/merges/0: ");
  bad(R"([["a", "b", "c"]])", ":/model/merges/0: ");
  bad(R"([["a", 1]])", ":/model/merges/0: ");
  bad(R"([1])", ":/model/merges/0: ");
  bad(R"({"a": "b"})", ":/model/merges: ");
  bad(R"(["a z"])", "which has no \"z\"");
  bad(R"(["b a"])", "which has no \"ba\"");
}

TEST(TokenizerFiles, TokensWithSpacesInPairs) {
  Parts parts;
  parts.vocab = R"({"a ": 0, "b": 1, "a b": 2})";
  parts.merges = R"([["a ", "b"]])";
  parts.added = "[]";
  EXPECT_TRUE(readParts(parts).model);
}

TEST(TokenizerFiles, VocabularyIds) {
  auto read = [](std::string vocab) {
    Parts parts;
    parts.vocab = std::move(vocab);
    parts.added = parts.merges = "[]";
    return readParts(parts);
  };
  ReadResult gaps = read(R"({"a": 0, "": 1, "b": 7})");
  ASSERT_TRUE(gaps.model) << gaps.text;
  EXPECT_EQ(gaps.model->tokens.size(), 8u);
  EXPECT_EQ(gaps.model->types[3], TokenType::Unused);
  auto bad = [&](const char *vocab, const char *message) {
    expectError(read(vocab), kMalformed, message);
  };
  bad(R"({"a": 0, "b": 0})", ":/model/vocab/b: tokenizer: 0, expected an id "
                             "that \"a\" does not have");
  bad(R"({"a": 4294967296})", ":/model/vocab/a: tokenizer: 4294967296");
  bad(R"({"a": 1048576})", "expected an id from 0 to 1048575");
  bad(R"({"a": -1})", ":/model/vocab/a: tokenizer: -1");
  bad(R"({"a": 1.5})", ":/model/vocab/a: tokenizer: 1.5");
  bad(R"({"a": "0"})", ":/model/vocab/a: tokenizer: \"0\"");
  bad(R"({"a": 0, "a": 1})", "");
  bad("{}", ":/model/vocab: ");
  bad("[]", ":/model/vocab: ");
}

TEST(TokenizerFiles, AddedTokens) {
  auto bad = [](const char *added, ExitCode code, const char *message) {
    Parts parts;
    parts.added = added;
    expectError(readParts(parts), code, message);
  };
  bad(R"([{"id": 0, "content": "x"}])", kMalformed,
      ":/added_tokens/0/id: tokenizer: 0, expected an id that \"a\" does not");
  bad(R"([{"id": 9, "content": "a"}])", kMalformed,
      "expected 0, the id of \"a\" in the vocabulary");
  bad(R"([{"id": 9, "content": ""}])", kMalformed, ":/added_tokens/0/content");
  bad(R"([{"content": "x"}])", kMalformed,
      ":/added_tokens/0/id: tokenizer: absent");
  bad(R"([{"id": 9, "content": "x", "single_word": true}])", kUnsupported,
      ":/added_tokens/0/single_word");
  bad(R"([{"id": 9, "content": "x", "special": 1}])", kMalformed,
      ":/added_tokens/0/special: tokenizer: 1, expected true or false");
  bad(R"([3])", kMalformed, ":/added_tokens/0: ");
}

TEST(TokenizerFiles, StagesAreUnderstoodOrRefused) {
  auto bad = [](std::string Parts::*member, const char *value, ExitCode code,
                const char *message) {
    Parts parts;
    parts.*member = value;
    expectError(readParts(parts), code, message);
  };
  bad(&Parts::preTokenizer, R"({"type": "Whitespace"})", kUnsupported,
      ":/pre_tokenizer: tokenizer: step \"Whitespace\"");
  bad(&Parts::preTokenizer,
      R"({"type": "Sequence", "pretokenizers": [
         {"type": "Split", "pattern": {"Regex": "(a+)+$"},
          "behavior": "Isolated", "invert": false},
         {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})",
      kUnsupported,
      ":/pre_tokenizer/pretokenizers/0/pattern: tokenizer: \"(a+)+$\"");
  bad(&Parts::preTokenizer, R"({"type": "ByteLevel"})", kUnsupported,
      "add_prefix_space");
  bad(&Parts::preTokenizer, R"({"pattern": 1})", kMalformed,
      ":/pre_tokenizer/type: ");
  bad(&Parts::normalizer, R"({"type": "NFC"})", kUnsupported,
      ":/normalizer: tokenizer: step \"NFC\"");
  bad(&Parts::normalizer, R"({"type": "Sequence"})", kMalformed,
      ":/normalizer/normalizers: ");
  bad(&Parts::normalizer, "3", kMalformed, ":/normalizer: ");
  bad(&Parts::decoder, R"({"type": "WordPiece"})", kUnsupported,
      ":/decoder: tokenizer: step \"WordPiece\"");
  bad(&Parts::postProcessor, R"({"type": "BertProcessing"})", kUnsupported,
      ":/post_processor: tokenizer: step \"BertProcessing\"");
  bad(&Parts::settings, R"("dropout": 0.1)", kUnsupported, ":/model/dropout");
  bad(&Parts::settings, R"("end_of_word_suffix": "</w>")", kUnsupported,
      ":/model/end_of_word_suffix");
  bad(&Parts::settings, R"("byte_fallback": true)", kUnsupported,
      ":/model/byte_fallback");
  bad(&Parts::settings, R"("unk_token": "zz")", kMalformed,
      ":/model/unk_token");
}

TEST(TokenizerFiles, DeepNestingIsRefused) {
  Parts parts;
  for (int depth = 0; depth < 10000; ++depth)
    parts.normalizer =
        R"({"type": "Sequence", "normalizers": [)" + parts.normalizer;
  expectError(readParts(parts), kMalformed, "tokenizer.json:byte ");
}

TEST(TokenizerFiles, TemplateSaysWhetherBosIsAdded) {
  auto withTemplate = [](const char *single) {
    Parts parts;
    parts.postProcessor =
        R"({"type": "Sequence", "processors": [{"type": "ByteLevel"},
            {"type": "TemplateProcessing", "single": )" +
        std::string(single) + R"(, "special_tokens": {
            "<s>": {"id": "<s>", "ids": [3], "tokens": ["<s>"]},
            "bad": {"id": "bad", "ids": [99], "tokens": ["bad"]}}}]})";
    return readParts(parts);
  };
  const char *text = R"({"Sequence": {"id": "A", "type_id": 0}})";
  const char *bos = R"({"SpecialToken": {"id": "<s>", "type_id": 0}})";
  auto list = [](std::vector<std::string> pieces) {
    std::string all = "[";
    for (const std::string &piece : pieces)
      all += (all.size() > 1 ? "," : "") + piece;
    return all + "]";
  };
  ReadResult result = withTemplate(list({bos, text}).c_str());
  ASSERT_TRUE(result.model) << result.text;
  EXPECT_TRUE(result.model->addsBos);
  EXPECT_EQ(result.model->bosId, 3);
  EXPECT_FALSE(result.model->addsEos);
  EXPECT_EQ(result.model->bosRule, "post_processor of tokenizer.json");
  EXPECT_TRUE(withTemplate(list({text, bos}).c_str()).model->addsEos);
  EXPECT_FALSE(withTemplate(list({text}).c_str()).model->addsBos);
  expectError(withTemplate(list({bos, bos, text}).c_str()), kUnsupported,
              "/single/1: ");
  expectError(withTemplate(list({bos}).c_str()), kMalformed, "/single: ");
  expectError(
      withTemplate(list({R"({"SpecialToken": {"id": "bad"}})", text}).c_str()),
      kMalformed, "expected an id of the vocabulary");
  expectError(
      withTemplate(list({R"({"SpecialToken": {"id": "x"}})", text}).c_str()),
      kMalformed, "/single/0/SpecialToken/id");
}

TEST(TokenizerFiles, ConfigSaysWhetherBosIsAdded) {
  auto read = [](std::string config, Parts parts = {}) {
    return readFiles({{"tokenizer.json", parts.text()},
                      {"tokenizer_config.json", std::move(config)}});
  };
  const std::string bos = R"("bos_token": "<s>")";
  EXPECT_FALSE(read("{" + bos + "}").model->addsBos);
  EXPECT_TRUE(read("{" + bos + R"(, "add_bos_token": true})").model->addsBos);
  EXPECT_FALSE(read("{" + bos + R"(, "add_bos_token": false,
                    "tokenizer_class": "LlamaTokenizer"})")
                   .model->addsBos);
  ReadResult byClass =
      read("{" + bos + R"(, "tokenizer_class": "LlamaTokenizerFast"})");
  EXPECT_TRUE(byClass.model->addsBos);
  EXPECT_EQ(byClass.model->bosRule, "tokenizer_class of tokenizer_config.json");
  expectError(read(R"({"add_bos_token": true})"), kMalformed,
              "tokenizer_config.json:/add_bos_token");
  expectError(read(R"({"bos_token": "zz"})"), kMalformed,
              "tokenizer_config.json:/bos_token");
  // Objects are the older form.
  EXPECT_EQ(read(R"({"eos_token": {"content": "</s>"}})").model->eosId, 4);

  Parts llama3;
  llama3.preTokenizer =
      R"({"type": "Sequence", "pretokenizers": [{"type": "Split",
          "pattern": {"Regex": "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"},
          "behavior": "Isolated", "invert": false},
          {"type": "ByteLevel", "add_prefix_space": false, "use_regex": false}]})";
  ReadResult byKind = read("{" + bos + "}", llama3);
  ASSERT_TRUE(byKind.model) << byKind.text;
  EXPECT_TRUE(byKind.model->addsBos);
  EXPECT_EQ(byKind.model->preTokenizer, PreTokenizerKind::Llama3);
}

TEST(TokenizerFiles, EndsOfAllConfigurations) {
  auto read = [](std::string generation, std::string config) {
    return readFiles({{"tokenizer.json", Parts().text()},
                      {"tokenizer_config.json", R"({"eos_token": "</s>"})"},
                      {"generation_config.json", std::move(generation)},
                      {"config.json", std::move(config)}});
  };
  ReadResult result = read(R"({"eos_token_id": [2, 0]})",
                           R"({"eos_token_id": 2, "bos_token_id": 3})");
  ASSERT_TRUE(result.model) << result.text;
  EXPECT_THAT(result.model->endOfGenerationIds, ElementsAre(0, 2, 4));
  EXPECT_EQ(result.model->eosId, 4);
  EXPECT_EQ(result.model->bosId, 3);
  for (const char *id : {"5", "-1", "1.0", "\"2\"", "[1, 5]", "4294967296"})
    expectError(read("{}", R"({"eos_token_id": )" + std::string(id) + "}"),
                kMalformed, "config.json:/eos_token_id");
}

TEST(TokenizerFiles, ChatTemplates) {
  auto read = [](std::string value, bool hasFile = false) {
    std::vector<std::pair<std::string, std::string>> files = {
        {"tokenizer.json", Parts().text()},
        {"tokenizer_config.json", R"({"chat_template": )" + value + "}"}};
    if (hasFile)
      files.push_back({"chat_template.jinja", "of the file"});
    return readFiles(files);
  };
  EXPECT_EQ(read(R"("text")").model->chatTemplate, "text");
  EXPECT_EQ(read("null").model->chatTemplate, "");
  EXPECT_EQ(read(R"([{"name": "tool_use", "template": "x"},
                     {"name": "default", "template": "y"}])")
                .model->chatTemplate,
            "y");
  EXPECT_EQ(read(R"("text")", true).model->chatTemplate, "of the file");
  expectError(read("3"), kMalformed, ":/chat_template");
}

TEST(TokenizerFiles, ListsEveryError) {
  Parts parts;
  parts.normalizer = R"({"type": "NFC"})";
  parts.merges = R"(["ab", "b z"])";
  ReadResult result = readParts(parts);
  EXPECT_EQ(std::count(result.text.begin(), result.text.end(), '\n'), 3);
  EXPECT_EQ(result.code, kMalformed);
}

TEST(TokenizerFiles, MissingAndEmptyFiles) {
  EXPECT_EQ(readFiles({}).code, ExitCode::InputOutput);
  expectError(readFiles({{"tokenizer.json", ""}}), kMalformed,
              "tokenizer.json");
  expectError(readFiles({{"tokenizer.json", "[]"}}), kMalformed, "an object");
  expectError(readFiles({{"tokenizer.json", "{}"}}), kMalformed, ":/model: ");
}

// Every prefix of a file is an error of code 3 that names the file.
TEST(TokenizerFiles, RefusesEveryPrefix) {
  TemporaryFolder folder;
  auto check = [&](const std::string &text, size_t step) {
    for (size_t size = 0; size + 1 < text.size(); size += step) {
      folder.write("tokenizer.json", std::string_view(text).substr(0, size));
      InputErrors errors;
      ASSERT_FALSE(readTokenizerDirectory(folder.path(), errors)) << size;
      ASSERT_EQ(errors.exitCode(), kMalformed) << size;
      ASSERT_EQ(errors.size(), 1u) << size;
    }
  };
  check(Parts().text(), 1);
  check(readAll(testData("stories260K/tokenizer.json")), 13);
}

} // namespace
