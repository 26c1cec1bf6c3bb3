//===- Methods.cpp - Methods of strings and dicts -------------------------===//

#include "Methods.h"

#include <algorithm>

namespace lamina::jinja {

namespace {

using Result = Value (*)(Interpreter &, const Arguments &);
using Values = std::vector<std::optional<Value>>;

struct MethodEntry {
  std::string_view name;
  Result run;
};

/// Methods of Python that are not supported, or must not be.
struct KnownMethods {
  Value::Kind kind;
  std::initializer_list<std::string_view> unsupported;
  std::initializer_list<std::string_view> mutating;
};

} // namespace

template <Case to>
static Value caseMethod(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {}, 0, values))
    return Value();
  return mapCase(interpreter, *arguments.receiver.text, to);
}

template <Ends ends>
static Value stripMethod(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"chars"}, 0, values))
    return Value();
  return strip(interpreter, arguments.receiver, values[0].value_or(Value()),
               ends);
}

/// `split()`: at white space, without empty parts.
static Value splitAtSpace(Interpreter &interpreter, const Text &text,
                          int64_t limit) {
  std::vector<Value> parts;
  std::string_view view = text.view();
  interpreter.chargeBytes(view.size());
  for (size_t at = skipSpace(view); at < view.size();) {
    size_t end = at, size = 0;
    if (limit-- == 0)
      end = view.size();
    else
      while (end < view.size() && !isSpace(decodeCharacter(view, end, size)))
        end += size;
    parts.push_back(interpreter.makeString(text.slice(at, end)));
    if (interpreter.hasFailed())
      break;
    at = skipSpace(view, end);
  }
  return interpreter.makeList(std::move(parts));
}

static Value split(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"sep", "maxsplit"}, 0, values))
    return Value();
  const Text &text = *arguments.receiver.text;
  if (values[1] && !values[1]->isIntegral())
    return interpreter.failType("split", *values[1]);
  int64_t limit = values[1] ? values[1]->integer : -1;
  if (!values[0] || values[0]->is(Value::Kind::None))
    return splitAtSpace(interpreter, text, limit);
  if (!values[0]->isString())
    return interpreter.failType("split", *values[0]);
  std::string_view separator = values[0]->view();
  if (separator.empty())
    return interpreter.fail(ErrorKind::Runtime, "split at an empty string");
  std::vector<Value> parts;
  size_t begin = 0;
  while (limit-- != 0 && !interpreter.hasFailed()) {
    size_t found = interpreter.find(text.view(), separator, begin);
    if (found == std::string_view::npos)
      break;
    parts.push_back(interpreter.makeString(text.slice(begin, found)));
    begin = found + separator.size();
  }
  parts.push_back(interpreter.makeString(text.slice(begin, text.size())));
  return interpreter.makeList(std::move(parts));
}

/// `startswith` or `endswith`, of a string or a tuple of them.
template <bool atEnd>
static Value affixMethod(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"affix"}, 1, values))
    return Value();
  std::vector<Value> affixes = {*values[0]};
  if (values[0]->is(Value::Kind::List) &&
      values[0]->list->form == List::Form::Tuple)
    affixes = interpreter.iterate(*values[0]);
  std::string_view text = arguments.receiver.view();
  for (const Value &affix : affixes) {
    if (!affix.isString())
      return interpreter.failType(arguments.name, affix);
    std::string_view part = affix.view();
    if (!interpreter.chargeBytes(part.size()))
      return Value();
    if (part.size() <= text.size() &&
        text.substr(atEnd ? text.size() - part.size() : 0, part.size()) == part)
      return Value::boolean(true);
  }
  return Value::boolean(false);
}

/// `removeprefix` or `removesuffix`.
template <bool atEnd>
static Value removeMethod(Interpreter &interpreter,
                          const Arguments &arguments) {
  Value found = affixMethod<atEnd>(interpreter, arguments);
  const Value &affix =
      arguments.positional.empty() ? Value() : arguments.positional[0];
  if (interpreter.hasFailed())
    return Value();
  if (!affix.isString())
    return interpreter.failType(arguments.name, affix);
  const Text &text = *arguments.receiver.text;
  if (!isTrue(found))
    return arguments.receiver;
  size_t size = affix.view().size();
  return interpreter.makeString(atEnd ? text.slice(0, text.size() - size)
                                      : text.slice(size, text.size()));
}

static Value replaceMethod(Interpreter &interpreter,
                           const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"old", "new", "count"}, 2, values))
    return Value();
  for (size_t i = 0; i < 2; ++i)
    if (!values[i]->isString())
      return interpreter.failType("replace", *values[i]);
  if (values[2] && !values[2]->isIntegral())
    return interpreter.failType("replace", *values[2]);
  return replace(interpreter, *arguments.receiver.text, *values[0]->text,
                 *values[1]->text, values[2] ? values[2]->integer : -1);
}

static Value findMethod(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"sub"}, 1, values))
    return Value();
  if (!values[0]->isString())
    return interpreter.failType("find", *values[0]);
  std::string_view text = arguments.receiver.view();
  size_t found = interpreter.find(text, values[0]->view(), 0);
  if (found == std::string_view::npos)
    return Value::number(int64_t(-1));
  return Value::number(int64_t(countCharacters(text.substr(0, found))));
}

static Value countMethod(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"sub"}, 1, values))
    return Value();
  if (!values[0]->isString())
    return interpreter.failType("count", *values[0]);
  std::string_view text = arguments.receiver.view();
  std::string_view part = values[0]->view();
  if (part.empty())
    return Value::number(int64_t(countCharacters(text) + 1));
  int64_t count = 0;
  for (size_t at = 0; !interpreter.hasFailed(); ++count) {
    at = interpreter.find(text, part, at);
    if (at == std::string_view::npos)
      break;
    at += part.size();
  }
  return Value::number(count);
}

static Value joinMethod(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"iterable"}, 1, values))
    return Value();
  std::vector<std::shared_ptr<const Text>> parts;
  for (const Value &item : interpreter.iterate(*values[0])) {
    if (!item.isString())
      return interpreter.failType("join", item);
    parts.push_back(item.text);
  }
  return join(interpreter, *arguments.receiver.text, parts);
}

static Value getMethod(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {"key", "default"}, 1, values))
    return Value();
  if (const Value *found =
          interpreter.lookUp(*arguments.receiver.dict, *values[0]))
    return *found;
  return values[1].value_or(Value::none());
}

/// `keys`, `values` and `items`.
template <bool withKeys, bool withValues>
static Value viewMethod(Interpreter &interpreter, const Arguments &arguments) {
  Values values;
  if (!interpreter.bind(arguments, {}, 0, values))
    return Value();
  std::vector<Value> items;
  for (const auto &[key, value] : arguments.receiver.dict->entries) {
    if (withKeys && withValues)
      items.push_back(interpreter.makeList({key, value}, List::Form::Tuple));
    else
      items.push_back(withKeys ? key : value);
    if (interpreter.hasFailed())
      return Value();
  }
  return interpreter.makeList(std::move(items), List::Form::View);
}

static Value cycleMethod(Interpreter &interpreter, const Arguments &arguments) {
  const std::vector<Value> &values = arguments.positional;
  if (values.empty() || !arguments.keywords.empty())
    return interpreter.fail(ErrorKind::Runtime,
                            "'cycle' without values to cycle through");
  return values[arguments.receiver.loop->index % values.size()];
}

static Value changedMethod(Interpreter &interpreter,
                           const Arguments &arguments) {
  Loop &loop = *arguments.receiver.loop;
  Value values = interpreter.makeList(arguments.positional, List::Form::Tuple);
  bool isSame = loop.hasChanged && interpreter.equals(loop.lastChanged, values);
  if (interpreter.hasFailed() || isSame)
    return Value::boolean(false);
  loop.lastChanged = values;
  loop.hasChanged = true;
  return Value::boolean(true);
}

static const MethodEntry stringMethods[] = {
    {"capitalize", caseMethod<Case::Capitalized>},
    {"count", countMethod},
    {"endswith", affixMethod<true>},
    {"find", findMethod},
    {"join", joinMethod},
    {"lower", caseMethod<Case::Lower>},
    {"lstrip", stripMethod<Ends::Left>},
    {"removeprefix", removeMethod<false>},
    {"removesuffix", removeMethod<true>},
    {"replace", replaceMethod},
    {"rstrip", stripMethod<Ends::Right>},
    {"split", split},
    {"startswith", affixMethod<false>},
    {"strip", stripMethod<Ends::Both>},
    {"title", caseMethod<Case::Title>},
    {"upper", caseMethod<Case::Upper>},
};

static const MethodEntry dictMethods[] = {
    {"get", getMethod},
    {"items", viewMethod<true, true>},
    {"keys", viewMethod<true, false>},
    {"values", viewMethod<false, true>},
};

static const MethodEntry loopMethods[] = {
    {"changed", changedMethod},
    {"cycle", cycleMethod},
};

static const KnownMethods knownMethods[] = {
    {Value::Kind::String,
     {"casefold",    "center",    "encode",       "expandtabs", "format",
      "format_map",  "index",     "isalnum",      "isalpha",    "isascii",
      "isdecimal",   "isdigit",   "isidentifier", "islower",    "isnumeric",
      "isprintable", "isspace",   "istitle",      "isupper",    "ljust",
      "maketrans",   "partition", "rfind",        "rindex",     "rjust",
      "rpartition",  "rsplit",    "splitlines",   "swapcase",   "translate",
      "zfill"},
     {}},
    {Value::Kind::Dict,
     {"copy", "fromkeys"},
     {"clear", "pop", "popitem", "setdefault", "update"}},
    {Value::Kind::List,
     {"copy", "count", "index"},
     {"append", "clear", "extend", "insert", "pop", "remove", "reverse",
      "sort"}},
    {Value::Kind::Int,
     {"as_integer_ratio", "bit_count", "bit_length", "conjugate", "denominator",
      "from_bytes", "imag", "numerator", "real", "to_bytes"},
     {}},
    {Value::Kind::Float,
     {"as_integer_ratio", "conjugate", "fromhex", "hex", "imag", "is_integer",
      "real"},
     {}},
};

template <size_t count>
static Result findMethodEntry(const MethodEntry (&entries)[count],
                              std::string_view name) {
  for (const MethodEntry &entry : entries)
    if (entry.name == name)
      return entry.run;
  return nullptr;
}

static Result findMethodOf(const Value &object, std::string_view name) {
  switch (object.kind) {
  case Value::Kind::String:
    return findMethodEntry(stringMethods, name);
  case Value::Kind::Dict:
    return findMethodEntry(dictMethods, name);
  case Value::Kind::Loop:
    return findMethodEntry(loopMethods, name);
  default:
    return nullptr;
  }
}

MethodStatus classifyMethod(const Value &object, std::string_view name) {
  if (findMethodOf(object, name))
    return MethodStatus::Supported;
  for (const KnownMethods &known : knownMethods) {
    if (known.kind != object.kind)
      continue;
    auto has = [&](const std::initializer_list<std::string_view> &names) {
      return std::find(names.begin(), names.end(), name) != names.end();
    };
    if (has(known.unsupported))
      return MethodStatus::Unsupported;
    if (has(known.mutating))
      return MethodStatus::Mutating;
  }
  return MethodStatus::Unknown;
}

Value Interpreter::callMethod(Arguments &arguments) {
  return findMethodOf(arguments.receiver, arguments.name)(*this, arguments);
}

} // namespace lamina::jinja
