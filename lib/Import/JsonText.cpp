//===- JsonText.cpp - The characters of a JSON text -----------------------===//

#include "JsonText.h"

#include "lamina/Support/Utf8.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

using namespace lamina;
using namespace lamina::json;

static bool isBlank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool isDigit(char c) { return c >= '0' && c <= '9'; }

std::string_view json::trimFront(std::string_view text) {
  while (!text.empty() && isBlank(text.front()))
    text.remove_prefix(1);
  return text;
}

std::string_view json::trimBlanks(std::string_view text) {
  text = trimFront(text);
  while (!text.empty() && isBlank(text.back()))
    text.remove_suffix(1);
  return text;
}

/// Skips digits from `at` on and says whether there was one.
static bool skipDigits(std::string_view token, size_t &at) {
  size_t start = at;
  while (at < token.size() && isDigit(token[at]))
    ++at;
  return at > start;
}

NumberForm json::classifyNumber(std::string_view token) {
  auto charAt = [&](size_t at) { return at < token.size() ? token[at] : '\0'; };
  NumberForm form = NumberForm::Integer;
  size_t at = charAt(0) == '-' ? 1 : 0;
  bool startsWithZero = charAt(at) == '0';
  size_t firstDigit = at;
  if (!skipDigits(token, at) || (startsWithZero && at > firstDigit + 1))
    return NumberForm::None;
  if (charAt(at) == '.') {
    form = NumberForm::Fraction;
    if (!skipDigits(token, ++at))
      return NumberForm::None;
  }
  if (charAt(at) == 'e' || charAt(at) == 'E') {
    form = NumberForm::Fraction;
    ++at;
    if (charAt(at) == '+' || charAt(at) == '-')
      ++at;
    if (!skipDigits(token, at))
      return NumberForm::None;
  }
  return at == token.size() ? form : NumberForm::None;
}

char json::previousCharacter(std::string_view text, uint64_t offset) {
  while (offset > 0) {
    char c = text[--offset];
    if (!isBlank(c))
      return c;
  }
  return '\0';
}

std::string json::describeCharacter(std::string_view text, uint64_t offset) {
  if (offset >= text.size())
    return "the end of the file";
  auto byte = static_cast<unsigned char>(text[offset]);
  size_t length = utf8SequenceLength(text, offset);
  if (length == 0 || byte < 0x20 || byte == 0x7F) {
    char buffer[16];
    std::snprintf(buffer, sizeof(buffer), "byte 0x%02X", byte);
    return buffer;
  }
  if (text[offset] == '/' && offset + 1 < text.size() &&
      (text[offset + 1] == '/' || text[offset + 1] == '*'))
    return "a comment";
  return "'" + std::string(text.substr(offset, length)) + "'";
}

bool json::hasMoreValues(std::string_view text, size_t limit) {
  if (text.size() < limit)
    return false;
  size_t count = 1;
  for (char c : text)
    count += (c == ',') | (c == '[') | (c == '{');
  if (count <= limit)
    return false;
  // Strings may contain such characters, so count again without them.
  count = 1;
  bool isInString = false;
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '"')
      isInString = !isInString;
    else if (isInString)
      at += c == '\\';
    else
      count += (c == ',') | (c == '[') | (c == '{');
  }
  return count > limit;
}

StringFault json::findStringFault(std::string_view text) {
  bool isInString = false;
  StringFault fault;
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '"') {
      isInString = !isInString;
      fault.offset = at;
    } else if (isInString && c == '\\') {
      ++at;
    } else if (isInString && static_cast<unsigned char>(c) < 0x20) {
      return {at, /*isControlCharacter=*/true};
    }
  }
  return fault;
}

std::optional<std::string> json::readFile(const std::string &path,
                                          uint64_t maxBytes,
                                          InputErrors &errors) {
  auto fail = [&](ExitCode code, std::string found, std::string expected) {
    errors.report(
        {code, path, "", "file", std::move(found), std::move(expected), ""});
    return std::nullopt;
  };
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return fail(ExitCode::InputOutput, std::strerror(errno), "a readable file");

  std::string content;
  char buffer[1 << 16];
  ssize_t got = 0;
  int failure = 0;
  while (content.size() <= maxBytes) {
    got = ::read(descriptor, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR)
      continue;
    failure = got < 0 ? errno : 0;
    if (got <= 0)
      break;
    content.append(buffer, static_cast<size_t>(got));
  }
  ::close(descriptor);
  if (failure)
    return fail(ExitCode::InputOutput, std::strerror(failure),
                "a readable file");
  if (content.size() > maxBytes)
    return fail(ExitCode::Malformed,
                "more than " + std::to_string(maxBytes) + " bytes",
                "a smaller file");
  return content;
}
