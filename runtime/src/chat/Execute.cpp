//===- Execute.cpp - Statements of a running template ---------------------===//

#include "Interpreter.h"

#include <algorithm>

namespace lamina::jinja {

Interpreter::Nesting::Nesting(Interpreter &interpreter)
    : interpreter(interpreter) {
  // A macro's body may nest as deep as the template, but not at every level.
  if (++interpreter.depth > 8 * interpreter.limits.depth)
    interpreter.fail(ErrorKind::Limit, "nested too deep");
}

Interpreter::Interpreter(const Template &program,
                         const ChatTemplateInputs &inputs,
                         const ChatTemplateLimits &limits,
                         ChatTemplateError &error)
    : program(program), limits(limits), error(error) {
  auto found = std::find(program.names.begin(), program.names.end(), "loop");
  loopName = found - program.names.begin();
  scope = &heap.scopes.emplace_back();
  defineGlobals(inputs);
}

void Interpreter::define(std::string_view name, Value value) {
  auto found = std::find(program.names.begin(), program.names.end(), name);
  if (found != program.names.end())
    scope->set(found - program.names.begin(), std::move(value));
}

void Interpreter::defineGlobals(const ChatTemplateInputs &inputs) {
  for (const char *name : {"range", "namespace", "dict", "raise_exception"})
    define(name, Value::function(name));
  date = inputs.date;
  if (!date.empty())
    define("strftime_now", Value::function("strftime_now"));
  std::vector<Value> messages;
  for (const ChatMessage &message : inputs.messages) {
    Text content(message.content, /*fromUser=*/true);
    messages.push_back(
        makeDict({{Value::string("role"), Value::string(message.role)},
                  {Value::string("content"), makeString(std::move(content))}}));
  }
  define("messages", makeList(std::move(messages)));
  define("bos_token", Value::string(inputs.bosToken));
  define("eos_token", Value::string(inputs.eosToken));
  define("add_generation_prompt", Value::boolean(inputs.addGenerationPrompt));
  define("tools", Value::none());
  define("documents", Value::none());
  scope = &heap.scopes.emplace_back(Scope{scope, {}});
}

Value Interpreter::fail(ErrorKind kind, std::string message) {
  if (!failed)
    error = {kind, line, std::move(message)};
  failed = true;
  return Value();
}

bool Interpreter::charge(uint64_t count) {
  steps += std::min(count, limits.steps + 1);
  if (steps > limits.steps)
    fail(ErrorKind::Limit,
         "more than " + std::to_string(limits.steps) + " steps");
  return !failed;
}

bool Interpreter::append(Text &to, const Text &from, size_t begin, size_t end) {
  if (begin >= end)
    return !failed;
  if (to.size() + (end - begin) > limits.outputBytes)
    fail(ErrorKind::Limit, "a string of more than " +
                               std::to_string(limits.outputBytes) + " bytes");
  // The part has at most one run a byte.
  size_t runs = std::min(from.getRuns().size(), end - begin);
  if (!chargeBytes(end - begin + runs * sizeof(Text::Run)))
    return false;
  to.append(from, begin, end);
  return true;
}

bool Interpreter::append(Text &to, std::string_view from) {
  if (to.size() + from.size() > limits.outputBytes)
    fail(ErrorKind::Limit, "a string of more than " +
                               std::to_string(limits.outputBytes) + " bytes");
  if (!chargeBytes(from.size()))
    return false;
  to.append(from, /*fromUser=*/false);
  return true;
}

bool Interpreter::run(Text &result) {
  output = &result;
  execute(program.body);
  return !failed;
}

Interpreter::Flow Interpreter::execute(const Body &body) {
  Nesting nesting(*this);
  for (const auto &statement : body) {
    if (!charge(1))
      break;
    Flow flow = execute(*statement);
    if (flow != Flow::Next)
      return flow;
  }
  return Flow::Next;
}

Interpreter::Flow Interpreter::execute(const Statement &statement) {
  line = statement.line;
  switch (statement.kind) {
  case Statement::Kind::Data:
    append(*output, statement.data);
    break;
  case Statement::Kind::Output:
    append(*output, *toText(evaluate(*statement.value)));
    break;
  case Statement::Kind::If:
    return executeIf(statement);
  case Statement::Kind::For:
    return executeFor(statement);
  case Statement::Kind::Set:
    assign(statement.target, evaluate(*statement.value));
    break;
  case Statement::Kind::SetBlock:
    return executeSetBlock(statement);
  case Statement::Kind::Macro:
    defineMacro(statement);
    break;
  case Statement::Kind::Block:
    return executeScoped(statement.body);
  case Statement::Kind::Break:
    return Flow::Break;
  case Statement::Kind::Continue:
    return Flow::Continue;
  }
  return Flow::Next;
}

Interpreter::Flow Interpreter::executeIf(const Statement &statement) {
  for (const Branch &branch : statement.branches) {
    if (!branch.condition || isTrue(evaluate(*branch.condition)))
      return failed ? Flow::Next : execute(branch.body);
    if (!charge(1))
      break;
  }
  return Flow::Next;
}

/// The items of a for loop that its condition lets through.
std::vector<Value> Interpreter::selectItems(const Statement &statement) {
  std::vector<Value> items = iterate(evaluate(*statement.value));
  if (!statement.condition)
    return items;
  std::vector<Value> selected;
  Scope *outer = scope;
  scope = &heap.scopes.emplace_back(Scope{outer, {}});
  for (Value &item : items) {
    if (!charge(1))
      break;
    assign(statement.target, item);
    if (isTrue(evaluate(*statement.condition)))
      selected.push_back(std::move(item));
  }
  scope = outer;
  return selected;
}

Interpreter::Flow Interpreter::executeFor(const Statement &statement) {
  std::vector<Value> items = selectItems(statement);
  if (failed)
    return Flow::Next;
  if (items.empty())
    return executeScoped(statement.orElse);
  Loop &loop = heap.loops.emplace_back();
  loop.items = std::move(items);
  Scope *outer = scope;
  size_t macros = heap.macros.size();
  scope = &heap.scopes.emplace_back(Scope{outer, {}});
  for (; loop.index < loop.items.size() && charge(1); ++loop.index) {
    if (executeIteration(statement, loop) == Flow::Break)
      break;
    // A macro may hold on to the scope of its iteration.
    if (heap.macros.size() == macros)
      scope->variables.clear();
    else
      scope = &heap.scopes.emplace_back(Scope{outer, {}});
    macros = heap.macros.size();
  }
  scope = outer;
  return Flow::Next;
}

Interpreter::Flow Interpreter::executeIteration(const Statement &statement,
                                                Loop &loop) {
  if (loopName < program.names.size())
    scope->set(loopName, Value::of(&loop));
  assign(statement.target, loop.items[loop.index]);
  return execute(statement.body);
}

Interpreter::Flow Interpreter::executeScoped(const Body &body) {
  if (body.empty() || !charge(2))
    return Flow::Next;
  Scope *outer = scope;
  scope = &heap.scopes.emplace_back(Scope{outer, {}});
  Flow flow = execute(body);
  scope = outer;
  return flow;
}

/// What the body prints. A loop control in it sets `flow`.
std::shared_ptr<const Text> Interpreter::capture(const Body &body, Flow &flow) {
  auto text = std::make_shared<Text>();
  Text *outer = output;
  output = text.get();
  flow = executeScoped(body);
  output = outer;
  return text;
}

Interpreter::Flow Interpreter::executeSetBlock(const Statement &statement) {
  Flow flow;
  Value value = Value::string("");
  value.text = capture(statement.body, flow);
  if (flow != Flow::Next)
    return flow;
  for (const Suffix &filter : statement.filters) {
    if (failed)
      break;
    line = filter.line;
    value = applySuffix(value, filter);
  }
  assign(statement.target, value);
  return Flow::Next;
}

void Interpreter::defineMacro(const Statement &statement) {
  if (!charge(2))
    return;
  heap.macros.push_back({&statement.macro, scope});
  scope->set(statement.macro.name, Value::of(&heap.macros.back()));
}

void Interpreter::assign(const Target &target, const Value &value) {
  if (failed)
    return;
  if (target.kind == Target::Kind::Name) {
    scope->set(target.name, value);
    return;
  }
  if (target.kind == Target::Kind::NamespaceAttribute) {
    const Value *object = scope->find(target.name);
    if (!object || !object->is(Value::Kind::Namespace))
      fail(ErrorKind::Runtime, "assignment to an attribute of '" +
                                   program.names[target.name] +
                                   "', which is no namespace");
    else
      assign(*object->dict, Value::string(target.attribute), value);
    return;
  }
  std::vector<Value> items = iterate(value);
  if (failed)
    return;
  if (items.size() != target.elements.size()) {
    fail(ErrorKind::Runtime,
         std::to_string(items.size()) + " values, expected " +
             std::to_string(target.elements.size()) + " to unpack");
    return;
  }
  for (size_t i = 0; i < items.size(); ++i)
    assign(target.elements[i], items[i]);
}

} // namespace lamina::jinja
