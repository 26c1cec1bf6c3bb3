//===- Evaluate.cpp - Expressions of a running template -------------------===//

#include "Interpreter.h"

#include <algorithm>

namespace lamina::jinja {

Value Interpreter::evaluate(const Expression &expression) {
  Nesting nesting(*this);
  if (!charge(1))
    return Value();
  line = expression.line;
  switch (expression.kind) {
  case Expression::Kind::Constant:
    return expression.constant;
  case Expression::Kind::Name:
    return evaluateName(expression);
  case Expression::Kind::List:
  case Expression::Kind::Tuple:
  case Expression::Kind::Dict:
    return evaluateAll(expression);
  case Expression::Kind::Not:
    return Value::boolean(!isTrue(evaluate(*expression.operands[0])));
  case Expression::Kind::Negate:
  case Expression::Kind::Plus:
    return evaluateSign(expression);
  case Expression::Kind::And:
  case Expression::Kind::Or:
    return evaluateLogical(expression);
  case Expression::Kind::Concat:
    return evaluateConcat(expression);
  case Expression::Kind::Arithmetic:
    return evaluateArithmetic(expression);
  case Expression::Kind::Compare:
    return evaluateCompare(expression);
  case Expression::Kind::Conditional:
    if (isTrue(evaluate(*expression.operands[1])))
      return evaluate(*expression.operands[0]);
    if (expression.operands[2])
      return evaluate(*expression.operands[2]);
    return Value::undefined("a conditional expression without 'else' whose "
                            "condition is false");
  case Expression::Kind::Postfix:
    return evaluatePostfix(expression);
  }
  return Value();
}

Value Interpreter::evaluateName(const Expression &expression) {
  if (const Value *value = scope->find(expression.name))
    return *value;
  const std::string &name = program.names[expression.name];
  if (name == "lipsum" || name == "cycler" || name == "joiner" ||
      name == "self")
    return fail(ErrorKind::Unsupported, "'" + name + "' of Jinja");
  return Value::undefined("'" + name + "' is undefined");
}

/// A list, tuple or dict.
Value Interpreter::evaluateAll(const Expression &expression) {
  std::vector<Value> values;
  for (const ExpressionPtr &operand : expression.operands) {
    values.push_back(evaluate(*operand));
    if (failed)
      return Value();
  }
  if (expression.kind != Expression::Kind::Dict)
    return makeList(std::move(values), expression.kind == Expression::Kind::List
                                           ? List::Form::List
                                           : List::Form::Tuple);
  Value dict = makeDict({});
  for (size_t i = 0; i + 1 < values.size() && !failed; i += 2)
    assign(*dict.dict, values[i], values[i + 1]);
  return dict;
}

Value Interpreter::evaluateLogical(const Expression &expression) {
  bool stopsAt = expression.kind == Expression::Kind::Or;
  Value value;
  for (const ExpressionPtr &operand : expression.operands) {
    value = evaluate(*operand);
    if (failed || isTrue(value) == stopsAt)
      break;
  }
  return value;
}

Value Interpreter::evaluateSign(const Expression &expression) {
  Value value = evaluate(*expression.operands[0]);
  if (failed)
    return Value();
  bool negate = expression.kind == Expression::Kind::Negate;
  if (value.isUndefined())
    return failUndefined(value);
  if (value.is(Value::Kind::Float))
    return Value::number(negate ? -value.real : value.real);
  if (!value.isIntegral())
    return failType(negate ? "unary '-'" : "unary '+'", value);
  if (!negate)
    return Value::number(value.integer);
  return compute(Operator::Subtract, Value::number(int64_t(0)), value);
}

Value Interpreter::evaluateConcat(const Expression &expression) {
  Text result;
  for (const ExpressionPtr &operand : expression.operands) {
    Value value = evaluate(*operand);
    if (failed || !append(result, *toText(value)))
      return Value();
  }
  return makeString(std::move(result));
}

Value Interpreter::evaluateArithmetic(const Expression &expression) {
  Value value = evaluate(*expression.operands[0]);
  for (size_t i = 0; i < expression.operators.size() && !failed; ++i) {
    Value right = evaluate(*expression.operands[i + 1]);
    if (failed)
      break;
    line = expression.line;
    value = compute(expression.operators[i], value, right);
  }
  return value;
}

bool Interpreter::compareAny(Operator op, const Value &left,
                             const Value &right) {
  switch (op) {
  case Operator::Equal:
    return equals(left, right);
  case Operator::NotEqual:
    return !equals(left, right);
  case Operator::In:
    return contains(right, left);
  case Operator::NotIn:
    return !contains(right, left);
  default:
    return compare(op, left, right);
  }
}

Value Interpreter::evaluateCompare(const Expression &expression) {
  Value left = evaluate(*expression.operands[0]);
  for (size_t i = 0; i < expression.operators.size(); ++i) {
    Value right = evaluate(*expression.operands[i + 1]);
    if (failed)
      return Value();
    if (!compareAny(expression.operators[i], left, right))
      return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::evaluatePostfix(const Expression &expression) {
  Value value = evaluate(*expression.operands[0]);
  for (const Suffix &suffix : expression.suffixes) {
    if (!charge(1))
      return Value();
    line = suffix.line;
    value = applySuffix(value, suffix);
  }
  return value;
}

Value Interpreter::applySuffix(const Value &base, const Suffix &suffix) {
  switch (suffix.kind) {
  case Suffix::Kind::Attribute:
    return getAttribute(base, suffix.name);
  case Suffix::Kind::Item:
    return getItem(base, evaluate(*suffix.arguments[0]));
  case Suffix::Kind::Slice:
    return evaluateSlice(base, suffix);
  default:
    break;
  }
  Arguments arguments;
  arguments.name = suffix.name;
  if (!evaluateArguments(suffix, arguments))
    return Value();
  line = suffix.line;
  if (suffix.kind == Suffix::Kind::Call)
    return call(base, arguments);
  arguments.receiver = base;
  if (suffix.kind == Suffix::Kind::Filter)
    return applyFilter(arguments);
  bool holds = applyTest(arguments);
  return Value::boolean(holds == (suffix.kind == Suffix::Kind::Test));
}

bool Interpreter::evaluateArguments(const Suffix &suffix,
                                    Arguments &arguments) {
  for (const ExpressionPtr &argument : suffix.arguments)
    arguments.positional.push_back(evaluate(*argument));
  for (const Keyword &keyword : suffix.keywords)
    arguments.keywords.emplace_back(keyword.name, evaluate(*keyword.value));
  return !failed;
}

/// The elements of [0, size) that a Python slice takes, in order.
static std::vector<size_t>
sliceIndices(int64_t size,
             const std::array<std::optional<int64_t>, 3> &bounds) {
  // No step is longer than the sequence, so the sum below cannot overflow.
  int64_t step = std::clamp(bounds[2].value_or(1), -size - 1, size + 1);
  int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  auto clamp = [&](const std::optional<int64_t> &bound, int64_t byDefault) {
    if (!bound)
      return byDefault;
    int64_t index = *bound < 0 ? *bound + size : *bound;
    return std::clamp(index, low, high);
  };
  int64_t begin = clamp(bounds[0], step > 0 ? low : high);
  int64_t end = clamp(bounds[1], step > 0 ? high : low);
  std::vector<size_t> indices;
  for (int64_t i = begin; step > 0 ? i < end : i > end; i += step)
    indices.push_back(i);
  return indices;
}

Value Interpreter::evaluateSlice(const Value &base, const Suffix &suffix) {
  SliceBounds bounds;
  for (size_t i = 0; i < bounds.size(); ++i) {
    if (!suffix.arguments[i])
      continue;
    Value bound = evaluate(*suffix.arguments[i]);
    if (failed)
      return Value();
    if (bound.isIntegral())
      bounds[i] = bound.integer;
    else if (!bound.is(Value::Kind::None))
      return failType("slice index", bound);
  }
  line = suffix.line;
  if (bounds[2] && *bounds[2] == 0)
    return fail(ErrorKind::Runtime, "slice step 0");
  if (base.isString())
    return sliceString(base, bounds);
  if (!base.is(Value::Kind::List) || base.list->form > List::Form::Range)
    return failType("slice", base);
  std::vector<Value> items;
  const std::vector<Value> &from = base.list->items;
  for (size_t i : sliceIndices(from.size(), bounds))
    items.push_back(from[i]);
  return makeList(std::move(items), base.list->form);
}

Value Interpreter::sliceString(const Value &base, const SliceBounds &bounds) {
  if (!chargeBytes(base.view().size() * sizeof(size_t)))
    return Value();
  std::vector<size_t> starts;
  for (size_t i = 0, size; i < base.view().size(); i += size) {
    starts.push_back(i);
    decodeCharacter(base.view(), i, size);
  }
  std::vector<size_t> taken = sliceIndices(starts.size(), bounds);
  starts.push_back(base.view().size());
  Text result;
  if (bounds[2].value_or(1) == 1 && !taken.empty()) {
    append(result, *base.text, starts[taken.front()], starts[taken.back() + 1]);
    return makeString(std::move(result));
  }
  for (size_t i : taken)
    if (!append(result, *base.text, starts[i], starts[i + 1]))
      break;
  return makeString(std::move(result));
}

} // namespace lamina::jinja
