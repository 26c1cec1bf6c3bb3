//===- ByteTokens.h - SentencePiece's byte tokens ---------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_TOKENIZER_BYTETOKENS_H
#define LAMINA_RUNTIME_TOKENIZER_BYTETOKENS_H

#include <optional>
#include <string_view>

namespace lamina {

/// The byte that `<0xNN>`, with two upper-case digits, stands for, or nothing.
inline std::optional<unsigned char> parseByteToken(std::string_view text) {
  auto digit = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
  };
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>')
    return std::nullopt;
  int high = digit(text[3]), low = digit(text[4]);
  if (high < 0 || low < 0)
    return std::nullopt;
  return static_cast<unsigned char>(high * 16 + low);
}

} // namespace lamina

#endif // LAMINA_RUNTIME_TOKENIZER_BYTETOKENS_H
