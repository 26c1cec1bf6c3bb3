//===- JsonScanner.cpp - JSON of known keys, without a library ------------===//

#include "lamina/Support/JsonScanner.h"

#include "lamina/Support/InputFile.h"

#include <charconv>
#include <cmath>

using namespace lamina;

std::optional<std::string> lamina::readWhole(const std::string &path,
                                             uint64_t maxBytes,
                                             InputErrors &errors) {
  std::optional<InputFile> input = InputFile::open(path, errors);
  if (!input)
    return std::nullopt;
  if (input->size() > maxBytes) {
    InputError error;
    error.code = ExitCode::Limit;
    error.file = path;
    error.field = "file";
    error.found = std::to_string(input->size()) + " bytes";
    error.expected = "at most " + std::to_string(maxBytes);
    errors.report(error);
    return std::nullopt;
  }
  std::string text(input->size(), '\0');
  if (!input->read(0, text.data(), text.size(), errors))
    return std::nullopt;
  return text;
}

size_t JsonScanner::skipSpaces() {
  while (at < text.size() && (text[at] == ' ' || text[at] == '\n' ||
                              text[at] == '\r' || text[at] == '\t'))
    ++at;
  return at;
}

bool JsonScanner::take(char c) {
  if (skipSpaces() == text.size() || text[at] != c)
    return false;
  ++at;
  return true;
}

bool JsonScanner::takeString(std::string &value) {
  if (skipSpaces() == text.size() || text[at] != '"')
    return false;
  size_t end = text.find_first_of("\"\\\n", at + 1);
  if (end == text.npos || text[end] != '"')
    return false;
  value = text.substr(at + 1, end - at - 1);
  at = end + 1;
  return true;
}

bool JsonScanner::takeNumber(double &value) {
  skipSpaces();
  auto [stop, failure] =
      std::from_chars(text.data() + at, text.data() + text.size(), value);
  if (failure != std::errc() || !std::isfinite(value))
    return false;
  at = static_cast<size_t>(stop - text.data());
  return true;
}

bool JsonScanner::failAt(size_t offset, const char *expected) {
  InputError error;
  error.file = file;
  error.place = byteOffset(offset);
  error.field = "JSON";
  error.found = offset < text.size() ? quoted(text.substr(offset, 20))
                                     : std::string("the end of the file");
  error.expected = expected;
  errors.report(error);
  return false;
}
