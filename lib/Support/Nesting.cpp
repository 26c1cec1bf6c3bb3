//===- Nesting.cpp - How deep a text nests, before it is parsed -----------===//

#include "lamina/Support/Nesting.h"

using namespace lamina;

/// Returns the offset behind the string or comment that begins at `i`, or `i`.
static size_t skipStringOrComment(std::string_view text, size_t i) {
  if (text[i] == '/' && i + 1 < text.size() && text[i + 1] == '/') {
    size_t end = text.find('\n', i);
    return end == std::string_view::npos ? text.size() : end;
  }
  if (text[i] != '"')
    return i;
  for (++i; i < text.size() && text[i] != '"' && text[i] != '\n'; ++i)
    if (text[i] == '\\')
      ++i;
  return i + 1;
}

std::optional<size_t> lamina::findDeepNesting(std::string_view text) {
  if (text.substr(0, 4) == "ML\xEFR")
    return std::nullopt; // bytecode
  size_t depth = 0;
  for (size_t i = 0; i < text.size();) {
    if (size_t end = skipStringOrComment(text, i); end != i) {
      i = end;
      continue;
    }
    bool isArrow = text[i] == '>' && i > 0 && text[i - 1] == '-';
    bool isComparison = i + 1 < text.size() && text[i + 1] == '=';
    switch (text[i]) {
    case '<':
      if (isComparison)
        break;
      [[fallthrough]];
    case '(':
    case '[':
    case '{':
      if (++depth > kMaxNesting)
        return i;
      break;
    case '>':
      if (isArrow || isComparison)
        break;
      [[fallthrough]];
    case ')':
    case ']':
    case '}':
      depth -= depth > 0;
      break;
    default:
      break;
    }
    ++i;
  }
  return std::nullopt;
}
