//===- NumberFilters.cpp - Filters int, float and abs ---------------------===//

#include "NumberFilters.h"
#include "Literals.h"

#include <cmath>

namespace lamina::jinja {

using Values = std::vector<std::optional<Value>>;

/// `int` of a float; nullopt where Python raises or 64 bits do not do.
static std::optional<int64_t> truncate(double value) {
  if (!(std::fabs(value) < 9223372036854775808.0))
    return std::nullopt;
  return static_cast<int64_t>(value);
}

Value intFilter(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"default", "base"}, 0, values))
    return Value();
  if (values[1] && !interpreter.equals(*values[1], Value::number(int64_t(10))))
    return interpreter.fail(ErrorKind::Unsupported, "int with another base");
  const Value &value = arguments.receiver;
  std::optional<int64_t> result;
  if (value.isUndefined())
    return interpreter.failType("int", value);
  if (value.isIntegral()) {
    result = value.integer;
  } else if (value.is(Value::Kind::Float)) {
    result = truncate(value.real);
    if (std::isinf(value.real))
      return interpreter.fail(ErrorKind::Runtime, "int of infinity");
    if (!result && std::isfinite(value.real))
      return interpreter.fail(ErrorKind::Limit, "an integer beyond 64 bits");
  } else if (value.isString()) {
    interpreter.chargeBytes(value.view().size());
    result = parseInteger(value.view());
    std::optional<double> real;
    if (!result && (real = parseFloat(value.view())))
      result = truncate(*real);
    if (!result && real && std::isfinite(*real))
      return interpreter.fail(ErrorKind::Limit, "an integer beyond 64 bits");
  }
  return result ? Value::number(*result)
                : values[0].value_or(Value::number(int64_t(0)));
}

Value floatFilter(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"default"}, 0, values))
    return Value();
  const Value &value = arguments.receiver;
  if (value.isUndefined())
    return interpreter.failType("float", value);
  if (value.isNumber())
    return Value::number(value.asDouble());
  std::optional<double> result;
  if (value.isString() && interpreter.chargeBytes(value.view().size()))
    result = parseFloat(value.view());
  return result ? Value::number(*result)
                : values[0].value_or(Value::number(0.0));
}

Value absFilter(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {}, 0, values))
    return Value();
  const Value &value = arguments.receiver;
  if (value.is(Value::Kind::Float))
    return Value::number(std::fabs(value.real));
  if (!value.isIntegral())
    return interpreter.failType("abs", value);
  if (value.integer == INT64_MIN)
    return interpreter.fail(ErrorKind::Limit, "an integer beyond 64 bits");
  return Value::number(value.integer < 0 ? -value.integer : value.integer);
}

} // namespace lamina::jinja
