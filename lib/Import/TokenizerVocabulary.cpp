//===- TokenizerVocabulary.cpp - Tokens and merges of tokenizer.json ------===//

#include "TokenizerJson.h"
#include "tokenizer/ByteTokens.h"

#include <algorithm>

using namespace lamina;
using json::Kind;
using json::Value;

void TokenizerJson::malformed(std::string pointer, const Value &value,
                              std::string expected) {
  errors.malformed(std::move(pointer), "tokenizer", value.describe(),
                   std::move(expected));
}

void TokenizerJson::unsupported(std::string pointer, std::string found,
                                std::string expected) {
  errors.report(ExitCode::Unsupported, std::move(pointer), "tokenizer",
                std::move(found), std::move(expected));
}

static std::string describeKind(Kind kind) {
  switch (kind) {
  case Kind::Boolean:
    return "true or false";
  case Kind::String:
    return "a string";
  case Kind::Array:
    return "an array";
  case Kind::Object:
    return "an object";
  default:
    return "a number";
  }
}

const Value *TokenizerJson::member(const Value &object, std::string_view base,
                                   std::string_view key, Kind kind,
                                   bool isRequired) {
  const Value *value = object.find(key);
  if (value && value->kind() == kind)
    return value;
  std::string pointer = jsonPointer(base, key);
  if (value && (!value->isNull() || isRequired))
    malformed(std::move(pointer), *value, describeKind(kind));
  else if (isRequired)
    errors.malformed(std::move(pointer), "tokenizer", "absent",
                     describeKind(kind));
  return nullptr;
}

bool TokenizerJson::flag(const Value &object, std::string_view base,
                         std::string_view key, bool fallback) {
  const Value *value =
      member(object, base, key, Kind::Boolean, /*isRequired=*/false);
  return value ? value->boolean() : fallback;
}

std::string_view TokenizerJson::text(const Value &object, std::string_view base,
                                     std::string_view key) {
  const Value *value =
      member(object, base, key, Kind::String, /*isRequired=*/false);
  return value ? value->text() : std::string_view();
}

namespace {

class VocabularyReader {
public:
  explicit VocabularyReader(TokenizerJson &json)
      : json(json), model(json.model) {}

  void run();

private:
  void checkSettings(const Value &bpe);
  void readTokens(const Value &vocab);
  void setToken(const Value &id, const std::string &pointer,
                std::string_view text);
  void readAddedTokens(const Value &list);
  void readAddedToken(const Value &entry, const std::string &pointer);
  void readMerges(const Value &list);
  void readMerge(const Value &entry, const std::string &pointer, bool isPair);
  void addMerge(std::string_view left, std::string_view right,
                const Value &entry, const std::string &pointer);

  TokenizerJson &json;
  TokenizerModel &model;
  /// Which ids have a token; a token's text may be empty.
  std::vector<bool> isTaken;
};

constexpr std::string_view kModel = "/model";

void VocabularyReader::run() {
  const Value *bpe =
      json.member(json.root, "", "model", Kind::Object, /*isRequired=*/true);
  if (!bpe)
    return;
  const Value *type = bpe->find("type");
  // Files of before 2020 leave the type out; all with merges are BPE.
  if (type ? type->text() != "BPE" : !bpe->find("merges"))
    return json.unsupported("/model/type", type ? type->describe() : "absent",
                            "\"BPE\"");
  checkSettings(*bpe);
  const Value *vocab =
      json.member(*bpe, kModel, "vocab", Kind::Object, /*isRequired=*/true);
  if (!vocab)
    return;
  readTokens(*vocab);
  if (const Value *added = json.member(json.root, "", "added_tokens",
                                       Kind::Array, /*isRequired=*/false))
    readAddedTokens(*added);
  if (model.tokens.empty())
    json.malformed("/model/vocab", *vocab, "at least one token");
  if (const Value *merges = json.member(*bpe, kModel, "merges", Kind::Array,
                                        /*isRequired=*/true))
    readMerges(*merges);

  std::string_view unknown = json.text(*bpe, kModel, "unk_token");
  auto found = json.ids.find(unknown);
  if (bpe->find("unk_token") && !bpe->find("unk_token")->isNull()) {
    if (found == json.ids.end())
      return json.malformed("/model/unk_token", *bpe->find("unk_token"),
                            "a token of the vocabulary");
    model.unknownId = found->second;
    model.types[size_t(model.unknownId)] = TokenType::Unknown;
  }
}

void VocabularyReader::checkSettings(const Value &bpe) {
  for (std::string_view key :
       {"continuing_subword_prefix", "end_of_word_suffix"})
    if (!json.text(bpe, kModel, key).empty())
      json.unsupported(jsonPointer(kModel, key), bpe.find(key)->describe(),
                       "null or \"\"");
  const Value *dropout = bpe.find("dropout");
  if (dropout && !dropout->isNull() && dropout->number() != 0.0)
    json.unsupported("/model/dropout", dropout->describe(), "null");
  model.fusesUnknown = json.flag(bpe, kModel, "fuse_unk", false);
  model.hasByteFallback = json.flag(bpe, kModel, "byte_fallback", false);
  model.ignoresMerges = json.flag(bpe, kModel, "ignore_merges", false);
}

void VocabularyReader::setToken(const Value &id, const std::string &pointer,
                                std::string_view text) {
  std::optional<int64_t> number = id.int64();
  if (!number || *number < 0 || *number >= kMaxTokens)
    return json.malformed(pointer, id,
                          "an id from 0 to " + std::to_string(kMaxTokens - 1));
  auto index = size_t(*number);
  if (index >= model.tokens.size()) {
    model.tokens.resize(index + 1);
    model.types.resize(index + 1, TokenType::Unused);
    isTaken.resize(index + 1);
  }
  auto known = json.ids.find(text);
  if (known != json.ids.end() && known->second != *number)
    return json.malformed(pointer, id,
                          std::to_string(known->second) + ", the id of " +
                              quoted(text) + " in the vocabulary");
  if (isTaken[index] && model.tokens[index] != text)
    return json.malformed(pointer, id,
                          "an id that " + quoted(model.tokens[index]) +
                              " does not have");
  isTaken[index] = true;
  model.tokens[index] = text;
  bool isByte = model.hasByteFallback && parseByteToken(text);
  model.types[index] = isByte ? TokenType::Byte : TokenType::Normal;
  json.ids.emplace(text, int32_t(*number));
}

void VocabularyReader::readTokens(const Value &vocab) {
  json.ids.reserve(vocab.size());
  for (const Value &id : vocab)
    setToken(id, jsonPointer("/model/vocab", id.key()), id.key());
}

void VocabularyReader::readAddedTokens(const Value &list) {
  size_t index = 0;
  for (const Value &entry : list) {
    std::string pointer = jsonPointer("/added_tokens", index++);
    if (entry.kind() != Kind::Object)
      json.malformed(pointer, entry, "an object");
    else
      readAddedToken(entry, pointer);
  }
  std::sort(
      model.addedTokens.begin(), model.addedTokens.end(),
      [](const AddedToken &a, const AddedToken &b) { return a.id < b.id; });
  auto isSame = [](const AddedToken &a, const AddedToken &b) {
    return a.id == b.id;
  };
  auto end =
      std::unique(model.addedTokens.begin(), model.addedTokens.end(), isSame);
  model.addedTokens.erase(end, model.addedTokens.end());
}

void VocabularyReader::readAddedToken(const Value &entry,
                                      const std::string &pointer) {
  const Value *content =
      json.member(entry, pointer, "content", Kind::String, true);
  const Value *id = json.member(entry, pointer, "id", Kind::Integer, true);
  AddedToken token;
  token.isSpecial = json.flag(entry, pointer, "special", false);
  token.stripsLeft = json.flag(entry, pointer, "lstrip", false);
  token.stripsRight = json.flag(entry, pointer, "rstrip", false);
  token.isNormalized = json.flag(entry, pointer, "normalized", true);
  if (json.flag(entry, pointer, "single_word", false))
    json.unsupported(jsonPointer(pointer, "single_word"), "true", "false");
  if (!content || !id)
    return;
  if (content->text().empty())
    return json.malformed(jsonPointer(pointer, "content"), *content,
                          "text that is not empty");
  setToken(*id, jsonPointer(pointer, "id"), content->text());
  auto known = json.ids.find(content->text());
  if (known == json.ids.end() || known->second != id->int64())
    return; // reported
  token.id = known->second;
  model.types[size_t(token.id)] =
      token.isSpecial ? TokenType::Control : TokenType::UserDefined;
  model.addedTokens.push_back(token);
}

void VocabularyReader::readMerges(const Value &list) {
  model.merges.reserve(list.size());
  if (list.size() == 0)
    return;
  Kind kind = list.begin()->kind();
  size_t index = 0;
  for (const Value &entry : list) {
    std::string pointer = jsonPointer("/model/merges", index++);
    if (entry.kind() != kind || (kind != Kind::String && kind != Kind::Array))
      json.malformed(pointer, entry,
                     kind == Kind::Array ? "two strings, as the first merge has"
                                         : "a string, as the first merge is");
    else
      readMerge(entry, pointer, kind == Kind::Array);
  }
}

void VocabularyReader::readMerge(const Value &entry, const std::string &pointer,
                                 bool isPair) {
  if (isPair) {
    const Value *parts = entry.begin();
    if (entry.size() != 2 || parts[0].kind() != Kind::String ||
        parts[1].kind() != Kind::String)
      return json.malformed(pointer, entry, "two strings");
    return addMerge(parts[0].text(), parts[1].text(), entry, pointer);
  }
  std::string_view text = entry.text();
  if (text.substr(0, 8) == "#version")
    return; // the first line of merges.txt, kept by old converters
  size_t space = text.find(' ');
  if (space == std::string_view::npos ||
      text.find(' ', space + 1) != std::string_view::npos)
    return json.malformed(pointer, entry, "two tokens with a space between");
  addMerge(text.substr(0, space), text.substr(space + 1), entry, pointer);
}

void VocabularyReader::addMerge(std::string_view left, std::string_view right,
                                const Value &entry,
                                const std::string &pointer) {
  std::string joined(left);
  joined += right;
  TokenMerge merge;
  for (auto [text, id] :
       {std::pair<std::string_view, int32_t *>(left, &merge.left),
        {right, &merge.right},
        {joined, &merge.result}}) {
    auto found = json.ids.find(text);
    if (found == json.ids.end())
      return json.malformed(pointer, entry,
                            "tokens of the vocabulary, which has no " +
                                quoted(text));
    *id = found->second;
  }
  model.merges.push_back(merge);
}

} // namespace

void lamina::readVocabulary(TokenizerJson &json) {
  VocabularyReader(json).run();
}
