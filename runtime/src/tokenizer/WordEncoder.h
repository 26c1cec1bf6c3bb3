//===- WordEncoder.h - Words to token ids -----------------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_TOKENIZER_WORDENCODER_H
#define LAMINA_RUNTIME_TOKENIZER_WORDENCODER_H

#include "tokenizer/BytePairMerge.h"
#include "tokenizer/TokenizerModel.h"

#include <array>

namespace lamina {

/// Encodes what pre-tokenizer and normalizer leave, without added tokens.
class WordEncoder {
public:
  /// Both must outlive the encoder and must not move. `bytes` is what each
  /// token stands for: characters with `▁` for SentencePiece, raw bytes for
  /// byte-level BPE; empty for a token that no text may become.
  WordEncoder(const TokenizerModel &model,
              const std::vector<std::string> &bytes);

  /// Appends the ids of `word`, which is valid UTF-8. Returns the number of
  /// bytes that no token can express.
  uint64_t encode(std::string_view word, MergeScratch &scratch,
                  std::vector<int32_t> &ids) const;

private:
  void addCharacters(std::string_view word, MergeScratch &scratch) const;
  uint64_t addKnownSymbols(std::string_view word, MergeScratch &scratch) const;
  uint64_t encodeByRank(std::string_view word, MergeScratch &scratch,
                        std::vector<int32_t> &ids) const;
  uint64_t encodeByScore(std::string_view word, MergeScratch &scratch,
                         std::vector<int32_t> &ids) const;
  bool hasBytes(std::string_view character) const;

  const TokenizerModel &model;
  TextTable texts;
  PairTable pairs;
  /// If merging by score: the place of each token's score in descending order.
  std::vector<uint32_t> scoreRanks;
  /// The token of each byte, or -1.
  std::array<int32_t, 256> byteIds;
};

} // namespace lamina

#endif // LAMINA_RUNTIME_TOKENIZER_WORDENCODER_H
