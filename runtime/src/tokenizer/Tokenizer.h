//===- Tokenizer.h - Text to token ids and back -----------------*- C++ -*-===//
//
// BPE of both kinds, from bytes to ids and back. Encoding takes n log n time on
// any text. The results are those of the Hugging Face `tokenizers` package for
// the same tokenizer.json.
//
// A tokenizer does not change once it is made: any number of threads may use
// one.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_TOKENIZER_TOKENIZER_H
#define LAMINA_RUNTIME_TOKENIZER_TOKENIZER_H

#include "tokenizer/TokenizerModel.h"

#include <memory>

namespace lamina {

/// Bytes of the longest text that can be encoded: far more than any context
/// holds, and few enough that a device without an end is refused at once.
constexpr size_t kMaxTextBytes = size_t(1) << 26;

struct EncodeOptions {
  /// Whether BOS and EOS are added; by default as the model says.
  std::optional<bool> addBos;
  std::optional<bool> addEos;
  /// Whether the text of a special token becomes that token. Off, it is encoded
  /// as any other text, so that user text cannot end a turn.
  bool parseSpecial = false;
};

/// A part of a text to encode.
struct TextStretch {
  std::string_view text;
  /// Whether a special token that has a byte in it is text like any other,
  /// whatever the options say.
  bool isLiteral = false;
};

struct DecodeOptions {
  /// Whether special tokens decode to nothing.
  bool skipSpecial = true;
  /// Whether the space that encoding put in front is taken away, where the
  /// model has one. Off for what continues a text.
  bool isTextStart = true;
};

class Tokenizer {
public:
  /// Returns nothing if `findModelError` objects to the model, and says why in
  /// `error`, which may be null.
  static std::optional<Tokenizer> create(TokenizerModel model,
                                         std::string *error);
  Tokenizer(Tokenizer &&);
  Tokenizer &operator=(Tokenizer &&);
  ~Tokenizer();

  /// Returns the ids of `text`. Ill-formed UTF-8 is read as U+FFFD, one for
  /// each maximal subpart. What the vocabulary cannot express, if it has no
  /// unknown token either, is left out, and its bytes are counted in
  /// `droppedBytes` if given; a text over `kMaxTextBytes` is left out whole.
  std::vector<int32_t> encode(std::string_view text,
                              const EncodeOptions &options = {},
                              uint64_t *droppedBytes = nullptr) const;
  /// The same for the text that `stretches` are together: words are made across
  /// their boundaries.
  std::vector<int32_t> encode(const std::vector<TextStretch> &stretches,
                              const EncodeOptions &options = {},
                              uint64_t *droppedBytes = nullptr) const;

  /// Returns the bytes of `ids`, which are no valid UTF-8 where a character is
  /// cut or the ids make none. Ids outside the vocabulary decode to nothing.
  std::string decode(const std::vector<int32_t> &ids,
                     const DecodeOptions &options = {}) const;

  /// The bytes that `id` decodes to inside a text; empty outside the
  /// vocabulary.
  std::string_view tokenBytes(int32_t id) const;
  /// The token as the file writes it; empty outside the vocabulary.
  std::string_view tokenText(int32_t id) const;
  /// Whether `id` is a special token: control, or added as special.
  bool isSpecial(int32_t id) const;
  /// Whether `id` ends an answer.
  bool isEndOfGeneration(int32_t id) const;
  /// The first id whose text, as the file writes it, is `text`, or -1. Takes
  /// time that grows with the vocabulary.
  int32_t findToken(std::string_view text) const;

  const TokenizerModel &model() const;

private:
  struct Storage;
  std::vector<int32_t> encodeValid(std::string_view text,
                                   std::string_view literal,
                                   const EncodeOptions &options,
                                   uint64_t *droppedBytes) const;
  explicit Tokenizer(std::unique_ptr<Storage> storage);
  std::unique_ptr<Storage> storage;
};

} // namespace lamina

#endif // LAMINA_RUNTIME_TOKENIZER_TOKENIZER_H
