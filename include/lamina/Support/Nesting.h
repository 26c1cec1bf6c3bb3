//===- Nesting.h - How deep a text nests, before it is parsed ---*- C++ -*-===//
//
// MLIR's parser, verifier and printer are recursive: text that nests too deep
// overflows their stack. It is found here before it is parsed.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_SUPPORT_NESTING_H
#define LAMINA_SUPPORT_NESTING_H

#include "lamina/Support/Diagnostics.h"

#include <optional>
#include <string>
#include <string_view>

namespace lamina {

/// Deepest nesting of brackets that MLIR text may have, also by aliases: an
/// attribute that is named inside another is one level deeper. Real modules
/// stay below 20; MLIR overflows its stack at some thousands.
inline constexpr size_t kMaxNesting = 512;

/// Operators that an affine expression may have on one level of parentheses.
/// Each is a level of recursion, in the parser or for who walks the expression.
inline constexpr size_t kMaxOperators = 2000;

/// Names that the value of an alias may consist of, those in its own names
/// included, where MLIR prints it in full: names that each stand for two others
/// make an endless text.
inline constexpr size_t kMaxAliases = 100000;

/// Returns an error at the byte of MLIR `text` that is nested deeper than
/// `kMaxNesting`, is the operator after `kMaxOperators`, or the alias with
/// which another has more than `kMaxAliases`, if there is one. Strings and
/// comments do not count, nor the `>` of `->`. `file` is for the message.
/// Bytecode has no brackets to count.
std::optional<InputError> findDeepNesting(std::string_view file,
                                          std::string_view text);

} // namespace lamina

#endif // LAMINA_SUPPORT_NESTING_H
