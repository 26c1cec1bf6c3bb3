//===- Methods.h - Methods of strings and dicts -----------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CHAT_METHODS_H
#define LAMINA_RUNTIME_CHAT_METHODS_H

#include "Interpreter.h"

namespace lamina::jinja {

enum class MethodStatus {
  Unknown, ///< Python has no such method.
  Supported,
  Unsupported, ///< Python has it, this interpreter does not.
  Mutating,    ///< The sandbox forbids it.
};

MethodStatus classifyMethod(const Value &object, std::string_view name);

/// Which ends a strip works on.
enum class Ends { Left = 1, Right = 2, Both = 3 };

/// `str.strip(characters)`; white space if `characters` is undefined or none.
Value strip(Interpreter &interpreter, const Value &text,
            const Value &characters, Ends ends);

/// `str.replace(from, to, count)`; all if `count` < 0.
Value replace(Interpreter &interpreter, const Text &text, const Text &from,
              const Text &to, int64_t count);

/// `str.join`.
Value join(Interpreter &interpreter, const Text &separator,
           const std::vector<std::shared_ptr<const Text>> &parts);

enum class Case { Upper, Lower, Title, Capitalized };

/// Case mapping of ASCII. Fails if the text has another character that may
/// have a case.
Value mapCase(Interpreter &interpreter, const Text &text, Case to);

} // namespace lamina::jinja

#endif // LAMINA_RUNTIME_CHAT_METHODS_H
