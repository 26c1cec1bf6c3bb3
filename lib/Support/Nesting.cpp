//===- Nesting.cpp - How deep a text nests, before it is parsed -----------===//

#include "lamina/Support/Nesting.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

using namespace lamina;

namespace {

/// How much an alias is of the text that it stands for.
struct AliasValue {
  size_t depth = 0; // of brackets
  size_t names = 0; // of aliases in it, and in those, and so on
};

/// Stands for the last character of `->`.
constexpr char kArrow = '\1';

bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool isNameCharacter(char c) {
  return isLetter(c) || (c >= '0' && c <= '9') || c == '$' || c == '.';
}

/// Walks over a text once, and knows at each byte how deep it is.
class NestingScanner {
public:
  explicit NestingScanner(std::string_view text) : text(text) {}

  /// Goes to the first byte that is too deep; returns false if there is none.
  bool run();

  size_t getOffset() const { return offset; }
  /// What there is too much of, and how much there may be.
  std::string_view getExcess() const { return excess; }
  size_t getLimit() const { return limit; }

private:
  /// What is known of an open bracket.
  struct Level {
    char bracket;
    size_t operators; // of the expression that it holds
  };

  bool skipComment();
  bool skipString();
  void endAlias();
  bool visitName();
  bool visitAlias();
  bool visitPunctuation();
  bool open(char bracket);
  void close();
  bool countOperator();
  bool deepen(size_t depth);
  bool addNames(size_t names);
  bool refuse(std::string_view what, size_t most);
  void finishAlias();

  bool follows(char c) const {
    return offset + 1 < text.size() && text[offset + 1] == c;
  }
  std::string_view readName(size_t begin) const;

  std::string_view text;
  size_t offset = 0;
  std::vector<Level> levels{{'\0', 0}};
  /// The alias that is being defined, its value so far, and the first
  /// character of that.
  std::string_view alias;
  AliasValue value;
  char firstOfValue = '\0';
  /// The last character that is neither blank nor in a comment.
  char last = '\0';
  /// Only looked up in, never walked.
  std::unordered_map<std::string_view, AliasValue> aliases;
  std::string_view excess;
  size_t limit = 0;
};

} // namespace

bool NestingScanner::skipComment() {
  if (text[offset] != '/' || !follows('/'))
    return false;
  offset = std::min(text.find('\n', offset), text.size());
  return true;
}

bool NestingScanner::skipString() {
  if (text[offset] != '"')
    return false;
  for (++offset;
       offset < text.size() && text[offset] != '"' && text[offset] != '\n';
       ++offset)
    if (text[offset] == '\\')
      ++offset;
  offset = std::min(offset + 1, text.size());
  return true;
}

/// At the end of a line: ends the definition of an alias if the line before is
/// complete and the next one begins something else.
void NestingScanner::endAlias() {
  size_t next = text.find_first_not_of(" \t\r\n", offset);
  bool isOpen = levels.size() > 1 || last == ':' || last == '=' ||
                last == ',' || last == kArrow;
  bool goesOn =
      next != std::string_view::npos && !isLetter(text[next]) &&
      std::string_view("#!%\"@").find(text[next]) == std::string_view::npos;
  if (alias.empty() || isOpen || goesOn)
    return;
  finishAlias();
}

void NestingScanner::finishAlias() {
  if (!alias.empty())
    aliases[alias] = value;
  alias = {};
  value = {};
}

std::string_view NestingScanner::readName(size_t begin) const {
  size_t end = begin;
  while (end < text.size() && isNameCharacter(text[end]))
    ++end;
  return text.substr(begin, end - begin);
}

bool NestingScanner::refuse(std::string_view what, size_t most) {
  excess = what;
  limit = most;
  return true;
}

/// Notes that something is `depth` levels deep; returns whether that is too
/// deep.
bool NestingScanner::deepen(size_t depth) {
  value.depth = std::max(value.depth, depth);
  return depth > kMaxNesting && refuse("levels", kMaxNesting);
}

/// Notes that the alias that is being defined stands for `names` more names;
/// returns whether these are too many. Locations, and attributes of dialects,
/// may be many: they are printed as aliases again.
bool NestingScanner::addNames(size_t names) {
  value.names = std::min(value.names + names, kMaxAliases + 1);
  bool isPrintedWhole =
      !alias.empty() &&
      (alias.front() == '!' || firstOfValue == '[' || firstOfValue == '{');
  return isPrintedWhole && value.names > kMaxAliases &&
         refuse("names in an alias", kMaxAliases);
}

bool NestingScanner::open(char bracket) {
  levels.push_back({bracket, 0});
  return deepen(levels.size() - 1);
}

void NestingScanner::close() {
  if (levels.size() > 1)
    levels.pop_back();
}

/// Affine expressions stand in parentheses; elsewhere `-` is a sign.
bool NestingScanner::countOperator() {
  return levels.back().bracket == '(' &&
         ++levels.back().operators > kMaxOperators &&
         refuse("operators", kMaxOperators);
}

/// Reads a word, which may be an operator of affine expressions.
bool NestingScanner::visitName() {
  std::string_view name = readName(offset);
  if ((name == "mod" || name == "floordiv" || name == "ceildiv") &&
      countOperator())
    return true;
  offset += name.size();
  return false;
}

/// Reads `#name` or `!name`: the definition of an alias, or the use of one.
bool NestingScanner::visitAlias() {
  std::string_view name = readName(offset + 1);
  size_t end = offset + 1 + name.size();
  std::string_view key = text.substr(offset, 1 + name.size());
  size_t next = text.find_first_not_of(" \t\r\n", end);
  bool isDefinition = levels.size() == 1 && next != std::string_view::npos &&
                      text.substr(next, 1) == "=";
  if (isDefinition) {
    finishAlias();
    alias = key;
    size_t begin = text.find_first_not_of(" \t\r\n", next + 1);
    firstOfValue = begin == std::string_view::npos ? '\0' : text[begin];
  } else if (auto known = aliases.find(key); known != aliases.end()) {
    if (deepen(levels.size() - 1 + known->second.depth) ||
        addNames(1 + known->second.names))
      return true;
  }
  offset = end;
  return false;
}

bool NestingScanner::visitPunctuation() {
  char c = text[offset];
  switch (c) {
  case '<':
    // A comparison of an integer set, which begins another expression.
    if (follows('='))
      levels.back().operators = 0;
    return !follows('=') && open(c);
  case '(':
  case '[':
  case '{':
    return open(c);
  case '>':
    if (follows('='))
      levels.back().operators = 0;
    else
      close();
    return false;
  case ')':
  case ']':
  case '}':
    close();
    return false;
  case ',':
  case ':':
  case '=':
    levels.back().operators = 0;
    return false;
  case '-':
    if (follows('>')) {
      ++offset;
      last = kArrow;
      return false;
    }
    return countOperator();
  case '+':
  case '*':
    return countOperator();
  default:
    return false;
  }
}

bool NestingScanner::run() {
  while (offset < text.size()) {
    char c = text[offset];
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      if (c == '\n')
        endAlias();
      ++offset;
      continue;
    }
    if (skipComment())
      continue;
    last = c;
    if (skipString())
      continue;
    bool isName = isNameCharacter(c), isAlias = c == '#' || c == '!';
    if (isName ? visitName() : isAlias ? visitAlias() : visitPunctuation())
      return true;
    offset += !isName && !isAlias;
  }
  return false;
}

std::optional<InputError> lamina::findDeepNesting(std::string_view file,
                                                  std::string_view text) {
  NestingScanner scanner(text);
  if (text.substr(0, 4) == "ML\xEFR" || !scanner.run())
    return std::nullopt;
  bool isExpression = scanner.getLimit() == kMaxOperators;
  return InputError{ExitCode::Malformed,
                    std::string(file),
                    byteOffset(scanner.getOffset()),
                    isExpression ? "expression" : "nesting",
                    "more than " + std::to_string(scanner.getLimit()) + " " +
                        std::string(scanner.getExcess()),
                    "at most that",
                    ""};
}
