//===- Value.cpp - Values of a running template ---------------------------===//

#include "Value.h"

namespace lamina::jinja {

void Scope::set(unsigned name, Value value) {
  for (auto &[known, old] : variables) {
    if (known == name) {
      old = std::move(value);
      return;
    }
  }
  variables.emplace_back(name, std::move(value));
}

const Value *Scope::find(unsigned name) const {
  for (const Scope *scope = this; scope; scope = scope->parent)
    for (const auto &[known, value] : scope->variables)
      if (known == name)
        return &value;
  return nullptr;
}

static std::string_view typeName(const List &list) {
  switch (list.form) {
  case List::Form::List:
    return "list";
  case List::Form::Tuple:
    return "tuple";
  case List::Form::Range:
    return "range";
  case List::Form::View:
    return "dict view";
  case List::Form::Generator:
    break;
  }
  return "generator";
}

std::string_view typeName(const Value &value) {
  switch (value.kind) {
  case Value::Kind::Undefined:
    return "undefined value";
  case Value::Kind::None:
    return "none";
  case Value::Kind::Bool:
    return "bool";
  case Value::Kind::Int:
    return "int";
  case Value::Kind::Float:
    return "float";
  case Value::Kind::String:
    return "string";
  case Value::Kind::List:
    return typeName(*value.list);
  case Value::Kind::Dict:
    return "dict";
  case Value::Kind::Namespace:
    return "namespace";
  case Value::Kind::Loop:
    return "loop";
  case Value::Kind::Macro:
    return "macro";
  case Value::Kind::Method:
    return "method";
  case Value::Kind::Function:
    break;
  }
  return "function";
}

bool isTrue(const Value &value) {
  switch (value.kind) {
  case Value::Kind::Undefined:
  case Value::Kind::None:
    return false;
  case Value::Kind::Bool:
  case Value::Kind::Int:
    return value.integer != 0;
  case Value::Kind::Float:
    return value.real != 0;
  case Value::Kind::String:
    return !value.view().empty();
  case Value::Kind::List:
    return value.list->form == List::Form::Generator ||
           !value.list->items.empty();
  case Value::Kind::Dict:
    return !value.dict->entries.empty();
  default:
    return true;
  }
}

} // namespace lamina::jinja
