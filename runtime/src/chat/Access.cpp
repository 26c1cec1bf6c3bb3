//===- Access.cpp - Attributes and elements of values ---------------------===//
//
// As jinja2's sandbox: Python attributes of objects cannot be reached, apart
// from the methods that are listed in Methods.cpp.
//
//===----------------------------------------------------------------------===//

#include "Interpreter.h"
#include "Literals.h"
#include "Methods.h"

#include <algorithm>

namespace lamina::jinja {

Value Interpreter::failUnsafe(const Value &object, const std::string &name) {
  return fail(ErrorKind::Runtime, "access to attribute '" + name + "' of a " +
                                      std::string(typeName(object)) +
                                      ", which is not safe");
}

static Value missingAttribute(const Value &object, std::string_view name) {
  return Value::undefined("'" + std::string(typeName(object)) +
                          "' has no attribute '" + std::string(name) + "'");
}

/// A method of the object, or undefined.
Value Interpreter::bindMethod(const Value &object, const std::string &name) {
  if (name.compare(0, 2, "__") == 0)
    return failUnsafe(object, name);
  switch (classifyMethod(object, name)) {
  case MethodStatus::Unknown:
    return missingAttribute(object, name);
  case MethodStatus::Mutating:
    return failUnsafe(object, name);
  case MethodStatus::Unsupported:
    return fail(ErrorKind::Unsupported,
                "method '" + name + "' of a " + std::string(typeName(object)));
  case MethodStatus::Supported:
    break;
  }
  if (!charge(2))
    return Value();
  heap.methods.push_back({object, name});
  return Value::of(&heap.methods.back());
}

Value Interpreter::getAttribute(const Value &object, const std::string &name) {
  switch (object.kind) {
  case Value::Kind::Undefined:
    return failUndefined(object);
  case Value::Kind::Loop:
    return getLoopAttribute(*object.loop, name);
  case Value::Kind::Namespace:
    if (const Value *value = lookUp(*object.dict, Value::string(name)))
      return *value;
    break;
  case Value::Kind::Macro:
  case Value::Kind::Method:
  case Value::Kind::Function:
    return fail(ErrorKind::Unsupported, "attribute '" + name + "' of a " +
                                            std::string(typeName(object)));
  case Value::Kind::Dict:
    // A method hides a key of the same name.
    if (name.compare(0, 2, "__") != 0 &&
        classifyMethod(object, name) == MethodStatus::Unknown)
      if (const Value *value = lookUp(*object.dict, Value::string(name)))
        return *value;
    break;
  default:
    break;
  }
  return failed ? Value() : bindMethod(object, name);
}

/// The element at `index`, which counts from the end if negative; null if
/// there is none.
static const Value *elementAt(const std::vector<Value> &items, int64_t index) {
  int64_t size = items.size();
  if (index < 0)
    index += size;
  return index >= 0 && index < size ? &items[index] : nullptr;
}

/// One character of a string, or undefined.
Value Interpreter::getCharacter(const Text &text, int64_t index) {
  if (!chargeBytes(text.size()))
    return Value();
  int64_t count = countCharacters(text.view());
  if (index < 0)
    index += count;
  if (index < 0 || index >= count)
    return Value::undefined("string has no element at this index");
  size_t at = 0, size = 0;
  for (int64_t i = 0;; ++i, at += size) {
    decodeCharacter(text.view(), at, size);
    if (i == index)
      return makeString(text.slice(at, at + size));
  }
}

Value Interpreter::getItem(const Value &object, const Value &key) {
  if (failed)
    return Value();
  if (object.isUndefined())
    return failUndefined(object);
  if (object.is(Value::Kind::Dict)) {
    if (const Value *value = lookUp(*object.dict, key))
      return *value;
  } else if (key.isIntegral() && object.isString()) {
    return getCharacter(*object.text, key.integer);
  } else if (key.isIntegral() && object.is(Value::Kind::List) &&
             object.list->form <= List::Form::Range) {
    if (const Value *value = elementAt(object.list->items, key.integer))
      return *value;
  }
  if (key.isString())
    return object.is(Value::Kind::Dict)
               ? bindMethod(object, std::string(key.view()))
               : getAttribute(object, std::string(key.view()));
  Text message(typeName(object));
  append(message, " has no element ");
  append(message, *toText(key));
  return Value::undefined(message.view());
}

Value Interpreter::getPath(Value object, std::string_view path) {
  while (!failed) {
    size_t point = path.find('.');
    std::string_view part = path.substr(0, point);
    bool isIndex = !part.empty() &&
                   std::all_of(part.begin(), part.end(),
                               [](char c) { return c >= '0' && c <= '9'; });
    std::optional<int64_t> index;
    if (isIndex)
      index = parseInteger(part);
    object =
        getItem(object, index ? Value::number(*index) : Value::string(part));
    if (point == std::string_view::npos)
      break;
    path.remove_prefix(point + 1);
  }
  return object;
}

Value Interpreter::getLoopAttribute(const Loop &loop, const std::string &name) {
  int64_t index = loop.index, count = loop.items.size();
  if (name == "index")
    return Value::number(index + 1);
  if (name == "index0")
    return Value::number(index);
  if (name == "revindex")
    return Value::number(count - index);
  if (name == "revindex0")
    return Value::number(count - index - 1);
  if (name == "first")
    return Value::boolean(index == 0);
  if (name == "last")
    return Value::boolean(index == count - 1);
  if (name == "length")
    return Value::number(count);
  if (name == "depth")
    return Value::number(int64_t(1)); // Only recursive loops are deeper.
  if (name == "depth0")
    return Value::number(int64_t(0));
  if (name == "previtem")
    return index > 0 ? loop.items[index - 1]
                     : Value::undefined("there is no previous item");
  if (name == "nextitem")
    return index + 1 < count ? loop.items[index + 1]
                             : Value::undefined("there is no next item");
  Value object = Value::of(const_cast<Loop *>(&loop));
  return bindMethod(object, name);
}

} // namespace lamina::jinja
