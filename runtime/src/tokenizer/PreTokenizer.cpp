//===- PreTokenizer.cpp - Text to words -----------------------------------===//

#include "tokenizer/PreTokenizer.h"

#include "tokenizer/UnicodeTables.h"
#include "tokenizer/Utf8.h"

using namespace lamina;

namespace {

/// Reads valid UTF-8 character by character.
class Scanner {
public:
  explicit Scanner(std::string_view text) : text(text) { load(); }

  bool isAtEnd() const { return at == text.size(); }
  size_t position() const { return at; }
  /// Not to be asked at the end.
  char32_t character() const { return current; }

  bool is(CharacterClass wanted) const { return !isAtEnd() && kind == wanted; }
  bool isNewline() const {
    return !isAtEnd() && (current == '\r' || current == '\n');
  }

  void advance() {
    at += length;
    load();
  }
  void moveTo(size_t position) {
    at = position;
    load();
  }
  /// Skips at most `limit` characters of the class.
  void skip(CharacterClass wanted, size_t limit = SIZE_MAX) {
    for (; limit > 0 && is(wanted); --limit)
      advance();
  }

private:
  void load() {
    if (isAtEnd())
      return;
    Utf8Sequence sequence = decodeUtf8(text.substr(at));
    current = sequence.character;
    length = sequence.length;
    kind = classify(current);
  }

  std::string_view text;
  size_t at = 0;
  char32_t current = 0;
  uint32_t length = 0;
  CharacterClass kind = CharacterClass::Other;
};

/// ASCII letters to lower case; U+017F, whose case folding is `s`, to `s`.
char32_t foldLetter(char32_t c) {
  if (c == 0x17F)
    return 's';
  return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

/// Skips 's, 't, 're, 've, 'm, 'll or 'd, or stays where it is.
bool skipContraction(Scanner &scanner, bool foldsCase) {
  size_t start = scanner.position();
  auto next = [&]() -> char32_t {
    scanner.advance();
    if (scanner.isAtEnd())
      return 0;
    return foldsCase ? foldLetter(scanner.character()) : scanner.character();
  };
  if (scanner.character() != '\'')
    return false;
  char32_t first = next();
  bool isMatch = first == 's' || first == 't' || first == 'm' || first == 'd';
  if (first == 'r' || first == 'v')
    isMatch = next() == 'e';
  else if (first == 'l')
    isMatch = next() == 'l';
  if (isMatch)
    scanner.advance();
  else
    scanner.moveTo(start);
  return isMatch;
}

/// `\s+(?!\S)|\s+`, and before it `\s*[\r\n]+` if `endsAtNewline`. The scanner
/// is at a space.
void skipSpaces(Scanner &scanner, bool endsAtNewline) {
  size_t start = scanner.position(), last = start, behindNewline = start;
  while (scanner.is(CharacterClass::Space)) {
    last = scanner.position();
    bool isNewline = scanner.isNewline();
    scanner.advance();
    if (isNewline)
      behindNewline = scanner.position();
  }
  if (endsAtNewline && behindNewline != start)
    return scanner.moveTo(behindNewline);
  // The last space belongs to the word behind it, unless it is the only one.
  if (!scanner.isAtEnd() && last != start)
    scanner.moveTo(last);
}

void skipGpt2Word(Scanner &scanner) {
  if (skipContraction(scanner, /*foldsCase=*/false))
    return;
  size_t start = scanner.position();
  if (scanner.character() == ' ')
    scanner.advance();
  for (CharacterClass kind :
       {CharacterClass::Letter, CharacterClass::Number, CharacterClass::Other})
    if (scanner.is(kind))
      return scanner.skip(kind);
  scanner.moveTo(start);
  skipSpaces(scanner, /*endsAtNewline=*/false);
}

void skipLlama3Word(Scanner &scanner) {
  constexpr size_t maxDigits = 3;
  if (skipContraction(scanner, /*foldsCase=*/true))
    return;
  size_t start = scanner.position();
  bool mayPrecedeLetters = !scanner.isNewline() &&
                           !scanner.is(CharacterClass::Letter) &&
                           !scanner.is(CharacterClass::Number);
  bool isSpace = scanner.character() == ' ';
  if (mayPrecedeLetters)
    scanner.advance();
  if (scanner.is(CharacterClass::Letter))
    return scanner.skip(CharacterClass::Letter);
  if (!mayPrecedeLetters && scanner.is(CharacterClass::Number))
    return scanner.skip(CharacterClass::Number, maxDigits);
  if (!isSpace)
    scanner.moveTo(start);
  if (scanner.is(CharacterClass::Other)) {
    scanner.skip(CharacterClass::Other);
    while (scanner.isNewline())
      scanner.advance();
    return;
  }
  scanner.moveTo(start);
  skipSpaces(scanner, /*endsAtNewline=*/true);
}

void splitByScanner(PreTokenizerKind kind, std::string_view text,
                    std::vector<std::string_view> &words) {
  Scanner scanner(text);
  while (!scanner.isAtEnd()) {
    size_t start = scanner.position();
    if (kind == PreTokenizerKind::Gpt2)
      skipGpt2Word(scanner);
    else
      skipLlama3Word(scanner);
    words.push_back(text.substr(start, scanner.position() - start));
  }
}

void splitAtDigits(std::string_view text,
                   std::vector<std::string_view> &words) {
  Scanner scanner(text);
  size_t start = 0;
  auto splitUpTo = [&](size_t end) {
    splitByScanner(PreTokenizerKind::Gpt2, text.substr(start, end - start),
                   words);
    start = end;
  };
  while (!scanner.isAtEnd()) {
    if (scanner.is(CharacterClass::Number)) {
      splitUpTo(scanner.position());
      scanner.advance();
      splitUpTo(scanner.position());
    } else {
      scanner.advance();
    }
  }
  splitUpTo(text.size());
}

/// A word starts at each `▁`.
void splitAtSpaceMarks(std::string_view text,
                       std::vector<std::string_view> &words) {
  constexpr std::string_view mark = "\xE2\x96\x81";
  size_t start = 0;
  while (start < text.size()) {
    size_t end = text.find(mark, start + 1);
    end = end == std::string_view::npos ? text.size() : end;
    words.push_back(text.substr(start, end - start));
    start = end;
  }
}

} // namespace

void lamina::splitIntoWords(PreTokenizerKind kind, std::string_view text,
                            std::vector<std::string_view> &words) {
  switch (kind) {
  case PreTokenizerKind::None:
    if (!text.empty())
      words.push_back(text);
    return;
  case PreTokenizerKind::DigitsGpt2:
    return splitAtDigits(text, words);
  case PreTokenizerKind::Spaces:
    return splitAtSpaceMarks(text, words);
  case PreTokenizerKind::Gpt2:
  case PreTokenizerKind::Llama3:
    return splitByScanner(kind, text, words);
  }
}
