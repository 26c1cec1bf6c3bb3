//===- Tests.cpp - Tests of templates (`x is defined`) --------------------===//

#include "Interpreter.h"

#include <algorithm>

namespace lamina::jinja {

using Kind = Value::Kind;
using Test = bool (*)(Interpreter &, const Value &, const Value *);

namespace {

struct TestEntry {
  std::string_view name;
  size_t arguments; ///< How many, 0 or 1.
  Test run;
};

} // namespace

/// Tests of the kind alone.
template <Kind... kinds>
static bool isKind(Interpreter &, const Value &value, const Value *) {
  return ((value.kind == kinds) || ...);
}

static bool isDefined(Interpreter &, const Value &value, const Value *) {
  return !value.isUndefined();
}

template <bool wanted>
static bool isBoolean(Interpreter &, const Value &value, const Value *) {
  return value.is(Kind::Bool) && (value.integer != 0) == wanted;
}

static bool isSequence(Interpreter &, const Value &value, const Value *) {
  return value.isString() || value.is(Kind::Dict) || value.isUndefined() ||
         (value.is(Kind::List) && value.list->form <= List::Form::Range);
}

template <int remainder>
static bool isParity(Interpreter &interpreter, const Value &value,
                     const Value *) {
  if (value.isIntegral())
    return (value.integer & 1) == remainder;
  interpreter.failType(remainder ? "odd" : "even", value);
  return false;
}

static bool isDivisible(Interpreter &interpreter, const Value &value,
                        const Value *by) {
  if (!value.isIntegral() || !by->isIntegral()) {
    interpreter.failType("divisibleby", value.isIntegral() ? *by : value);
    return false;
  }
  if (by->integer == 0) {
    interpreter.fail(ErrorKind::Runtime, "division by zero");
    return false;
  }
  return by->integer == -1 || value.integer % by->integer == 0;
}

/// The same object. Equal numbers and strings count as the same.
static bool isSame(Interpreter &interpreter, const Value &value,
                   const Value *other) {
  if (value.kind != other->kind)
    return false;
  if (value.is(Kind::List) || value.is(Kind::Dict))
    return value.integer == other->integer;
  return interpreter.equals(value, *other);
}

static bool isIn(Interpreter &interpreter, const Value &value,
                 const Value *container) {
  return interpreter.contains(*container, value);
}

template <bool wanted>
static bool isEqual(Interpreter &interpreter, const Value &value,
                    const Value *other) {
  return interpreter.equals(value, *other) == wanted;
}

template <Operator op>
static bool isOrdered(Interpreter &interpreter, const Value &value,
                      const Value *other) {
  return interpreter.compare(op, value, *other);
}

static const TestEntry tests[] = {
    {"!=", 1, isEqual<false>},
    {"<", 1, isOrdered<Operator::Less>},
    {"<=", 1, isOrdered<Operator::LessEqual>},
    {"==", 1, isEqual<true>},
    {">", 1, isOrdered<Operator::Greater>},
    {">=", 1, isOrdered<Operator::GreaterEqual>},
    {"boolean", 0, isKind<Kind::Bool>},
    {"callable", 0,
     isKind<Kind::Macro, Kind::Method, Kind::Function, Kind::Undefined>},
    {"defined", 0, isDefined},
    {"divisibleby", 1, isDivisible},
    {"eq", 1, isEqual<true>},
    {"equalto", 1, isEqual<true>},
    {"even", 0, isParity<0>},
    {"false", 0, isBoolean<false>},
    {"float", 0, isKind<Kind::Float>},
    {"ge", 1, isOrdered<Operator::GreaterEqual>},
    {"greaterthan", 1, isOrdered<Operator::Greater>},
    {"gt", 1, isOrdered<Operator::Greater>},
    {"in", 1, isIn},
    {"integer", 0, isKind<Kind::Int>},
    {"iterable", 0,
     isKind<Kind::String, Kind::List, Kind::Dict, Kind::Undefined, Kind::Loop>},
    {"le", 1, isOrdered<Operator::LessEqual>},
    {"lessthan", 1, isOrdered<Operator::Less>},
    {"lt", 1, isOrdered<Operator::Less>},
    {"mapping", 0, isKind<Kind::Dict>},
    {"ne", 1, isEqual<false>},
    {"none", 0, isKind<Kind::None>},
    {"number", 0, isKind<Kind::Int, Kind::Bool, Kind::Float>},
    {"odd", 0, isParity<1>},
    {"sameas", 1, isSame},
    {"sequence", 0, isSequence},
    {"string", 0, isKind<Kind::String>},
    {"true", 0, isBoolean<true>},
    {"undefined", 0, isKind<Kind::Undefined>},
};

bool Interpreter::applyTest(Arguments &arguments) {
  if (!charge(1))
    return false;
  for (const TestEntry &test : tests) {
    if (test.name != arguments.name)
      continue;
    if (arguments.positional.size() != test.arguments ||
        !arguments.keywords.empty()) {
      fail(ErrorKind::Runtime,
           "test '" + arguments.name + "' takes " +
               (test.arguments ? "one argument" : "no arguments"));
      return false;
    }
    return test.run(*this, arguments.receiver,
                    test.arguments ? &arguments.positional[0] : nullptr);
  }
  fail(ErrorKind::Unsupported, "test '" + arguments.name + "'");
  return false;
}

} // namespace lamina::jinja
