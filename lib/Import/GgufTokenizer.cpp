//===- GgufTokenizer.cpp - Tokenizer of a GGUF file -----------------------===//
//
// Keys and meaning as llama.cpp has them (src/llama-vocab.cpp).
//
//===----------------------------------------------------------------------===//

#include "FileErrors.h"
#include "lamina/Import/TokenizerFiles.h"
#include "tokenizer/ByteTokens.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>

using namespace lamina;

namespace {

/// What a value of `tokenizer.ggml.pre` means.
struct NamedPreTokenizer {
  std::string_view name;
  PreTokenizerKind kind;
};
constexpr NamedPreTokenizer kPreTokenizers[] = {
    {"gpt-2", PreTokenizerKind::Gpt2},
    {"smollm", PreTokenizerKind::DigitsGpt2},
    {"starcoder", PreTokenizerKind::DigitsGpt2},
    {"refact", PreTokenizerKind::DigitsGpt2},
    {"command-r", PreTokenizerKind::DigitsGpt2},
    {"llama-bpe", PreTokenizerKind::Llama3},
    {"llama3", PreTokenizerKind::Llama3},
    {"llama-v3", PreTokenizerKind::Llama3},
};

/// Control tokens that end a turn.
constexpr std::string_view kTurnEnds[] = {
    "<|eot_id|>",    "<|eom_id|>",      "<|im_end|>",
    "<|end|>",       "<|end_of_text|>", "<|endoftext|>",
    "<end_of_turn>", "<EOT>",           "<end_of_utterance>",
};

class GgufTokenizerReader {
public:
  GgufTokenizerReader(const GgufFile &file, InputErrors &errors)
      : file(file), path(file.path()), errors(path, errors) {}

  std::optional<TokenizerModel> run();

private:
  const GgufValue *find(std::string_view key) {
    return file.find("tokenizer." + std::string(key));
  }
  void report(ExitCode code, std::string_view key, std::string found,
              std::string expected, std::string help = "");
  void malformed(std::string_view key, std::string found,
                 std::string expected) {
    report(ExitCode::Malformed, key, std::move(found), std::move(expected));
  }
  bool flag(std::string_view key, bool fallback);
  int32_t tokenId(std::string_view key, int32_t fallback);
  bool hasTokenCount(std::string_view key, const GgufValue &value);

  bool readKind();
  bool readPreTokenizer();
  bool readTokens();
  void readTypes();
  void guessTypes();
  void readScores();
  void readMerges();
  void addMerge(std::string_view merge, size_t index);
  void readSpecialIds();
  void readEnds();

  const GgufFile &file;
  const std::string &path;
  FileErrors errors;
  TokenizerModel model;
  /// Token text to id. Only looked up in, never walked.
  std::unordered_map<std::string_view, int32_t> ids;
};

void GgufTokenizerReader::report(ExitCode code, std::string_view key,
                                 std::string found, std::string expected,
                                 std::string help) {
  const GgufValue *value = find(key);
  errors.report(code, value ? byteOffset(value->offset()) : "",
                "tokenizer." + std::string(key), std::move(found),
                std::move(expected), std::move(help));
}

bool GgufTokenizerReader::flag(std::string_view key, bool fallback) {
  const GgufValue *value = find(key);
  if (value && !value->boolean())
    malformed(key, value->describe(), "true or false");
  return value ? value->boolean().value_or(fallback) : fallback;
}

int32_t GgufTokenizerReader::tokenId(std::string_view key, int32_t fallback) {
  const GgufValue *value = find(key);
  auto count = int64_t(model.tokens.size());
  if (!value)
    return fallback < count ? fallback : -1;
  std::optional<int64_t> id = value->integer();
  if (id && *id >= 0 && *id < count)
    return int32_t(*id);
  malformed(key, value->describe(),
            "an id from 0 to " + std::to_string(count - 1));
  return -1;
}

bool GgufTokenizerReader::hasTokenCount(std::string_view key,
                                        const GgufValue &value) {
  if (value.size() == model.tokens.size())
    return true;
  malformed(key, std::to_string(value.size()) + " elements",
            std::to_string(model.tokens.size()) + ", one for each token");
  return false;
}

bool GgufTokenizerReader::readKind() {
  const GgufValue *value = find("ggml.model");
  std::optional<std::string_view> name;
  if (value)
    name = value->string();
  if (!name) {
    malformed("ggml.model", value ? value->describe() : "absent",
              "the name of a tokenizer");
    return false;
  }
  if (*name == "llama") {
    model.kind = TokenizerKind::SentencePieceBpe;
    model.mergesByScore = true;
    model.hasByteFallback = true;
    model.fusesUnknown = true;
    model.replacesSpaces = true;
    return true;
  }
  if (*name == "gpt2") {
    model.kind = TokenizerKind::ByteLevelBpe;
    return readPreTokenizer();
  }
  report(ExitCode::Unsupported, "ggml.model", quoted(*name),
         "\"llama\" or \"gpt2\"");
  return false;
}

bool GgufTokenizerReader::readPreTokenizer() {
  const GgufValue *value = find("ggml.pre");
  std::optional<std::string_view> name;
  if (value)
    name = value->string();
  if (value && !name) {
    malformed("ggml.pre", value->describe(), "a string");
    return false;
  }
  std::string known;
  for (const NamedPreTokenizer &entry : kPreTokenizers) {
    if (entry.name == name) {
      model.preTokenizer = entry.kind;
      model.ignoresMerges = entry.kind == PreTokenizerKind::Llama3;
      return true;
    }
    known += (known.empty() ? "one of " : ", ") + std::string(entry.name);
  }
  report(ExitCode::Unsupported, "ggml.pre", name ? quoted(*name) : "absent",
         known,
         "convert the model again; files of before May 2024 do not say "
         "how text is split");
  return false;
}

bool GgufTokenizerReader::readTokens() {
  const GgufValue *value = find("ggml.tokens");
  auto texts = value ? value->strings() : std::nullopt;
  if (!texts) {
    malformed("ggml.tokens", value ? value->describe() : "absent",
              "an array of strings");
    return false;
  }
  if (texts->empty() || texts->size() > size_t(kMaxTokens)) {
    malformed("ggml.tokens", std::to_string(texts->size()) + " tokens",
              "1 to " + std::to_string(kMaxTokens));
    return false;
  }
  model.tokens.assign(texts->begin(), texts->end());
  ids.reserve(model.tokens.size());
  for (size_t id = 0; id < model.tokens.size(); ++id)
    ids[model.tokens[id]] = int32_t(id);
  return true;
}

/// Types of a file that has none: those that the texts tell.
void GgufTokenizerReader::guessTypes() {
  model.types.assign(model.tokens.size(), TokenType::Normal);
  if (model.kind != TokenizerKind::SentencePieceBpe)
    return;
  for (size_t id = 0; id < model.tokens.size(); ++id)
    if (parseByteToken(model.tokens[id]))
      model.types[id] = TokenType::Byte;
  for (auto [id, type] : {std::pair(model.bosId, TokenType::Control),
                          {model.eosId, TokenType::Control},
                          {model.unknownId, TokenType::Unknown}})
    if (id >= 0)
      model.types[size_t(id)] = type;
}

void GgufTokenizerReader::readTypes() {
  const GgufValue *value = find("ggml.token_type");
  if (!value)
    return guessTypes();
  auto numbers = value->integers();
  model.types.assign(model.tokens.size(), TokenType::Normal);
  if (!numbers)
    return malformed("ggml.token_type", value->describe(),
                     "an array of integers");
  if (!hasTokenCount("ggml.token_type", *value))
    return;
  for (size_t id = 0; id < numbers->size(); ++id) {
    int64_t number = (*numbers)[id];
    if (number < int64_t(TokenType::Normal) ||
        number > int64_t(TokenType::Byte)) {
      malformed("ggml.token_type",
                std::to_string(number) + " for token " + std::to_string(id),
                "a type from 1 to 6");
      continue;
    }
    model.types[id] = TokenType(number);
    if (model.types[id] == TokenType::Byte && !parseByteToken(model.tokens[id]))
      malformed("ggml.token_type",
                "the byte type for token " + std::to_string(id) + ", " +
                    quoted(model.tokens[id]),
                "the text \"<0xNN>\"");
  }
}

void GgufTokenizerReader::readScores() {
  const GgufValue *value = find("ggml.scores");
  auto numbers = value ? value->floats() : std::nullopt;
  if (!numbers)
    return malformed("ggml.scores", value ? value->describe() : "absent",
                     "an array of floats");
  if (!hasTokenCount("ggml.scores", *value))
    return;
  for (double number : *numbers) {
    if (!std::isfinite(float(number)))
      return malformed("ggml.scores", "a number that is not finite",
                       "finite numbers");
    model.scores.push_back(float(number));
  }
}

void GgufTokenizerReader::addMerge(std::string_view merge, size_t index) {
  std::string place = "merge " + std::to_string(index) + ", " + quoted(merge);
  size_t space = merge.find(' ');
  if (space == std::string_view::npos ||
      merge.find(' ', space + 1) != std::string_view::npos)
    return malformed("ggml.merges", place, "two tokens with a space between");
  std::string joined(merge.substr(0, space));
  joined += merge.substr(space + 1);
  auto left = ids.find(merge.substr(0, space));
  auto right = ids.find(merge.substr(space + 1));
  auto result = ids.find(joined);
  if (left == ids.end() || right == ids.end() || result == ids.end())
    return malformed("ggml.merges", place, "parts and a whole that are tokens");
  model.merges.push_back({left->second, right->second, result->second});
}

void GgufTokenizerReader::readMerges() {
  const GgufValue *value = find("ggml.merges");
  auto texts = value ? value->strings() : std::nullopt;
  if (!texts)
    return malformed("ggml.merges", value ? value->describe() : "absent",
                     "an array of strings");
  model.merges.reserve(texts->size());
  for (size_t i = 0; i < texts->size(); ++i)
    addMerge((*texts)[i], i);
}

void GgufTokenizerReader::readSpecialIds() {
  bool isSentencePiece = model.kind == TokenizerKind::SentencePieceBpe;
  model.bosId = tokenId("ggml.bos_token_id", isSentencePiece ? 1 : -1);
  model.eosId = tokenId("ggml.eos_token_id", isSentencePiece ? 2 : -1);
  model.padId = tokenId("ggml.padding_token_id", -1);
  int32_t unknown = tokenId("ggml.unknown_token_id", isSentencePiece ? 0 : -1);
  // Byte-level vocabularies name one, but leave out bytes that have no token.
  model.unknownId = isSentencePiece ? unknown : -1;

  bool isLlama3 = model.preTokenizer == PreTokenizerKind::Llama3;
  model.addsBos = flag("ggml.add_bos_token", isSentencePiece || isLlama3);
  model.addsEos = flag("ggml.add_eos_token", false);
  model.bosRule = find("ggml.add_bos_token")
                      ? "tokenizer.ggml.add_bos_token"
                      : "the kind of tokenizer.ggml.model";
  if (model.addsBos && model.bosId < 0)
    malformed("ggml.bos_token_id", "no valid id", "an id, as BOS is added");
  if (model.addsEos && model.eosId < 0)
    malformed("ggml.eos_token_id", "no valid id", "an id, as EOS is added");
  bool hasPrefix = flag("ggml.add_space_prefix", true) && isSentencePiece;
  model.stripsLeadingSpace = hasPrefix;
  if (hasPrefix)
    model.spacePrefix = SpacePrefix::EveryPart;
}

/// Added tokens and ids that end an answer; needs the types.
void GgufTokenizerReader::readEnds() {
  std::set<int32_t> ends;
  if (model.eosId >= 0)
    ends.insert(model.eosId);
  for (std::string_view key : {"ggml.eot_token_id", "ggml.eom_token_id"}) {
    int32_t id = tokenId(key, -1);
    if (id >= 0)
      ends.insert(id);
  }
  for (size_t id = 0; id < model.tokens.size(); ++id) {
    TokenType type = model.types[id];
    const std::string &text = model.tokens[id];
    bool isControl = type == TokenType::Control;
    if (isControl && std::find(std::begin(kTurnEnds), std::end(kTurnEnds),
                               text) != std::end(kTurnEnds))
      ends.insert(int32_t(id));
    AddedToken token;
    token.id = int32_t(id);
    token.isSpecial = isControl || type == TokenType::Unknown;
    if ((token.isSpecial || type == TokenType::UserDefined) && !text.empty())
      model.addedTokens.push_back(token);
  }
  model.endOfGenerationIds.assign(ends.begin(), ends.end());
}

std::optional<TokenizerModel> GgufTokenizerReader::run() {
  bool hasKind = readKind();
  if (readTokens() && hasKind) {
    readSpecialIds();
    readTypes();
    if (model.mergesByScore)
      readScores();
    else
      readMerges();
    readEnds();
  }
  if (const GgufValue *value = find("chat_template")) {
    if (!value->string())
      malformed("chat_template", value->describe(), "a string");
    model.chatTemplate = value->string().value_or("");
  }
  if (!errors.finish())
    return std::nullopt;
  if (std::optional<std::string> reason = findModelError(model)) {
    errors.malformed("", "tokenizer", *reason, "");
    return std::nullopt;
  }
  return std::move(model);
}

} // namespace

std::optional<TokenizerModel> lamina::readGgufTokenizer(const GgufFile &file,
                                                        InputErrors &errors) {
  return GgufTokenizerReader(file, errors).run();
}
