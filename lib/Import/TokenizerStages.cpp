//===- TokenizerStages.cpp - Steps around BPE in tokenizer.json -----------===//
//
// Normalizer, pre-tokenizer, post-processor and decoder. Each is a list of
// steps; a list is accepted if it is one of those that models in use have.
//
//===----------------------------------------------------------------------===//

#include "TokenizerJson.h"

using namespace lamina;
using json::Kind;
using json::Value;

namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81"; // ▁

constexpr std::string_view kGpt2Expression =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
constexpr std::string_view kLlama3Expression =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

/// A step of a stage.
struct Step {
  const Value *value;
  std::string pointer;
  std::string_view type;
};

class StagesReader {
public:
  explicit StagesReader(TokenizerJson &json) : json(json), model(json.model) {}

  void run() {
    readPreTokenizer();
    readNormalizer();
    readDecoder();
    if (model.kind == TokenizerKind::ByteLevelBpe && model.hasByteFallback)
      json.unsupported("/model/byte_fallback", "true",
                       "false with a byte-level vocabulary");
  }
  bool readPostProcessor();

private:
  std::vector<Step> steps(std::string_view key, std::string_view listKey);
  void addSteps(const Value &value, const std::string &pointer,
                std::string_view listKey, std::vector<Step> &list);
  void refuse(const Step &step, std::string expected) {
    json.unsupported(step.pointer, "step " + quoted(step.type),
                     std::move(expected));
  }

  void readPreTokenizer();
  void readMetaspace(const Step &step);
  bool isPlainByteLevel(const Step &step, bool usesExpression);
  std::optional<PreTokenizerKind> findKind(const Step &step);
  void readNormalizer();
  bool isReplace(const Step &step, std::string_view from, std::string_view to);
  void readDecoder();
  void readTemplate(const Step &step);
  int32_t readTemplateToken(const Value &special, const std::string &pointer,
                            const Step &step);

  TokenizerJson &json;
  TokenizerModel &model;
};

/// The steps of the stage `key`, those inside of sequences included. Nothing
/// deeper than json::kMaxDepth is there to recurse into.
std::vector<Step> StagesReader::steps(std::string_view key,
                                      std::string_view listKey) {
  std::vector<Step> list;
  const Value *value = json.member(json.root, "", key, Kind::Object, false);
  if (value)
    addSteps(*value, jsonPointer("", key), listKey, list);
  return list;
}

void StagesReader::addSteps(const Value &value, const std::string &pointer,
                            std::string_view listKey, std::vector<Step> &list) {
  if (value.kind() != Kind::Object)
    return json.malformed(pointer, value, "an object");
  const Value *type = json.member(value, pointer, "type", Kind::String, true);
  if (!type)
    return;
  if (type->text() != "Sequence") {
    list.push_back({&value, pointer, type->text()});
    return;
  }
  const Value *inner = json.member(value, pointer, listKey, Kind::Array, true);
  size_t index = 0;
  for (const Value *step = inner ? inner->begin() : nullptr;
       inner && step != inner->end(); ++step)
    addSteps(*step, jsonPointer(jsonPointer(pointer, listKey), index++),
             listKey, list);
}

void StagesReader::readMetaspace(const Step &step) {
  const Value &value = *step.value;
  if (json.text(value, step.pointer, "replacement") != kSpaceMark)
    json.unsupported(jsonPointer(step.pointer, "replacement"), "another mark",
                     quoted(kSpaceMark));
  std::string_view scheme = json.text(value, step.pointer, "prepend_scheme");
  // Files of before 2024 have `add_prefix_space` in its place.
  if (!json.flag(value, step.pointer, "add_prefix_space", true))
    scheme = "never";
  if (scheme == "first")
    model.spacePrefix = SpacePrefix::FirstPartUnlessSpace;
  else if (scheme == "always" || scheme.empty())
    model.spacePrefix = SpacePrefix::EveryPartUnlessSpace;
  else if (scheme != "never")
    json.unsupported(jsonPointer(step.pointer, "prepend_scheme"),
                     quoted(scheme), "\"first\", \"always\" or \"never\"");
  model.replacesSpaces = true;
  model.preTokenizer = json.flag(value, step.pointer, "split", true)
                           ? PreTokenizerKind::Spaces
                           : PreTokenizerKind::None;
}

bool StagesReader::isPlainByteLevel(const Step &step, bool usesExpression) {
  if (step.type != "ByteLevel")
    return false;
  if (json.flag(*step.value, step.pointer, "add_prefix_space", true))
    json.unsupported(jsonPointer(step.pointer, "add_prefix_space"), "true",
                     "false");
  return json.flag(*step.value, step.pointer, "use_regex", true) ==
         usesExpression;
}

/// What a step in front of ByteLevel means, or nothing.
std::optional<PreTokenizerKind> StagesReader::findKind(const Step &step) {
  const Value &value = *step.value;
  if (step.type == "Digits" &&
      json.flag(value, step.pointer, "individual_digits", false))
    return PreTokenizerKind::DigitsGpt2;
  if (step.type != "Split" ||
      json.text(value, step.pointer, "behavior") != "Isolated" ||
      json.flag(value, step.pointer, "invert", false))
    return std::nullopt;
  const Value *pattern =
      json.member(value, step.pointer, "pattern", Kind::Object, true);
  std::string_view expression =
      pattern
          ? json.text(*pattern, jsonPointer(step.pointer, "pattern"), "Regex")
          : std::string_view();
  if (expression == kLlama3Expression)
    return PreTokenizerKind::Llama3;
  if (expression == kGpt2Expression)
    return PreTokenizerKind::Gpt2;
  json.unsupported(jsonPointer(step.pointer, "pattern"),
                   quoted(expression, 200),
                   "the expression of GPT-2 or of Llama 3");
  return std::nullopt;
}

void StagesReader::readPreTokenizer() {
  std::vector<Step> list = steps("pre_tokenizer", "pretokenizers");
  model.kind = TokenizerKind::SentencePieceBpe;
  if (list.empty())
    return;
  if (list.size() == 1 && list[0].type == "Metaspace")
    return readMetaspace(list[0]);
  model.kind = TokenizerKind::ByteLevelBpe;
  if (list.size() == 1 && isPlainByteLevel(list[0], /*usesExpression=*/true)) {
    model.preTokenizer = PreTokenizerKind::Gpt2;
    return;
  }
  size_t errorsBefore = json.errors.list().size();
  if (list.size() == 2) {
    std::optional<PreTokenizerKind> kind = findKind(list[0]);
    bool usesExpression = kind == PreTokenizerKind::DigitsGpt2;
    if (kind && isPlainByteLevel(list[1], usesExpression)) {
      model.preTokenizer = *kind;
      return;
    }
  }
  if (json.errors.list().size() == errorsBefore)
    refuse(list[0], "the pre-tokenizer of GPT-2, SmolLM2, Llama 2 or Llama 3");
}

bool StagesReader::isReplace(const Step &step, std::string_view from,
                             std::string_view to) {
  if (step.type != "Replace")
    return false;
  const Value *pattern =
      json.member(*step.value, step.pointer, "pattern", Kind::Object, true);
  const Value *text = pattern ? pattern->find("String") : nullptr;
  return text && text->text() == from &&
         json.text(*step.value, step.pointer, "content") == to;
}

void StagesReader::readNormalizer() {
  std::vector<Step> list = steps("normalizer", "normalizers");
  bool isSentencePiece = model.kind == TokenizerKind::SentencePieceBpe;
  bool hasMetaspace = model.replacesSpaces;
  bool hasPrefix = false;
  for (const Step &step : list) {
    bool isFirst = &step == list.data();
    if (step.type == "Prepend" && isFirst && isSentencePiece && !hasMetaspace &&
        json.text(*step.value, step.pointer, "prepend") == kSpaceMark)
      hasPrefix = true;
    else if (isSentencePiece && !hasMetaspace && !model.replacesSpaces &&
             isReplace(step, " ", kSpaceMark))
      model.replacesSpaces = true;
    else
      return refuse(step, isSentencePiece && !hasMetaspace
                              ? "Prepend and Replace of " + quoted(kSpaceMark)
                              : "no normalizer with this pre-tokenizer");
  }
  if (hasPrefix)
    model.spacePrefix = SpacePrefix::EveryPart;
}

void StagesReader::readDecoder() {
  bool isByteLevel = model.kind == TokenizerKind::ByteLevelBpe;
  for (const Step &step : steps("decoder", "decoders")) {
    bool isKnown = step.type == "ByteLevel" || step.type == "Fuse";
    if (!isByteLevel) {
      isKnown = step.type == "ByteFallback" || step.type == "Fuse" ||
                step.type == "Metaspace" || isReplace(step, kSpaceMark, " ");
      if (step.type == "Metaspace")
        model.stripsLeadingSpace = model.spacePrefix != SpacePrefix::None;
    }
    if (step.type == "Strip" && !isByteLevel) {
      const Value *start = step.value->find("start");
      const Value *stop = step.value->find("stop");
      isKnown = json.text(*step.value, step.pointer, "content") == " " &&
                start && start->int64() == 1 && stop && stop->int64() == 0;
      model.stripsLeadingSpace = true;
    }
    if (!isKnown)
      refuse(step, "the decoder of this kind of vocabulary");
  }
}

bool StagesReader::readPostProcessor() {
  bool hasTemplate = false;
  for (const Step &step : steps("post_processor", "processors")) {
    if (step.type == "TemplateProcessing") {
      readTemplate(step);
      hasTemplate = true;
    } else if (step.type != "ByteLevel") {
      refuse(step, "TemplateProcessing or ByteLevel");
    }
  }
  return hasTemplate;
}

/// The id of a special token of a template, or -1 after a report.
int32_t StagesReader::readTemplateToken(const Value &special,
                                        const std::string &pointer,
                                        const Step &step) {
  const Value *name = json.member(special, pointer, "id", Kind::String, true);
  const Value *table = json.member(*step.value, step.pointer, "special_tokens",
                                   Kind::Object, true);
  if (!name || !table)
    return -1;
  const Value *entry = table->find(name->text());
  const Value *ids = entry ? entry->find("ids") : nullptr;
  if (!ids || ids->size() == 0) {
    json.malformed(jsonPointer(pointer, "id"), *name,
                   "a token with ids in special_tokens");
    return -1;
  }
  if (ids->size() > 1) {
    json.unsupported(pointer, "a token of several ids", "one id");
    return -1;
  }
  std::optional<int64_t> id = ids->begin()->int64();
  if (!id || *id < 0 || size_t(*id) >= model.tokens.size()) {
    json.malformed(jsonPointer(pointer, "id"), *ids->begin(),
                   "an id of the vocabulary");
    return -1;
  }
  return int32_t(*id);
}

void StagesReader::readTemplate(const Step &step) {
  const Value *single =
      json.member(*step.value, step.pointer, "single", Kind::Array, true);
  if (!single)
    return;
  std::string base = jsonPointer(step.pointer, "single");
  bool isBehindText = false;
  size_t index = 0;
  for (const Value &piece : *single) {
    std::string pointer = jsonPointer(base, index++);
    const Value *special = piece.find("SpecialToken");
    bool &isAdded = isBehindText ? model.addsEos : model.addsBos;
    if (piece.find("Sequence") && !isBehindText) {
      isBehindText = true;
    } else if (special && !isAdded) {
      int32_t id = readTemplateToken(
          *special, jsonPointer(pointer, "SpecialToken"), step);
      if (id < 0)
        continue;
      isAdded = true;
      (isBehindText ? model.eosId : model.bosId) = id;
    } else {
      json.unsupported(pointer, piece.describe(),
                       "one token before the text and one behind it at most");
    }
  }
  if (!isBehindText)
    json.malformed(base, *single, "a place for the text");
}

} // namespace

void lamina::readStages(TokenizerJson &json) { StagesReader(json).run(); }

bool lamina::readPostProcessor(TokenizerJson &json) {
  return StagesReader(json).readPostProcessor();
}
