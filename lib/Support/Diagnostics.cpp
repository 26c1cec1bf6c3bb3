//===- Diagnostics.cpp - Errors about files from outside ------------------===//

#include "lamina/Support/Diagnostics.h"

#include "lamina/Support/Utf8.h"

#include <cstdio>

using namespace lamina;

static void appendEscaped(std::string &out, std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t length = utf8SequenceLength(text, at);
    auto byte = static_cast<unsigned char>(text[at]);
    bool isC1 = length == 2 && byte == 0xC2 &&
                static_cast<unsigned char>(text[at + 1]) < 0xA0;
    if (length == 0 || isC1 || byte < 0x20 || byte == 0x7F) {
      char buffer[8];
      std::snprintf(buffer, sizeof(buffer), "\\x%02X", byte);
      out += buffer;
      if (isC1) {
        std::snprintf(buffer, sizeof(buffer), "\\x%02X",
                      static_cast<unsigned char>(text[at + 1]));
        out += buffer;
      }
      at += length == 0 ? 1 : length;
      continue;
    }
    out.append(text.substr(at, length));
    at += length;
  }
}

std::string lamina::escaped(std::string_view text) {
  std::string result;
  appendEscaped(result, text);
  return result;
}

std::string lamina::quoted(std::string_view text, size_t limit) {
  size_t end = 0;
  while (end < text.size()) {
    size_t length = utf8SequenceLength(text, end);
    size_t next = end + (length == 0 ? 1 : length);
    if (next > limit)
      break;
    end = next;
  }
  std::string result = "\"";
  appendEscaped(result, text.substr(0, end));
  result += end == text.size() ? "\"" : "...\"";
  return result;
}

/// A file decides how long its keys are, a terminal how much can be read.
static constexpr size_t kMaxPointerKey = 60;

std::string lamina::jsonPointer(std::string_view base, std::string_view key) {
  std::string result(base);
  result += '/';
  bool isCut = key.size() > kMaxPointerKey;
  for (char c : key.substr(0, kMaxPointerKey)) {
    if (c == '~')
      result += "~0";
    else if (c == '/')
      result += "~1";
    else
      result += c;
  }
  return isCut ? result + "..." : result;
}

std::string lamina::jsonPointer(std::string_view base, size_t index) {
  return std::string(base) + "/" + std::to_string(index);
}

std::string lamina::byteOffset(uint64_t offset) {
  return "byte " + std::to_string(offset);
}

std::string lamina::toString(const InputError &error) {
  std::string line = "error: ";
  appendEscaped(line, error.file);
  if (!error.place.empty()) {
    line += ':';
    appendEscaped(line, error.place);
  }
  line += ": ";
  appendEscaped(line, error.field);
  line += ": ";
  appendEscaped(line, error.found);
  if (!error.expected.empty()) {
    line += ", expected ";
    appendEscaped(line, error.expected);
  }
  if (!error.help.empty()) {
    line += "\nhelp: ";
    appendEscaped(line, error.help);
  }
  return line;
}

ExitCode InputErrors::exitCode() const {
  for (ExitCode code :
       {ExitCode::InputOutput, ExitCode::Limit, ExitCode::Malformed,
        ExitCode::Unsupported, ExitCode::CheckFailed, ExitCode::Device,
        ExitCode::Usage})
    for (const InputError &error : errors)
      if (error.code == code)
        return code;
  return errors.empty() ? ExitCode::Success : ExitCode::InternalError;
}

std::string InputErrors::toString() const {
  std::string result;
  for (const InputError &error : errors)
    result += lamina::toString(error) + "\n";
  return result;
}
