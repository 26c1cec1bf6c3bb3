//===- HostileTemplateTest.cpp - Templates that want too much -------------===//

#include "Rendering.h"

#include <gtest/gtest.h>

using namespace lamina;

using Kind = ChatTemplateError::Kind;

static void expectKind(const std::string &source, Kind kind,
                       const std::string &part,
                       const ChatTemplateInputs &inputs = say("x"),
                       const ChatTemplateLimits &limits = {}) {
  std::string shown = source.substr(0, 200);
  Rendering rendering = render(source, inputs, limits);
  EXPECT_FALSE(rendering.segments) << shown;
  EXPECT_EQ(rendering.error.kind, kind) << shown << "\n"
                                        << rendering.error.message;
  EXPECT_NE(rendering.error.message.find(part), std::string::npos)
      << shown << "\n"
      << rendering.error.message;
}

static std::string repeat(const std::string &text, size_t count) {
  std::string result;
  result.reserve(text.size() * count);
  for (size_t i = 0; i < count; ++i)
    result += text;
  return result;
}

TEST(HostileTemplate, Steps) {
  expectKind("{% for i in range(10**9) %}{% endfor %}", Kind::Limit,
             "a range of more than 100000 numbers");
  expectKind("{% for i in range(99999) %}{% for j in range(99999) %}"
             "{% endfor %}{% endfor %}",
             Kind::Limit, "steps");
  expectKind("{% for i in range(99999) %}{% set x = i ** 2 * i + 1 %}"
             "{% endfor %}{% for i in range(99999) %}{% set x = i ** 2 %}"
             "{% endfor %}",
             Kind::Limit, "steps");
  expectKind("{{ [0] * 10**9 }}", Kind::Limit, "steps");
  expectKind("{% set ns = namespace(l=[0]) %}{% for i in range(99999) %}"
             "{% set ns.l = ns.l + ns.l %}{% endfor %}",
             Kind::Limit, "steps");
  // Each pass reads a megabyte.
  expectKind("{% set t = 'a' * 10**6 %}{% for i in range(99999) %}"
             "{% if t | length == 1 or 'b' in t or t == t.replace('b', '') %}"
             "{% endif %}{% endfor %}",
             Kind::Limit, "steps");
  ChatTemplateLimits few;
  few.steps = 10;
  expectKind("{{ 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 + 1 }}", Kind::Limit,
             "more than 10 steps", {}, few);
}

// A search that goes back at each character would take 10^12 steps.
TEST(HostileTemplate, Search) {
  Rendering rendering =
      render("{% set t = 'a' * 4000000 %}{{ ('a' * 2000000 ~ 'b') in t }}"
             "{{ t.replace('a' * 1999999 ~ 'b', '') | length }}");
  EXPECT_EQ(rendering.text(), "False4000000");
}

TEST(HostileTemplate, Output) {
  expectKind("{{ 'a' * 10**9 }}", Kind::Limit, "a string of more than");
  expectKind("{{ 10**9 * 'abc' }}", Kind::Limit, "a string of more than");
  expectKind("{% set t = 'a' * 2**20 %}{{ t }}{{ t }}{{ t }}{{ t }}{{ t }}",
             Kind::Limit, "a string of more than 4194304 bytes");
  expectKind("{% set ns = namespace(t='a') %}{% for i in range(99) %}"
             "{% set ns.t = ns.t ~ ns.t %}{% endfor %}",
             Kind::Limit, "a string of more than");
  expectKind("{% set ns = namespace(t='a') %}{% for i in range(99) %}"
             "{% set ns.t = ns.t | replace('a', 'aaaaaaaa') %}{% endfor %}",
             Kind::Limit, "more than");
  expectKind("{{ (['a' * 10**6] * 99) | join }}", Kind::Limit,
             "a string of more than");
  expectKind("{{ [[1]] | tojson(indent=10**9) }}", Kind::Limit, "steps");
  expectKind(repeat("{{ 'a' * 10**6 }}", 10), Kind::Limit,
             "a string of more than");
  expectKind("{% macro m() %}{{ 'a' * 10**6 }}{% endmacro %}"
             "{{ m() ~ m() ~ m() ~ m() ~ m() }}",
             Kind::Limit, "a string of more than");
}

TEST(HostileTemplate, LongMessagesCount) {
  ChatTemplateLimits limits;
  limits.outputBytes = 1000;
  EXPECT_EQ(render("{{ messages[0].content }}", say(repeat("a", 1000)), limits)
                .text()
                .size(),
            1000u);
  expectKind("{{ 'b' }}{{ messages[0].content }}", Kind::Limit,
             "more than 1000 bytes", say(repeat("a", 1000)), limits);
  expectKind("", Kind::Limit, "more than 1000 bytes", say(repeat("a", 1001)),
             limits);
}

TEST(HostileTemplate, NestingOfTheSource) {
  size_t many = 80'000;
  expectKind("{{ " + repeat("(", 100'000) + "1" + repeat(")", 100'000) + " }}",
             Kind::Limit, "nested more than 64 deep");
  expectKind("{{ " + repeat("[", many) + repeat("]", many) + " }}", Kind::Limit,
             "nested");
  expectKind("{{ " + repeat("{1:", 60'000) + "1" + repeat("}", 60'000) + " }}",
             Kind::Limit, "nested");
  expectKind("{{ " + repeat("not ", many / 2) + "1 }}", Kind::Limit, "nested");
  expectKind("{{ " + repeat("-", many) + "1 }}", Kind::Limit, "nested");
  expectKind("{{ " + repeat("1 if 1 else ", 20'000) + "1 }}", Kind::Limit,
             "nested");
  expectKind("{{ a" + repeat("[a", many) + repeat("]", many) + " }}",
             Kind::Limit, "nested");
  expectKind("{{ " + repeat("f(", many) + repeat(")", many) + " }}",
             Kind::Limit, "nested");
  expectKind(repeat("{% if 1 %}", 20'000), Kind::Limit, "nested");
  expectKind(repeat("{% for a in b %}", 16'000), Kind::Limit, "nested");
  expectKind("{% set " + repeat("(", many) + "a" + repeat(")", many) +
                 " = 1 %}",
             Kind::Limit, "nested");
  expectKind("{{ 1" + repeat(" is eq", 40'000) + " }}", Kind::Syntax, "");
}

// Chains are long, not deep.
TEST(HostileTemplate, LongChains) {
  EXPECT_EQ(render("{{ 0" + repeat("+1", 100'000) + " }}").text(), "100000");
  EXPECT_EQ(render("{{ 'a'" + repeat("~'a'", 50'000) + " }}").text().size(),
            50'001u);
  EXPECT_EQ(render("{{ ' a '" + repeat("|trim", 20'000) + " }}").text(), "a");
  EXPECT_EQ(render("{{ 1" + repeat(" and 1", 30'000) + " }}").text(), "1");
  EXPECT_EQ(render("{{ 1" + repeat(" < 2 > 1", 20'000) + " }}").text(), "True");
  EXPECT_EQ(render("{% if 0 %}" + repeat("{% elif 0 %}", 15'000) +
                   "{% else %}x{% endif %}")
                .text(),
            "x");
  EXPECT_EQ(
      render("{{ messages" + repeat("[:]", 20'000) + " | length }}", say("x"))
          .text(),
      "1");
}

TEST(HostileTemplate, SourceSize) {
  expectKind(repeat("a", 256 * 1024 + 1), Kind::Limit,
             "a template of 262145 bytes");
  EXPECT_EQ(render(repeat("a", 256 * 1024)).text().size(), 256u * 1024);
}

TEST(HostileTemplate, Recursion) {
  expectKind("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", Kind::Limit,
             "more than 64 macro calls");
  expectKind("{% macro f(x) %}{{ g(f) }}{% endmacro %}"
             "{% macro g(x) %}{{ f(g) }}{% endmacro %}{{ f(g) }}",
             Kind::Limit, "macro calls");
  // Deep in each call as well.
  expectKind("{% macro f() %}" + repeat("{% if 1 %}", 50) + "{{ " +
                 repeat("(1, ", 10) + "f()" + repeat(")", 10) + " }}" +
                 repeat("{% endif %}", 50) + "{% endmacro %}{{ f() }}",
             Kind::Limit, "nested too deep");
  expectKind("{% macro f(x=f()) %}{% endmacro %}{{ f() }}", Kind::Limit,
             "macro calls");
  expectKind("{{ ['x'] | map('map', 'map', 'map', 'map') | list }}",
             Kind::Runtime, "");
}

// Values that hold themselves, or are deep.
TEST(HostileTemplate, NestingOfValues) {
  std::string nest = "{% set ns = namespace(x=[]) %}"
                     "{% for i in range(50000) %}{% set ns.x = [ns.x] %}"
                     "{% endfor %}";
  expectKind(nest + "{{ ns.x }}", Kind::Limit, "nested too deep");
  expectKind(nest + "{{ ns.x | tojson }}", Kind::Limit, "nested too deep");
  expectKind(nest + "{% set a = ns.x %}{% for i in [1] %}"
                    "{% set ns.x = [ns.x] %}{% endfor %}{{ a == ns.x }}",
             Kind::Limit, "nested too deep");
  expectKind(nest + "{{ [ns.x] < [[ns.x]] }}", Kind::Limit, "nested too deep");
  EXPECT_EQ(render("{% set ns = namespace() %}{% set ns.x = ns %}"
                   "{% set ns.l = [ns] %}{{ ns.x.x.l[0].x == ns }}")
                .text(),
            "True");
  expectKind("{% set ns = namespace() %}{% set ns.l = [ns] %}{{ ns.l }}",
             Kind::Unsupported, "printing a namespace");
}

TEST(HostileTemplate, NoPythonAttributes) {
  for (const char *source :
       {"{{ ''.__class__ }}", "{{ ''.__class__.__mro__ }}",
        "{{ messages.__class__ }}", "{{ messages[0].__class__ }}",
        "{{ messages[0]['__class__'] }}", "{{ ''['__class__'] }}",
        "{{ (1).__class__ }}", "{{ none.__class__ }}",
        "{{ namespace().__init__ }}", "{{ messages.append(1) }}",
        "{{ messages.clear() }}", "{{ messages[0].update({}) }}",
        "{{ messages[0].pop('role') }}",
        "{{ ['']|map(attribute='__class__')|list }}",
        "{% for m in messages %}{{ loop.__class__ }}{% endfor %}"})
    expectKind(source, Kind::Runtime, "which is not safe");
  for (const char *source :
       {"{{ range.__globals__ }}", "{{ raise_exception.__code__ }}",
        "{{ ''.upper.__self__ }}",
        "{% macro m() %}{% endmacro %}{{ m.__globals__ }}",
        "{{ ''.format(1) }}", "{{ self }}"})
    expectKind(source, Kind::Unsupported, "'");
}

TEST(HostileTemplate, Integers) {
  expectKind("{{ 9223372036854775807 + 1 }}", Kind::Limit, "64 bits");
  expectKind("{{ 2 ** 64 }}", Kind::Limit, "64 bits");
  expectKind("{{ 10 ** 1000000000000 }}", Kind::Limit, "64 bits");
  expectKind("{{ -(-9223372036854775807 - 1) }}", Kind::Limit, "64 bits");
  expectKind("{{ (-9223372036854775807 - 1) // -1 }}", Kind::Limit, "64 bits");
  expectKind("{{ (-9223372036854775807 - 1) | abs }}", Kind::Limit, "64 bits");
  expectKind("{{ 1e19 | int }}", Kind::Limit, "64 bits");
  expectKind("{{ '1e19' | int }}", Kind::Limit, "64 bits");
  expectKind("{{ 'inf' | float | int }}", Kind::Runtime, "int of infinity");
  expectKind("{{ 9223372036854775808 }}", Kind::Syntax, "64 bits");
  EXPECT_EQ(render("{{ (-9223372036854775807 - 1) % -1 }}").text(), "0");
  EXPECT_EQ(
      render("{{ 1 ** 1000000000000 }}{{ (-1) ** 1000000000001 }}").text(),
      "1-1");
  EXPECT_EQ(render("{{ [1, 2, 3][:9223372036854775807:9223372036854775807] }}"
                   "{{ 'abc'[-9223372036854775807::] }}"
                   "{{ [1][9223372036854775807] is defined }}")
                .text(),
            "[1]abcFalse");
  EXPECT_EQ(render("{{ range(9223372036854775800, 9223372036854775807, 5)"
                   " | list | length }}")
                .text(),
            "2");
}

TEST(HostileTemplate, BytesThatAreNotText) {
  EXPECT_EQ(render("{{ messages[0].content | trim | length }}",
                   say(" \xFF\xE2\x80 \xF0\x9F\x98\x80\xC0\xAF "))
                .text(),
            "7");
  EXPECT_EQ(render("{{ messages[0].content[::-1] }}", say("a\xE2\x80")).text(),
            "\x80\xE2"
            "a");
  EXPECT_EQ(
      render("{{ messages[0].content }}", say(std::string("a\0b", 3))).text(),
      std::string("a\0b", 3));
}
