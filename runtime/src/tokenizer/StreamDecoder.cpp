//===- StreamDecoder.cpp - Ids to text, one by one ------------------------===//

#include "tokenizer/StreamDecoder.h"

#include "tokenizer/Utf8.h"

using namespace lamina;

StreamDecoder::StreamDecoder(const Tokenizer &tokenizer,
                             const DecodeOptions &options)
    : tokenizer(tokenizer), options(options), isAtStart(options.isTextStart) {}

std::string StreamDecoder::push(int32_t id) {
  if (options.skipSpecial && tokenizer.isSpecial(id))
    return "";
  std::string_view bytes = tokenizer.tokenBytes(id);
  if (bytes.empty())
    return "";
  if (isAtStart && tokenizer.model().stripsLeadingSpace && bytes[0] == ' ')
    bytes.remove_prefix(1);
  isAtStart = false;
  pending += bytes;
  return takeComplete(/*isEnd=*/false);
}

std::string StreamDecoder::flush() {
  isAtStart = options.isTextStart;
  return takeComplete(/*isEnd=*/true);
}

std::string StreamDecoder::takeComplete(bool isEnd) {
  size_t at = 0;
  while (at < pending.size()) {
    Utf8Sequence next = decodeUtf8(std::string_view(pending).substr(at));
    if (next.isIncomplete && !isEnd)
      break;
    at += next.length;
  }
  std::string text =
      replaceInvalidUtf8(std::string_view(pending).substr(0, at));
  pending.erase(0, at);
  return text;
}
