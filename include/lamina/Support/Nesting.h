//===- Nesting.h - How deep a text nests, before it is parsed ---*- C++ -*-===//

#ifndef LAMINA_SUPPORT_NESTING_H
#define LAMINA_SUPPORT_NESTING_H

#include <cstddef>
#include <optional>
#include <string_view>

namespace lamina {

/// Deepest nesting of brackets that MLIR text may have. Real modules stay below
/// 20; MLIR's parser is recursive and overflows its stack at some ten thousand.
inline constexpr size_t kMaxNesting = 512;

/// Returns the byte offset of the first bracket of MLIR `text` that is nested
/// deeper than `kMaxNesting`, if there is one. Brackets in strings and comments
/// do not count, nor the `>` of `->`. Bytecode has no brackets to count.
std::optional<size_t> findDeepNesting(std::string_view text);

} // namespace lamina

#endif // LAMINA_SUPPORT_NESTING_H
