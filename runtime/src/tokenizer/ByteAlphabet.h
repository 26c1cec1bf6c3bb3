//===- ByteAlphabet.h - GPT-2's printable names of bytes --------*- C++ -*-===//
//
// Vocabularies of byte-level BPE write each byte as one printable character:
// the bytes 33-126, 161-172 and 174-255 as the character of that number, the
// others, in order, as the characters from U+0100 on.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_TOKENIZER_BYTEALPHABET_H
#define LAMINA_RUNTIME_TOKENIZER_BYTEALPHABET_H

#include <optional>
#include <string>
#include <string_view>

namespace lamina {

/// The bytes that `text` names, or nothing if it has a character that names no
/// byte or is no valid UTF-8.
std::optional<std::string> fromByteAlphabet(std::string_view text);

/// Each byte as its character, in UTF-8.
std::string toByteAlphabet(std::string_view bytes);

} // namespace lamina

#endif // LAMINA_RUNTIME_TOKENIZER_BYTEALPHABET_H
