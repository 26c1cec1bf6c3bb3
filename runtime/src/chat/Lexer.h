//===- Lexer.h - Tokens of a Jinja template ---------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CHAT_LEXER_H
#define LAMINA_RUNTIME_CHAT_LEXER_H

#include "ChatTemplate.h"

namespace lamina::jinja {

struct Token {
  enum class Kind {
    Data,          ///< Text outside of tags, white space control applied.
    VariableBegin, ///< {{
    VariableEnd,   ///< }}
    BlockBegin,    ///< {%
    BlockEnd,      ///< %}
    Name,
    String, ///< `text` is the value, escapes resolved.
    Integer,
    Float,
    Operator,
    End,
  };
  Kind kind;
  unsigned line;
  std::string text;
  int64_t integer = 0;
  double real = 0;
};

/// Splits a template into tokens, of which the last is End. White space is
/// handled as with trim_blocks and lstrip_blocks, and one newline at the end of
/// the template is dropped. Returns false and sets `error` on a syntax error.
bool tokenize(std::string_view source, std::vector<Token> &tokens,
              ChatTemplateError &error);

} // namespace lamina::jinja

#endif // LAMINA_RUNTIME_CHAT_LEXER_H
