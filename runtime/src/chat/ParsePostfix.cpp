//===- ParsePostfix.cpp - What follows a primary expression ---------------===//

#include "Parser.h"

namespace lamina::jinja {

using ErrorKind = ChatTemplateError::Kind;

static Suffix makeSuffix(Suffix::Kind kind, unsigned line) {
  Suffix suffix;
  suffix.kind = kind;
  suffix.line = line;
  return suffix;
}

void Parser::parsePostfix(std::vector<Suffix> &suffixes) {
  while (!failed) {
    if (atOperator(".")) {
      parseAttribute(suffixes);
    } else if (atOperator("[")) {
      parseSubscript(suffixes);
    } else if (atOperator("(")) {
      suffixes.push_back(makeSuffix(Suffix::Kind::Call, peek().line));
      parseArguments(suffixes.back());
    } else {
      break;
    }
  }
}

void Parser::parseFilters(std::vector<Suffix> &suffixes, bool onlyPipes) {
  while (!failed) {
    if (atOperator("|")) {
      suffixes.push_back(makeSuffix(Suffix::Kind::Filter, peek().line));
      next();
      Suffix &filter = suffixes.back();
      filter.name = parseDottedName();
      if (atOperator("("))
        parseArguments(filter);
    } else if (!onlyPipes && atName("is")) {
      parseTest(suffixes);
    } else if (!onlyPipes && atOperator("(")) {
      suffixes.push_back(makeSuffix(Suffix::Kind::Call, peek().line));
      parseArguments(suffixes.back());
    } else {
      break;
    }
  }
}

std::string Parser::parseDottedName() {
  std::string name = expectName("the name of a filter or test");
  while (skipOperator("."))
    name += "." + expectName("the name of a filter or test");
  return name;
}

void Parser::parseAttribute(std::vector<Suffix> &suffixes) {
  Suffix suffix = makeSuffix(Suffix::Kind::Attribute, peek().line);
  next();
  if (at(Token::Kind::Integer)) {
    suffix.kind = Suffix::Kind::Item;
    ExpressionPtr index = makeExpression(Expression::Kind::Constant);
    index->constant = Value::number(peek().integer);
    suffix.arguments.push_back(std::move(index));
    next();
  } else {
    suffix.name = expectName("the name of an attribute");
  }
  suffixes.push_back(std::move(suffix));
}

void Parser::parseSubscript(std::vector<Suffix> &suffixes) {
  Suffix suffix = makeSuffix(Suffix::Kind::Item, peek().line);
  next();
  if (!atOperator(":"))
    suffix.arguments.push_back(parseExpression());
  else
    suffix.arguments.push_back(nullptr);
  if (atOperator(":")) {
    suffix.kind = Suffix::Kind::Slice;
    for (int part = 0; part < 2; ++part) {
      bool hasPart = skipOperator(":") && !atOperator("]") &&
                     !atOperator(":") && !atOperator(",");
      suffix.arguments.push_back(hasPart ? parseExpression() : nullptr);
    }
  }
  if (atOperator(","))
    fail(ErrorKind::Unsupported, "a subscript with several indices");
  expectOperator("]");
  suffixes.push_back(std::move(suffix));
}

void Parser::parseTest(std::vector<Suffix> &suffixes) {
  Suffix test = makeSuffix(Suffix::Kind::Test, peek().line);
  next();
  if (skipName("not"))
    test.kind = Suffix::Kind::NotTest;
  test.name = parseDottedName();
  bool hasArgument = at(Token::Kind::Name) || at(Token::Kind::String) ||
                     at(Token::Kind::Integer) || at(Token::Kind::Float) ||
                     atOperator("[") || atOperator("{");
  if (atOperator("(")) {
    parseArguments(test);
  } else if (hasArgument && !atName("else") && !atName("or") &&
             !atName("and")) {
    if (atName("is")) {
      fail(ErrorKind::Syntax, "a test of a test, expected parentheses");
      return;
    }
    Nesting nesting(*this);
    ExpressionPtr argument = parsePrimary();
    std::vector<Suffix> inner;
    parsePostfix(inner);
    test.arguments.push_back(
        withSuffixes(std::move(argument), std::move(inner)));
  }
  suffixes.push_back(std::move(test));
}

/// Arguments in parentheses, into a call, a filter or a test.
void Parser::parseArguments(Suffix &call) {
  expectOperator("(");
  while (!failed && !atOperator(")")) {
    if (atOperator("*") || atOperator("**")) {
      fail(ErrorKind::Unsupported, "an argument with '" + peek().text + "'");
      return;
    }
    const Token &after = peek(1);
    if (at(Token::Kind::Name) && after.kind == Token::Kind::Operator &&
        after.text == "=") {
      Keyword keyword;
      keyword.name = peek().text;
      next();
      next();
      keyword.value = parseExpression();
      call.keywords.push_back(std::move(keyword));
    } else if (call.keywords.empty()) {
      call.arguments.push_back(parseExpression());
    } else {
      failExpected("no argument after one with a name");
      return;
    }
    if (!atOperator(")") && !expectOperator(","))
      return;
  }
  expectOperator(")");
}

} // namespace lamina::jinja
