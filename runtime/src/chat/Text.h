//===- Text.h - Strings that know where they came from ----------*- C++ -*-===//
//
// A string of UTF-8 bytes in runs that came either from the template or from
// the content of a message, and the Python rules for white space and
// characters.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CHAT_TEXT_H
#define LAMINA_RUNTIME_CHAT_TEXT_H

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lamina::jinja {

class Text {
public:
  /// Bytes up to `end` (from the end of the previous run) of one origin.
  struct Run {
    size_t end;
    bool fromUser;
  };

  Text() = default;
  explicit Text(std::string_view bytes, bool fromUser = false) {
    append(bytes, fromUser);
  }

  std::string_view view() const { return bytes; }
  size_t size() const { return bytes.size(); }
  bool empty() const { return bytes.empty(); }
  const std::vector<Run> &getRuns() const { return runs; }

  /// Memory that the text takes, roughly; the unit in which work is charged.
  size_t footprint() const { return bytes.size() + runs.size() * sizeof(Run); }

  void append(std::string_view more, bool fromUser);
  void append(const Text &more) { append(more, 0, more.size()); }
  /// Appends the bytes [begin, end) of `more`.
  void append(const Text &more, size_t begin, size_t end);
  Text slice(size_t begin, size_t end) const;

  /// Origin of the byte at `position`.
  bool isFromUser(size_t position) const;

  /// Replaces each byte by `map(byte, index)`.
  template <typename Map>
  void mapBytes(Map map) {
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = map(bytes[i], i);
  }

private:
  std::string bytes;
  std::vector<Run> runs;
};

/// Decodes the character at `position` and sets `length` to its bytes. A byte
/// that starts no valid character counts as a character by itself; its value
/// is then 0xDC00 plus the byte, a code point that no valid text has.
uint32_t decodeCharacter(std::string_view text, size_t position,
                         size_t &length);

/// Where the character before `position` (> 0) starts.
size_t previousCharacter(std::string_view text, size_t position);

/// Number of characters.
size_t countCharacters(std::string_view text);

bool isValidUtf8(std::string_view text);

void appendUtf8(std::string &out, uint32_t codePoint);

/// `str.isspace` of one character.
bool isSpace(uint32_t codePoint);

/// The first byte that is not white space, or the size.
size_t skipSpace(std::string_view text, size_t position = 0);

/// The end of the text without white space at its end.
size_t trimmedEnd(std::string_view text);

/// Whether a character is known to be the same in upper and lower case. Case
/// mapping is done for ASCII only.
bool isCaseless(uint32_t codePoint);

} // namespace lamina::jinja

#endif // LAMINA_RUNTIME_CHAT_TEXT_H
