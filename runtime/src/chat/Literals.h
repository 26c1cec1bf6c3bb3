//===- Literals.h - Numbers and strings as Python writes them ---*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CHAT_LITERALS_H
#define LAMINA_RUNTIME_CHAT_LITERALS_H

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace lamina::jinja {

struct NumberLiteral {
  size_t end = 0;
  bool isFloat = false;
  bool isTooLarge = false; ///< An integer that does not fit in 64 bits.
  int64_t integer = 0;
  double real = 0;
};

/// Reads the number that starts at `begin`, a digit. If `mayBeFloat` is not
/// set, the number ends before its point, as in `list.0.1`.
NumberLiteral lexNumberLiteral(std::string_view source, size_t begin,
                               bool mayBeFloat);

/// Resolves the escapes of a string literal. Returns false and sets `problem`
/// on an escape that Python refuses.
bool unescape(std::string_view literal, std::string &value,
              std::string &problem);

/// `int(text)`, base 10; nullopt where Python raises or 64 bits do not do.
std::optional<int64_t> parseInteger(std::string_view text);

/// `float(text)`; nullopt where Python raises.
std::optional<double> parseFloat(std::string_view text);

/// `repr` of a float: the shortest digits that read back as the same number.
std::string printFloat(double value);

} // namespace lamina::jinja

#endif // LAMINA_RUNTIME_CHAT_LITERALS_H
