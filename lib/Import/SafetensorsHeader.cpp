//===- SafetensorsHeader.cpp - The header of a safetensors file -----------===//
//
// A file is: header length N (u64, little-endian), N bytes of JSON, data.
//
//===----------------------------------------------------------------------===//

#include "FileErrors.h"
#include "JsonText.h"
#include "SafetensorsTensor.h"
#include "lamina/Import/Json.h"
#include "lamina/Support/CheckedMath.h"
#include "lamina/Support/InputFile.h"

#include <algorithm>
#include <numeric>
#include <tuple>

using namespace lamina;
using json::Kind;
using json::Value;

/// Bytes of the header length.
static constexpr uint64_t kLengthBytes = 8;
/// Members of the header are parsed in parts of about this many bytes: a tree
/// of a whole header would be many times as large as the file.
static constexpr size_t kPartBytes = 64 << 10;
/// Bytes of the shortest tensor:
/// `"":{"dtype":"F4","shape":[],"data_offsets":[0,0]}`.
static constexpr size_t kMinMemberBytes = 48;
/// JSON values that one part may have; it may be a single long member.
static constexpr size_t kMaxPartValues = 200'000;

namespace {

/// Reads the header of one file.
class HeaderReader {
public:
  HeaderReader(const InputFile &input, InputErrors &errors)
      : input(input), errors(input.path(), errors) {}

  std::optional<SafetensorsFile> read();

private:
  /// Returns the header's length, or nothing after an error was reported.
  std::optional<uint64_t> readLength();
  /// Reads all members of the root object of `text`, the file up to the end of
  /// the header. Returns false if it is no JSON.
  bool readMembers(std::string_view text);
  /// Reads the members in `part`, an object whose brace stands for byte `place`
  /// of the file.
  bool readPart(std::string_view part, size_t place);
  void readMetadata(const Value &value, uint64_t place);
  void reportDuplicate(std::string_view name, uint64_t first, uint64_t second);
  /// Sorts the tensors by name and checks that each name is there once.
  void sortByName();
  /// Checks that the tensors cover the data, each byte once.
  void checkCoverage();
  void reportHoleOrOverlap(const SafetensorsTensor &tensor,
                           const SafetensorsTensor *previous, uint64_t end);
  void checkEnd(uint64_t end);

  const InputFile &input;
  FileErrors errors;
  SafetensorsFile result;
  /// Where in the file the name of each tensor begins.
  std::vector<uint32_t> places;
  std::optional<uint64_t> metadataPlace;
};

} // namespace

//===----------------------------------------------------------------------===//
// The header's text
//===----------------------------------------------------------------------===//

std::optional<uint64_t> HeaderReader::readLength() {
  uint64_t size = input.size();
  if (size < kLengthBytes) {
    errors.malformed("", "header length",
                     "a file of " + std::to_string(size) + " bytes",
                     "at least 8 bytes");
    return std::nullopt;
  }
  unsigned char bytes[kLengthBytes];
  if (!input.read(0, bytes, sizeof(bytes), errors.list()))
    return std::nullopt;
  uint64_t length = 0;
  for (unsigned i = 0; i < kLengthBytes; ++i)
    length |= static_cast<uint64_t>(bytes[i]) << (8 * i);

  std::string place = byteOffset(0);
  if (length > kMaxSafetensorsHeaderBytes) {
    errors.malformed(place, "header length", std::to_string(length),
                     "at most " + std::to_string(kMaxSafetensorsHeaderBytes));
    return std::nullopt;
  }
  if (length > size - kLengthBytes) {
    errors.malformed(
        place, "header length",
        "a header that ends at byte " + std::to_string(kLengthBytes + length),
        "an end inside the file of " + std::to_string(size) + " bytes");
    return std::nullopt;
  }
  if (length == 0) {
    errors.malformed(place, "header length", "an empty header",
                     "a JSON object");
    return std::nullopt;
  }
  return length;
}

//===----------------------------------------------------------------------===//
// Members
//===----------------------------------------------------------------------===//

/// Returns where the part of an object ends that begins at `begin`: a comma
/// between members, the first bracket that has no partner or is nested too
/// deep, or the end of the text.
static size_t findPartEnd(std::string_view text, size_t begin) {
  bool isInString = false;
  unsigned depth = 0;
  for (size_t at = begin; at < text.size(); ++at) {
    char c = text[at];
    if (isInString && c == '\\')
      ++at;
    else if (c == '"')
      isInString = !isInString;
    else if (isInString)
      continue;
    else if ((c == '{' || c == '[') && ++depth > json::kMaxDepth)
      return at;
    else if ((c == '}' || c == ']') && depth-- == 0)
      return at;
    else if (c == ',' && depth == 0 && at - begin >= kPartBytes)
      return at;
  }
  return text.size();
}

bool HeaderReader::readPart(std::string_view part, size_t place) {
  std::optional<json::Document> document =
      json::parse(part, input.path(), errors.list(), place);
  if (!document)
    return false;
  for (const Value &member : document->root()) {
    uint64_t keyPlace = place + member.keyOffset();
    if (member.key() == "__metadata__") {
      readMetadata(member, keyPlace);
    } else if (auto tensor = readSafetensorsTensor(member, errors)) {
      result.tensors.push_back(std::move(*tensor));
      places.push_back(static_cast<uint32_t>(keyPlace));
    }
  }
  return true;
}

bool HeaderReader::readMembers(std::string_view text) {
  auto fail = [&](std::string_view rest, std::string expected) {
    auto at = static_cast<uint64_t>(rest.data() - text.data());
    errors.malformed(byteOffset(at), "header",
                     at == text.size() ? "the end of the header"
                                       : json::describeCharacter(text, at),
                     std::move(expected));
    return false;
  };
  std::string_view rest = json::trimFront(text.substr(kLengthBytes));
  if (rest.empty() || rest.front() != '{')
    return fail(rest, "'{'");

  auto place = static_cast<size_t>(rest.data() - text.data());
  std::string part;
  for (bool isFirst = true;; isFirst = false) {
    size_t end = findPartEnd(text, place + 1);
    std::string_view last = text.substr(end, 1);
    std::string_view members = text.substr(place + 1, end - place - 1);
    if (!isFirst && json::trimFront(members).empty())
      return fail(text.substr(end), "a key in double quotes");
    if (json::hasMoreValues(members, kMaxPartValues)) {
      errors.report(ExitCode::Limit, byteOffset(place + 1), "header",
                    "a member of more than " + std::to_string(kMaxPartValues) +
                        " JSON values",
                    "a smaller one");
      return false;
    }
    part = "{";
    part += members;
    part += last == "," ? "}" : last;
    if (!readPart(part, place))
      return false;
    place = end;
    if (last == "}")
      break;
    if (last != ",")
      return fail(text.substr(end), "'}'");
  }
  rest = json::trimFront(text.substr(place + 1));
  return rest.empty() || fail(rest, "the end of the header");
}

void HeaderReader::readMetadata(const Value &value, uint64_t place) {
  if (metadataPlace)
    reportDuplicate("__metadata__", *metadataPlace, place);
  metadataPlace = place;
  if (value.kind() != Kind::Object) {
    errors.malformed("/__metadata__", "__metadata__", value.describe(),
                     "an object");
    return;
  }
  for (const Value &member : value) {
    if (member.kind() != Kind::String)
      errors.malformed(jsonPointer("/__metadata__", member.key()),
                       "__metadata__", member.describe(), "a string");
    else
      result.metadata.emplace_back(member.key(), member.text());
  }
}

//===----------------------------------------------------------------------===//
// The whole
//===----------------------------------------------------------------------===//

void HeaderReader::reportDuplicate(std::string_view name, uint64_t first,
                                   uint64_t second) {
  errors.malformed(byteOffset(second), "header",
                   "duplicate key " + quoted(name) + ", first at byte " +
                       std::to_string(first),
                   "each key once");
}

/// Returns the numbers from 0 to `count` - 1 in the order of `isLess`, a
/// total order. Files often have that order already.
template <typename Less>
static std::vector<uint32_t> sortedIndices(size_t count, Less isLess) {
  std::vector<uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  if (!std::is_sorted(order.begin(), order.end(), isLess))
    std::sort(order.begin(), order.end(), isLess);
  return order;
}

void HeaderReader::sortByName() {
  std::vector<SafetensorsTensor> &tensors = result.tensors;
  std::vector<uint32_t> order =
      sortedIndices(tensors.size(), [&](uint32_t a, uint32_t b) {
        int byName = tensors[a].name.compare(tensors[b].name);
        return byName != 0 ? byName < 0 : a < b;
      });
  for (size_t i = 1; i < order.size(); ++i)
    if (tensors[order[i - 1]].name == tensors[order[i]].name)
      reportDuplicate(tensors[order[i]].name, places[order[i - 1]],
                      places[order[i]]);
  // In place, cycle by cycle: a second list of a million would be 100 MB.
  for (uint32_t first = 0; first < order.size(); ++first) {
    uint32_t at = first;
    while (order[at] != first) {
      uint32_t from = order[at];
      std::swap(tensors[at], tensors[from]);
      order[at] = at;
      at = from;
    }
    order[at] = at;
  }
}

void HeaderReader::checkCoverage() {
  const std::vector<SafetensorsTensor> &tensors = result.tensors;
  std::vector<uint32_t> order =
      sortedIndices(tensors.size(), [&](uint32_t a, uint32_t b) {
        return std::tie(tensors[a].offset, tensors[a].bytes, a) <
               std::tie(tensors[b].offset, tensors[b].bytes, b);
      });
  uint64_t end = 0;
  const SafetensorsTensor *previous = nullptr;
  for (uint32_t index : order) {
    const SafetensorsTensor &tensor = tensors[index];
    if (tensor.offset != end)
      reportHoleOrOverlap(tensor, previous, end);
    // No overflow: the reader of the tensor computed `bytes` as end - begin.
    uint64_t tensorEnd = tensor.offset + tensor.bytes;
    if (tensorEnd >= end) {
      end = tensorEnd;
      previous = &tensor;
    }
  }
  checkEnd(end);
}

void HeaderReader::reportHoleOrOverlap(const SafetensorsTensor &tensor,
                                       const SafetensorsTensor *previous,
                                       uint64_t end) {
  if (errors.isFull())
    return errors.omit();
  std::string last = previous ? "tensor " + quoted(previous->name) : "";
  std::string found = "bytes " + std::to_string(tensor.offset) + " to " +
                      std::to_string(tensor.offset + tensor.bytes);
  if (tensor.offset < end)
    found += ", which overlap " + last;
  else
    found +=
        ", after a hole of " + std::to_string(tensor.offset - end) + " bytes";
  errors.malformed(
      jsonPointer("", tensor.name) + "/data_offsets", "data_offsets",
      std::move(found),
      "begin " + std::to_string(end) +
          (previous ? ", the end of " + last : ", the start of the data"));
}

void HeaderReader::checkEnd(uint64_t end) {
  uint64_t dataBytes = input.size() - result.file.headerBytes;
  if (end == dataBytes)
    return;
  std::optional<uint64_t> size = checkedAdd(result.file.headerBytes, end);
  std::string expected =
      size ? std::to_string(*size) + " bytes" : "more than 2^64 bytes";
  if (end > dataBytes)
    errors.malformed(byteOffset(input.size()), "file",
                     "a file that ends " + std::to_string(end - dataBytes) +
                         " bytes early",
                     "a size of " + expected);
  else
    errors.malformed(byteOffset(*size), "file",
                     std::to_string(dataBytes - end) +
                         " bytes after the last tensor",
                     "a size of " + expected);
}

std::optional<SafetensorsFile> HeaderReader::read() {
  std::optional<uint64_t> length = readLength();
  if (!length)
    return std::nullopt;
  result.file = {input.path(), input.size(), kLengthBytes + *length};
  {
    std::string text(result.file.headerBytes, '\0');
    // No list grows, with twice the memory meanwhile; what is not used of it
    // takes none.
    result.tensors.reserve(text.size() / kMinMemberBytes);
    places.reserve(text.size() / kMinMemberBytes);
    if (!input.read(0, text.data(), text.size(), errors.list()) ||
        !readMembers(text)) {
      errors.finish();
      return std::nullopt;
    }
  }
  sortByName();
  // Ranges of a part of the tensors have holes that mean nothing.
  if (errors.isEmpty())
    checkCoverage();
  if (!errors.finish())
    return std::nullopt;

  for (SafetensorsTensor &tensor : result.tensors)
    tensor.offset += result.file.headerBytes;
  return std::move(result);
}

std::optional<SafetensorsFile>
lamina::readSafetensorsHeader(const std::string &path, InputErrors &errors) {
  std::optional<InputFile> input = InputFile::open(path, errors);
  if (!input)
    return std::nullopt;
  return HeaderReader(*input, errors).read();
}
