//===- UnicodeTables.h - Letters, numbers and spaces ------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_TOKENIZER_UNICODETABLES_H
#define LAMINA_RUNTIME_TOKENIZER_UNICODETABLES_H

#include <cstddef>
#include <cstdint>

namespace lamina {

/// First and last code point.
struct CodePointRange {
  uint32_t low;
  uint32_t high;
};

/// General categories L* and N*, ascending.
extern const CodePointRange kLetterRanges[];
extern const size_t kLetterRangesCount;
extern const CodePointRange kNumberRanges[];
extern const size_t kNumberRangesCount;

/// What pre-tokenizers tell apart: `\p{L}`, `\p{N}`, `\s`, all else. `\s` is
/// the property White_Space.
enum class CharacterClass : uint8_t { Other, Letter, Number, Space };

CharacterClass classify(char32_t character);

} // namespace lamina

#endif // LAMINA_RUNTIME_TOKENIZER_UNICODETABLES_H
