//===- WordEncoder.cpp - Words to token ids -------------------------------===//

#include "tokenizer/WordEncoder.h"

#include "tokenizer/ByteTokens.h"
#include "tokenizer/Utf8.h"

using namespace lamina;

/// Equal scores get equal ranks, the highest score rank 0.
static std::vector<uint32_t> rankScores(const std::vector<float> &scores) {
  std::vector<float> sorted = scores;
  std::sort(sorted.begin(), sorted.end(), std::greater<float>());
  std::vector<uint32_t> ranks;
  ranks.reserve(scores.size());
  for (float score : scores)
    ranks.push_back(uint32_t(std::lower_bound(sorted.begin(), sorted.end(),
                                              score, std::greater<float>()) -
                             sorted.begin()));
  return ranks;
}

WordEncoder::WordEncoder(const TokenizerModel &model,
                         const std::vector<std::string> &bytes)
    : model(model), texts(bytes.size()), pairs(model.merges.size()) {
  byteIds.fill(-1);
  bool isByteLevel = model.kind == TokenizerKind::ByteLevelBpe;
  for (size_t id = 0; id < bytes.size(); ++id) {
    std::optional<unsigned char> byte;
    if (!isByteLevel)
      byte = parseByteToken(model.tokens[id]);
    else if (bytes[id].size() == 1)
      byte = static_cast<unsigned char>(bytes[id][0]);
    bool isByte = isByteLevel || model.types[id] == TokenType::Byte;
    if (byte && isByte)
      byteIds[*byte] = int32_t(id);
    if (!bytes[id].empty())
      texts.insert(bytes[id], int32_t(id));
  }
  for (size_t i = 0; i < model.merges.size(); ++i) {
    const TokenMerge &merge = model.merges[i];
    pairs.insert(merge.left, merge.right, {uint32_t(i), merge.result});
  }
  if (model.mergesByScore)
    scoreRanks = rankScores(model.scores);
}

bool WordEncoder::hasBytes(std::string_view character) const {
  return model.hasByteFallback &&
         std::all_of(character.begin(), character.end(), [&](char byte) {
           return byteIds[static_cast<unsigned char>(byte)] >= 0;
         });
}

/// One symbol a character, its id -1 where there is no such token.
void WordEncoder::addCharacters(std::string_view word,
                                MergeScratch &scratch) const {
  for (size_t at = 0; at < word.size();) {
    uint32_t length = utf8Length(word[at]);
    scratch.add(uint32_t(at), length, texts.find(word.substr(at, length)));
    at += length;
  }
}

/// Symbols that all have an id: characters (bytes, if byte-level), else bytes
/// of a character, else the unknown token, else nothing.
uint64_t WordEncoder::addKnownSymbols(std::string_view word,
                                      MergeScratch &scratch) const {
  uint64_t dropped = 0;
  bool isByteLevel = model.kind == TokenizerKind::ByteLevelBpe;
  bool wasUnknown = false;
  for (size_t at = 0; at < word.size();) {
    uint32_t length = isByteLevel ? 1 : utf8Length(word[at]);
    std::string_view character = word.substr(at, length);
    int32_t id = isByteLevel ? byteIds[static_cast<unsigned char>(word[at])]
                             : texts.find(character);
    bool isUnknown = false;
    if (id >= 0) {
      scratch.add(uint32_t(at), length, id);
    } else if (!isByteLevel && hasBytes(character)) {
      for (uint32_t i = 0; i < length; ++i)
        scratch.add(uint32_t(at + i), 1,
                    byteIds[static_cast<unsigned char>(character[i])]);
    } else if (model.unknownId >= 0) {
      isUnknown = true;
      if (wasUnknown && model.fusesUnknown)
        scratch.symbols.back().length += length;
      else
        scratch.add(uint32_t(at), length, model.unknownId);
    } else {
      dropped += length;
    }
    wasUnknown = isUnknown;
    at += length;
  }
  return dropped;
}

uint64_t WordEncoder::encodeByRank(std::string_view word, MergeScratch &scratch,
                                   std::vector<int32_t> &ids) const {
  if (model.ignoresMerges) {
    int32_t id = texts.find(word);
    if (id >= 0) {
      ids.push_back(id);
      return 0;
    }
  }
  uint64_t dropped = addKnownSymbols(word, scratch);
  mergeSymbols(scratch, [&](const Symbol &left, const Symbol &right) {
    return pairs.find(left.id, right.id);
  });
  for (const Symbol &symbol : scratch.symbols)
    if (symbol.length > 0)
      ids.push_back(symbol.id);
  return dropped;
}

uint64_t WordEncoder::encodeByScore(std::string_view word,
                                    MergeScratch &scratch,
                                    std::vector<int32_t> &ids) const {
  addCharacters(word, scratch);
  mergeSymbols(scratch, [&](const Symbol &left, const Symbol &right) -> Join {
    int32_t id =
        texts.find(word.substr(left.begin, left.length + right.length));
    return id < 0 ? Join() : Join{scoreRanks[size_t(id)], id};
  });
  uint64_t dropped = 0;
  bool wasUnknown = false;
  for (const Symbol &symbol : scratch.symbols) {
    if (symbol.length == 0)
      continue;
    std::string_view text = word.substr(symbol.begin, symbol.length);
    bool isUnknown = false;
    if (symbol.id >= 0) {
      ids.push_back(symbol.id);
    } else if (hasBytes(text)) {
      for (char byte : text)
        ids.push_back(byteIds[static_cast<unsigned char>(byte)]);
    } else if (model.unknownId >= 0) {
      isUnknown = true;
      if (!wasUnknown || !model.fusesUnknown)
        ids.push_back(model.unknownId);
    } else {
      dropped += text.size();
    }
    wasUnknown = isUnknown;
  }
  return dropped;
}

uint64_t WordEncoder::encode(std::string_view word, MergeScratch &scratch,
                             std::vector<int32_t> &ids) const {
  scratch.symbols.clear();
  return model.mergesByScore ? encodeByScore(word, scratch, ids)
                             : encodeByRank(word, scratch, ids);
}
