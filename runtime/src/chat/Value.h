//===- Value.h - Values of a running template -------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_CHAT_VALUE_H
#define LAMINA_RUNTIME_CHAT_VALUE_H

#include "Text.h"

#include <deque>
#include <memory>
#include <utility>

namespace lamina::jinja {

struct Dict;
struct List;
struct Loop;
struct Macro;
struct Method;

/// Containers belong to the heap of one rendering, which frees them all at its
/// end: a namespace can hold itself, so reference counts would not do. Text is
/// most of the memory and is counted; it refers to nothing.
struct Value {
  enum class Kind : uint8_t {
    Undefined, ///< `text` says what was looked for.
    None,
    Bool, ///< In `integer`.
    Int,
    Float,
    String,
    List,
    Dict,
    Namespace, ///< A dict whose attributes can be set.
    Loop,
    Macro,
    Method,   ///< A method with its receiver.
    Function, ///< A built-in one; `text` is its name.
  };

  Kind kind = Kind::Undefined;
  union {
    int64_t integer = 0;
    double real;
    List *list;
    Dict *dict;
    Loop *loop;
    const Macro *macro;
    Method *method;
  };
  std::shared_ptr<const Text> text;

  static Value none() { return Value(Kind::None); }
  static Value boolean(bool value) {
    Value result(Kind::Bool);
    result.integer = value;
    return result;
  }
  static Value number(int64_t value) {
    Value result(Kind::Int);
    result.integer = value;
    return result;
  }
  static Value number(double value) {
    Value result(Kind::Float);
    result.real = value;
    return result;
  }
  static Value string(Text value) {
    return Value(Kind::String, std::move(value));
  }
  static Value string(std::string_view value) { return string(Text(value)); }
  static Value undefined(std::string_view message) {
    return Value(Kind::Undefined, Text(message));
  }
  static Value function(std::string_view name) {
    return Value(Kind::Function, Text(name));
  }
  static Value of(List *list) {
    Value result(Kind::List);
    result.list = list;
    return result;
  }
  static Value of(Dict *dict, Kind kind = Kind::Dict) {
    Value result(kind);
    result.dict = dict;
    return result;
  }
  static Value of(Loop *loop) {
    Value result(Kind::Loop);
    result.loop = loop;
    return result;
  }
  static Value of(const Macro *macro) {
    Value result(Kind::Macro);
    result.macro = macro;
    return result;
  }
  static Value of(Method *method) {
    Value result(Kind::Method);
    result.method = method;
    return result;
  }

  Value() = default;

  bool is(Kind other) const { return kind == other; }
  bool isString() const { return kind == Kind::String; }
  bool isUndefined() const { return kind == Kind::Undefined; }
  /// Bool and Int: a Python bool is an int.
  bool isIntegral() const { return kind == Kind::Int || kind == Kind::Bool; }
  bool isNumber() const { return isIntegral() || kind == Kind::Float; }
  double asDouble() const {
    return kind == Kind::Float ? real : static_cast<double>(integer);
  }
  /// Of a String, or the message of an Undefined, or the name of a Function.
  std::string_view view() const {
    return text ? text->view() : std::string_view();
  }

private:
  explicit Value(Kind kind) : kind(kind) {}
  Value(Kind kind, Text value)
      : kind(kind), text(std::make_shared<Text>(std::move(value))) {}
};

struct List {
  enum class Form : uint8_t {
    List,
    Tuple,
    Range,
    View,      ///< Of a dict: has a length, but no elements by index.
    Generator, ///< Can be walked once and has no length.
  };
  Form form = Form::List;
  std::vector<Value> items;
};

/// In insertion order. Templates' dicts are small, so lookup is a walk.
struct Dict {
  std::vector<std::pair<Value, Value>> entries;
};

/// The variable `loop`.
struct Loop {
  std::vector<Value> items;
  size_t index = 0;
  Value lastChanged; ///< The arguments of the last call of `changed`.
  bool hasChanged = false;
};

struct Method {
  Value receiver;
  std::string name;
};

/// Variables of one scope, by the index of the name in the template.
struct Scope {
  const Scope *parent = nullptr;
  std::vector<std::pair<unsigned, Value>> variables;

  void set(unsigned name, Value value);
  /// Looks here and in the parents; null if there is none.
  const Value *find(unsigned name) const;
};

struct MacroStatement;

struct Macro {
  const MacroStatement *statement;
  const Scope *closure;
};

/// Owns everything that values point to.
struct Heap {
  std::deque<List> lists;
  std::deque<Dict> dicts;
  std::deque<Loop> loops;
  std::deque<Macro> macros;
  std::deque<Method> methods;
  std::deque<Scope> scopes;
};

/// Name of the Python type, for messages.
std::string_view typeName(const Value &value);

/// `bool(value)`.
bool isTrue(const Value &value);

} // namespace lamina::jinja

#endif // LAMINA_RUNTIME_CHAT_VALUE_H
