//===- Tokenizer.cpp - Text to token ids and back -------------------------===//

#include "tokenizer/Tokenizer.h"

#include "tokenizer/AddedTokens.h"
#include "tokenizer/ByteAlphabet.h"
#include "tokenizer/ByteTokens.h"
#include "tokenizer/PreTokenizer.h"
#include "tokenizer/Utf8.h"
#include "tokenizer/WordEncoder.h"

#include <algorithm>

using namespace lamina;

static constexpr std::string_view kSpaceMark = "\xE2\x96\x81"; // ▁

/// Returns `text` with each `from` as `to`.
static std::string replaceAll(std::string_view text, std::string_view from,
                              std::string_view to) {
  std::string result;
  result.reserve(text.size());
  for (size_t at = 0;;) {
    size_t found = text.find(from, at);
    result += text.substr(at, found - at);
    if (found == std::string_view::npos)
      return result;
    result += to;
    at = found + from.size();
  }
}

struct Tokenizer::Storage {
  explicit Storage(TokenizerModel given);

  std::string normalize(std::string_view text) const;
  std::string normalizeMarks(std::string_view text,
                             std::string_view literal) const;
  std::string markSpaces(std::string_view text, bool isFirst) const;

  TokenizerModel model;
  std::vector<bool> special;
  /// What each token decodes to, and what text it is made from.
  std::vector<std::string> decoded;
  std::vector<std::string> source;
  AddedTokens rawTokens;
  AddedTokens normalizedTokens;
  std::optional<WordEncoder> words;

private:
  void fillTexts();
};

Tokenizer::Storage::Storage(TokenizerModel given) : model(std::move(given)) {
  special.resize(model.tokens.size());
  for (size_t id = 0; id < model.tokens.size(); ++id)
    special[id] = model.types[id] == TokenType::Control ||
                  model.types[id] == TokenType::Unknown;
  for (const AddedToken &token : model.addedTokens) {
    const std::string &content = model.tokens[size_t(token.id)];
    special[size_t(token.id)] = token.isSpecial;
    if (token.isNormalized)
      normalizedTokens.add(normalize(content), token);
    else
      rawTokens.add(content, token);
  }
  fillTexts();
  words.emplace(model, source);
}

void Tokenizer::Storage::fillTexts() {
  // What an added token covers in the text. One that is looked for in
  // normalized form covers the space in front, too.
  std::vector<std::string> added(model.tokens.size());
  for (const AddedToken &token : model.addedTokens) {
    const std::string &content = model.tokens[size_t(token.id)];
    added[size_t(token.id)] =
        token.isNormalized ? replaceAll(normalize(content), kSpaceMark, " ")
                           : content;
  }
  decoded.reserve(model.tokens.size());
  source.resize(model.tokens.size());
  for (size_t id = 0; id < model.tokens.size(); ++id) {
    const std::string &text = model.tokens[id];
    bool isText = !special[id] && (model.types[id] == TokenType::Normal ||
                                   model.types[id] == TokenType::UserDefined);
    std::optional<std::string> bytes;
    if (model.kind == TokenizerKind::ByteLevelBpe)
      bytes = fromByteAlphabet(text);
    else
      bytes = text;
    if (isText && bytes)
      source[id] = *bytes;

    if (!added[id].empty())
      decoded.push_back(added[id]);
    else if (special[id] || !bytes)
      decoded.push_back(text);
    else if (model.kind == TokenizerKind::ByteLevelBpe)
      decoded.push_back(*bytes);
    else if (model.types[id] == TokenType::Byte && parseByteToken(text))
      decoded.push_back(std::string(1, char(*parseByteToken(text))));
    else
      decoded.push_back(replaceAll(text, kSpaceMark, " "));
  }
}

/// The normalizer: SentencePiece's space in front, and marks for spaces. What
/// the other prefix rules say is done by markSpaces, after added tokens are
/// found.
std::string Tokenizer::Storage::normalize(std::string_view text) const {
  std::string result;
  if (model.spacePrefix == SpacePrefix::EveryPart && !text.empty())
    result = kSpaceMark;
  bool isHere = model.spacePrefix == SpacePrefix::None ||
                model.spacePrefix == SpacePrefix::EveryPart;
  if (model.replacesSpaces && isHere)
    return result + replaceAll(text, " ", kSpaceMark);
  return result + std::string(text);
}

/// What `literal` says of `text`, for each byte of `normalize(text)`.
std::string Tokenizer::Storage::normalizeMarks(std::string_view text,
                                               std::string_view literal) const {
  size_t spaceBytes = normalize("  ").size() - normalize(" ").size();
  std::string marks;
  for (size_t i = 0; i < text.size(); ++i)
    marks.append(text[i] == ' ' ? spaceBytes : 1, literal[i]);
  // The space in front belongs to nobody.
  marks.insert(0, normalize(text).size() - marks.size(), '\0');
  return marks;
}

std::string Tokenizer::Storage::markSpaces(std::string_view text,
                                           bool isFirst) const {
  std::string marked = model.replacesSpaces ? replaceAll(text, " ", kSpaceMark)
                                            : std::string(text);
  bool isWanted =
      model.spacePrefix == SpacePrefix::EveryPartUnlessSpace ||
      (model.spacePrefix == SpacePrefix::FirstPartUnlessSpace && isFirst);
  if (isWanted && marked.compare(0, kSpaceMark.size(), kSpaceMark) != 0)
    marked.insert(0, kSpaceMark);
  return marked;
}

namespace {

/// One call of `encode`.
class EncodeRun {
public:
  EncodeRun(const TokenizerModel &model, const WordEncoder &encoder)
      : model(model), encoder(encoder) {}

  void encodeText(std::string_view text) {
    words.clear();
    splitIntoWords(model.preTokenizer, text, words);
    for (std::string_view word : words)
      dropped += encoder.encode(word, scratch, ids);
  }

  std::vector<int32_t> ids;
  uint64_t dropped = 0;

private:
  const TokenizerModel &model;
  const WordEncoder &encoder;
  MergeScratch scratch;
  std::vector<std::string_view> words;
};

} // namespace

std::vector<int32_t> Tokenizer::encode(std::string_view text,
                                       const EncodeOptions &options,
                                       uint64_t *droppedBytes) const {
  if (text.size() <= kMaxTextBytes && isValidUtf8(text))
    return encodeValid(text, {}, options, droppedBytes);
  return encode(std::vector<TextStretch>{{text, false}}, options, droppedBytes);
}

std::vector<int32_t>
Tokenizer::encode(const std::vector<TextStretch> &stretches,
                  const EncodeOptions &options, uint64_t *droppedBytes) const {
  uint64_t size = 0;
  for (const TextStretch &stretch : stretches)
    size += stretch.text.size();
  if (size > kMaxTextBytes) {
    if (droppedBytes)
      *droppedBytes = size;
    return {};
  }
  std::string text, literal;
  for (const TextStretch &stretch : stretches) {
    text += replaceInvalidUtf8(stretch.text);
    literal.resize(text.size(), stretch.isLiteral ? '\1' : '\0');
  }
  return encodeValid(text, literal, options, droppedBytes);
}

/// Encodes valid UTF-8; `literal` is as AddedTokens::split takes it.
std::vector<int32_t> Tokenizer::encodeValid(std::string_view text,
                                            std::string_view literal,
                                            const EncodeOptions &options,
                                            uint64_t *droppedBytes) const {
  const TokenizerModel &model = storage->model;
  EncodeRun run(model, *storage->words);
  if (model.bosId >= 0 && options.addBos.value_or(model.addsBos))
    run.ids.push_back(model.bosId);
  bool isByteLevel = model.kind == TokenizerKind::ByteLevelBpe;
  auto encodePart = [&](const TextPart &part, bool isFirst) {
    if (part.id >= 0)
      run.ids.push_back(part.id);
    else if (isByteLevel)
      run.encodeText(part.text);
    else
      run.encodeText(storage->markSpaces(part.text, isFirst));
  };
  for (const TextPart &part :
       storage->rawTokens.split(text, options.parseSpecial, literal)) {
    bool isFirst = part.text.data() == text.data();
    if (part.id >= 0 || (isByteLevel && storage->normalizedTokens.empty())) {
      encodePart(part, isFirst);
      continue;
    }
    std::string normalized = storage->normalize(part.text);
    std::string marks;
    if (!literal.empty() && !storage->normalizedTokens.empty())
      marks = storage->normalizeMarks(
          part.text, literal.substr(size_t(part.text.data() - text.data()),
                                    part.text.size()));
    for (const TextPart &inner : storage->normalizedTokens.split(
             normalized, options.parseSpecial, marks))
      encodePart(inner, isFirst && inner.text.data() == normalized.data());
  }
  if (model.eosId >= 0 && options.addEos.value_or(model.addsEos))
    run.ids.push_back(model.eosId);
  if (droppedBytes)
    *droppedBytes = run.dropped;
  return std::move(run.ids);
}

std::string Tokenizer::decode(const std::vector<int32_t> &ids,
                              const DecodeOptions &options) const {
  std::string text;
  for (int32_t id : ids)
    if (!options.skipSpecial || !isSpecial(id))
      text += tokenBytes(id);
  if (storage->model.stripsLeadingSpace && options.isTextStart &&
      !text.empty() && text[0] == ' ')
    text.erase(0, 1);
  return text;
}

std::optional<Tokenizer> Tokenizer::create(TokenizerModel model,
                                           std::string *error) {
  if (std::optional<std::string> reason = findModelError(model)) {
    if (error)
      *error = "tokenizer: " + *reason;
    return std::nullopt;
  }
  return Tokenizer(std::make_unique<Storage>(std::move(model)));
}

Tokenizer::Tokenizer(std::unique_ptr<Storage> storage)
    : storage(std::move(storage)) {}
Tokenizer::Tokenizer(Tokenizer &&) = default;
Tokenizer &Tokenizer::operator=(Tokenizer &&) = default;
Tokenizer::~Tokenizer() = default;

const TokenizerModel &Tokenizer::model() const { return storage->model; }

static bool isInside(int32_t id, const TokenizerModel &model) {
  return id >= 0 && size_t(id) < model.tokens.size();
}

std::string_view Tokenizer::tokenBytes(int32_t id) const {
  if (!isInside(id, model()))
    return {};
  return storage->decoded[size_t(id)];
}

std::string_view Tokenizer::tokenText(int32_t id) const {
  if (!isInside(id, model()))
    return {};
  return model().tokens[size_t(id)];
}

bool Tokenizer::isSpecial(int32_t id) const {
  return isInside(id, model()) && storage->special[size_t(id)];
}

bool Tokenizer::isEndOfGeneration(int32_t id) const {
  const std::vector<int32_t> &ids = model().endOfGenerationIds;
  return std::binary_search(ids.begin(), ids.end(), id);
}

int32_t Tokenizer::findToken(std::string_view text) const {
  const std::vector<std::string> &tokens = model().tokens;
  auto found = std::find(tokens.begin(), tokens.end(), text);
  return text.empty() || found == tokens.end()
             ? -1
             : int32_t(found - tokens.begin());
}
