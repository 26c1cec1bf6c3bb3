//===- Utf8.cpp - Well-formed UTF-8 ---------------------------------------===//

#include "lamina/Support/Utf8.h"

using namespace lamina;

size_t lamina::utf8SequenceLength(std::string_view text, size_t offset) {
  auto byteAt = [&](size_t index) -> unsigned {
    size_t at = offset + index;
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0u;
  };
  auto isContinuation = [&](size_t index) {
    return (byteAt(index) & 0xC0u) == 0x80u;
  };
  unsigned lead = byteAt(0), second = byteAt(1);
  if (lead < 0x80)
    return 1;
  if (lead < 0xC2 || lead > 0xF4 || !isContinuation(1))
    return 0;
  if (lead < 0xE0)
    return 2;
  if (lead < 0xF0) {
    bool isOverlong = lead == 0xE0 && second < 0xA0;
    bool isSurrogate = lead == 0xED && second > 0x9F;
    return isOverlong || isSurrogate || !isContinuation(2) ? 0 : 3;
  }
  bool isOverlong = lead == 0xF0 && second < 0x90;
  bool isTooLarge = lead == 0xF4 && second > 0x8F;
  if (isOverlong || isTooLarge || !isContinuation(2) || !isContinuation(3))
    return 0;
  return 4;
}

size_t lamina::findInvalidUtf8(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    size_t length = utf8SequenceLength(text, at);
    if (length == 0)
      return at;
    at += length;
  }
  return text.size();
}
