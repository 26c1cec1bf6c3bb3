//===- Utf8.cpp - Characters of text that may be damaged ------------------===//

#include "tokenizer/Utf8.h"

using namespace lamina;

namespace {

/// What may follow a lead byte: bytes in all, and the range of the second.
struct LeadByte {
  uint32_t length;
  unsigned char low, high;
};

LeadByte classifyLead(unsigned char lead) {
  if (lead < 0x80)
    return {1, 0, 0};
  if (lead < 0xC2 || lead > 0xF4)
    return {0, 0, 0};
  if (lead < 0xE0)
    return {2, 0x80, 0xBF};
  if (lead < 0xF0) // no overlong forms, no surrogates
    return {3, static_cast<unsigned char>(lead == 0xE0 ? 0xA0 : 0x80),
            static_cast<unsigned char>(lead == 0xED ? 0x9F : 0xBF)};
  return {4, static_cast<unsigned char>(lead == 0xF0 ? 0x90 : 0x80),
          static_cast<unsigned char>(lead == 0xF4 ? 0x8F : 0xBF)};
}

} // namespace

Utf8Sequence lamina::decodeUtf8(std::string_view text) {
  auto lead = static_cast<unsigned char>(text[0]);
  LeadByte rule = classifyLead(lead);
  if (rule.length == 0)
    return {0xFFFD, 1, false, false};
  if (rule.length == 1)
    return {lead, 1, true, false};
  char32_t character = lead & (0x7Fu >> rule.length);
  for (uint32_t i = 1; i < rule.length; ++i) {
    if (i == text.size())
      return {0xFFFD, i, false, true};
    auto byte = static_cast<unsigned char>(text[i]);
    unsigned char low = i == 1 ? rule.low : 0x80;
    unsigned char high = i == 1 ? rule.high : 0xBF;
    if (byte < low || byte > high)
      return {0xFFFD, i, false, false};
    character = (character << 6) | (byte & 0x3Fu);
  }
  return {character, rule.length, true, false};
}

bool lamina::isValidUtf8(std::string_view text) {
  while (!text.empty()) {
    Utf8Sequence sequence = decodeUtf8(text);
    if (!sequence.isValid)
      return false;
    text.remove_prefix(sequence.length);
  }
  return true;
}

std::string lamina::replaceInvalidUtf8(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    Utf8Sequence sequence = decodeUtf8(text);
    result += sequence.isValid ? text.substr(0, sequence.length)
                               : kReplacementCharacter;
    text.remove_prefix(sequence.length);
  }
  return result;
}

void lamina::appendUtf8(std::string &text, char32_t character) {
  auto add = [&](char32_t byte) { text.push_back(char(byte)); };
  auto addTail = [&](unsigned shift) {
    add(0x80u | ((character >> shift) & 0x3Fu));
  };
  if (character < 0x80) {
    add(character);
  } else if (character < 0x800) {
    add(0xC0u | (character >> 6));
    addTail(0);
  } else if (character < 0x10000) {
    add(0xE0u | (character >> 12));
    addTail(6);
    addTail(0);
  } else {
    add(0xF0u | (character >> 18));
    addTail(12);
    addTail(6);
    addTail(0);
  }
}
