//===- AddedTokens.cpp - Finding added tokens in text ---------------------===//

#include "tokenizer/AddedTokens.h"

#include "tokenizer/UnicodeTables.h"
#include "tokenizer/Utf8.h"

#include <algorithm>

using namespace lamina;

AddedTokens::AddedTokens() : nodes(1) {}

uint32_t AddedTokens::child(uint32_t node, unsigned char byte) const {
  for (const Edge &edge : nodes[node].edges)
    if (edge.byte == byte)
      return edge.node;
  return 0; // the root is nobody's child
}

void AddedTokens::add(std::string_view content, const AddedToken &token) {
  uint32_t node = 0;
  for (char character : content) {
    auto byte = static_cast<unsigned char>(character);
    uint32_t next = child(node, byte);
    if (next == 0) {
      next = uint32_t(nodes.size());
      nodes[node].edges.push_back({byte, next});
      nodes.emplace_back();
    }
    node = next;
  }
  nodes[node].token = int32_t(tokens.size());
  tokens.push_back(token);
  startsToken[static_cast<unsigned char>(content[0])] = true;
}

AddedTokens::Match AddedTokens::match(std::string_view text) const {
  Match best;
  if (!startsToken[static_cast<unsigned char>(text[0])])
    return best;
  uint32_t node = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    node = child(node, static_cast<unsigned char>(text[i]));
    if (node == 0)
      break;
    if (nodes[node].token >= 0)
      best = {i + 1, nodes[node].token};
  }
  return best;
}

/// The offset behind the last character of `text` that is no white space.
static size_t trimmedEnd(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    size_t start = end - 1;
    while (start > 0 &&
           (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80)
      --start;
    if (classify(decodeUtf8(text.substr(start)).character) !=
        CharacterClass::Space)
      break;
    end = start;
  }
  return end;
}

/// Bytes of white space that `text` starts with.
static size_t leadingSpaceBytes(std::string_view text) {
  size_t at = 0;
  while (at < text.size()) {
    Utf8Sequence sequence = decodeUtf8(text.substr(at));
    if (classify(sequence.character) != CharacterClass::Space)
      break;
    at += sequence.length;
  }
  return at;
}

/// How many of the `length` bytes at `at` come before the first literal one.
static size_t countFree(std::string_view literal, size_t at, size_t length) {
  if (literal.empty())
    return length;
  return std::min(literal.substr(at, length).find('\1'), length);
}

std::vector<TextPart> AddedTokens::split(std::string_view text,
                                         bool findsSpecial,
                                         std::string_view literal) const {
  std::vector<TextPart> parts;
  size_t covered = 0; // all before is in `parts`
  size_t at = tokens.empty() ? text.size() : 0;
  while (at < text.size()) {
    Match found = match(text.substr(at));
    size_t free = countFree(literal, at, found.length);
    // A token that reaches into a literal stretch may hide one before it.
    if (isSpecial(found) && free > 0 && free < found.length) {
      found = match(text.substr(at, free));
      free = found.length;
    }
    if (found.token < 0) {
      ++at;
      continue;
    }
    const AddedToken &token = tokens[size_t(found.token)];
    size_t start = at, end = at + found.length;
    at = end;
    if (token.isSpecial && free < found.length) {
      // A token of the text behind may start in what is no longer literal.
      if (!literal[end - 1])
        at = start + 1;
      continue;
    }
    if (token.isSpecial && !findsSpecial)
      continue;
    if (token.stripsLeft)
      start = covered + trimmedEnd(text.substr(covered, start - covered));
    if (token.stripsRight)
      end += leadingSpaceBytes(text.substr(end));
    if (covered < start)
      parts.push_back({text.substr(covered, start - covered), -1});
    parts.push_back({text.substr(start, end - start), token.id});
    covered = at = end;
  }
  if (covered < text.size())
    parts.push_back({text.substr(covered), -1});
  return parts;
}
