//===- Ast.h - Syntax tree of a Jinja template ------------------*- C++ -*-===//
//
// Chains of one precedence (`a + b - c`, `x.y[0] | f`) are one node, so that
// the depth of the tree is the nesting that a reader sees, not the length.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CHAT_AST_H
#define LAMINA_RUNTIME_CHAT_AST_H

#include "Value.h"

namespace lamina::jinja {

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

enum class Operator : uint8_t {
  // Arithmetic.
  Add,
  Subtract,
  Multiply,
  Divide,
  FloorDivide,
  Modulo,
  Power,
  // Comparison.
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  In,
  NotIn,
};

struct Keyword {
  std::string name;
  ExpressionPtr value;
};

/// What follows a primary expression.
struct Suffix {
  enum class Kind : uint8_t {
    Attribute, ///< .name
    Item,      ///< [arguments[0]]
    Slice,     ///< [a:b:c], three arguments, null if left out
    Call,      ///< (arguments, keywords)
    Filter,    ///< | name(arguments, keywords)
    Test,      ///< is name(arguments, keywords)
    NotTest,   ///< is not ...
  };
  Kind kind;
  unsigned line;
  std::string name;
  std::vector<ExpressionPtr> arguments;
  std::vector<Keyword> keywords;
};

struct Expression {
  enum class Kind : uint8_t {
    Constant,
    Name,
    List,
    Tuple,
    Dict,        ///< operands: key, value, key, value, ...
    Not,         ///< operands[0]
    Negate,      ///< operands[0]
    Plus,        ///< operands[0]
    And,         ///< operands, from the left
    Or,          ///< operands, from the left
    Concat,      ///< operands
    Arithmetic,  ///< operands[0] operators[0] operands[1] ..., from the left
    Compare,     ///< the same, as a chain of comparisons
    Conditional, ///< value, condition, and the other value or null
    Postfix,     ///< operands[0] with suffixes
  };
  Kind kind;
  unsigned line;
  unsigned name = 0; ///< Index of a Name.
  Value constant;
  std::vector<ExpressionPtr> operands;
  std::vector<Operator> operators;
  std::vector<Suffix> suffixes;
};

struct Target {
  enum class Kind : uint8_t { Name, NamespaceAttribute, Tuple };
  Kind kind = Kind::Name;
  unsigned name = 0;
  std::string attribute;
  std::vector<Target> elements;
};

struct Statement;
using Body = std::vector<std::unique_ptr<Statement>>;

struct Branch {
  ExpressionPtr condition; ///< Null for else.
  Body body;
};

struct Parameter {
  unsigned name;
  ExpressionPtr defaultValue;
};

struct MacroStatement {
  unsigned name = 0;
  std::vector<Parameter> parameters;
  Body body;
};

struct Statement {
  enum class Kind : uint8_t {
    Data,     ///< data
    Output,   ///< value
    If,       ///< branches
    For,      ///< target in value if condition: body, else orElse
    Set,      ///< target = value
    SetBlock, ///< target = body, through the filters
    Macro,    ///< macro
    Block,    ///< body, in a scope of its own
    Break,
    Continue,
  };
  Kind kind;
  unsigned line;
  Text data;
  ExpressionPtr value;
  ExpressionPtr condition;
  Target target;
  std::vector<Branch> branches;
  std::vector<Suffix> filters;
  Body body;
  Body orElse;
  MacroStatement macro;
};

struct Template {
  std::vector<std::string> names; ///< Of variables.
  Body body;
};

} // namespace lamina::jinja

#endif // LAMINA_RUNTIME_CHAT_AST_H
