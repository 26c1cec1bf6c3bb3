//===- Parser.cpp - Statements of a Jinja template ------------------------===//

#include "Parser.h"

#include <algorithm>

namespace lamina::jinja {

using ErrorKind = ChatTemplateError::Kind;

Parser::Nesting::Nesting(Parser &parser) : parser(parser) {
  if (++parser.depth > parser.depthLimit)
    parser.fail(ErrorKind::Limit, "nested more than " +
                                      std::to_string(parser.depthLimit) +
                                      " deep");
}

//===----------------------------------------------------------------------===//
// Tokens
//===----------------------------------------------------------------------===//

const Token &Parser::peek(size_t ahead) const {
  return tokens[std::min(position + ahead, tokens.size() - 1)];
}

bool Parser::atOperator(std::string_view spelling) const {
  return at(Token::Kind::Operator) && peek().text == spelling;
}

bool Parser::atName(std::string_view name, size_t ahead) const {
  const Token &token = peek(ahead);
  return token.kind == Token::Kind::Name && token.text == name;
}

void Parser::next() {
  if (position + 1 < tokens.size())
    ++position;
}

bool Parser::skipOperator(std::string_view spelling) {
  bool found = atOperator(spelling);
  if (found)
    next();
  return found;
}

bool Parser::skipName(std::string_view name) {
  bool found = atName(name);
  if (found)
    next();
  return found;
}

bool Parser::expectOperator(std::string_view spelling) {
  if (skipOperator(spelling))
    return true;
  failExpected("'" + std::string(spelling) + "'");
  return false;
}

bool Parser::expect(Token::Kind kind, std::string_view what) {
  if (!at(kind)) {
    failExpected(what);
    return false;
  }
  next();
  return true;
}

std::string Parser::expectName(std::string_view what) {
  if (!at(Token::Kind::Name)) {
    failExpected(what);
    return {};
  }
  std::string name = peek().text;
  next();
  return name;
}

std::string Parser::describe(const Token &token) const {
  switch (token.kind) {
  case Token::Kind::Data:
    return "text";
  case Token::Kind::VariableBegin:
    return "'{{'";
  case Token::Kind::VariableEnd:
    return "'}}'";
  case Token::Kind::BlockBegin:
    return "'{%'";
  case Token::Kind::BlockEnd:
    return "'%}'";
  case Token::Kind::String:
    return "a string";
  case Token::Kind::Integer:
  case Token::Kind::Float:
    return "a number";
  case Token::Kind::Name:
  case Token::Kind::Operator:
    return "'" + token.text + "'";
  case Token::Kind::End:
    break;
  }
  return "the end of the template";
}

void Parser::fail(ErrorKind kind, std::string message) {
  if (!failed)
    error = {kind, peek().line, std::move(message)};
  failed = true;
  position = tokens.size() - 1;
}

void Parser::failExpected(std::string_view what) {
  fail(ErrorKind::Syntax, describe(peek()) + ", expected " + std::string(what));
}

unsigned Parser::intern(const std::string &name) {
  auto [entry, isNew] = nameIndices.try_emplace(name, program->names.size());
  if (isNew)
    program->names.push_back(name);
  return entry->second;
}

//===----------------------------------------------------------------------===//
// Statements
//===----------------------------------------------------------------------===//

std::unique_ptr<Template> Parser::parse() {
  program = std::make_unique<Template>();
  parseBody(program->body, {});
  if (failed)
    return nullptr;
  return std::move(program);
}

std::unique_ptr<Statement> Parser::make(Statement::Kind kind) const {
  auto statement = std::make_unique<Statement>();
  statement->kind = kind;
  statement->line = peek().line;
  return statement;
}

/// Parses up to the tag, one of `endTags`, that ends the body, and leaves its
/// name as the current token. With no end tags, parses the whole template.
void Parser::parseBody(Body &body, Names endTags) {
  Nesting nesting(*this);
  while (!failed) {
    if (at(Token::Kind::End)) {
      if (endTags.size() != 0)
        failExpected("'{% " + std::string(*endTags.begin()) + " %}'");
      return;
    }
    if (at(Token::Kind::Data)) {
      body.push_back(make(Statement::Kind::Data));
      body.back()->data = Text(peek().text);
      next();
    } else if (at(Token::Kind::VariableBegin)) {
      next();
      auto statement = make(Statement::Kind::Output);
      statement->value = parseTuple();
      expect(Token::Kind::VariableEnd, "'}}'");
      body.push_back(std::move(statement));
    } else {
      next();
      for (std::string_view tag : endTags)
        if (atName(tag))
          return;
      if (auto statement = parseStatement())
        body.push_back(std::move(statement));
    }
  }
}

/// Parses the end of the opening tag and the body after it.
void Parser::parseTaggedBody(Body &body, Names endTags) {
  skipOperator(":");
  if (expect(Token::Kind::BlockEnd, "'%}'"))
    parseBody(body, endTags);
}

std::unique_ptr<Statement> Parser::parseStatement() {
  std::unique_ptr<Statement> statement;
  if (atName("if"))
    statement = parseIf();
  else if (atName("for"))
    statement = parseFor();
  else if (atName("set"))
    statement = parseSet();
  else if (atName("macro"))
    statement = parseMacro();
  else if (atName("generation"))
    statement = parseGeneration();
  else if (atName("break") || atName("continue"))
    statement = parseLoopControl();
  else if (!at(Token::Kind::Name))
    failExpected("the name of a tag");
  else if (peek().text.compare(0, 3, "end") == 0 || atName("else") ||
           atName("elif"))
    fail(ErrorKind::Syntax, "tag '" + peek().text + "' closes nothing");
  else
    fail(ErrorKind::Unsupported, "tag '" + peek().text + "'");
  expect(Token::Kind::BlockEnd, "'%}'");
  return statement;
}

std::unique_ptr<Statement> Parser::parseIf() {
  auto statement = make(Statement::Kind::If);
  do {
    next(); // `if` or `elif`
    Branch branch;
    branch.condition = parseTuple(/*withConditional=*/false);
    parseTaggedBody(branch.body, {"endif", "elif", "else"});
    statement->branches.push_back(std::move(branch));
  } while (atName("elif"));
  if (skipName("else")) {
    Branch branch;
    parseTaggedBody(branch.body, {"endif"});
    statement->branches.push_back(std::move(branch));
  }
  skipName("endif");
  return statement;
}

std::unique_ptr<Statement> Parser::parseFor() {
  auto statement = make(Statement::Kind::For);
  next();
  statement->target = parseTarget(/*mayBeNamespace=*/false);
  if (!skipName("in"))
    failExpected("'in'");
  statement->value = parseTuple(/*withConditional=*/false);
  if (skipName("if"))
    statement->condition = parseExpression();
  if (atName("recursive"))
    fail(ErrorKind::Unsupported, "a recursive for loop");
  ++loopDepth;
  parseTaggedBody(statement->body, {"endfor", "else"});
  --loopDepth;
  if (skipName("else"))
    parseTaggedBody(statement->orElse, {"endfor"});
  skipName("endfor");
  return statement;
}

std::unique_ptr<Statement> Parser::parseSet() {
  auto statement = make(Statement::Kind::Set);
  next();
  statement->target = parseTarget(/*mayBeNamespace=*/true);
  if (skipOperator("=")) {
    statement->value = parseTuple();
    return statement;
  }
  statement->kind = Statement::Kind::SetBlock;
  parseFilters(statement->filters, /*onlyPipes=*/true);
  parseTaggedBody(statement->body, {"endset"});
  skipName("endset");
  return statement;
}

std::unique_ptr<Statement> Parser::parseMacro() {
  auto statement = make(Statement::Kind::Macro);
  next();
  statement->macro.name = intern(expectName("the name of the macro"));
  parseParameters(statement->macro.parameters);
  unsigned outerLoops = std::exchange(loopDepth, 0);
  bool wasInMacro = std::exchange(inMacro, true);
  parseTaggedBody(statement->macro.body, {"endmacro"});
  loopDepth = outerLoops;
  inMacro = wasInMacro;
  skipName("endmacro");
  return statement;
}

void Parser::parseParameters(std::vector<Parameter> &parameters) {
  expectOperator("(");
  while (!failed && !atOperator(")")) {
    if (!parameters.empty() && !expectOperator(","))
      return;
    Parameter parameter;
    parameter.name = intern(expectName("the name of a parameter"));
    if (skipOperator("="))
      parameter.defaultValue = parseExpression();
    else if (!parameters.empty() && parameters.back().defaultValue)
      fail(ErrorKind::Syntax,
           "a parameter without a default after one that has it");
    parameters.push_back(std::move(parameter));
  }
  expectOperator(")");
}

/// `{% generation %}` marks what the model wrote, for training. It prints its
/// body.
std::unique_ptr<Statement> Parser::parseGeneration() {
  auto statement = make(Statement::Kind::Block);
  next();
  parseTaggedBody(statement->body, {"endgeneration"});
  skipName("endgeneration");
  return statement;
}

std::unique_ptr<Statement> Parser::parseLoopControl() {
  auto statement = make(atName("break") ? Statement::Kind::Break
                                        : Statement::Kind::Continue);
  if (loopDepth == 0)
    fail(ErrorKind::Syntax, "'" + peek().text + "' outside of a loop");
  next();
  return statement;
}

Target Parser::parseTarget(bool mayBeNamespace) {
  Target first = parseTargetElement(mayBeNamespace);
  if (!atOperator(","))
    return first;
  Target tuple;
  tuple.kind = Target::Kind::Tuple;
  tuple.elements.push_back(std::move(first));
  while (!failed && skipOperator(",")) {
    if (!at(Token::Kind::Name) && !atOperator("("))
      break;
    if (atName("in"))
      break;
    tuple.elements.push_back(parseTargetElement(mayBeNamespace));
  }
  return tuple;
}

Target Parser::parseTargetElement(bool mayBeNamespace) {
  Nesting nesting(*this);
  if (skipOperator("(")) {
    Target inner = parseTarget(/*mayBeNamespace=*/false);
    expectOperator(")");
    return inner;
  }
  Target target;
  std::string name = expectName("a variable");
  for (std::string_view constant :
       {"true", "false", "none", "True", "False", "None"})
    if (name == constant)
      fail(ErrorKind::Syntax, "assignment to '" + name + "'");
  target.name = intern(name);
  if (mayBeNamespace && skipOperator(".")) {
    target.kind = Target::Kind::NamespaceAttribute;
    target.attribute = expectName("the name of an attribute");
  }
  return target;
}

} // namespace lamina::jinja
