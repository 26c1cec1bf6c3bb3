//===- GgufValue.cpp - Metadata values of GGUF files ----------------------===//

#include "GgufCursor.h"
#include "GgufParser.h"
#include "lamina/Import/Gguf.h"

#include <charconv>

using namespace lamina;

static constexpr std::string_view kTypeNames[] = {
    "UINT8", "INT8",   "UINT16", "INT16",  "UINT32", "INT32",   "FLOAT32",
    "BOOL",  "STRING", "ARRAY",  "UINT64", "INT64",  "FLOAT64",
};
static constexpr size_t kScalarBytes[] = {1, 1, 2, 2, 4, 4, 4,
                                          1, 0, 0, 8, 8, 8};

std::string_view lamina::getName(GgufType type) {
  return kTypeNames[static_cast<size_t>(type)];
}

size_t lamina::getScalarBytes(GgufType type) {
  return kScalarBytes[static_cast<size_t>(type)];
}

/// The integer of that type at `bytes`, or nothing if it is no integer type or
/// the value does not fit.
static std::optional<int64_t> loadInteger(GgufType type, const char *bytes) {
  switch (type) {
  case GgufType::UInt8:
    return loadLittleEndian<uint8_t>(bytes);
  case GgufType::Int8:
    return loadLittleEndian<int8_t>(bytes);
  case GgufType::UInt16:
    return loadLittleEndian<uint16_t>(bytes);
  case GgufType::Int16:
    return loadLittleEndian<int16_t>(bytes);
  case GgufType::UInt32:
    return loadLittleEndian<uint32_t>(bytes);
  case GgufType::Int32:
    return loadLittleEndian<int32_t>(bytes);
  case GgufType::Int64:
    return loadLittleEndian<int64_t>(bytes);
  case GgufType::UInt64: {
    auto number = loadLittleEndian<uint64_t>(bytes);
    if (number > INT64_MAX)
      return std::nullopt;
    return static_cast<int64_t>(number);
  }
  default:
    return std::nullopt;
  }
}

static std::optional<double> loadFloat(GgufType type, const char *bytes) {
  if (type == GgufType::Float32)
    return loadLittleEndian<float>(bytes);
  if (type == GgufType::Float64)
    return loadLittleEndian<double>(bytes);
  return std::nullopt;
}

std::optional<int64_t> GgufValue::integer() const {
  return loadInteger(valueType, bytes.data());
}

std::optional<double> GgufValue::floating() const {
  return loadFloat(valueType, bytes.data());
}

std::optional<bool> GgufValue::boolean() const {
  if (valueType != GgufType::Bool)
    return std::nullopt;
  return bytes.front() != 0;
}

std::optional<std::string_view> GgufValue::string() const {
  if (valueType != GgufType::String)
    return std::nullopt;
  return bytes;
}

std::optional<std::vector<std::string_view>> GgufValue::strings() const {
  if (valueType != GgufType::Array || arrayType != GgufType::String)
    return std::nullopt;
  std::vector<std::string_view> result;
  result.reserve(count);
  GgufCursor cursor(bytes);
  while (std::optional<std::string_view> text =
             result.size() < count ? cursor.string() : std::nullopt)
    result.push_back(*text);
  return result;
}

/// The elements of an array, each through `load`, or nothing if one has none.
template <typename Number>
static std::optional<std::vector<Number>>
loadArray(std::string_view bytes, uint64_t count, GgufType type,
          std::optional<Number> (*load)(GgufType, const char *)) {
  size_t width = getScalarBytes(type);
  if (width == 0)
    return std::nullopt;
  std::vector<Number> result;
  result.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    std::optional<Number> number = load(type, bytes.data() + i * width);
    if (!number)
      return std::nullopt;
    result.push_back(*number);
  }
  return result;
}

std::optional<std::vector<int64_t>> GgufValue::integers() const {
  bool isOther = arrayType == GgufType::Bool ||
                 arrayType == GgufType::Float32 ||
                 arrayType == GgufType::Float64;
  if (valueType != GgufType::Array || isOther)
    return std::nullopt;
  return loadArray<int64_t>(bytes, count, arrayType, loadInteger);
}

std::optional<std::vector<double>> GgufValue::floats() const {
  if (valueType != GgufType::Array ||
      (arrayType != GgufType::Float32 && arrayType != GgufType::Float64))
    return std::nullopt;
  return loadArray<double>(bytes, count, arrayType, loadFloat);
}

std::string GgufValue::describe() const {
  std::string type = " (" + std::string(getName(valueType)) + ")";
  if (valueType == GgufType::Array)
    return "an array of " + std::to_string(count) + " " +
           std::string(getName(arrayType));
  if (valueType == GgufType::String)
    return quoted(bytes) + type;
  if (std::optional<bool> flag = boolean())
    return (*flag ? "true" : "false") + type;
  if (std::optional<double> number = floating()) {
    char buffer[40];
    // The shortest text depends on the type that is printed.
    auto [end, error] =
        valueType == GgufType::Float32
            ? std::to_chars(buffer, buffer + sizeof(buffer),
                            static_cast<float>(*number))
            : std::to_chars(buffer, buffer + sizeof(buffer), *number);
    return (error == std::errc() ? std::string(buffer, end) : "a number") +
           type;
  }
  if (std::optional<int64_t> number = integer())
    return std::to_string(*number) + type;
  return std::to_string(loadLittleEndian<uint64_t>(bytes.data())) + type;
}
