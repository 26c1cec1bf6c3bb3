//===- Arithmetic.cpp - Operators of a running template -------------------===//

#include "Interpreter.h"

#include <algorithm>
#include <cmath>

namespace lamina::jinja {

static std::string_view spell(Operator op) {
  switch (op) {
  case Operator::Add:
    return "+";
  case Operator::Subtract:
    return "-";
  case Operator::Multiply:
    return "*";
  case Operator::Divide:
    return "/";
  case Operator::FloorDivide:
    return "//";
  case Operator::Modulo:
    return "%";
  case Operator::Power:
    return "**";
  case Operator::Less:
    return "<";
  case Operator::LessEqual:
    return "<=";
  case Operator::Greater:
    return ">";
  case Operator::GreaterEqual:
    return ">=";
  default:
    return "operator";
  }
}

Value Interpreter::failUndefined(const Value &value) {
  return fail(ErrorKind::Runtime, std::string(value.view()));
}

Value Interpreter::failType(std::string_view operation, const Value &value) {
  if (value.isUndefined() && !value.view().empty())
    return failUndefined(value);
  return fail(ErrorKind::Runtime, std::string(operation) + " of a value of " +
                                      "type " + std::string(typeName(value)));
}

Value Interpreter::failOperands(Operator op, const Value &left,
                                const Value &right) {
  if (left.isUndefined())
    return failUndefined(left);
  if (right.isUndefined())
    return failUndefined(right);
  return fail(ErrorKind::Runtime, "'" + std::string(spell(op)) + "' of " +
                                      std::string(typeName(left)) + " and " +
                                      std::string(typeName(right)));
}

Value Interpreter::compute(Operator op, const Value &left, const Value &right) {
  if (left.isIntegral() && right.isIntegral())
    return computeIntegers(op, left.integer, right.integer);
  if (left.isNumber() && right.isNumber())
    return computeReals(op, left.asDouble(), right.asDouble());
  auto isSequence = [](const Value &value) {
    return value.isString() || (value.is(Value::Kind::List) &&
                                value.list->form <= List::Form::Tuple);
  };
  if (op == Operator::Add && isSequence(left) && left.kind == right.kind)
    return add(left, right);
  if (op == Operator::Multiply && isSequence(left) && right.isIntegral())
    return repeat(left, right.integer);
  if (op == Operator::Multiply && isSequence(right) && left.isIntegral())
    return repeat(right, left.integer);
  if (op == Operator::Modulo && left.isString())
    return fail(ErrorKind::Unsupported, "string formatting with '%'");
  return failOperands(op, left, right);
}

/// `base ** exponent`, exponent >= 0. Returns false on overflow.
static bool power(int64_t base, int64_t exponent, int64_t &result) {
  result = 1;
  for (bool baseFits = true; exponent > 0;) {
    if (exponent & 1)
      if (!baseFits || __builtin_mul_overflow(result, base, &result))
        return false;
    exponent >>= 1;
    if (exponent > 0 && __builtin_mul_overflow(base, base, &base))
      baseFits = false;
  }
  return true;
}

/// Division towards minus infinity, or its remainder. The divisor is not 0,
/// and not -1 with the smallest integer.
static int64_t floorDivide(int64_t left, int64_t right, bool wantsRemainder) {
  int64_t quotient = left / right, remainder = left % right;
  if (remainder != 0 && (remainder < 0) != (right < 0)) {
    --quotient;
    remainder += right;
  }
  return wantsRemainder ? remainder : quotient;
}

Value Interpreter::computeIntegers(Operator op, int64_t left, int64_t right) {
  if (op == Operator::Divide || (op == Operator::Power && right < 0))
    return computeReals(op, left, right);
  int64_t result = 0;
  bool overflows = false;
  switch (op) {
  case Operator::Add:
    overflows = __builtin_add_overflow(left, right, &result);
    break;
  case Operator::Subtract:
    overflows = __builtin_sub_overflow(left, right, &result);
    break;
  case Operator::Multiply:
    overflows = __builtin_mul_overflow(left, right, &result);
    break;
  case Operator::Power:
    overflows = !power(left, right, result);
    break;
  default:
    if (right == 0)
      return fail(ErrorKind::Runtime, "division by zero");
    overflows = left == INT64_MIN && right == -1;
    if (overflows && op == Operator::Modulo)
      return Value::number(int64_t(0));
    if (!overflows)
      result = floorDivide(left, right, op == Operator::Modulo);
    break;
  }
  if (overflows)
    return fail(ErrorKind::Limit, "an integer beyond 64 bits");
  return Value::number(result);
}

Value Interpreter::computeReals(Operator op, double left, double right) {
  switch (op) {
  case Operator::Add:
    return Value::number(left + right);
  case Operator::Subtract:
    return Value::number(left - right);
  case Operator::Multiply:
    return Value::number(left * right);
  case Operator::Power: {
    if (left == 0 && right < 0)
      return fail(ErrorKind::Runtime, "division by zero");
    double result = std::pow(left, right);
    if (!std::isfinite(result) && std::isfinite(left) && std::isfinite(right))
      return fail(ErrorKind::Runtime, "a power out of range");
    return Value::number(result);
  }
  default:
    break;
  }
  if (right == 0)
    return fail(ErrorKind::Runtime, "division by zero");
  if (op == Operator::Divide)
    return Value::number(left / right);
  // As CPython: the remainder has the sign of the divisor, and the quotient
  // is made from it.
  double remainder = std::fmod(left, right);
  double quotient = (left - remainder) / right;
  if (remainder == 0) {
    remainder = std::copysign(0.0, right);
  } else if ((right < 0) != (remainder < 0)) {
    remainder += right;
    quotient -= 1;
  }
  if (op == Operator::Modulo)
    return Value::number(remainder);
  double whole =
      quotient == 0 ? std::copysign(0.0, left / right) : std::floor(quotient);
  return Value::number(quotient - whole > 0.5 ? whole + 1 : whole);
}

Value Interpreter::add(const Value &left, const Value &right) {
  if (left.isString()) {
    Text result;
    append(result, *left.text);
    append(result, *right.text);
    return makeString(std::move(result));
  }
  if (left.list->form != right.list->form)
    return failOperands(Operator::Add, left, right);
  std::vector<Value> items = left.list->items;
  items.insert(items.end(), right.list->items.begin(), right.list->items.end());
  return makeList(std::move(items), left.list->form);
}

Value Interpreter::repeat(const Value &sequence, int64_t count) {
  if (sequence.isString()) {
    size_t size = sequence.text->size();
    if (count <= 0 || size == 0)
      return makeString(Text());
    if (static_cast<uint64_t>(count) > limits.outputBytes / size)
      return fail(ErrorKind::Limit, "a string of more than " +
                                        std::to_string(limits.outputBytes) +
                                        " bytes");
    Text result;
    append(result, *sequence.text);
    // Doubling takes few steps for many short copies.
    while (!failed && result.size() < count * size)
      append(result, result, 0,
             std::min(result.size(), count * size - result.size()));
    return makeString(std::move(result));
  }
  std::vector<Value> items;
  const std::vector<Value> &once = sequence.list->items;
  for (int64_t i = 0; i < count && !once.empty(); ++i) {
    if (!charge(once.size()))
      return Value();
    items.insert(items.end(), once.begin(), once.end());
  }
  return makeList(std::move(items), sequence.list->form);
}

} // namespace lamina::jinja
