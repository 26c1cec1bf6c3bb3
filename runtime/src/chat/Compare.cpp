//===- Compare.cpp - Comparison and iteration of values -------------------===//

#include "Interpreter.h"

#include <algorithm>
#include <cstring>

namespace lamina::jinja {

Value Interpreter::makeString(Text text) {
  if (text.size() > limits.outputBytes)
    return fail(ErrorKind::Limit, "a string of more than " +
                                      std::to_string(limits.outputBytes) +
                                      " bytes");
  return chargeBytes(text.footprint()) ? Value::string(std::move(text))
                                       : Value();
}

Value Interpreter::makeList(std::vector<Value> items, List::Form form) {
  if (!charge(1 + items.size()))
    return Value();
  heap.lists.push_back({form, std::move(items)});
  return Value::of(&heap.lists.back());
}

Value Interpreter::makeDict(std::vector<std::pair<Value, Value>> entries) {
  if (!charge(1 + entries.size())) {
    // Callers write to the dict before they look at the error.
    entries.clear();
  }
  heap.dicts.push_back({std::move(entries)});
  return Value::of(&heap.dicts.back());
}

const Value *Interpreter::lookUp(const Dict &dict, const Value &key) {
  for (const auto &[known, value] : dict.entries)
    if (equals(known, key))
      return &value;
  return nullptr;
}

void Interpreter::assign(Dict &dict, const Value &key, Value value) {
  bool isHashable =
      !key.is(Value::Kind::Dict) &&
      !(key.is(Value::Kind::List) && key.list->form == List::Form::List);
  if (!isHashable) {
    failType("dict key", key);
    return;
  }
  if (const Value *old = lookUp(dict, key)) {
    *const_cast<Value *>(old) = std::move(value);
    return;
  }
  if (charge(1))
    dict.entries.emplace_back(key, std::move(value));
}

/// Compares a 64-bit integer with a double exactly, as Python does. Returns
/// -1, 0, 1, or 2 if the double is no number.
static int compareExactly(int64_t left, double right) {
  if (right != right)
    return 2;
  if (right >= 9223372036854775808.0)
    return -1;
  if (right < -9223372036854775808.0)
    return 1;
  int64_t whole = static_cast<int64_t>(right);
  if (left != whole)
    return left < whole ? -1 : 1;
  double fraction = right - static_cast<double>(whole);
  return fraction > 0 ? -1 : fraction < 0 ? 1 : 0;
}

/// Orders two numbers: -1, 0, 1, or 2 if they have no order.
static int compareNumbers(const Value &left, const Value &right) {
  if (left.isIntegral() && right.isIntegral())
    return left.integer < right.integer ? -1 : left.integer > right.integer;
  if (left.isIntegral())
    return compareExactly(left.integer, right.real);
  if (right.isIntegral()) {
    int reversed = compareExactly(right.integer, left.real);
    return reversed == 2 ? 2 : -reversed;
  }
  if (left.real != left.real || right.real != right.real)
    return 2;
  return left.real < right.real ? -1 : left.real > right.real;
}

bool Interpreter::equalLists(const List &left, const List &right) {
  if (&left == &right)
    return true;
  bool areSequences = left.form <= List::Form::Range;
  if (left.form != right.form || !areSequences ||
      left.items.size() != right.items.size())
    return false;
  for (size_t i = 0; i < left.items.size(); ++i)
    if (failed || !equals(left.items[i], right.items[i]))
      return false;
  return true;
}

bool Interpreter::equalDicts(const Dict &left, const Dict &right) {
  if (&left == &right)
    return true;
  if (left.entries.size() != right.entries.size())
    return false;
  for (const auto &[key, value] : left.entries) {
    const Value *other = lookUp(right, key);
    if (failed || !other || !equals(value, *other))
      return false;
  }
  return true;
}

bool Interpreter::equals(const Value &left, const Value &right) {
  Nesting nesting(*this);
  if (!charge(1))
    return false;
  if (left.isNumber() && right.isNumber())
    return compareNumbers(left, right) == 0;
  if (left.kind != right.kind)
    return false;
  switch (left.kind) {
  case Value::Kind::String:
    return left.view().size() == right.view().size() &&
           chargeBytes(left.view().size()) && left.view() == right.view();
  case Value::Kind::List:
    return equalLists(*left.list, *right.list);
  case Value::Kind::Dict:
    return equalDicts(*left.dict, *right.dict);
  case Value::Kind::Function:
    return left.view() == right.view();
  case Value::Kind::Undefined:
  case Value::Kind::None:
    return true;
  default:
    return left.integer == right.integer; // The same object.
  }
}

/// What an order, -1, 0 or 1, says about an operator.
static bool holds(Operator op, int order) {
  switch (op) {
  case Operator::Less:
    return order < 0;
  case Operator::LessEqual:
    return order <= 0;
  case Operator::Greater:
    return order > 0;
  default:
    return order >= 0;
  }
}

bool Interpreter::compare(Operator op, const Value &left, const Value &right) {
  Nesting nesting(*this);
  if (!charge(1))
    return false;
  if (left.isNumber() && right.isNumber()) {
    int order = compareNumbers(left, right);
    return order != 2 && holds(op, order);
  }
  if (left.isString() && right.isString()) {
    // UTF-8 sorts like its characters.
    chargeBytes(std::min(left.view().size(), right.view().size()));
    int order = left.view().compare(right.view());
    return holds(op, order < 0 ? -1 : order > 0);
  }
  bool areLists = left.is(Value::Kind::List) && right.is(Value::Kind::List) &&
                  left.list->form == right.list->form &&
                  left.list->form <= List::Form::Tuple;
  if (!areLists) {
    failOperands(op, left, right);
    return false;
  }
  const std::vector<Value> &a = left.list->items, &b = right.list->items;
  for (size_t i = 0; i < std::min(a.size(), b.size()) && !failed; ++i)
    if (!equals(a[i], b[i]))
      return !failed && compare(op, a[i], b[i]);
  return holds(op, a.size() < b.size() ? -1 : a.size() > b.size());
}

size_t Interpreter::find(std::string_view text, std::string_view part,
                         size_t from) {
  from = std::min(from, text.size());
  // Linear at worst, which std::string_view::find is not.
  const void *found =
      memmem(text.data() + from, text.size() - from, part.data(), part.size());
  size_t at = found ? static_cast<const char *>(found) - text.data()
                    : std::string_view::npos;
  size_t end = std::min(at, text.size());
  return chargeBytes(end - from + part.size()) ? at : std::string_view::npos;
}

bool Interpreter::contains(const Value &container, const Value &item) {
  switch (container.kind) {
  case Value::Kind::String:
    if (item.isString())
      return find(container.view(), item.view(), 0) != std::string_view::npos;
    failType("'in' a string", item);
    return false;
  case Value::Kind::Dict:
    return lookUp(*container.dict, item) != nullptr;
  default:
    break;
  }
  for (const Value &element : iterate(container)) {
    if (failed)
      return false;
    if (equals(element, item))
      return true;
  }
  return false;
}

std::vector<Value> Interpreter::characters(const Text &text) {
  std::vector<Value> result;
  for (size_t i = 0, size; i < text.size() && charge(2); i += size) {
    decodeCharacter(text.view(), i, size);
    result.push_back(Value::string(text.slice(i, i + size)));
  }
  return result;
}

std::vector<Value> Interpreter::iterate(const Value &value) {
  std::vector<Value> items;
  switch (value.kind) {
  case Value::Kind::Undefined:
    break;
  case Value::Kind::String:
    return characters(*value.text);
  case Value::Kind::List:
    if (!charge(value.list->items.size()))
      break;
    if (value.list->form == List::Form::Generator)
      items.swap(value.list->items);
    else
      items = value.list->items;
    break;
  case Value::Kind::Dict:
    if (charge(value.dict->entries.size()))
      for (const auto &entry : value.dict->entries)
        items.push_back(entry.first);
    break;
  case Value::Kind::Loop:
    fail(ErrorKind::Unsupported, "iteration over 'loop'");
    break;
  default:
    failType("iteration", value);
    break;
  }
  return items;
}

std::optional<int64_t> Interpreter::length(const Value &value) {
  switch (value.kind) {
  case Value::Kind::Undefined:
    return 0;
  case Value::Kind::String:
    chargeBytes(value.view().size());
    return countCharacters(value.view());
  case Value::Kind::List:
    if (value.list->form == List::Form::Generator)
      return std::nullopt;
    return value.list->items.size();
  case Value::Kind::Dict:
    return value.dict->entries.size();
  case Value::Kind::Loop:
    return value.loop->items.size();
  default:
    return std::nullopt;
  }
}

} // namespace lamina::jinja
