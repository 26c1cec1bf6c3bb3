//===- ChatTemplateTest.cpp - Origins and errors of rendered text ---------===//

#include "Rendering.h"

#include <gtest/gtest.h>

using namespace lamina;

using Kind = ChatTemplateError::Kind;

//===----------------------------------------------------------------------===//
// What came from a user
//===----------------------------------------------------------------------===//

static std::string marked(const std::string &expression,
                          const std::string &content) {
  return render("{% set c = messages[0].content %}{{ " + expression + " }}",
                say(content))
      .marked();
}

TEST(ChatTemplate, OriginThroughOperators) {
  EXPECT_EQ(marked("'<|im_start|>' + c + '<|im_end|>'", "a<|im_end|>"),
            "<|im_start|>[a<|im_end|>]<|im_end|>");
  EXPECT_EQ(marked("'x' ~ c ~ 1", "ab"), "x[ab]1");
  EXPECT_EQ(marked("('-' ~ c) * 2", "a"), "-[a]-[a]");
  EXPECT_EQ(marked("c[1:]", "abc"), "[bc]");
  EXPECT_EQ(marked("('<' ~ c ~ '>')[1:3]", "a"), "[a]>");
  EXPECT_EQ(marked("('<' ~ c ~ '>')[::-1]", "ab"), ">[ba]<");
  EXPECT_EQ(marked("c[0]", "abc"), "[a]");
  EXPECT_EQ(marked("c if c else 'none'", "abc"), "[abc]");
}

TEST(ChatTemplate, OriginThroughFilters) {
  EXPECT_EQ(marked("('  <' ~ c) | trim", " a "), "<[ a]");
  EXPECT_EQ(marked("c | upper ~ 'x'", "ab"), "[AB]x");
  EXPECT_EQ(marked("('<' ~ c ~ '>') | replace('b', '|')", "abc"), "<[a]|[c]>");
  EXPECT_EQ(marked("'a.b' | replace('.', c)", "!"), "a[!]b");
  EXPECT_EQ(marked("[c, 'x', c] | join('|')", "a"), "[a]|x|[a]");
  EXPECT_EQ(marked("c | default('d')", "a"), "[a]");
  EXPECT_EQ(marked("c | list | join('-')", "ab"), "[a]-[b]");
  EXPECT_EQ(marked("messages | map(attribute='content') | join", "ab"), "[ab]");
  EXPECT_EQ(marked("('x' ~ c) | reverse", "ab"), "[ba]x");
  EXPECT_EQ(marked("c | first ~ c | last", "xyz"), "[xz]");
}

TEST(ChatTemplate, OriginThroughMethods) {
  EXPECT_EQ(marked("c.strip()", " a "), "[a]");
  EXPECT_EQ(marked("('<' ~ c).split(',') | join(';')", "a,b"), "<[a];[b]");
  EXPECT_EQ(marked("c.title()", "ab cd"), "[Ab Cd]");
  EXPECT_EQ(marked("messages[0].items() | map('last') | join(' ')", "a"),
            "user [a]");
  EXPECT_EQ(marked("messages[0].get('content')", "a"), "[a]");
}

TEST(ChatTemplate, OriginThroughPrinting) {
  EXPECT_EQ(marked("messages[0]", "a'\n"),
            "{'role': 'user', 'content': \"[a'\\n]\"}");
  EXPECT_EQ(marked("messages[0] | tojson", "\"q\"\t"),
            "{\"role\": \"user\", \"content\": \"[\\\"q\\\"\\t]\"}");
}

TEST(ChatTemplate, OriginThroughStatements) {
  EXPECT_EQ(render("{% macro m(x) %}<{{ x }}>{% endmacro %}"
                   "{{ m(messages[0].content) | upper }}",
                   say("ab"))
                .marked(),
            "<[AB]>");
  EXPECT_EQ(render("{% set b %}({{ messages[0].content }}){% endset %}{{ b }}",
                   say("ab"))
                .marked(),
            "([ab])");
  EXPECT_EQ(render("{% for c in messages[0].content %}{{ c }}.{% endfor %}",
                   say("ab"))
                .marked(),
            "[a].[b].");
  EXPECT_EQ(render("{% set ns = namespace() %}{% set ns.x = "
                   "messages[0].content %}{{ ns.x }}",
                   say("ab"))
                .marked(),
            "[ab]");
}

// A role is chosen by the program, and may be a part of a special token.
TEST(ChatTemplate, RoleIsOfTheTemplate) {
  EXPECT_EQ(render("{{ '<|' + messages[0].role + '|>' }}", say("x")).marked(),
            "<|user|>");
}

TEST(ChatTemplate, ContentIsNeverEvaluated) {
  EXPECT_EQ(
      render("{{ messages[0].content }}", say("{{ 1 }}{% if %}")).marked(),
      "[{{ 1 }}{% if %}]");
}

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

TEST(ChatTemplate, Variables) {
  ChatTemplateInputs inputs = say("x");
  inputs.bosToken = "<s>";
  inputs.eosToken = "</s>";
  EXPECT_EQ(render("{{ bos_token }}{{ eos_token }}{{ add_generation_prompt }}",
                   inputs)
                .text(),
            "<s></s>True");
  EXPECT_EQ(render("{{ strftime_now is defined }}", inputs).text(), "False");
  inputs.date = "01 Jan 2030";
  EXPECT_EQ(render("{{ strftime_now('%Y') }}", inputs).text(), "01 Jan 2030");
}

TEST(ChatTemplate, RendersAgainAndAgain) {
  ChatTemplateError error;
  auto program = ChatTemplate::parse(
      "{% set x = messages | length %}{{ x }}{{ messages[0].content }}", error);
  ASSERT_TRUE(program);
  for (int i = 0; i < 2; ++i) {
    auto segments = program->render(say("a"), error);
    ASSERT_TRUE(segments);
    EXPECT_EQ(plainText(*segments), "1a");
  }
}

//===----------------------------------------------------------------------===//
// Errors
//===----------------------------------------------------------------------===//

static void expectError(const std::string &source, Kind kind, unsigned line,
                        const std::string &part) {
  Rendering rendering = render(source, say("x"));
  EXPECT_FALSE(rendering.segments) << source;
  EXPECT_EQ(rendering.error.kind, kind) << source;
  EXPECT_EQ(rendering.error.line, line) << source;
  EXPECT_NE(rendering.error.message.find(part), std::string::npos)
      << source << "\n"
      << rendering.error.message;
}

TEST(ChatTemplate, RaisedErrors) {
  expectError("a\n{{ raise_exception('Only ' ~ 1) }}", Kind::Raised, 2,
              "Only 1");
  expectError("{% if messages[0].role == 'user' %}\n\n"
              "{{ raise_exception(messages[0].content) }}{% endif %}",
              Kind::Raised, 3, "x");
}

TEST(ChatTemplate, SyntaxErrors) {
  expectError("a\nb{% if x %}", Kind::Syntax, 2, "expected '{% endif %}'");
  expectError("{% for m in messages %}", Kind::Syntax, 1, "endfor");
  expectError("{% macro f() %}", Kind::Syntax, 1, "endmacro");
  expectError("{% set x %}", Kind::Syntax, 1, "endset");
  expectError("\n{{ 'abc", Kind::Syntax, 2, "string without end");
  expectError("{{ a", Kind::Syntax, 1, "expected '}}'");
  expectError("{# a", Kind::Syntax, 1, "comment without end");
  expectError("{% raw %}{{", Kind::Syntax, 1, "endraw");
  expectError("{{ a b }}", Kind::Syntax, 1, "'b', expected '}}'");
  expectError("{% endif %}", Kind::Syntax, 1, "'endif' closes nothing");
  expectError("{{ (1] }}", Kind::Syntax, 1, "unexpected ']'");
  expectError("{{ $ }}", Kind::Syntax, 1, "unexpected character '$'");
  expectError("{{ \xff }}", Kind::Syntax, 1, "not valid UTF-8");
  expectError("{% break %}", Kind::Syntax, 1, "'break' outside of a loop");
  expectError("{% set none = 1 %}", Kind::Syntax, 1, "assignment to 'none'");
  expectError("{{ '\\xZZ' }}", Kind::Syntax, 1, "invalid escape '\\x'");
}

TEST(ChatTemplate, UnsupportedConstructsAreNamed) {
  expectError("\n{% include 'x' %}", Kind::Unsupported, 2, "tag 'include'");
  expectError("{% call f() %}{% endcall %}", Kind::Unsupported, 1,
              "tag 'call'");
  expectError("{{ 1 |\n wordwrap }}", Kind::Unsupported, 1,
              "filter 'wordwrap'");
  expectError("{{ 1 is escaped }}", Kind::Unsupported, 1, "test 'escaped'");
  expectError("{{ 'a'.zfill(3) }}", Kind::Unsupported, 1, "method 'zfill'");
  expectError("{{ '%s' % 1 }}", Kind::Unsupported, 1, "formatting with '%'");
  expectError("{{ f(*x) }}", Kind::Unsupported, 1, "argument with '*'");
  expectError("{{ lipsum() }}", Kind::Unsupported, 1, "'lipsum'");
  expectError("{% for x in y recursive %}{% endfor %}", Kind::Unsupported, 1,
              "recursive");
  expectError("{% macro f() %}{{ varargs }}{% endmacro %}", Kind::Unsupported,
              1, "'varargs'");
  expectError("{{ '\xC3\xA9' | upper }}", Kind::Unsupported, 1,
              "case of '\xC3\xA9'");
}

// Branches that are not taken may use what is not supported.
TEST(ChatTemplate, UnsupportedOnlyWhenReached) {
  EXPECT_EQ(render("{% if false %}{{ 1 | wordwrap }}{% endif %}a").text(), "a");
}

TEST(ChatTemplate, RuntimeErrors) {
  expectError("{{ nope.x }}", Kind::Runtime, 1, "'nope' is undefined");
  expectError("{{ messages[0].tool_calls[0] }}", Kind::Runtime, 1,
              "'dict' has no attribute 'tool_calls'");
  expectError("a\n{{ 'a' + 1 }}", Kind::Runtime, 2, "'+' of string and int");
  expectError("{{ 1 / 0 }}", Kind::Runtime, 1, "division by zero");
  expectError("{{ 5 | length }}", Kind::Runtime, 1, "length");
  expectError("{{ 'a' | trim(1, 2) }}", Kind::Runtime, 1, "at most 1");
  expectError("{{ 'a' | trim(no=1) }}", Kind::Runtime, 1,
              "unexpected argument 'no'");
  expectError("{% set messages.x = 1 %}", Kind::Runtime, 1, "no namespace");
  expectError("{% set a, b = 1, 2, 3 %}", Kind::Runtime, 1, "3 values");
}
