//===- Filters.cpp - Filters of templates ---------------------------------===//

#include "Methods.h"
#include "NumberFilters.h"

#include <algorithm>

namespace lamina::jinja {

using Values = std::vector<std::optional<Value>>;
using Result = Value (*)(Interpreter &, const Arguments &);

namespace {

struct FilterEntry {
  std::string_view name;
  Result run;
};

} // namespace

template <Case to>
static Value caseFilter(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {}, 0, values))
    return Value();
  return mapCase(interpreter, *interpreter.toText(arguments.receiver), to);
}

/// Unlike the method of that name, a word starts after white space or one of
/// the brackets and the hyphen.
static Value titleFilter(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {}, 0, values))
    return Value();
  Value lower = mapCase(interpreter, *interpreter.toText(arguments.receiver),
                        Case::Lower);
  if (interpreter.hasFailed())
    return Value();
  Text result = *lower.text;
  std::string_view view = lower.view();
  std::vector<bool> startsWord(view.size());
  bool starts = true;
  for (size_t i = 0, size; i < view.size(); i += size) {
    uint32_t c = decodeCharacter(view, i, size);
    startsWord[i] = starts;
    starts =
        isSpace(c) || c == '-' || c == '(' || c == '{' || c == '[' || c == '<';
  }
  result.mapBytes([&](char c, size_t i) -> char {
    return startsWord[i] && c >= 'a' && c <= 'z' ? c & ~0x20 : c;
  });
  return interpreter.makeString(std::move(result));
}

static Value stringOf(Interpreter &interpreter, const Value &value) {
  Value result = Value::string("");
  result.text = interpreter.toText(value);
  return result;
}

static Value trimFilter(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"chars"}, 0, values))
    return Value();
  return strip(interpreter, stringOf(interpreter, arguments.receiver),
               values[0].value_or(Value()), Ends::Both);
}

static Value stringFilter(Interpreter &interpreter,
                          const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {}, 0, values))
    return Value();
  return stringOf(interpreter, arguments.receiver);
}

/// With autoescape off, a safe string prints as any other.
static Value safeFilter(Interpreter &interpreter, const Arguments &arguments) {
  return stringFilter(interpreter, arguments);
}

static Value lengthFilter(Interpreter &interpreter,
                          const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {}, 0, values))
    return Value();
  std::optional<int64_t> length = interpreter.length(arguments.receiver);
  return length ? Value::number(*length)
                : interpreter.failType("length", arguments.receiver);
}

static Value defaultFilter(Interpreter &interpreter,
                           const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"default_value", "boolean"}, 0, values))
    return Value();
  const Value &value = arguments.receiver;
  bool alsoFalse = values[1] && isTrue(*values[1]);
  if (value.isUndefined() || (alsoFalse && !isTrue(value)))
    return values[0].value_or(Value::string(""));
  return value;
}

static Value replaceFilter(Interpreter &interpreter,
                           const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"old", "new", "count"}, 2, values))
    return Value();
  bool hasCount = values[2] && !values[2]->is(Value::Kind::None);
  if (hasCount && !values[2]->isIntegral())
    return interpreter.failType("replace", *values[2]);
  return replace(interpreter, *interpreter.toText(arguments.receiver),
                 *interpreter.toText(*values[0]),
                 *interpreter.toText(*values[1]),
                 hasCount ? values[2]->integer : -1);
}

static Value getByAttribute(Interpreter &interpreter, const Value &item,
                            const Value &attribute) {
  return attribute.isString() ? interpreter.getPath(item, attribute.view())
                              : interpreter.getItem(item, attribute);
}

static Value joinFilter(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"d", "attribute"}, 0, values))
    return Value();
  bool hasAttribute = values[1] && !values[1]->is(Value::Kind::None);
  std::vector<std::shared_ptr<const Text>> parts;
  for (Value &item : interpreter.iterate(arguments.receiver)) {
    if (hasAttribute)
      item = getByAttribute(interpreter, item, *values[1]);
    if (interpreter.hasFailed())
      return Value();
    parts.push_back(interpreter.toText(item));
  }
  return join(interpreter, values[0] ? *interpreter.toText(*values[0]) : Text(),
              parts);
}

static Value toJsonFilter(Interpreter &interpreter,
                          const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments,
                        {"ensure_ascii", "indent", "separators", "sort_keys"},
                        0, values))
    return Value();
  if (values[0] && isTrue(*values[0]))
    return interpreter.fail(ErrorKind::Unsupported, "tojson(ensure_ascii)");
  if (values[2] && !values[2]->is(Value::Kind::None))
    return interpreter.fail(ErrorKind::Unsupported, "tojson(separators)");
  if (values[3] && isTrue(*values[3]))
    return interpreter.fail(ErrorKind::Unsupported, "tojson(sort_keys)");
  int64_t indent = -1;
  if (values[1] && values[1]->isIntegral())
    indent = std::max<int64_t>(values[1]->integer, 0);
  else if (values[1] && !values[1]->is(Value::Kind::None))
    return interpreter.failType("indent", *values[1]);
  Text result;
  interpreter.printJson(arguments.receiver, indent, 0, result);
  return interpreter.makeString(std::move(result));
}

static Value firstFilter(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {}, 0, values))
    return Value();
  std::vector<Value> items = interpreter.iterate(arguments.receiver);
  return items.empty() ? Value::undefined("the sequence has no first item")
                       : items.front();
}

static Value lastFilter(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {}, 0, values))
    return Value();
  const Value &sequence = arguments.receiver;
  if (!interpreter.length(sequence))
    return interpreter.failType("last", sequence);
  std::vector<Value> items = interpreter.iterate(sequence);
  return items.empty() ? Value::undefined("the sequence has no last item")
                       : items.back();
}

static Value listFilter(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {}, 0, values))
    return Value();
  return interpreter.makeList(interpreter.iterate(arguments.receiver));
}

static Value reverseFilter(Interpreter &interpreter,
                           const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {}, 0, values))
    return Value();
  const Value &value = arguments.receiver;
  bool isGenerator =
      value.is(Value::Kind::List) && value.list->form == List::Form::Generator;
  std::vector<Value> items = interpreter.iterate(value);
  std::reverse(items.begin(), items.end());
  if (!value.isString())
    return interpreter.makeList(std::move(items), isGenerator
                                                      ? List::Form::List
                                                      : List::Form::Generator);
  std::vector<std::shared_ptr<const Text>> parts;
  for (const Value &item : items)
    parts.push_back(item.text);
  return join(interpreter, Text(), parts);
}

static Value itemsFilter(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {}, 0, values))
    return Value();
  const Value &value = arguments.receiver;
  if (!value.isUndefined() && !value.is(Value::Kind::Dict))
    return interpreter.failType("items", value);
  std::vector<Value> items;
  if (value.is(Value::Kind::Dict))
    for (const auto &[key, element] : value.dict->entries)
      items.push_back(interpreter.makeList({key, element}, List::Form::Tuple));
  return interpreter.makeList(std::move(items), List::Form::Generator);
}

//===----------------------------------------------------------------------===//
// Filters that take the name of a filter or test
//===----------------------------------------------------------------------===//

/// The arguments for one item of `map('name', ...)` and the like: the name is
/// the positional argument `at`, and those after it follow.
static bool passOn(Interpreter &interpreter, const Arguments &arguments,
                   size_t at, Arguments &inner) {
  if (!arguments.positional[at].isString()) {
    interpreter.failType(arguments.name, arguments.positional[at]);
    return false;
  }
  inner.name = arguments.positional[at].view();
  inner.positional.assign(arguments.positional.begin() + at + 1,
                          arguments.positional.end());
  inner.keywords = arguments.keywords;
  return true;
}

static Value mapFilter(Interpreter &interpreter, const Arguments &arguments) {
  if (!isTrue(arguments.receiver))
    return interpreter.makeList({}, List::Form::Generator);
  bool byAttribute = arguments.positional.empty();
  Values values;
  Arguments inner;
  if (byAttribute
          ? !interpreter.bind(arguments, {"attribute", "default"}, 1, values)
          : !passOn(interpreter, arguments, 0, inner))
    return Value();
  std::vector<Value> results;
  for (Value &item : interpreter.iterate(arguments.receiver)) {
    if (byAttribute) {
      Value result = getByAttribute(interpreter, item, *values[0]);
      results.push_back(result.isUndefined() && values[1] ? *values[1]
                                                          : result);
    } else {
      inner.receiver = std::move(item);
      results.push_back(interpreter.applyFilter(inner));
    }
    if (interpreter.hasFailed())
      return Value();
  }
  return interpreter.makeList(std::move(results), List::Form::Generator);
}

/// select, reject, selectattr, rejectattr.
template <bool byAttribute, bool wanted>
static Value selectFilter(Interpreter &interpreter,
                          const Arguments &arguments) {
  if (!isTrue(arguments.receiver))
    return interpreter.makeList({}, List::Form::Generator);
  if (byAttribute && arguments.positional.empty())
    return interpreter.fail(ErrorKind::Runtime,
                            "'" + arguments.name + "' without an attribute");
  size_t testAt = byAttribute ? 1 : 0;
  bool hasTest = arguments.positional.size() > testAt;
  Arguments inner;
  if (hasTest && !passOn(interpreter, arguments, testAt, inner))
    return Value();
  std::vector<Value> results;
  for (const Value &item : interpreter.iterate(arguments.receiver)) {
    Value tested =
        byAttribute ? getByAttribute(interpreter, item, arguments.positional[0])
                    : item;
    if (interpreter.hasFailed())
      return Value();
    inner.receiver = tested;
    bool holds = hasTest ? interpreter.applyTest(inner) : isTrue(tested);
    if (holds == wanted)
      results.push_back(item);
  }
  return interpreter.makeList(std::move(results), List::Form::Generator);
}

static const FilterEntry filters[] = {
    {"abs", absFilter},
    {"capitalize", caseFilter<Case::Capitalized>},
    {"count", lengthFilter},
    {"d", defaultFilter},
    {"default", defaultFilter},
    {"first", firstFilter},
    {"float", floatFilter},
    {"int", intFilter},
    {"items", itemsFilter},
    {"join", joinFilter},
    {"last", lastFilter},
    {"length", lengthFilter},
    {"list", listFilter},
    {"lower", caseFilter<Case::Lower>},
    {"map", mapFilter},
    {"reject", selectFilter<false, false>},
    {"rejectattr", selectFilter<true, false>},
    {"replace", replaceFilter},
    {"reverse", reverseFilter},
    {"safe", safeFilter},
    {"select", selectFilter<false, true>},
    {"selectattr", selectFilter<true, true>},
    {"string", stringFilter},
    {"title", titleFilter},
    {"tojson", toJsonFilter},
    {"trim", trimFilter},
    {"upper", caseFilter<Case::Upper>},
};

Value Interpreter::applyFilter(Arguments &arguments) {
  Nesting nesting(*this);
  if (!charge(1))
    return Value();
  for (const FilterEntry &filter : filters)
    if (filter.name == arguments.name)
      return filter.run(*this, arguments);
  return fail(ErrorKind::Unsupported, "filter '" + arguments.name + "'");
}

} // namespace lamina::jinja
