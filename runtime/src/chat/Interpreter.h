//===- Interpreter.h - Running a Jinja template -----------------*- C++ -*-===//
//
// Python semantics over jinja::Value. There are no exceptions: the first error
// is kept, later operations return undefined at once, and loops stop.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CHAT_INTERPRETER_H
#define LAMINA_RUNTIME_CHAT_INTERPRETER_H

#include "Ast.h"
#include "ChatTemplate.h"

#include <array>
#include <initializer_list>

namespace lamina::jinja {

using ErrorKind = ChatTemplateError::Kind;

/// The arguments of a call, a filter, or a test. `receiver` is the object of a
/// method, the value that is filtered, or the one that is tested.
struct Arguments {
  std::string name;
  Value receiver;
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> keywords;
};

class Interpreter {
public:
  Interpreter(const Template &program, const ChatTemplateInputs &inputs,
              const ChatTemplateLimits &limits, ChatTemplateError &error);

  /// Returns false and sets the error if the template fails.
  bool run(Text &result);

  //===--------------------------------------------------------------------===//
  // For filters, tests and methods
  //===--------------------------------------------------------------------===//

  bool hasFailed() const { return failed; }
  /// Keeps the first error. Returns undefined.
  Value fail(ErrorKind kind, std::string message);
  /// Takes steps. Returns false if there are none left, or after an error.
  bool charge(uint64_t count);
  /// Steps for reading or making so many bytes.
  bool chargeBytes(uint64_t bytes) { return charge(1 + bytes / 256); }
  /// Appends to a string within the size limit.
  bool append(Text &to, const Text &from, size_t begin, size_t end);
  bool append(Text &to, const Text &from) {
    return append(to, from, 0, from.size());
  }
  /// Of the template, not of a user.
  bool append(Text &to, std::string_view from);
  Value makeString(Text text);
  Value makeList(std::vector<Value> items, List::Form form = List::Form::List);
  Value makeDict(std::vector<std::pair<Value, Value>> entries);

  /// Matches arguments to parameter names; those not given stay empty. Fails
  /// if there are too many, one is unknown, or one of the first `required` is
  /// missing.
  bool bind(const Arguments &arguments,
            std::initializer_list<std::string_view> parameters, size_t required,
            std::vector<std::optional<Value>> &values);

  /// The elements that a for loop visits. Fails if `value` is not iterable.
  std::vector<Value> iterate(const Value &value);
  /// `str(value)`.
  std::shared_ptr<const Text> toText(const Value &value);
  /// json.dumps without ASCII escapes; `indent` < 0 is none.
  void printJson(const Value &value, int64_t indent, int64_t level, Text &out);
  /// `==`.
  bool equals(const Value &left, const Value &right);
  /// `<` and its like.
  bool compare(Operator op, const Value &left, const Value &right);
  /// Position of `part` in `text` at or after `from`, or npos.
  size_t find(std::string_view text, std::string_view part, size_t from);
  /// The characters of a string, each as a string.
  std::vector<Value> characters(const Text &text);
  /// `item in container`.
  bool contains(const Value &container, const Value &item);
  /// `len(value)`; nullopt if it has none.
  std::optional<int64_t> length(const Value &value);
  const Value *lookUp(const Dict &dict, const Value &key);
  /// A dict that may get each key once or many times; the last value counts.
  void assign(Dict &dict, const Value &key, Value value);
  Value getAttribute(const Value &object, const std::string &name);
  Value getItem(const Value &object, const Value &key);
  /// Follows `a.b.0`, as the argument of map, selectattr and so on.
  Value getPath(Value object, std::string_view path);
  Value applyFilter(Arguments &arguments);
  bool applyTest(Arguments &arguments);
  Value callMethod(Arguments &arguments);
  /// Fails because the operation is not defined for the value.
  Value failType(std::string_view operation, const Value &value);

private:
  enum class Flow { Next, Break, Continue };

  /// One level of nesting, while it lives.
  class Nesting {
  public:
    explicit Nesting(Interpreter &interpreter);
    ~Nesting() { --interpreter.depth; }

  private:
    Interpreter &interpreter;
  };

  void define(std::string_view name, Value value);
  void defineGlobals(const ChatTemplateInputs &inputs);

  // Statements.
  Flow execute(const Body &body);
  Flow execute(const Statement &statement);
  Flow executeIf(const Statement &statement);
  Flow executeFor(const Statement &statement);
  Flow executeIteration(const Statement &statement, Loop &loop);
  std::vector<Value> selectItems(const Statement &statement);
  Flow executeSetBlock(const Statement &statement);
  Flow executeScoped(const Body &body);
  void defineMacro(const Statement &statement);
  std::shared_ptr<const Text> capture(const Body &body, Flow &flow);
  void assign(const Target &target, const Value &value);

  // Expressions.
  Value evaluate(const Expression &expression);
  Value evaluateName(const Expression &expression);
  Value evaluateAll(const Expression &expression);
  Value evaluateLogical(const Expression &expression);
  Value evaluateSign(const Expression &expression);
  Value evaluateConcat(const Expression &expression);
  Value evaluateArithmetic(const Expression &expression);
  Value evaluateCompare(const Expression &expression);
  bool compareAny(Operator op, const Value &left, const Value &right);
  Value evaluatePostfix(const Expression &expression);
  Value applySuffix(const Value &base, const Suffix &suffix);
  /// Start, stop and step of a slice.
  using SliceBounds = std::array<std::optional<int64_t>, 3>;
  Value evaluateSlice(const Value &base, const Suffix &suffix);
  Value sliceString(const Value &base, const SliceBounds &bounds);
  bool evaluateArguments(const Suffix &suffix, Arguments &arguments);

  // Arithmetic.
  Value compute(Operator op, const Value &left, const Value &right);
  Value computeIntegers(Operator op, int64_t left, int64_t right);
  Value computeReals(Operator op, double left, double right);
  Value add(const Value &left, const Value &right);
  Value repeat(const Value &sequence, int64_t count);
  Value failOperands(Operator op, const Value &left, const Value &right);
  Value failUndefined(const Value &value);

  bool equalLists(const List &left, const List &right);
  bool equalDicts(const Dict &left, const Dict &right);
  Value getCharacter(const Text &text, int64_t index);

  // Calls.
  Value call(const Value &callee, Arguments &arguments);
  Value callMacro(const Macro &macro, Arguments &arguments);
  bool bindMacro(const MacroStatement &macro, Arguments &arguments);
  Value callFunction(Arguments &arguments);
  Value callRange(const Arguments &arguments);
  Value callNamespace(const Arguments &arguments, Value::Kind kind);
  Value getLoopAttribute(const Loop &loop, const std::string &name);
  Value bindMethod(const Value &object, const std::string &name);
  Value failUnsafe(const Value &object, const std::string &name);

  // Printing.
  void printRepr(const Value &value, Text &out);
  void printSequence(const List &list, Text &out);
  void printDict(const Dict &dict, Text &out);
  void printStringRepr(const Text &text, Text &out);
  void printJsonString(const Text &text, Text &out);
  void printJsonList(const List &list, int64_t indent, int64_t level,
                     Text &out);
  void printJsonDict(const Dict &dict, int64_t indent, int64_t level,
                     Text &out);
  void printJsonKey(const Value &key, Text &out);
  void printJsonBreak(int64_t indent, int64_t level, Text &out);

  const Template &program;
  ChatTemplateLimits limits;
  ChatTemplateError &error;
  bool failed = false;
  unsigned line = 1;
  uint64_t steps = 0;
  std::string date; ///< Of strftime_now.
  unsigned depth = 0;
  unsigned macroDepth = 0;
  unsigned loopName; ///< Index of `loop`, or past all names.
  Heap heap;
  Scope *scope = nullptr;
  Text *output = nullptr;
};

} // namespace lamina::jinja

#endif // LAMINA_RUNTIME_CHAT_INTERPRETER_H
