//===- CharacterClass.cpp - Letters, numbers and spaces -------------------===//

#include "tokenizer/UnicodeTables.h"

#include <algorithm>

using namespace lamina;

static bool isWhiteSpace(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 ||
         c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 ||
         c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

static bool contains(const CodePointRange *ranges, size_t count, char32_t c) {
  const CodePointRange *found =
      std::lower_bound(ranges, ranges + count, c,
                       [](const CodePointRange &range, char32_t character) {
                         return range.high < character;
                       });
  return found != ranges + count && found->low <= c;
}

CharacterClass lamina::classify(char32_t character) {
  if (isWhiteSpace(character))
    return CharacterClass::Space;
  if (character < 0x80) {
    char32_t lower = character | 0x20u;
    if (lower >= 'a' && lower <= 'z')
      return CharacterClass::Letter;
    return character >= '0' && character <= '9' ? CharacterClass::Number
                                                : CharacterClass::Other;
  }
  if (contains(kLetterRanges, kLetterRangesCount, character))
    return CharacterClass::Letter;
  if (contains(kNumberRanges, kNumberRangesCount, character))
    return CharacterClass::Number;
  return CharacterClass::Other;
}
