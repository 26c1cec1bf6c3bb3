//===- Parser.h - From tokens to a syntax tree ------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CHAT_PARSER_H
#define LAMINA_RUNTIME_CHAT_PARSER_H

#include "Ast.h"
#include "Lexer.h"

#include <initializer_list>
#include <map>

namespace lamina::jinja {

/// Recursive descent, in the precedence of jinja2's parser. After an error the
/// current token is End, so every loop stops.
class Parser {
public:
  Parser(std::vector<Token> tokens, unsigned depthLimit,
         ChatTemplateError &error)
      : tokens(std::move(tokens)), depthLimit(depthLimit), error(error) {}

  /// Null on an error.
  std::unique_ptr<Template> parse();

private:
  /// One level of nesting, while it lives.
  class Nesting {
  public:
    explicit Nesting(Parser &parser);
    ~Nesting() { --parser.depth; }

  private:
    Parser &parser;
  };

  // Tokens.
  const Token &peek(size_t ahead = 0) const;
  bool at(Token::Kind kind) const { return peek().kind == kind; }
  bool atOperator(std::string_view spelling) const;
  bool atName(std::string_view name, size_t ahead = 0) const;
  void next();
  bool skipOperator(std::string_view spelling);
  bool skipName(std::string_view name);
  bool expectOperator(std::string_view spelling);
  bool expect(Token::Kind kind, std::string_view what);
  std::string expectName(std::string_view what);
  std::string describe(const Token &token) const;
  void fail(ChatTemplateError::Kind kind, std::string message);
  void failExpected(std::string_view what);
  unsigned intern(const std::string &name);

  // Statements.
  using Names = std::initializer_list<std::string_view>;
  void parseBody(Body &body, Names endTags);
  void parseTaggedBody(Body &body, Names endTags);
  std::unique_ptr<Statement> parseStatement();
  std::unique_ptr<Statement> make(Statement::Kind kind) const;
  std::unique_ptr<Statement> parseIf();
  std::unique_ptr<Statement> parseFor();
  std::unique_ptr<Statement> parseSet();
  std::unique_ptr<Statement> parseMacro();
  std::unique_ptr<Statement> parseGeneration();
  std::unique_ptr<Statement> parseLoopControl();
  void parseParameters(std::vector<Parameter> &parameters);
  Target parseTarget(bool mayBeNamespace);
  Target parseTargetElement(bool mayBeNamespace);

  // Expressions.
  ExpressionPtr makeExpression(Expression::Kind kind) const;
  ExpressionPtr parseTuple(bool withConditional = true,
                           bool inParentheses = false);
  bool atTupleEnd() const;
  ExpressionPtr parseExpression(bool withConditional = true);
  ExpressionPtr parseChain(Expression::Kind kind, std::string_view name,
                           ExpressionPtr (Parser::*parseOperand)());
  ExpressionPtr parseOr();
  ExpressionPtr parseAnd();
  ExpressionPtr parseNot();
  ExpressionPtr parseCompare();
  ExpressionPtr parseSum();
  ExpressionPtr parseConcat();
  ExpressionPtr parseProduct();
  ExpressionPtr parsePower();
  ExpressionPtr parseArithmetic(Names spellings,
                                ExpressionPtr (Parser::*parseOperand)());
  ExpressionPtr parseSigned() { return parseUnary(true); }
  ExpressionPtr parseUnary(bool withFilters);
  ExpressionPtr parsePrimary();
  ExpressionPtr parseNameOrConstant();
  ExpressionPtr parseStrings();
  ExpressionPtr parseList();
  ExpressionPtr parseDict();
  void parsePostfix(std::vector<Suffix> &suffixes);
  void parseFilters(std::vector<Suffix> &suffixes, bool onlyPipes = false);
  void parseAttribute(std::vector<Suffix> &suffixes);
  void parseSubscript(std::vector<Suffix> &suffixes);
  void parseTest(std::vector<Suffix> &suffixes);
  void parseArguments(Suffix &call);
  std::string parseDottedName();
  /// Applies suffixes, if any.
  ExpressionPtr withSuffixes(ExpressionPtr base, std::vector<Suffix> suffixes);

  std::vector<Token> tokens;
  size_t position = 0;
  unsigned depth = 0;
  unsigned depthLimit;
  /// Loops around the current statement, inside of the current macro.
  unsigned loopDepth = 0;
  bool inMacro = false;
  bool failed = false;
  ChatTemplateError &error;
  std::unique_ptr<Template> program;
  std::map<std::string, unsigned> nameIndices;
};

} // namespace lamina::jinja

#endif // LAMINA_RUNTIME_CHAT_PARSER_H
