//===- Calls.cpp - Calls of macros and functions --------------------------===//

#include "Interpreter.h"

#include <algorithm>

namespace lamina::jinja {

bool Interpreter::bind(const Arguments &arguments,
                       std::initializer_list<std::string_view> parameters,
                       size_t required,
                       std::vector<std::optional<Value>> &values) {
  values.assign(parameters.size(), std::nullopt);
  if (arguments.positional.size() > parameters.size()) {
    fail(ErrorKind::Runtime, "'" + arguments.name + "' got " +
                                 std::to_string(arguments.positional.size()) +
                                 " arguments, expected at most " +
                                 std::to_string(parameters.size()));
    return false;
  }
  std::copy(arguments.positional.begin(), arguments.positional.end(),
            values.begin());
  for (const auto &[name, value] : arguments.keywords) {
    auto found = std::find(parameters.begin(), parameters.end(), name);
    size_t index = found - parameters.begin();
    if (found == parameters.end() || values[index]) {
      fail(ErrorKind::Runtime, "'" + arguments.name +
                                   "' got an unexpected argument '" + name +
                                   "'");
      return false;
    }
    values[index] = value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (values[i])
      continue;
    fail(ErrorKind::Runtime, "'" + arguments.name + "' got no argument '" +
                                 std::string(parameters.begin()[i]) + "'");
    return false;
  }
  return true;
}

Value Interpreter::call(const Value &callee, Arguments &arguments) {
  switch (callee.kind) {
  case Value::Kind::Undefined:
    return failUndefined(callee);
  case Value::Kind::Macro:
    return callMacro(*callee.macro, arguments);
  case Value::Kind::Method:
    arguments.receiver = callee.method->receiver;
    arguments.name = callee.method->name;
    return callMethod(arguments);
  case Value::Kind::Function:
    arguments.name = callee.view();
    return callFunction(arguments);
  case Value::Kind::Loop:
    return fail(ErrorKind::Unsupported, "a recursive loop");
  default:
    return failType("call", callee);
  }
}

/// Sets the parameters in the scope of the macro, defaults last: they may use
/// the others.
bool Interpreter::bindMacro(const MacroStatement &macro, Arguments &arguments) {
  const auto &parameters = macro.parameters;
  if (arguments.positional.size() > parameters.size()) {
    fail(ErrorKind::Runtime,
         "macro '" + program.names[macro.name] + "' takes no more than " +
             std::to_string(parameters.size()) + " arguments");
    return false;
  }
  std::vector<std::optional<Value>> values(parameters.size());
  std::copy(arguments.positional.begin(), arguments.positional.end(),
            values.begin());
  for (auto &[name, value] : arguments.keywords) {
    size_t i = 0;
    while (i < parameters.size() && program.names[parameters[i].name] != name)
      ++i;
    if (i == parameters.size() || values[i]) {
      fail(ErrorKind::Runtime, "macro '" + program.names[macro.name] +
                                   "' got an unexpected argument '" + name +
                                   "'");
      return false;
    }
    values[i] = std::move(value);
  }
  for (size_t i = 0; i < parameters.size() && !failed; ++i) {
    const Parameter &parameter = parameters[i];
    if (!values[i] && parameter.defaultValue)
      values[i] = evaluate(*parameter.defaultValue);
    else if (!values[i])
      values[i] = Value::undefined(
          "parameter '" + program.names[parameter.name] + "' was not provided");
    scope->set(parameter.name, std::move(*values[i]));
  }
  return !failed;
}

Value Interpreter::callMacro(const Macro &macro, Arguments &arguments) {
  if (macroDepth >= limits.depth)
    return fail(ErrorKind::Limit, "more than " + std::to_string(limits.depth) +
                                      " macro calls inside of each other");
  if (!charge(2))
    return Value();
  ++macroDepth;
  Scope *outer = scope;
  scope = &heap.scopes.emplace_back(Scope{macro.closure, {}});
  Value result = Value::string("");
  Flow flow;
  if (bindMacro(*macro.statement, arguments))
    result.text = capture(macro.statement->body, flow);
  scope = outer;
  --macroDepth;
  return result;
}

Value Interpreter::callFunction(Arguments &arguments) {
  const std::string &name = arguments.name;
  std::vector<std::optional<Value>> values;
  if (name == "range")
    return callRange(arguments);
  if (name == "namespace")
    return callNamespace(arguments, Value::Kind::Namespace);
  if (name == "dict")
    return callNamespace(arguments, Value::Kind::Dict);
  if (name == "strftime_now") {
    if (!bind(arguments, {"format"}, 1, values))
      return Value();
    return makeString(Text(date));
  }
  if (!bind(arguments, {"message"}, 1, values))
    return Value();
  return fail(ErrorKind::Raised, std::string(toText(*values[0])->view()));
}

Value Interpreter::callRange(const Arguments &arguments) {
  std::vector<std::optional<Value>> values;
  if (!bind(arguments, {"start", "stop", "step"}, 1, values))
    return Value();
  for (const auto &value : values)
    if (value && !value->isIntegral())
      return failType("range", *value);
  int64_t start = values[1] ? values[0]->integer : 0;
  int64_t stop = values[1] ? values[1]->integer : values[0]->integer;
  int64_t step = values[2] ? values[2]->integer : 1;
  if (step == 0)
    return fail(ErrorKind::Runtime, "a range of step 0");
  // The sandbox of jinja2 has this bound.
  constexpr size_t maximum = 100'000;
  std::vector<Value> items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (items.size() == maximum)
      return fail(ErrorKind::Limit, "a range of more than 100000 numbers");
    items.push_back(Value::number(i));
    if (!charge(1) || __builtin_add_overflow(i, step, &i))
      break;
  }
  return makeList(std::move(items), List::Form::Range);
}

/// `namespace(...)` or `dict(...)`, of at most one dict and of names.
Value Interpreter::callNamespace(const Arguments &arguments, Value::Kind kind) {
  Value result = makeDict({});
  for (const Value &from : arguments.positional) {
    if (!from.is(Value::Kind::Dict) || arguments.positional.size() > 1)
      return failType(arguments.name + "()", from);
    for (const auto &[key, value] : from.dict->entries)
      assign(*result.dict, key, value);
  }
  for (const auto &[name, value] : arguments.keywords)
    assign(*result.dict, Value::string(name), value);
  result.kind = kind;
  return result;
}

} // namespace lamina::jinja
