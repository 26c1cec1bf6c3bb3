//===- ByteAlphabet.cpp - GPT-2's printable names of bytes ----------------===//

#include "tokenizer/ByteAlphabet.h"

#include "tokenizer/Utf8.h"

#include <array>

using namespace lamina;

namespace {

constexpr bool namesItself(unsigned byte) {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) ||
         byte >= 174;
}

constexpr unsigned kFirstOther = 0x100;

/// The character of each byte.
constexpr std::array<char32_t, 256> makeNames() {
  std::array<char32_t, 256> names{};
  char32_t other = kFirstOther;
  for (unsigned byte = 0; byte < 256; ++byte)
    names[byte] = namesItself(byte) ? char32_t(byte) : other++;
  return names;
}
constexpr std::array<char32_t, 256> kNames = makeNames();

/// The byte of each character below 0x144, -1 where there is none.
constexpr std::array<int16_t, 0x144> makeBytes() {
  std::array<int16_t, 0x144> bytes{};
  for (int16_t &byte : bytes)
    byte = -1;
  for (unsigned byte = 0; byte < 256; ++byte)
    bytes[kNames[byte]] = int16_t(byte);
  return bytes;
}
constexpr std::array<int16_t, 0x144> kBytes = makeBytes();

} // namespace

std::optional<std::string> lamina::fromByteAlphabet(std::string_view text) {
  std::string bytes;
  while (!text.empty()) {
    Utf8Sequence sequence = decodeUtf8(text);
    if (!sequence.isValid || sequence.character >= kBytes.size() ||
        kBytes[sequence.character] < 0)
      return std::nullopt;
    bytes.push_back(char(kBytes[sequence.character]));
    text.remove_prefix(sequence.length);
  }
  return bytes;
}

std::string lamina::toByteAlphabet(std::string_view bytes) {
  std::string text;
  for (char byte : bytes)
    appendUtf8(text, kNames[static_cast<unsigned char>(byte)]);
  return text;
}
