//===- Utf8.h - Well-formed UTF-8 -------------------------------*- C++ -*-===//

#ifndef LAMINA_SUPPORT_UTF8_H
#define LAMINA_SUPPORT_UTF8_H

#include <cstddef>
#include <string_view>

namespace lamina {

/// Returns the length, 1 to 4, of the well-formed UTF-8 sequence at `offset`
/// (Unicode 15, table 3-7: no overlong forms, no surrogates, nothing over
/// U+10FFFF), or 0 if there is none. `offset` must lie inside `text`.
size_t utf8SequenceLength(std::string_view text, size_t offset);

/// Returns the offset of the first byte that starts no well-formed sequence, or
/// `text.size()` if there is none.
size_t findInvalidUtf8(std::string_view text);

} // namespace lamina

#endif // LAMINA_SUPPORT_UTF8_H
