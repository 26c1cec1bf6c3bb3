//===- StreamDecoder.h - Ids to text, one by one ----------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_TOKENIZER_STREAMDECODER_H
#define LAMINA_RUNTIME_TOKENIZER_STREAMDECODER_H

#include "tokenizer/Tokenizer.h"

namespace lamina {

/// Decodes ids as they come. What it returns is always valid UTF-8: a character
/// that is not complete is held back, and bytes that make none become U+FFFD,
/// one for each maximal subpart.
class StreamDecoder {
public:
  /// `tokenizer` must outlive the decoder.
  explicit StreamDecoder(const Tokenizer &tokenizer,
                         const DecodeOptions &options = {});

  /// Returns the text that `id` completes, often none.
  std::string push(int32_t id);
  /// Returns what is held back, and starts anew.
  std::string flush();

private:
  std::string takeComplete(bool isEnd);

  const Tokenizer &tokenizer;
  DecodeOptions options;
  bool isAtStart;
  std::string pending;
};

} // namespace lamina

#endif // LAMINA_RUNTIME_TOKENIZER_STREAMDECODER_H
