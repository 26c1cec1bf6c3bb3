//===- Text.cpp - Strings that know where they came from ------------------===//

#include "Text.h"

#include <algorithm>

namespace lamina::jinja {

void Text::append(std::string_view more, bool fromUser) {
  if (more.empty())
    return;
  bytes.append(more);
  if (!runs.empty() && runs.back().fromUser == fromUser)
    runs.back().end = bytes.size();
  else
    runs.push_back({bytes.size(), fromUser});
}

/// The run that holds the byte at `position`.
static std::vector<Text::Run>::const_iterator
findRun(const std::vector<Text::Run> &runs, size_t position) {
  return std::upper_bound(
      runs.begin(), runs.end(), position,
      [](size_t at, const Text::Run &run) { return at < run.end; });
}

void Text::append(const Text &more, size_t begin, size_t end) {
  if (begin >= end)
    return;
  if (&more == this) {
    append(Text(more), begin, end);
    return;
  }
  for (auto run = findRun(more.runs, begin); begin < end; ++run) {
    size_t stop = std::min(run->end, end);
    append(more.view().substr(begin, stop - begin), run->fromUser);
    begin = stop;
  }
}

Text Text::slice(size_t begin, size_t end) const {
  Text result;
  result.append(*this, begin, end);
  return result;
}

bool Text::isFromUser(size_t position) const {
  auto run = findRun(runs, position);
  return run != runs.end() && run->fromUser;
}

/// Length of the sequence that `lead` starts, 0 if it starts none.
static size_t sequenceLength(uint8_t lead) {
  if (lead < 0x80)
    return 1;
  if (lead >= 0xC2 && lead < 0xE0)
    return 2;
  if (lead >= 0xE0 && lead < 0xF0)
    return 3;
  return lead >= 0xF0 && lead < 0xF5 ? 4 : 0;
}

uint32_t decodeCharacter(std::string_view text, size_t position,
                         size_t &length) {
  uint8_t lead = text[position];
  size_t expected = sequenceLength(lead);
  length = 1;
  uint32_t invalid = 0xDC00 + lead;
  if (expected == 1)
    return lead;
  if (expected == 0 || text.size() - position < expected)
    return invalid;
  uint32_t codePoint = lead & (0x7F >> expected);
  for (size_t i = 1; i < expected; ++i) {
    uint8_t byte = text[position + i];
    if ((byte & 0xC0) != 0x80)
      return invalid;
    codePoint = codePoint << 6 | (byte & 0x3F);
  }
  bool overlong = (expected == 3 && codePoint < 0x800) ||
                  (expected == 4 && codePoint < 0x10000);
  bool surrogate = codePoint >= 0xD800 && codePoint < 0xE000;
  if (overlong || surrogate || codePoint > 0x10FFFF)
    return invalid;
  length = expected;
  return codePoint;
}

size_t previousCharacter(std::string_view text, size_t position) {
  for (size_t back = 2; back <= 4 && back <= position; ++back) {
    size_t length;
    decodeCharacter(text, position - back, length);
    if (length == back)
      return position - back;
  }
  return position - 1;
}

size_t countCharacters(std::string_view text) {
  size_t count = 0;
  for (size_t i = 0, length; i < text.size(); i += length, ++count)
    decodeCharacter(text, i, length);
  return count;
}

bool isValidUtf8(std::string_view text) {
  for (size_t i = 0, length; i < text.size(); i += length)
    if (decodeCharacter(text, i, length) >= 0x80 && length == 1)
      return false;
  return true;
}

void appendUtf8(std::string &out, uint32_t codePoint) {
  if (codePoint < 0x80) {
    out += static_cast<char>(codePoint);
    return;
  }
  int more = codePoint < 0x800 ? 1 : codePoint < 0x10000 ? 2 : 3;
  static const uint8_t leads[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(leads[more] | (codePoint >> (6 * more)));
  while (more-- > 0)
    out += static_cast<char>(0x80 | (codePoint >> (6 * more) & 0x3F));
}

bool isSpace(uint32_t c) {
  if (c < 0x80)
    return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

size_t skipSpace(std::string_view text, size_t position) {
  size_t length;
  while (position < text.size() &&
         isSpace(decodeCharacter(text, position, length)))
    position += length;
  return position;
}

size_t trimmedEnd(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t start = previousCharacter(text, end), length;
    if (!isSpace(decodeCharacter(text, start, length)))
      break;
    end = start;
  }
  return end;
}

bool isCaseless(uint32_t c) {
  static const uint32_t ranges[][2] = {
      {0x80, 0xA9},       {0xAB, 0xB4},       {0xB6, 0xB9},
      {0xBB, 0xBF},       {0xD7, 0xD7},       {0xF7, 0xF7},
      {0x590, 0x109F},    {0x2000, 0x2070},   {0x20A0, 0x20CF},
      {0x2200, 0x24B5},   {0x2500, 0x2BFF},   {0x2E80, 0xA63F},
      {0xAC00, 0xDFFF},   {0xF900, 0xFAFF},   {0xFE00, 0xFF20},
      {0xFF5B, 0xFFFF},   {0x1F000, 0x1F12F}, {0x1F200, 0x1FAFF},
      {0x20000, 0x323AF},
  };
  for (const auto &range : ranges)
    if (c >= range[0] && c <= range[1])
      return true;
  return false;
}

} // namespace lamina::jinja
