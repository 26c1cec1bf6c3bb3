//===- Json.cpp - Strict JSON with byte offsets ---------------------------===//
//
// simdjson's on-demand parser walks the structure; scalars are checked here
// against the grammar, since on-demand checks only what is asked of it.
//
//===----------------------------------------------------------------------===//

#include "lamina/Import/Json.h"

#include "JsonText.h"
#include "lamina/Support/Utf8.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>
#include <vector>

using namespace lamina;
using namespace lamina::json;

namespace ondemand = simdjson::ondemand;

//===----------------------------------------------------------------------===//
// Document
//===----------------------------------------------------------------------===//

struct Document::Storage {
  std::string file;
  std::unique_ptr<char[]> text; // padded as simdjson needs it
  size_t size = 0;
  ondemand::parser parser; // owns the unescaped strings
  std::vector<std::unique_ptr<Value[]>> arrays;
  Value root;
};

Document::Document(std::unique_ptr<Storage> storage)
    : storage(std::move(storage)) {}
Document::Document(Document &&) = default;
Document &Document::operator=(Document &&) = default;
Document::~Document() = default;

const std::string &Document::file() const { return storage->file; }
const Value &Document::root() const { return storage->root; }

LineColumn Document::lineColumn(uint64_t offset) const {
  LineColumn place;
  size_t end = std::min<uint64_t>(offset, storage->size);
  for (size_t at = 0; at < end; ++at) {
    ++place.column;
    if (storage->text[at] == '\n')
      place = {place.line + 1, 1};
  }
  return place;
}

//===----------------------------------------------------------------------===//
// Parser
//===----------------------------------------------------------------------===//

namespace lamina::json {

/// Builds the tree of one document and reports the first error in it.
class Parser {
public:
  Parser(Document::Storage &storage, uint64_t origin, InputErrors &errors)
      : storage(storage), origin(origin), errors(errors) {}

  /// Fills `storage.root`. Returns false after an error was reported.
  bool parse();

  static std::optional<Document> run(std::string_view text, std::string file,
                                     uint64_t origin, InputErrors &errors);

private:
  std::string_view text() const { return {storage.text.get(), storage.size}; }
  uint32_t offsetOf(const char *position) const {
    return static_cast<uint32_t>(position - storage.text.get());
  }
  /// Where the walk stands; the end of the text if it is over.
  uint32_t currentOffset();

  /// Reports an error and returns false.
  bool fail(uint64_t offset, std::string found, std::string expected);
  /// The same, where the character at `offset` is what was found.
  bool failAt(uint64_t offset, std::string expected);
  /// Reports an error of the first pass, which has no place of its own.
  bool failIndexing(simdjson::error_code error);

  bool parseValue(ondemand::value source, unsigned depth, Value &value);
  bool parseObject(ondemand::value &source, unsigned depth, Value &value);
  bool parseArray(ondemand::value &source, unsigned depth, Value &value);
  bool parseString(ondemand::value &source, Value &value);
  bool parseScalar(std::string_view token, Value &value);
  bool checkKeysUnique(const std::vector<Value> &members);
  void adopt(const std::vector<Value> &children, Value &value);

  Document::Storage &storage;
  uint64_t origin; // of the text in the file
  InputErrors &errors;
  ondemand::document document;
};

} // namespace lamina::json

uint32_t Parser::currentOffset() {
  const char *position = nullptr;
  if (document.current_location().get(position) != simdjson::SUCCESS)
    return static_cast<uint32_t>(storage.size);
  return std::min(offsetOf(position), static_cast<uint32_t>(storage.size));
}

bool Parser::fail(uint64_t offset, std::string found, std::string expected) {
  InputError error;
  error.file = storage.file;
  error.place = byteOffset(origin + offset);
  error.field = "JSON";
  error.found = std::move(found);
  error.expected = std::move(expected);
  errors.report(std::move(error));
  return false;
}

bool Parser::failAt(uint64_t offset, std::string expected) {
  return fail(offset, describeCharacter(text(), offset), std::move(expected));
}

bool Parser::failIndexing(simdjson::error_code error) {
  switch (error) {
  case simdjson::EMPTY:
    return fail(0, "an empty file", "an object");
  case simdjson::UTF8_ERROR:
    return failAt(findInvalidUtf8(text()), "UTF-8");
  case simdjson::UNCLOSED_STRING:
  case simdjson::UNESCAPED_CHARS: {
    StringFault fault = findStringFault(text());
    return fault.isControlCharacter
               ? failAt(fault.offset, "an escape such as \\n in a string")
               : fail(fault.offset, "a string without end", "a closing quote");
  }
  default:
    return fail(0, simdjson::error_message(error), "JSON");
  }
}

bool Parser::parse() {
  constexpr std::string_view byteOrderMark = "\xEF\xBB\xBF";
  if (text().substr(0, 3) == byteOrderMark)
    return fail(0, "a byte order mark", "JSON without one");
  simdjson::padded_string_view padded(storage.text.get(), storage.size,
                                      storage.size +
                                          simdjson::SIMDJSON_PADDING);
  if (auto error = storage.parser.iterate(padded).get(document))
    return failIndexing(error);

  ondemand::value root;
  if (document.get_value().get(root)) {
    Value scalar;
    std::string_view token = trimBlanks(text());
    if (token.front() != '"' && !parseScalar(token, scalar))
      return false;
    return fail(offsetOf(token.data()), "a single value", "an object");
  }
  if (!parseValue(root, 1, storage.root))
    return false;
  if (currentOffset() < storage.size)
    return failAt(currentOffset(), "the end of the file");
  return true;
}

bool Parser::parseValue(ondemand::value source, unsigned depth, Value &value) {
  std::string_view token = source.raw_json_token();
  value.valueOffset = offsetOf(token.data());
  char first = value.valueOffset < storage.size ? token.front() : '\0';
  bool isContainer = first == '{' || first == '[';
  if (isContainer && depth > kMaxDepth)
    return fail(value.valueOffset, "more than 64 levels of nesting",
                "at most 64");
  switch (first) {
  case '{':
    return parseObject(source, depth, value);
  case '[':
    return parseArray(source, depth, value);
  case '"':
    return parseString(source, value);
  default:
    return parseScalar(trimBlanks(token), value);
  }
}

bool Parser::parseObject(ondemand::value &source, unsigned depth,
                         Value &value) {
  value.valueKind = Kind::Object;
  auto failHere = [&] {
    uint32_t offset = currentOffset();
    char previous = previousCharacter(text(), offset);
    bool needsKey = previous == ',' || previous == '{';
    return failAt(offset, needsKey
                              ? "a key in double quotes"
                              : "':' after a key, ',' or '}' after a value");
  };
  ondemand::object object;
  if (source.get_object().get(object))
    return failHere();
  std::vector<Value> members;
  for (auto entry : object) {
    ondemand::field field;
    if (std::move(entry).get(field))
      return failHere();
    Value &member = members.emplace_back();
    member.keyStart = offsetOf(field.key().raw()) - 1;
    if (field.unescaped_key().get(member.keyText))
      return fail(member.keyStart, "a key with an invalid escape",
                  "a JSON string");
    if (!parseValue(field.value(), depth + 1, member))
      return false;
  }
  if (!checkKeysUnique(members))
    return false;
  adopt(members, value);
  return true;
}

bool Parser::parseArray(ondemand::value &source, unsigned depth, Value &value) {
  value.valueKind = Kind::Array;
  ondemand::array array;
  if (source.get_array().get(array))
    return failAt(currentOffset(), "a value or ']'");
  std::vector<Value> elements;
  for (auto entry : array) {
    ondemand::value element;
    if (std::move(entry).get(element))
      return failAt(currentOffset(), "',' or ']'");
    if (!parseValue(element, depth + 1, elements.emplace_back()))
      return false;
  }
  adopt(elements, value);
  return true;
}

bool Parser::parseString(ondemand::value &source, Value &value) {
  value.valueKind = Kind::String;
  if (source.get_string().get(value.valueText))
    return fail(value.valueOffset, "a string with an invalid escape",
                "a JSON string");
  return true;
}

bool Parser::parseScalar(std::string_view token, Value &value) {
  value.valueText = token;
  if (token == "null") {
    value.valueKind = Kind::Null;
    return true;
  }
  if (token == "true" || token == "false") {
    value.valueKind = Kind::Boolean;
    value.count = token == "true";
    return true;
  }
  NumberForm form = classifyNumber(token);
  if (form != NumberForm::None) {
    value.valueKind =
        form == NumberForm::Integer ? Kind::Integer : Kind::Fraction;
    return true;
  }
  uint32_t offset = offsetOf(token.data());
  if (offset >= storage.size)
    return failAt(offset, "a value");
  if (token.substr(0, 2) == "//" || token.substr(0, 2) == "/*")
    return fail(offset, "a comment", "a value");
  if (token.size() == 1)
    return failAt(offset, "a value");
  return fail(offset, quoted(token, 24), "a value");
}

bool Parser::checkKeysUnique(const std::vector<Value> &members) {
  // Sorted rather than hashed: nobody can choose keys that make this slow.
  std::vector<const Value *> sorted;
  sorted.reserve(members.size());
  for (const Value &member : members)
    sorted.push_back(&member);
  std::sort(sorted.begin(), sorted.end(), [](const Value *a, const Value *b) {
    int order = a->keyText.compare(b->keyText);
    return order != 0 ? order < 0 : a->keyStart < b->keyStart;
  });
  const Value *second = nullptr;
  uint32_t first = 0;
  for (size_t i = 1; i < sorted.size(); ++i) {
    if (sorted[i - 1]->keyText != sorted[i]->keyText)
      continue;
    if (second && second->keyStart < sorted[i]->keyStart)
      continue;
    second = sorted[i];
    first = sorted[i - 1]->keyStart;
  }
  if (!second)
    return true;
  return fail(second->keyStart,
              "duplicate key " + quoted(second->keyText) + ", first at byte " +
                  std::to_string(origin + first),
              "each key once");
}

void Parser::adopt(const std::vector<Value> &children, Value &value) {
  value.count = static_cast<uint32_t>(children.size());
  if (children.empty())
    return;
  auto copy = std::make_unique<Value[]>(children.size());
  std::copy(children.begin(), children.end(), copy.get());
  value.children = copy.get();
  storage.arrays.push_back(std::move(copy));
}

std::optional<Document> Parser::run(std::string_view text, std::string file,
                                    uint64_t origin, InputErrors &errors) {
  auto storage = std::make_unique<Document::Storage>();
  storage->file = std::move(file);
  Parser parser(*storage, origin, errors);
  if (text.size() > UINT32_MAX - simdjson::SIMDJSON_PADDING) {
    parser.fail(0, std::to_string(text.size()) + " bytes", "less than 4 GiB");
    return std::nullopt;
  }
  storage->size = text.size();
  storage->text =
      std::make_unique<char[]>(text.size() + simdjson::SIMDJSON_PADDING);
  if (!text.empty())
    std::memcpy(storage->text.get(), text.data(), text.size());
  if (!parser.parse())
    return std::nullopt;
  return Document(std::move(storage));
}

std::optional<Document> json::parse(std::string_view text, std::string file,
                                    InputErrors &errors, uint64_t origin) {
  return Parser::run(text, std::move(file), origin, errors);
}

std::optional<Document> json::parseFile(const std::string &path,
                                        uint64_t maxBytes,
                                        InputErrors &errors) {
  std::optional<std::string> text = readFile(path, maxBytes, errors);
  if (!text)
    return std::nullopt;
  return Parser::run(*text, path, 0, errors);
}
