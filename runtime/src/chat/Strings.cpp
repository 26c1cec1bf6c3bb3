//===- Strings.cpp - Operations on strings --------------------------------===//

#include "Methods.h"

#include <algorithm>

namespace lamina::jinja {

/// Whether `characters` has the character of `text` at [at, at + size).
static bool hasCharacter(std::string_view characters, std::string_view text,
                         size_t at, size_t size) {
  std::string_view wanted = text.substr(at, size);
  for (size_t i = 0, length; i < characters.size(); i += length) {
    decodeCharacter(characters, i, length);
    if (characters.substr(i, length) == wanted)
      return true;
  }
  return false;
}

/// Strips the given characters, in steps of one character.
static std::pair<size_t, size_t> findStripped(Interpreter &interpreter,
                                              std::string_view text,
                                              std::string_view characters,
                                              Ends ends) {
  size_t begin = 0, end = text.size(), size = 0;
  uint64_t cost = 1 + characters.size() / 16;
  while (static_cast<int>(ends) & 1 && begin < end) {
    decodeCharacter(text, begin, size);
    if (!interpreter.charge(cost) ||
        !hasCharacter(characters, text, begin, size))
      break;
    begin += size;
  }
  while (static_cast<int>(ends) & 2 && begin < end) {
    size_t start = previousCharacter(text, end);
    if (!interpreter.charge(cost) ||
        !hasCharacter(characters, text, start, end - start))
      break;
    end = start;
  }
  return {begin, end};
}

Value strip(Interpreter &interpreter, const Value &text,
            const Value &characters, Ends ends) {
  std::string_view view = text.view();
  size_t begin = 0, end = view.size();
  if (characters.isString()) {
    std::tie(begin, end) =
        findStripped(interpreter, view, characters.view(), ends);
  } else if (characters.isUndefined() || characters.is(Value::Kind::None)) {
    interpreter.chargeBytes(view.size());
    if (static_cast<int>(ends) & 2)
      end = trimmedEnd(view);
    if (static_cast<int>(ends) & 1)
      begin = std::min(skipSpace(view), end);
  } else {
    return interpreter.failType("strip", characters);
  }
  if (begin == 0 && end == view.size())
    return text;
  return interpreter.makeString(text.text->slice(begin, end));
}

/// Puts `to` before each of the first `count` characters and at the end.
static Value replaceNothing(Interpreter &interpreter, const Text &text,
                            const Text &to, int64_t count) {
  Text result;
  size_t i = 0, size = 0;
  for (; count > 0 && i < text.size() && !interpreter.hasFailed(); --count) {
    decodeCharacter(text.view(), i, size);
    interpreter.append(result, to);
    interpreter.append(result, text, i, i + size);
    i += size;
  }
  if (count > 0)
    interpreter.append(result, to);
  interpreter.append(result, text, i, text.size());
  return interpreter.makeString(std::move(result));
}

Value replace(Interpreter &interpreter, const Text &text, const Text &from,
              const Text &to, int64_t count) {
  if (count < 0)
    count = INT64_MAX;
  if (from.empty())
    return replaceNothing(interpreter, text, to, count);
  Text result;
  size_t begin = 0;
  while (count-- > 0 && !interpreter.hasFailed()) {
    size_t found = interpreter.find(text.view(), from.view(), begin);
    if (found == std::string_view::npos)
      break;
    interpreter.append(result, text, begin, found);
    interpreter.append(result, to);
    begin = found + from.size();
  }
  interpreter.append(result, text, begin, text.size());
  return interpreter.makeString(std::move(result));
}

Value join(Interpreter &interpreter, const Text &separator,
           const std::vector<std::shared_ptr<const Text>> &parts) {
  Text result;
  for (size_t i = 0; i < parts.size() && !interpreter.hasFailed(); ++i) {
    if (i > 0)
      interpreter.append(result, separator);
    interpreter.append(result, *parts[i]);
  }
  return interpreter.makeString(std::move(result));
}

static bool isLetter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

Value mapCase(Interpreter &interpreter, const Text &text, Case to) {
  std::string_view view = text.view();
  interpreter.chargeBytes(view.size());
  for (size_t i = 0, size; i < view.size(); i += size) {
    uint32_t c = decodeCharacter(view, i, size);
    if (c >= 0x80 && !isCaseless(c))
      return interpreter.fail(ErrorKind::Unsupported,
                              "upper or lower case of '" +
                                  std::string(view.substr(i, size)) +
                                  "', which is not ASCII");
  }
  Text result = text;
  bool inWord = false;
  result.mapBytes([&](char c, size_t index) {
    bool toUpper = to == Case::Upper || (to == Case::Title && !inWord) ||
                   (to == Case::Capitalized && index == 0);
    inWord = isLetter(c);
    if (!inWord)
      return c;
    return static_cast<char>(toUpper ? c & ~0x20 : c | 0x20);
  });
  return interpreter.makeString(std::move(result));
}

} // namespace lamina::jinja
