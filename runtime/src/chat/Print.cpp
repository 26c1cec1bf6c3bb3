//===- Print.cpp - str, repr and JSON of values ---------------------------===//

#include "Interpreter.h"
#include "Literals.h"

namespace lamina::jinja {

std::shared_ptr<const Text> Interpreter::toText(const Value &value) {
  if (value.isString() && value.text)
    return value.text;
  auto text = std::make_shared<Text>();
  if (!value.isUndefined())
    printRepr(value, *text);
  return text;
}

void Interpreter::printRepr(const Value &value, Text &out) {
  Nesting nesting(*this);
  if (!charge(1))
    return;
  switch (value.kind) {
  case Value::Kind::Undefined:
    append(out, "Undefined");
    break;
  case Value::Kind::None:
    append(out, "None");
    break;
  case Value::Kind::Bool:
    append(out, value.integer ? "True" : "False");
    break;
  case Value::Kind::Int:
    append(out, std::to_string(value.integer));
    break;
  case Value::Kind::Float:
    append(out, printFloat(value.real));
    break;
  case Value::Kind::String:
    printStringRepr(*value.text, out);
    break;
  case Value::Kind::List:
    printSequence(*value.list, out);
    break;
  case Value::Kind::Dict:
    printDict(*value.dict, out);
    break;
  default:
    // Python prints an address, or a name of its own for it.
    fail(ErrorKind::Unsupported, "printing a " + std::string(typeName(value)));
    break;
  }
}

void Interpreter::printSequence(const List &list, Text &out) {
  if (list.form > List::Form::Tuple) {
    fail(ErrorKind::Unsupported,
         "printing a " +
             std::string(typeName(Value::of(const_cast<List *>(&list)))));
    return;
  }
  bool isList = list.form == List::Form::List;
  append(out, isList ? "[" : "(");
  for (size_t i = 0; i < list.items.size() && !failed; ++i) {
    if (i > 0)
      append(out, ", ");
    printRepr(list.items[i], out);
  }
  if (!isList && list.items.size() == 1)
    append(out, ",");
  append(out, isList ? "]" : ")");
}

void Interpreter::printDict(const Dict &dict, Text &out) {
  append(out, "{");
  for (size_t i = 0; i < dict.entries.size() && !failed; ++i) {
    if (i > 0)
      append(out, ", ");
    printRepr(dict.entries[i].first, out);
    append(out, ": ");
    printRepr(dict.entries[i].second, out);
  }
  append(out, "}");
}

static void appendHex(std::string &out, uint32_t value, int digits) {
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    out += "0123456789abcdef"[value >> shift & 15];
}

/// The escape of a character in repr, or empty. Of the characters beyond
/// Latin-1 that Python does not print, only white space is known here.
static std::string reprEscape(uint32_t c, char quote) {
  std::string result;
  if (c == '\\' || c == static_cast<uint32_t>(quote))
    return {'\\', static_cast<char>(c)};
  if (c == '\n' || c == '\r' || c == '\t')
    return c == '\n' ? "\\n" : c == '\r' ? "\\r" : "\\t";
  if (c < 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0xAD) {
    result = "\\x";
    appendHex(result, c, 2);
  } else if (c > 0xA0 && c <= 0xFFFF && isSpace(c)) {
    result = "\\u";
    appendHex(result, c, 4);
  }
  return result;
}

void Interpreter::printStringRepr(const Text &text, Text &out) {
  std::string_view bytes = text.view();
  bool hasSingle = bytes.find('\'') != std::string_view::npos;
  bool hasDouble = bytes.find('"') != std::string_view::npos;
  char quote = hasSingle && !hasDouble ? '"' : '\'';
  append(out, std::string_view(&quote, 1));
  size_t plain = 0, size = 0;
  for (size_t i = 0; i < bytes.size() && !failed; i += size) {
    std::string escape = reprEscape(decodeCharacter(bytes, i, size), quote);
    if (escape.empty())
      continue;
    append(out, text, plain, i);
    append(out, Text(escape, text.isFromUser(i)));
    plain = i + size;
  }
  append(out, text, plain, bytes.size());
  append(out, std::string_view(&quote, 1));
}

//===----------------------------------------------------------------------===//
// JSON
//===----------------------------------------------------------------------===//

static std::string jsonEscape(uint8_t c) {
  switch (c) {
  case '"':
    return "\\\"";
  case '\\':
    return "\\\\";
  case '\n':
    return "\\n";
  case '\r':
    return "\\r";
  case '\t':
    return "\\t";
  case '\b':
    return "\\b";
  case '\f':
    return "\\f";
  default:
    break;
  }
  std::string result;
  if (c < 0x20) {
    result = "\\u";
    appendHex(result, c, 4);
  }
  return result;
}

void Interpreter::printJsonString(const Text &text, Text &out) {
  append(out, "\"");
  size_t plain = 0;
  for (size_t i = 0; i < text.size() && !failed; ++i) {
    std::string escape = jsonEscape(text.view()[i]);
    if (escape.empty())
      continue;
    append(out, text, plain, i);
    append(out, Text(escape, text.isFromUser(i)));
    plain = i + 1;
  }
  append(out, text, plain, text.size());
  append(out, "\"");
}

/// A new line in indented JSON.
void Interpreter::printJsonBreak(int64_t indent, int64_t level, Text &out) {
  if (indent < 0)
    return;
  append(out, "\n");
  for (int64_t i = 0; i < level && !failed; ++i)
    for (int64_t space = 0; space < indent && append(out, " "); ++space)
      ;
}

void Interpreter::printJsonKey(const Value &key, Text &out) {
  if (key.isString()) {
    printJsonString(*key.text, out);
    return;
  }
  if (!key.isNumber() && !key.is(Value::Kind::None)) {
    failType("a JSON key", key);
    return;
  }
  append(out, "\"");
  printJson(key, -1, 0, out);
  append(out, "\"");
}

static std::string jsonFloat(double value) {
  std::string text = printFloat(value);
  if (text == "nan")
    return "NaN";
  size_t infinity = text.find("inf");
  return infinity == std::string::npos ? text
                                       : text.substr(0, infinity) + "Infinity";
}

void Interpreter::printJson(const Value &value, int64_t indent, int64_t level,
                            Text &out) {
  Nesting nesting(*this);
  if (!charge(1))
    return;
  switch (value.kind) {
  case Value::Kind::None:
    append(out, "null");
    return;
  case Value::Kind::Bool:
    append(out, value.integer ? "true" : "false");
    return;
  case Value::Kind::Int:
    append(out, std::to_string(value.integer));
    return;
  case Value::Kind::Float:
    append(out, jsonFloat(value.real));
    return;
  case Value::Kind::String:
    printJsonString(*value.text, out);
    return;
  case Value::Kind::List:
    if (value.list->form <= List::Form::Tuple)
      return printJsonList(*value.list, indent, level, out);
    break;
  case Value::Kind::Dict:
    return printJsonDict(*value.dict, indent, level, out);
  default:
    break;
  }
  failType("tojson", value);
}

void Interpreter::printJsonList(const List &list, int64_t indent, int64_t level,
                                Text &out) {
  append(out, "[");
  for (size_t i = 0; i < list.items.size() && !failed; ++i) {
    if (i > 0)
      append(out, indent < 0 ? ", " : ",");
    printJsonBreak(indent, level + 1, out);
    printJson(list.items[i], indent, level + 1, out);
  }
  if (!list.items.empty())
    printJsonBreak(indent, level, out);
  append(out, "]");
}

void Interpreter::printJsonDict(const Dict &dict, int64_t indent, int64_t level,
                                Text &out) {
  append(out, "{");
  for (size_t i = 0; i < dict.entries.size() && !failed; ++i) {
    if (i > 0)
      append(out, indent < 0 ? ", " : ",");
    printJsonBreak(indent, level + 1, out);
    printJsonKey(dict.entries[i].first, out);
    append(out, ": ");
    printJson(dict.entries[i].second, indent, level + 1, out);
  }
  if (!dict.entries.empty())
    printJsonBreak(indent, level, out);
  append(out, "}");
}

} // namespace lamina::jinja
