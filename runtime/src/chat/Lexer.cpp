//===- Lexer.cpp - Tokens of a Jinja template -----------------------------===//
//
// Follows jinja2's lexer, including which of its rules win.
//
//===----------------------------------------------------------------------===//

#include "Lexer.h"
#include "Literals.h"
#include "Text.h"

#include <algorithm>

namespace lamina::jinja {

namespace {

class Lexer {
public:
  Lexer(std::string source, std::vector<Token> &tokens,
        ChatTemplateError &error)
      : source(std::move(source)), tokens(tokens), error(error) {}

  bool run();

private:
  bool lexTag(bool isBlock);
  bool lexTagToken();
  bool lexString();
  bool lexOperator();
  bool lexComment();
  bool lexRaw(size_t bodyBegin);

  /// Makes a Data token of [position, tag), where the tag has `sign` (or 0)
  /// after its delimiter.
  void addData(size_t tag, char sign, bool isVariable);
  size_t findRawBegin(size_t afterSign) const;
  size_t matchTagEnd(size_t at, bool isBlock) const;
  size_t skipNewline(size_t at) const {
    return at < source.size() && source[at] == '\n' ? at + 1 : at;
  }
  bool startsWith(size_t at, std::string_view text) const {
    return std::string_view(source).substr(std::min(at, source.size()),
                                           text.size()) == text;
  }

  void add(Token::Kind kind, std::string text = {}) {
    tokens.push_back({kind, line, std::move(text)});
  }
  /// Moves to `to`, counting lines.
  void advance(size_t to) {
    line += std::count(source.begin() + position, source.begin() + to, '\n');
    position = to;
  }
  /// Moves to `to`, the end of a tag.
  void endTag(size_t to) {
    advance(to);
    lineStarting = source[position - 1] == '\n';
  }
  bool fail(std::string message) {
    error = {ChatTemplateError::Kind::Syntax, line, std::move(message)};
    return false;
  }

  std::string source;
  std::vector<Token> &tokens;
  ChatTemplateError &error;
  size_t position = 0;
  unsigned line = 1;
  /// Whether the text after the last tag starts a line.
  bool lineStarting = true;
  /// Open brackets of the current tag.
  std::string open;
};

} // namespace

bool Lexer::run() {
  while (true) {
    size_t tag = position;
    while (true) {
      tag = source.find('{', tag);
      if (tag == std::string::npos || startsWith(tag, "{%") ||
          startsWith(tag, "{{") || startsWith(tag, "{#"))
        break;
      ++tag;
    }
    if (tag == std::string::npos) {
      if (position < source.size())
        add(Token::Kind::Data, source.substr(position));
      advance(source.size());
      add(Token::Kind::End);
      return true;
    }
    char kind = source[tag + 1];
    bool hasSign = startsWith(tag + 2, "-") || startsWith(tag + 2, "+");
    addData(tag, hasSign ? source[tag + 2] : 0, kind == '{');
    advance(tag + (hasSign ? 3 : 2));
    size_t raw = kind == '%' ? findRawBegin(position) : std::string::npos;
    bool ok = kind == '#'                ? lexComment()
              : raw != std::string::npos ? lexRaw(raw)
                                         : lexTag(kind == '%');
    if (!ok)
      return false;
  }
}

void Lexer::addData(size_t tag, char sign, bool isVariable) {
  std::string_view text = std::string_view(source).substr(0, tag);
  text.remove_prefix(position);
  if (sign == '-') {
    text = text.substr(0, trimmedEnd(text));
  } else if (sign != '+' && !isVariable) {
    size_t newline = text.rfind('\n');
    size_t lineBegin = newline == std::string_view::npos ? 0 : newline + 1;
    if ((lineBegin > 0 || lineStarting) &&
        skipSpace(text, lineBegin) == text.size())
      text = text.substr(0, lineBegin);
  }
  if (!text.empty())
    add(Token::Kind::Data, std::string(text));
}

bool Lexer::lexComment() {
  size_t end = source.find("#}", position);
  if (end == std::string::npos)
    return fail("comment without end, expected '#}'");
  char sign = end > position ? source[end - 1] : 0;
  size_t after = end + 2;
  if (sign == '-')
    after = skipSpace(source, after);
  else if (sign != '+')
    after = skipNewline(after);
  endTag(after);
  return true;
}

/// If a tag is `raw`, where its body begins.
size_t Lexer::findRawBegin(size_t afterSign) const {
  size_t at = skipSpace(source, afterSign);
  if (!startsWith(at, "raw"))
    return std::string::npos;
  at = skipSpace(source, at + 3);
  if (startsWith(at, "-%}"))
    return skipSpace(source, at + 3);
  return startsWith(at, "%}") ? at + 2 : std::string::npos;
}

bool Lexer::lexRaw(size_t bodyBegin) {
  endTag(bodyBegin);
  for (size_t tag = position;
       (tag = source.find("{%", tag)) != std::string::npos; ++tag) {
    size_t at = tag + 2;
    char sign = startsWith(at, "-") || startsWith(at, "+") ? source[at] : 0;
    at = skipSpace(source, sign ? at + 1 : at);
    if (!startsWith(at, "endraw"))
      continue;
    size_t end = matchTagEnd(skipSpace(source, at + 6), /*isBlock=*/true);
    if (end == std::string::npos)
      continue;
    addData(tag, sign, /*isVariable=*/false);
    endTag(end);
    return true;
  }
  return fail("raw block without end, expected '{% endraw %}'");
}

/// If the tag ends at `at`, where the text after it begins.
size_t Lexer::matchTagEnd(size_t at, bool isBlock) const {
  if (isBlock) {
    if (startsWith(at, "+%}"))
      return at + 3;
    if (startsWith(at, "-%}"))
      return skipSpace(source, at + 3);
    return startsWith(at, "%}") ? skipNewline(at + 2) : std::string::npos;
  }
  if (startsWith(at, "-}}"))
    return skipSpace(source, at + 3);
  return startsWith(at, "}}") ? at + 2 : std::string::npos;
}

bool Lexer::lexTag(bool isBlock) {
  add(isBlock ? Token::Kind::BlockBegin : Token::Kind::VariableBegin);
  open.clear();
  while (true) {
    advance(skipSpace(source, position));
    if (open.empty()) {
      size_t end = matchTagEnd(position, isBlock);
      if (end != std::string::npos) {
        add(isBlock ? Token::Kind::BlockEnd : Token::Kind::VariableEnd);
        endTag(end);
        return true;
      }
    }
    if (position == source.size())
      return fail(std::string("end of the template inside a tag, expected '") +
                  (isBlock ? "%}'" : "}}'"));
    if (!lexTagToken())
      return false;
  }
}

static bool isDigit(char c) { return c >= '0' && c <= '9'; }
static bool isNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool Lexer::lexTagToken() {
  char first = source[position];
  if (isDigit(first)) {
    NumberLiteral number = lexNumberLiteral(
        source, position, position == 0 || source[position - 1] != '.');
    if (number.isTooLarge)
      return fail("integer beyond 64 bits");
    add(number.isFloat ? Token::Kind::Float : Token::Kind::Integer);
    tokens.back().integer = number.integer;
    tokens.back().real = number.real;
    advance(number.end);
    return true;
  }
  if (isNameStart(first)) {
    size_t end = position;
    while (end < source.size() &&
           (isNameStart(source[end]) || isDigit(source[end])))
      ++end;
    add(Token::Kind::Name, source.substr(position, end - position));
    advance(end);
    return true;
  }
  if (first == '\'' || first == '"')
    return lexString();
  return lexOperator();
}

bool Lexer::lexString() {
  char quote = source[position];
  size_t end = position + 1;
  while (end < source.size() && source[end] != quote)
    end += source[end] == '\\' ? 2 : 1;
  if (end >= source.size())
    return fail("string without end");
  std::string value, problem;
  if (!unescape(
          std::string_view(source).substr(position + 1, end - position - 1),
          value, problem))
    return fail(std::move(problem));
  add(Token::Kind::String, std::move(value));
  advance(end + 1);
  return true;
}

bool Lexer::lexOperator() {
  static const std::string_view operators[] = {
      "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
      "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
  for (std::string_view spelling : operators) {
    if (!startsWith(position, spelling))
      continue;
    char c = spelling[0];
    if (c == '(' || c == '[' || c == '{') {
      open += c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
      if (open.empty() || open.back() != c)
        return fail("unexpected '" + std::string(spelling) + "'");
      open.pop_back();
    }
    add(Token::Kind::Operator, std::string(spelling));
    advance(position + spelling.size());
    return true;
  }
  size_t length;
  decodeCharacter(source, position, length);
  return fail("unexpected character '" + source.substr(position, length) + "'");
}

/// Turns \r\n and \r into \n and drops one newline at the end.
static std::string normalizeNewlines(std::string_view source) {
  std::string result;
  result.reserve(source.size());
  for (size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r')
      result += source[i];
    else if (i + 1 == source.size() || source[i + 1] != '\n')
      result += '\n';
  }
  if (!result.empty() && result.back() == '\n')
    result.pop_back();
  return result;
}

bool tokenize(std::string_view source, std::vector<Token> &tokens,
              ChatTemplateError &error) {
  if (!isValidUtf8(source)) {
    error = {ChatTemplateError::Kind::Syntax, 1,
             "the template is not valid UTF-8"};
    return false;
  }
  return Lexer(normalizeNewlines(source), tokens, error).run();
}

} // namespace lamina::jinja
