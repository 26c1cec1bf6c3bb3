//===- JsonText.h - The characters of a JSON text ---------------*- C++ -*-===//
//
// What Json.cpp needs to know about single tokens and characters.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_LIB_IMPORT_JSONTEXT_H
#define LAMINA_LIB_IMPORT_JSONTEXT_H

#include "lamina/Support/Diagnostics.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lamina::json {

/// Returns `text` without JSON's blanks in front.
std::string_view trimFront(std::string_view text);

/// Returns `text` without JSON's blanks at both ends.
std::string_view trimBlanks(std::string_view text);

enum class NumberForm { None, Integer, Fraction };

/// Says whether the whole of `token` is a number of RFC 8259, section 6.
NumberForm classifyNumber(std::string_view token);

/// Returns the last character before `offset` that is no blank, or NUL.
char previousCharacter(std::string_view text, uint64_t offset);

/// Describes the character at `offset`: `'}'`, `byte 0x07`, `the end of the
/// file`.
std::string describeCharacter(std::string_view text, uint64_t offset);

/// Whether `text` has more than `limit` values (keys not counted), each of
/// which takes far more memory than in the text.
bool hasMoreValues(std::string_view text, size_t limit);

/// Where the strings of a text go wrong.
struct StringFault {
  uint64_t offset = 0;
  /// A control character inside a string; else a string without end, and
  /// `offset` is its opening quote.
  bool isControlCharacter = false;
};

/// Returns the first fault of a text that has one.
StringFault findStringFault(std::string_view text);

/// Returns the content of the file at `path`. Reports an error with code 5 if
/// it cannot be read, with code 3 if it has more than `maxBytes`.
std::optional<std::string> readFile(const std::string &path, uint64_t maxBytes,
                                    InputErrors &errors);

} // namespace lamina::json

#endif // LAMINA_LIB_IMPORT_JSONTEXT_H
