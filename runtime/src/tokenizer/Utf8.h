//===- Utf8.h - Characters of text that may be damaged ----------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_TOKENIZER_UTF8_H
#define LAMINA_RUNTIME_TOKENIZER_UTF8_H

#include <cstdint>
#include <string>
#include <string_view>

namespace lamina {

/// What stands for bytes that are no character: U+FFFD.
constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

/// The start of a text.
struct Utf8Sequence {
  /// The character, U+FFFD if it is not well formed.
  char32_t character = 0;
  /// Bytes it takes, at least 1: of ill-formed text the maximal subpart
  /// (Unicode 16, section 3.9, "U+FFFD Substitution of Maximal Subparts").
  uint32_t length = 1;
  bool isValid = false;
  /// Whether the text ends here and more bytes could make it valid.
  bool isIncomplete = false;
};

/// Decodes the first character of `text`, which must not be empty.
Utf8Sequence decodeUtf8(std::string_view text);

/// Whether all of `text` is well-formed UTF-8 (Unicode 16, table 3-7).
bool isValidUtf8(std::string_view text);

/// Returns `text` with U+FFFD for each maximal subpart of ill-formed bytes.
std::string replaceInvalidUtf8(std::string_view text);

/// Bytes of the character that starts with `lead` in well-formed text.
inline uint32_t utf8Length(char lead) {
  auto byte = static_cast<unsigned char>(lead);
  return byte < 0x80 ? 1 : byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4;
}

/// Appends `character`, a scalar value, to `text`.
void appendUtf8(std::string &text, char32_t character);

} // namespace lamina

#endif // LAMINA_RUNTIME_TOKENIZER_UTF8_H
