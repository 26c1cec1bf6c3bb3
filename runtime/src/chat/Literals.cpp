//===- Literals.cpp - Numbers and strings as Python writes them -----------===//

#include "Literals.h"
#include "Text.h"

#include <algorithm>
#include <charconv>
#include <cmath>

namespace lamina::jinja {

static bool isDigit(char c) { return c >= '0' && c <= '9'; }

/// The value of a digit in any base up to 36, or 36.
static unsigned digitValue(char c) {
  if (isDigit(c))
    return c - '0';
  char lower = c | 0x20;
  return lower >= 'a' && lower <= 'z' ? lower - 'a' + 10 : 36;
}

/// Skips digits of `base`, single underscores between them, or after
/// `mayLead` in front of them.
static size_t skipDigits(std::string_view text, size_t at, unsigned base,
                         bool mayLead = false) {
  size_t begin = at;
  while (at < text.size()) {
    if (digitValue(text[at]) < base)
      ++at;
    else if (text[at] == '_' && (at > begin || mayLead) &&
             at + 1 < text.size() && digitValue(text[at + 1]) < base)
      at += 2;
    else
      break;
  }
  return at;
}

static std::string withoutUnderscores(std::string_view text) {
  std::string result(text);
  result.erase(std::remove(result.begin(), result.end(), '_'), result.end());
  return result;
}

static double toDouble(const std::string &digits) {
  double value = 0;
  auto [end, status] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (status != std::errc::result_out_of_range)
    return value;
  // Too large or too small: the exponent says which.
  size_t exponent = digits.find_first_of("eE");
  bool isSmall = exponent != std::string::npos && exponent + 1 < digits.size()
                     ? digits[exponent + 1] == '-'
                     : digits[0] == '0';
  return isSmall ? 0.0 : HUGE_VAL;
}

/// If a fraction or an exponent follows the digits that end at `at`, where it
/// ends; else `at`.
static size_t skipFraction(std::string_view text, size_t at) {
  if (at + 1 < text.size() && text[at] == '.' && isDigit(text[at + 1]))
    at = skipDigits(text, at + 1, 10);
  if (at < text.size() && (text[at] | 0x20) == 'e') {
    size_t digits = at + 1;
    if (digits < text.size() && (text[digits] == '+' || text[digits] == '-'))
      ++digits;
    if (digits < text.size() && isDigit(text[digits]))
      at = skipDigits(text, digits, 10);
  }
  return at;
}

NumberLiteral lexNumberLiteral(std::string_view source, size_t begin,
                               bool mayBeFloat) {
  NumberLiteral result;
  unsigned base = 10;
  size_t digits = begin;
  if (source[begin] == '0' && begin + 1 < source.size()) {
    char prefix = source[begin + 1] | 0x20;
    unsigned other = prefix == 'x' ? 16 : prefix == 'o' ? 8 : 2;
    if ((prefix == 'x' || prefix == 'o' || prefix == 'b') &&
        skipDigits(source, begin + 2, other, true) > begin + 2) {
      base = other;
      digits = begin + 2;
    }
  }
  size_t end = skipDigits(source, digits, base, base != 10);
  if (base == 10 && mayBeFloat) {
    size_t fraction = skipFraction(source, end);
    if (fraction > end) {
      result.isFloat = true;
      result.end = fraction;
      result.real =
          toDouble(withoutUnderscores(source.substr(begin, fraction - begin)));
      return result;
    }
  }
  // A leading zero ends a decimal integer unless only zeros follow.
  if (base == 10 && source[begin] == '0')
    for (end = begin + 1; end < source.size() && source[end] == '0';)
      ++end;
  std::string text = withoutUnderscores(source.substr(digits, end - digits));
  auto [stop, status] = std::from_chars(text.data(), text.data() + text.size(),
                                        result.integer, base);
  result.isTooLarge = status != std::errc();
  result.end = end;
  return result;
}

/// Reads `count` hexadecimal digits of an escape into `codePoint`.
static bool readHex(std::string_view text, size_t at, size_t count,
                    uint32_t &codePoint) {
  if (text.size() - at < count)
    return false;
  auto [end, status] = std::from_chars(text.data() + at,
                                       text.data() + at + count, codePoint, 16);
  return status == std::errc() && end == text.data() + at + count;
}

/// The character of a one-letter escape, or 0.
static char simpleEscape(char c) {
  static const std::string_view letters = "\\'\"abfnrtv";
  static const std::string_view values = "\\'\"\a\b\f\n\r\t\v";
  size_t index = letters.find(c);
  return index == std::string_view::npos ? 0 : values[index];
}

bool unescape(std::string_view text, std::string &value, std::string &problem) {
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      value += text[i++];
      continue;
    }
    char c = text[i + 1];
    i += 2;
    if (char simple = simpleEscape(c)) {
      value += simple;
    } else if (c == 'x' || c == 'u' || c == 'U') {
      size_t count = c == 'x' ? 2 : c == 'u' ? 4 : 8;
      uint32_t codePoint = 0;
      if (!readHex(text, i, count, codePoint) || codePoint > 0x10FFFF ||
          (codePoint >= 0xD800 && codePoint < 0xE000)) {
        problem = std::string("invalid escape '\\") + c + "' in a string";
        return false;
      }
      appendUtf8(value, codePoint);
      i += count;
    } else if (c >= '0' && c <= '7') {
      uint32_t codePoint = c - '0';
      for (int more = 0;
           more < 2 && i < text.size() && text[i] >= '0' && text[i] <= '7';
           ++more)
        codePoint = codePoint * 8 + (text[i++] - '0');
      appendUtf8(value, codePoint);
    } else if (c == 'N') {
      problem = "escape '\\N' in a string is not supported";
      return false;
    } else if (c != '\n') {
      // Python keeps the backslash of an escape that it does not know.
      value += '\\';
      value += c;
    }
  }
  return true;
}

/// Strips white space and the sign, which it returns as 1 or -1.
static int stripSign(std::string_view &text) {
  text = text.substr(0, trimmedEnd(text));
  text.remove_prefix(skipSpace(text));
  if (text.empty() || (text[0] != '-' && text[0] != '+'))
    return 1;
  int sign = text[0] == '-' ? -1 : 1;
  text.remove_prefix(1);
  return sign;
}

std::optional<int64_t> parseInteger(std::string_view text) {
  int sign = stripSign(text);
  if (text.empty() || skipDigits(text, 0, 10) != text.size())
    return std::nullopt;
  std::string digits = (sign < 0 ? "-" : "") + withoutUnderscores(text);
  int64_t value = 0;
  auto [end, status] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (status != std::errc())
    return std::nullopt;
  return value;
}

std::optional<double> parseFloat(std::string_view text) {
  int sign = stripSign(text);
  std::string lower(text);
  for (char &c : lower)
    if (c >= 'A' && c <= 'Z')
      c |= 0x20;
  if (lower == "inf" || lower == "infinity")
    return sign * HUGE_VAL;
  if (lower == "nan")
    return std::nan("");
  // Python also takes `1.` and `.5`.
  if (!lower.empty() && lower[0] == '.')
    lower.insert(0, "0");
  size_t point = lower.find('.');
  if (point != std::string::npos &&
      (point + 1 == lower.size() || !isDigit(lower[point + 1])))
    lower.insert(point + 1, "0");
  if (lower.empty() || text == "." || !isDigit(lower[0]) ||
      skipFraction(lower, skipDigits(lower, 0, 10)) != lower.size())
    return std::nullopt;
  return sign * toDouble(withoutUnderscores(lower));
}

std::string printFloat(double value) {
  if (std::isnan(value))
    return "nan";
  if (std::isinf(value))
    return value < 0 ? "-inf" : "inf";
  char buffer[32];
  auto [end, status] = std::to_chars(buffer, buffer + sizeof(buffer), value,
                                     std::chars_format::scientific);
  std::string scientific(buffer, end);
  size_t e = scientific.find('e');
  int exponent = 0;
  const char *exponentText = scientific.data() + e + 1;
  if (*exponentText == '+')
    ++exponentText;
  std::from_chars(exponentText, scientific.data() + scientific.size(),
                  exponent);
  if (exponent < -4 || exponent >= 16)
    return scientific;
  std::string digits, sign = value < 0 || std::signbit(value) ? "-" : "";
  for (char c : scientific.substr(0, e))
    if (isDigit(c))
      digits += c;
  if (exponent < 0)
    return sign + "0." + std::string(-exponent - 1, '0') + digits;
  size_t whole = exponent + 1;
  if (digits.size() < whole + 1)
    digits.append(whole + 1 - digits.size(), '0');
  return sign + digits.substr(0, whole) + "." + digits.substr(whole);
}

} // namespace lamina::jinja
