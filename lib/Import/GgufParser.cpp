//===- GgufParser.cpp - Header and metadata of GGUF files -----------------===//
//
// A file is: magic, version (u32), number of tensors (u64), number of metadata
// members (u64), the members, the descriptions of the tensors, padding, data.
//
//===----------------------------------------------------------------------===//

#include "GgufParser.h"

#include "lamina/Support/Utf8.h"

using namespace lamina;

/// A key may have 2^16 - 1 bytes, by the format's rules.
static constexpr uint64_t kMaxKeyBytes = 65535;
/// Arrays in arrays; real files have none.
static constexpr unsigned kMaxArrayDepth = 4;
static constexpr uint64_t kMinAlignment = 8; // by the format's rules
static constexpr uint64_t kMaxAlignment = 1 << 20;
/// Fewest bytes of a member (length, key, type, value) and of a description
/// (length, name, number of dimensions, dimension, type, offset).
static constexpr uint64_t kMinMemberBytes = 8 + 1 + 4 + 1;
static constexpr uint64_t kMinTensorBytes = 8 + 1 + 4 + 8 + 4 + 8;
/// What we keep in memory is up to ten times as large as in the file.
static constexpr uint64_t kMaxMembers = 65536;
static constexpr uint64_t kMaxTensors = 500'000;

bool GgufParser::failEnd(uint64_t offset, std::string_view field,
                         std::string expected) {
  errors.malformed(byteOffset(offset), std::string(field),
                   "the end of the file at byte " +
                       std::to_string(storage->file.size()),
                   std::move(expected));
  return false;
}

bool GgufParser::failString(uint64_t offset, std::string_view field) {
  GgufCursor length(storage->file.bytes(), offset);
  std::optional<uint64_t> count = length.number<uint64_t>();
  if (!count)
    return failEnd(offset, field, "a string");
  errors.malformed(byteOffset(offset), std::string(field),
                   "a string of " + std::to_string(*count) + " bytes",
                   "at most " + std::to_string(length.remaining()) +
                       ", the rest of the file");
  return false;
}

//===----------------------------------------------------------------------===//
// Header
//===----------------------------------------------------------------------===//

/// Whether `magic` is that of a format before GGUF, in either byte order.
static bool isLegacyMagic(std::string_view magic) {
  for (std::string_view legacy :
       {"GGML", "GGMF", "GGJT", "GGLA", "ggml", "lmgg", "fmgg", "tjgg", "algg"})
    if (magic == legacy)
      return true;
  return false;
}

bool GgufParser::parseVersion() {
  std::string place = byteOffset(cursor.offset());
  std::optional<uint32_t> version = cursor.number<uint32_t>();
  if (!version)
    return failEnd(cursor.offset(), "version", "a version (UINT32)");
  if (*version == 2 || *version == 3)
    return true;
  std::string found = std::to_string(*version);
  if (*version == 1)
    found += ", which has lengths of 32 bits";
  else if (*version == 0)
    found += ", which does not exist";
  else if ((*version & 0xFFFF) == 0)
    found = std::to_string(__builtin_bswap32(*version)) +
            " in big-endian byte order";
  else
    found += ", which is newer than this reader";
  errors.report(ExitCode::Unsupported, place, "version", std::move(found),
                "2 or 3, little-endian");
  return false;
}

bool GgufParser::checkCount(uint64_t offset, std::string_view field,
                            uint64_t count, uint64_t recordBytes,
                            uint64_t limit) {
  uint64_t most = cursor.remaining() / recordBytes;
  if (count > most) {
    errors.malformed(byteOffset(offset), std::string(field),
                     std::to_string(count),
                     "at most " + std::to_string(most) + " in the remaining " +
                         std::to_string(cursor.remaining()) + " bytes");
    return false;
  }
  if (count > limit) {
    errors.report(ExitCode::Limit, byteOffset(offset), std::string(field),
                  std::to_string(count), "at most " + std::to_string(limit));
    return false;
  }
  return true;
}

bool GgufParser::parseHeader() {
  std::optional<std::string_view> magic = cursor.take(4);
  if (!magic)
    return failEnd(0, "magic", "\"GGUF\"");
  if (*magic != "GGUF") {
    bool isLegacy = isLegacyMagic(*magic);
    errors.report(isLegacy ? ExitCode::Unsupported : ExitCode::Malformed,
                  byteOffset(0), "magic",
                  quoted(*magic) +
                      (isLegacy ? ", not GGUF (legacy GGML)" : ", not GGUF"),
                  "\"GGUF\"");
    return false;
  }
  if (!parseVersion())
    return false;
  uint64_t offset = cursor.offset();
  std::optional<uint64_t> tensors = cursor.number<uint64_t>();
  std::optional<uint64_t> members = cursor.number<uint64_t>();
  if (!tensors || !members)
    return failEnd(offset, "header", "numbers of tensors and of metadata");
  tensorCount = *tensors;
  metadataCount = *members;
  bool fits = checkCount(offset, "number of tensors", tensorCount,
                         kMinTensorBytes, kMaxTensors);
  return checkCount(offset + 8, "number of metadata members", metadataCount,
                    kMinMemberBytes, kMaxMembers) &&
         fits;
}

//===----------------------------------------------------------------------===//
// Metadata
//===----------------------------------------------------------------------===//

std::optional<std::string_view> GgufParser::parseKey() {
  uint64_t offset = cursor.offset();
  std::optional<uint64_t> length = cursor.number<uint64_t>();
  if (!length) {
    failEnd(offset, "metadata key", "a key");
    return std::nullopt;
  }
  if (*length > kMaxKeyBytes) {
    errors.malformed(byteOffset(offset), "metadata key",
                     std::to_string(*length) + " bytes",
                     "at most " + std::to_string(kMaxKeyBytes));
    return std::nullopt;
  }
  std::optional<std::string_view> key = cursor.take(*length);
  if (!key) {
    failString(offset, "metadata key");
    return std::nullopt;
  }
  checkKey(*key, offset);
  return key;
}

void GgufParser::checkKey(std::string_view key, uint64_t offset) {
  if (key.empty())
    errors.malformed(byteOffset(offset), "metadata key", "an empty key",
                     "a key");
  for (size_t i = 0; i < key.size(); ++i) {
    auto c = static_cast<unsigned char>(key[i]);
    bool isUpper = c >= 'A' && c <= 'Z';
    if (c > ' ' && c < 0x7F && !isUpper)
      continue;
    errors.malformed(byteOffset(offset + 8 + i), "metadata key", quoted(key),
                     "lower-case ASCII");
    return;
  }
}

std::optional<GgufType> GgufParser::parseType(std::string_view field) {
  uint64_t offset = cursor.offset();
  std::optional<uint32_t> type = cursor.number<uint32_t>();
  if (!type) {
    failEnd(offset, field, "a value type (UINT32)");
    return std::nullopt;
  }
  if (*type <= static_cast<uint32_t>(GgufType::Float64))
    return static_cast<GgufType>(*type);
  errors.malformed(byteOffset(offset), std::string(field),
                   "value type " + std::to_string(*type),
                   "a type from 0 to 12");
  return std::nullopt;
}

void GgufParser::checkBools(std::string_view field, uint64_t offset,
                            std::string_view bools) {
  for (size_t i = 0; i < bools.size(); ++i) {
    auto byte = static_cast<unsigned char>(bools[i]);
    if (byte <= 1)
      continue;
    errors.malformed(byteOffset(offset + i), std::string(field),
                     "a BOOL of " + std::to_string(byte), "0 or 1");
    return;
  }
}

bool GgufParser::parseElements(std::string_view field, unsigned depth,
                               GgufValue &value) {
  uint64_t start = cursor.offset();
  if (size_t width = getScalarBytes(value.arrayType)) {
    uint64_t most = cursor.remaining() / width;
    if (value.count > most) {
      errors.malformed(byteOffset(start), std::string(field), value.describe(),
                       "at most " + std::to_string(most) +
                           " in the rest of the file");
      return false;
    }
    value.bytes = *cursor.take(value.count * width);
    if (value.arrayType == GgufType::Bool)
      checkBools(field, start, value.bytes);
    return true;
  }
  for (uint64_t i = 0; i < value.count; ++i) {
    uint64_t offset = cursor.offset();
    GgufValue inner;
    if (value.arrayType == GgufType::String && !cursor.string())
      return failString(offset, field);
    if (value.arrayType == GgufType::Array &&
        !parseArray(field, depth + 1, inner))
      return false;
  }
  value.bytes = storage->file.bytes().substr(start, cursor.offset() - start);
  return true;
}

bool GgufParser::parseArray(std::string_view field, unsigned depth,
                            GgufValue &value) {
  uint64_t offset = cursor.offset();
  if (depth > kMaxArrayDepth) {
    errors.malformed(byteOffset(offset), std::string(field),
                     "arrays nested more than " +
                         std::to_string(kMaxArrayDepth) + " deep",
                     "at most " + std::to_string(kMaxArrayDepth));
    return false;
  }
  std::optional<GgufType> type = parseType(field);
  if (!type)
    return false;
  std::optional<uint64_t> count = cursor.number<uint64_t>();
  if (!count)
    return failEnd(offset, field, "an array");
  value.valueType = GgufType::Array; // also of arrays in arrays
  value.arrayType = *type;
  value.count = *count;
  return parseElements(field, depth, value);
}

bool GgufParser::parseValue(GgufType type, std::string_view field,
                            GgufValue &value) {
  uint64_t offset = cursor.offset();
  value.valueType = type;
  value.valueOffset = offset;
  if (type == GgufType::Array)
    return parseArray(field, 1, value);
  std::optional<std::string_view> bytes =
      type == GgufType::String ? cursor.string()
                               : cursor.take(getScalarBytes(type));
  if (!bytes)
    return type == GgufType::String
               ? failString(offset, field)
               : failEnd(offset, field,
                         "a value of type " + std::string(getName(type)));
  value.bytes = *bytes;
  if (type == GgufType::Bool)
    checkBools(field, offset, value.bytes);
  return true;
}

bool GgufParser::parseMember() {
  uint64_t offset = cursor.offset();
  std::optional<std::string_view> key = parseKey();
  if (!key)
    return false;
  std::string field(key->substr(0, 60));
  std::optional<GgufType> type = parseType(field);
  GgufValue value;
  if (!type || !parseValue(*type, field, value))
    return false;
  auto [member, isNew] = storage->metadata.emplace(*key, value);
  if (isNew)
    return true;
  // In front of a value stand its type, the key, and the key's length.
  uint64_t first = member->second.offset() - 4 - key->size() - 8;
  errors.malformed(byteOffset(offset), "metadata key",
                   "duplicate key " + quoted(*key) + ", first at byte " +
                       std::to_string(first),
                   "each key once");
  return true;
}

//===----------------------------------------------------------------------===//
// Members that say how to read the file
//===----------------------------------------------------------------------===//

const GgufValue *GgufParser::find(std::string_view key) const {
  auto found = storage->metadata.find(key);
  return found == storage->metadata.end() ? nullptr : &found->second;
}

void GgufParser::checkArchitecture() {
  constexpr std::string_view key = "general.architecture";
  const GgufValue *value = find(key);
  if (!value)
    errors.malformed("", std::string(key), "absent", "a name (STRING)");
  else if (!value->string() || value->string()->empty())
    errors.malformed(byteOffset(value->offset()), std::string(key),
                     value->describe(), "a name (STRING)");
}

void GgufParser::checkAlignment() {
  constexpr std::string_view key = "general.alignment";
  const GgufValue *value = find(key);
  if (!value)
    return;
  int64_t number = value->type() == GgufType::UInt32 ? *value->integer() : 0;
  bool isPowerOfTwo = number > 0 && (number & (number - 1)) == 0;
  alignment = static_cast<uint64_t>(number);
  if (isPowerOfTwo && alignment >= kMinAlignment && alignment <= kMaxAlignment)
    return;
  alignment = 0;
  errors.malformed(byteOffset(value->offset()), std::string(key),
                   value->describe(),
                   "a power of two from " + std::to_string(kMinAlignment) +
                       " to " + std::to_string(kMaxAlignment) + " (UINT32)");
}

void GgufParser::checkSplit() {
  auto read = [&](std::string_view key, int64_t absent) {
    const GgufValue *value = find(key);
    if (!value)
      return absent;
    std::optional<int64_t> number = value->integer();
    if (number && *number >= 0)
      return *number;
    errors.malformed(byteOffset(value->offset()), std::string(key),
                     value->describe(), "a number of 0 or more");
    return absent;
  };
  // Merging tools set a count of 0.
  int64_t parts = read("split.count", 0);
  int64_t part = read("split.no", 0);
  int64_t tensors =
      read("split.tensors.count", static_cast<int64_t>(tensorCount));
  if (part > 0 && part >= parts)
    errors.malformed(byteOffset(find("split.no")->offset()), "split.no",
                     std::to_string(part),
                     "less than split.count, " + std::to_string(parts));
  if (parts > 1)
    errors.report(ExitCode::Unsupported,
                  byteOffset(find("split.count")->offset()), "split.count",
                  "part " + std::to_string(part + 1) + " of " +
                      std::to_string(parts),
                  "a file that is whole",
                  "merge the parts with llama-gguf-split --merge");
  else if (static_cast<uint64_t>(tensors) != tensorCount)
    errors.malformed(byteOffset(find("split.tensors.count")->offset()),
                     "split.tensors.count", std::to_string(tensors),
                     std::to_string(tensorCount) + ", the number of tensors");
}

std::optional<GgufFile> GgufParser::run() {
  bool goesOn = parseHeader();
  for (uint64_t i = 0; goesOn && i < metadataCount; ++i)
    goesOn = parseMember();
  if (goesOn) {
    checkArchitecture();
    checkAlignment();
    checkSplit();
    goesOn = alignment != 0;
  }
  for (uint64_t i = 0; goesOn && i < tensorCount; ++i)
    goesOn = parseTensor();
  if (goesOn)
    checkNamesUnique();
  if (goesOn)
    checkEnd();
  if (!errors.finish())
    return std::nullopt;
  return GgufFile(std::move(storage));
}
