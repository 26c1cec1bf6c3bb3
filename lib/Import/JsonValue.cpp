//===- JsonValue.cpp - What a JSON value says -----------------------------===//

#include "lamina/Import/Json.h"

#include <charconv>

using namespace lamina;
using namespace lamina::json;

/// Returns the whole of `text` as a `Number`, or nothing if it does not fit.
template <typename Number>
static std::optional<Number> convert(std::string_view text) {
  Number number = 0;
  const char *end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end)
    return std::nullopt;
  return number;
}

std::optional<int64_t> Value::int64() const {
  if (valueKind != Kind::Integer)
    return std::nullopt;
  return convert<int64_t>(valueText);
}

std::optional<uint64_t> Value::uint64() const {
  if (valueKind != Kind::Integer)
    return std::nullopt;
  return convert<uint64_t>(valueText == "-0" ? "0" : valueText);
}

std::optional<double> Value::number() const {
  if (!isNumber())
    return std::nullopt;
  return convert<double>(valueText);
}

const Value *Value::find(std::string_view key) const {
  if (valueKind != Kind::Object)
    return nullptr;
  for (const Value &member : *this)
    if (member.key() == key)
      return &member;
  return nullptr;
}

std::string Value::describe() const {
  switch (valueKind) {
  case Kind::Array:
    return "an array";
  case Kind::Object:
    return "an object";
  case Kind::String:
    return quoted(valueText);
  default:
    return valueText.size() <= 60
               ? std::string(valueText)
               : std::string(valueText.substr(0, 60)) + "...";
  }
}
