//===- ObjectReader.cpp - Typed members of a JSON object ------------------===//

#include "ObjectReader.h"

#include <charconv>

using namespace lamina;
using json::Kind;
using json::Value;

std::string lamina::toText(double number) {
  char buffer[40];
  auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), number);
  return error == std::errc() ? std::string(buffer, end) : "a number";
}

const Value *ObjectReader::find(std::string_view key) {
  askedFor.emplace(key);
  return object.find(key);
}

const Value *ObjectReader::findNonNull(std::string_view key) {
  const Value *value = find(key);
  return value && !value->isNull() ? value : nullptr;
}

void ObjectReader::report(ExitCode code, std::string_view key,
                          std::string found, std::string expected,
                          std::string help) {
  errors.report({code, file, pointerTo(key), std::string(key.substr(0, 60)),
                 std::move(found), std::move(expected), std::move(help)});
}

void ObjectReader::reportValue(std::string_view key, const Value &value,
                               std::string expected) {
  report(ExitCode::Malformed, key, value.describe(), std::move(expected));
}

void ObjectReader::require(std::string_view key, std::string expected) {
  if (!find(key))
    report(ExitCode::Malformed, key, "absent", std::move(expected));
}

std::optional<int64_t> ObjectReader::integer(std::string_view key, int64_t min,
                                             int64_t max) {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<int64_t> number = value->int64();
  if (number && *number >= min && *number <= max)
    return number;
  reportValue(key, *value,
              "an integer from " + std::to_string(min) + " to " +
                  std::to_string(max));
  return std::nullopt;
}

std::optional<double> ObjectReader::number(std::string_view key, double min,
                                           double max) {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<double> number = value->number();
  if (number && *number >= min && *number <= max)
    return number;
  reportValue(key, *value,
              "a number from " + toText(min) + " to " + toText(max));
  return std::nullopt;
}

std::optional<bool> ObjectReader::boolean(std::string_view key) {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  if (value->kind() == Kind::Boolean)
    return value->boolean();
  reportValue(key, *value, "true or false");
  return std::nullopt;
}

std::optional<std::string_view> ObjectReader::string(std::string_view key) {
  const Value *value = find(key);
  if (!value)
    return std::nullopt;
  if (value->kind() == Kind::String)
    return value->text();
  reportValue(key, *value, "a string");
  return std::nullopt;
}
