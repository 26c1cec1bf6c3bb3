//===- TokenizerBlob.cpp - A tokenizer model as bytes ---------------------===//
//
// The order of fields is that of `transfer`, which both directions share, so
// they cannot drift apart.
//
//===----------------------------------------------------------------------===//

#include "tokenizer/TokenizerModel.h"

#include <cstring>
#include <type_traits>

using namespace lamina;

namespace {

constexpr std::string_view kMagic = "LMTK";
constexpr uint32_t kVersion = 1;

class Writer {
public:
  static constexpr bool isReading = false;

  template <typename Int>
  void integer(const Int &value) {
    auto bits = static_cast<std::make_unsigned_t<Int>>(value);
    for (size_t i = 0; i < sizeof(Int); ++i)
      bytes.push_back(char((uint64_t(bits) >> (8 * i)) & 0xFF));
  }
  void text(const std::string &value) {
    integer(uint64_t(value.size()));
    bytes += value;
  }
  template <typename T>
  bool resize(const std::vector<T> &list, size_t) {
    integer(uint64_t(list.size()));
    return true;
  }
  void fail(const char *) {}

  std::string bytes;
};

class Reader {
public:
  static constexpr bool isReading = true;

  explicit Reader(std::string_view bytes) : bytes(bytes) {}

  template <typename Int>
  void integer(Int &value) {
    uint64_t bits = 0;
    if (sizeof(Int) > bytes.size() - at)
      return fail("cut short");
    for (size_t i = 0; i < sizeof(Int); ++i)
      bits |= uint64_t(static_cast<unsigned char>(bytes[at + i])) << (8 * i);
    at += sizeof(Int);
    value = static_cast<Int>(bits);
  }
  void text(std::string &value) {
    uint64_t size = 0;
    integer(size);
    if (size > bytes.size() - at)
      return fail("cut short");
    value.assign(bytes.substr(at, size_t(size)));
    at += size_t(size);
  }
  /// `elementBytes` is the least that an element takes: no list may be longer
  /// than what is left of the blob.
  template <typename T>
  bool resize(std::vector<T> &list, size_t elementBytes) {
    uint64_t size = 0;
    integer(size);
    if (size > (bytes.size() - at) / elementBytes) {
      fail("cut short");
      return false;
    }
    list.resize(size_t(size));
    return true;
  }
  void fail(const char *text) {
    if (!error)
      error = text;
    at = bytes.size();
  }

  const char *error = nullptr;
  bool isAtEnd() const { return at == bytes.size(); }

private:
  std::string_view bytes;
  size_t at = 0;
};

template <typename Stream, typename Enum, typename Last>
void transferEnum(Stream &stream, Enum &value, Last last) {
  auto number = static_cast<uint8_t>(value);
  stream.integer(number);
  if (number > static_cast<uint8_t>(last))
    return stream.fail("a field has an unknown value");
  if constexpr (Stream::isReading)
    value = static_cast<Last>(number);
}

template <typename Stream, typename Bool>
void transferFlag(Stream &stream, Bool &value) {
  uint8_t number = value ? 1 : 0;
  stream.integer(number);
  if (number > 1)
    return stream.fail("a field has an unknown value");
  if constexpr (Stream::isReading)
    value = number == 1;
}

template <typename Stream, typename Float>
void transferFloat(Stream &stream, Float &value) {
  uint32_t bits = 0;
  std::memcpy(&bits, &value, sizeof(bits));
  stream.integer(bits);
  if constexpr (Stream::isReading)
    std::memcpy(&value, &bits, sizeof(bits));
}

template <typename Stream, typename Model>
void transferVocabulary(Stream &stream, Model &model) {
  if (stream.resize(model.tokens, 8))
    for (auto &token : model.tokens)
      stream.text(token);
  if (stream.resize(model.types, 1))
    for (auto &type : model.types)
      transferEnum(stream, type, TokenType::Byte);
  if (stream.resize(model.scores, 4))
    for (auto &score : model.scores)
      transferFloat(stream, score);
  if (stream.resize(model.merges, 12))
    for (auto &merge : model.merges) {
      stream.integer(merge.left);
      stream.integer(merge.right);
      stream.integer(merge.result);
    }
  if (stream.resize(model.addedTokens, 8))
    for (auto &token : model.addedTokens) {
      stream.integer(token.id);
      transferFlag(stream, token.isSpecial);
      transferFlag(stream, token.stripsLeft);
      transferFlag(stream, token.stripsRight);
      transferFlag(stream, token.isNormalized);
    }
}

/// `Model` is const for the writer.
template <typename Stream, typename Model>
void transfer(Stream &stream, Model &model) {
  transferEnum(stream, model.kind, TokenizerKind::ByteLevelBpe);
  transferEnum(stream, model.preTokenizer, PreTokenizerKind::Spaces);
  transferEnum(stream, model.spacePrefix, SpacePrefix::FirstPartUnlessSpace);
  transferFlag(stream, model.replacesSpaces);
  transferFlag(stream, model.stripsLeadingSpace);
  transferFlag(stream, model.hasByteFallback);
  transferFlag(stream, model.fusesUnknown);
  transferFlag(stream, model.ignoresMerges);
  transferFlag(stream, model.mergesByScore);
  transferVocabulary(stream, model);
  stream.integer(model.bosId);
  stream.integer(model.eosId);
  stream.integer(model.unknownId);
  stream.integer(model.padId);
  transferFlag(stream, model.addsBos);
  transferFlag(stream, model.addsEos);
  stream.text(model.bosRule);
  if (stream.resize(model.endOfGenerationIds, 4))
    for (auto &id : model.endOfGenerationIds)
      stream.integer(id);
  stream.text(model.chatTemplate);
}

} // namespace

std::string lamina::serialize(const TokenizerModel &model) {
  Writer writer;
  writer.bytes = kMagic;
  writer.integer(kVersion);
  transfer(writer, model);
  return std::move(writer.bytes);
}

std::optional<TokenizerModel> lamina::deserialize(std::string_view bytes,
                                                  std::string *error) {
  TokenizerModel model;
  std::string reason;
  uint32_t version = 0;
  if (bytes.substr(0, kMagic.size()) != kMagic) {
    reason = "not a tokenizer";
  } else {
    Reader reader(bytes.substr(kMagic.size()));
    reader.integer(version);
    if (!reader.error && version != kVersion)
      reason = "version " + std::to_string(version) + ", expected " +
               std::to_string(kVersion);
    else
      transfer(reader, model);
    if (reason.empty() && reader.error)
      reason = reader.error;
    else if (reason.empty() && !reader.isAtEnd())
      reason = "bytes behind the end";
  }
  if (reason.empty())
    reason = findModelError(model).value_or("");
  if (reason.empty())
    return model;
  if (error)
    *error = "tokenizer blob: " + reason;
  return std::nullopt;
}
