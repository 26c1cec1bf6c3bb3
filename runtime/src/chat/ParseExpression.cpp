//===- ParseExpression.cpp - Expressions of a Jinja template --------------===//

#include "Parser.h"

namespace lamina::jinja {

using ErrorKind = ChatTemplateError::Kind;

ExpressionPtr Parser::makeExpression(Expression::Kind kind) const {
  auto expression = std::make_unique<Expression>();
  expression->kind = kind;
  expression->line = peek().line;
  return expression;
}

bool Parser::atTupleEnd() const {
  return at(Token::Kind::VariableEnd) || at(Token::Kind::BlockEnd) ||
         at(Token::Kind::End) || atOperator(")") || atName("recursive");
}

/// An expression, or a tuple if commas follow.
ExpressionPtr Parser::parseTuple(bool withConditional, bool inParentheses) {
  ExpressionPtr tuple = makeExpression(Expression::Kind::Tuple);
  bool isTuple = false;
  while (!failed && !atTupleEnd()) {
    tuple->operands.push_back(parseExpression(withConditional));
    if (!skipOperator(","))
      break;
    isTuple = true;
  }
  if (!isTuple && tuple->operands.size() == 1)
    return std::move(tuple->operands[0]);
  if (!isTuple && !inParentheses)
    failExpected("an expression");
  return tuple;
}

ExpressionPtr Parser::parseExpression(bool withConditional) {
  Nesting nesting(*this);
  if (failed)
    return nullptr;
  ExpressionPtr value = parseOr();
  if (!withConditional || !atName("if"))
    return value;
  ExpressionPtr conditional = makeExpression(Expression::Kind::Conditional);
  next();
  conditional->operands.push_back(std::move(value));
  conditional->operands.push_back(parseOr());
  conditional->operands.push_back(skipName("else") ? parseExpression()
                                                   : nullptr);
  if (atName("if"))
    fail(ErrorKind::Unsupported, "a conditional expression without 'else' "
                                 "as the value of another one");
  return conditional;
}

ExpressionPtr Parser::parseChain(Expression::Kind kind, std::string_view name,
                                 ExpressionPtr (Parser::*parseOperand)()) {
  ExpressionPtr chain = makeExpression(kind);
  do
    chain->operands.push_back((this->*parseOperand)());
  while (skipName(name));
  if (chain->operands.size() == 1)
    return std::move(chain->operands[0]);
  return chain;
}

ExpressionPtr Parser::parseOr() {
  return parseChain(Expression::Kind::Or, "or", &Parser::parseAnd);
}

ExpressionPtr Parser::parseAnd() {
  return parseChain(Expression::Kind::And, "and", &Parser::parseNot);
}

ExpressionPtr Parser::parseNot() {
  if (!atName("not"))
    return parseCompare();
  Nesting nesting(*this);
  ExpressionPtr negation = makeExpression(Expression::Kind::Not);
  next();
  negation->operands.push_back(parseNot());
  return negation;
}

static bool findComparison(std::string_view spelling, Operator &result) {
  static const std::pair<std::string_view, Operator> comparisons[] = {
      {"==", Operator::Equal},  {"!=", Operator::NotEqual},
      {"<", Operator::Less},    {"<=", Operator::LessEqual},
      {">", Operator::Greater}, {">=", Operator::GreaterEqual},
  };
  for (const auto &[known, op] : comparisons) {
    if (known == spelling) {
      result = op;
      return true;
    }
  }
  return false;
}

ExpressionPtr Parser::parseCompare() {
  ExpressionPtr chain = makeExpression(Expression::Kind::Compare);
  chain->operands.push_back(parseSum());
  while (true) {
    Operator op;
    if (at(Token::Kind::Operator) && findComparison(peek().text, op)) {
      next();
    } else if (skipName("in")) {
      op = Operator::In;
    } else if (atName("not") && atName("in", 1)) {
      next();
      next();
      op = Operator::NotIn;
    } else {
      break;
    }
    chain->operators.push_back(op);
    chain->operands.push_back(parseSum());
  }
  if (chain->operators.empty())
    return std::move(chain->operands[0]);
  return chain;
}

static Operator arithmeticOperator(std::string_view spelling) {
  if (spelling == "+")
    return Operator::Add;
  if (spelling == "-")
    return Operator::Subtract;
  if (spelling == "*")
    return Operator::Multiply;
  if (spelling == "/")
    return Operator::Divide;
  if (spelling == "//")
    return Operator::FloorDivide;
  return spelling == "%" ? Operator::Modulo : Operator::Power;
}

ExpressionPtr Parser::parseArithmetic(Names spellings,
                                      ExpressionPtr (Parser::*parseOperand)()) {
  ExpressionPtr chain = makeExpression(Expression::Kind::Arithmetic);
  while (true) {
    chain->operands.push_back((this->*parseOperand)());
    bool found = false;
    for (std::string_view spelling : spellings) {
      if (!skipOperator(spelling))
        continue;
      chain->operators.push_back(arithmeticOperator(spelling));
      found = true;
      break;
    }
    if (!found)
      break;
  }
  if (chain->operators.empty())
    return std::move(chain->operands[0]);
  return chain;
}

ExpressionPtr Parser::parseSum() {
  return parseArithmetic({"+", "-"}, &Parser::parseConcat);
}

ExpressionPtr Parser::parseConcat() {
  ExpressionPtr chain = makeExpression(Expression::Kind::Concat);
  do
    chain->operands.push_back(parseProduct());
  while (skipOperator("~"));
  if (chain->operands.size() == 1)
    return std::move(chain->operands[0]);
  return chain;
}

ExpressionPtr Parser::parseProduct() {
  return parseArithmetic({"*", "/", "//", "%"}, &Parser::parsePower);
}

/// From the left, unlike in Python.
ExpressionPtr Parser::parsePower() {
  return parseArithmetic({"**"}, &Parser::parseSigned);
}

ExpressionPtr Parser::parseUnary(bool withFilters) {
  ExpressionPtr value;
  if (atOperator("-") || atOperator("+")) {
    Nesting nesting(*this);
    value = makeExpression(atOperator("-") ? Expression::Kind::Negate
                                           : Expression::Kind::Plus);
    next();
    value->operands.push_back(parseUnary(/*withFilters=*/false));
  } else {
    value = parsePrimary();
  }
  std::vector<Suffix> suffixes;
  parsePostfix(suffixes);
  if (withFilters)
    parseFilters(suffixes);
  return withSuffixes(std::move(value), std::move(suffixes));
}

ExpressionPtr Parser::withSuffixes(ExpressionPtr base,
                                   std::vector<Suffix> suffixes) {
  if (suffixes.empty())
    return base;
  ExpressionPtr result = makeExpression(Expression::Kind::Postfix);
  result->line = suffixes[0].line;
  result->operands.push_back(std::move(base));
  result->suffixes = std::move(suffixes);
  return result;
}

ExpressionPtr Parser::parsePrimary() {
  switch (peek().kind) {
  case Token::Kind::Name:
    return parseNameOrConstant();
  case Token::Kind::String:
    return parseStrings();
  case Token::Kind::Integer:
  case Token::Kind::Float: {
    ExpressionPtr value = makeExpression(Expression::Kind::Constant);
    value->constant = at(Token::Kind::Integer) ? Value::number(peek().integer)
                                               : Value::number(peek().real);
    next();
    return value;
  }
  default:
    break;
  }
  if (skipOperator("(")) {
    ExpressionPtr value = parseTuple(/*withConditional=*/true,
                                     /*inParentheses=*/true);
    expectOperator(")");
    return value;
  }
  if (atOperator("["))
    return parseList();
  if (atOperator("{"))
    return parseDict();
  failExpected("an expression");
  return nullptr;
}

ExpressionPtr Parser::parseNameOrConstant() {
  const std::string &name = peek().text;
  ExpressionPtr value = makeExpression(Expression::Kind::Constant);
  if (name == "true" || name == "True") {
    value->constant = Value::boolean(true);
  } else if (name == "false" || name == "False") {
    value->constant = Value::boolean(false);
  } else if (name == "none" || name == "None") {
    value->constant = Value::none();
  } else {
    if (inMacro &&
        (name == "varargs" || name == "kwargs" || name == "caller")) {
      fail(ErrorKind::Unsupported, "'" + name + "' in a macro");
      return nullptr;
    }
    value->kind = Expression::Kind::Name;
    value->name = intern(name);
  }
  next();
  return value;
}

/// Strings side by side are one string.
ExpressionPtr Parser::parseStrings() {
  ExpressionPtr value = makeExpression(Expression::Kind::Constant);
  Text text;
  for (; at(Token::Kind::String); next())
    text.append(peek().text, /*fromUser=*/false);
  value->constant = Value::string(std::move(text));
  return value;
}

ExpressionPtr Parser::parseList() {
  ExpressionPtr list = makeExpression(Expression::Kind::List);
  next();
  while (!failed && !atOperator("]")) {
    list->operands.push_back(parseExpression());
    if (!atOperator("]") && !expectOperator(","))
      break;
  }
  expectOperator("]");
  return list;
}

ExpressionPtr Parser::parseDict() {
  ExpressionPtr dict = makeExpression(Expression::Kind::Dict);
  next();
  while (!failed && !atOperator("}")) {
    dict->operands.push_back(parseExpression());
    expectOperator(":");
    dict->operands.push_back(parseExpression());
    if (!atOperator("}") && !expectOperator(","))
      break;
  }
  expectOperator("}");
  return dict;
}

} // namespace lamina::jinja
