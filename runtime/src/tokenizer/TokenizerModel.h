//===- TokenizerModel.h - What a tokenizer is made of -----------*- C++ -*-===//
//
// Plain data, read from tokenizer.json or from GGUF metadata, and carried by a
// compiled program as a blob of bytes. `Tokenizer` makes it usable.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_TOKENIZER_TOKENIZERMODEL_H
#define LAMINA_RUNTIME_TOKENIZER_TOKENIZERMODEL_H

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lamina {

/// Entries that a vocabulary may have. The largest in use have a quarter.
constexpr int64_t kMaxTokens = 1 << 20;
/// Bytes that an added token may have: finding them in a text takes time that
/// grows with it.
constexpr size_t kMaxAddedTokenBytes = 4096;

/// The values of the enumerations are written to blobs: never renumber.
enum class TokenizerKind : uint8_t {
  /// Characters are merged. `▁` stands for a space, and a character that is in
  /// no token is written as one `<0xNN>` token a byte.
  SentencePieceBpe = 0,
  /// Bytes are merged, within the words that the pre-tokenizer cuts. A token's
  /// text names each byte by a printable character (GPT-2's table).
  ByteLevelBpe = 1,
};

/// The token types of GGUF, with its numbers.
enum class TokenType : uint8_t {
  Normal = 1,
  Unknown = 2,
  Control = 3,
  UserDefined = 4,
  Unused = 5, ///< also ids that have no token
  Byte = 6,
};

/// How text is cut into words before merging; each is a list of splits that are
/// made one after another. The regular expressions are in PreTokenizer.h.
enum class PreTokenizerKind : uint8_t {
  None = 0,       ///< the text is one word
  Gpt2 = 1,       ///< the GPT-2 expression
  DigitsGpt2 = 2, ///< each number character alone, then GPT-2 (SmolLM2)
  Llama3 = 3,     ///< the Llama 3 expression: numbers of up to three digits
  Spaces = 4,     ///< a word starts at each `▁`
};

/// Where SentencePiece puts a `▁` that is not in the text.
enum class SpacePrefix : uint8_t {
  None = 0,
  /// Before the text, and before what follows a special token.
  EveryPart = 1,
  /// The same, but not before a part that starts with a space.
  EveryPartUnlessSpace = 2,
  /// Before the text only, if it does not start with a space.
  FirstPartUnlessSpace = 3,
};

/// A token that is found in the text before anything else is.
struct AddedToken {
  int32_t id = 0;
  /// Whether the text of the token is only found with `parseSpecial`, and
  /// decodes to nothing with `skipSpecial`.
  bool isSpecial = false;
  /// Whether white space before and after it is swallowed.
  bool stripsLeft = false;
  bool stripsRight = false;
  /// Whether it is looked for after the normalizer, in its normalized form.
  bool isNormalized = false;
};

/// Two tokens that may be joined. Earlier in the list is joined first.
struct TokenMerge {
  int32_t left = 0;
  int32_t right = 0;
  int32_t result = 0;
};

struct TokenizerModel {
  TokenizerKind kind = TokenizerKind::ByteLevelBpe;
  PreTokenizerKind preTokenizer = PreTokenizerKind::None;
  SpacePrefix spacePrefix = SpacePrefix::None;
  /// Whether a space of the text becomes `▁`.
  bool replacesSpaces = false;
  /// Whether decoded text loses its first character if that is a space.
  bool stripsLeadingSpace = false;
  /// Whether a character of no token is written as byte tokens.
  bool hasByteFallback = false;
  /// Whether a run of unknown characters is one unknown token.
  bool fusesUnknown = false;
  /// Whether a word that is a token as a whole is not merged from its parts.
  bool ignoresMerges = false;
  /// Whether `scores` say what is merged first, and any two neighbours may be
  /// merged whose joined text is a token; else `merges` does.
  bool mergesByScore = false;

  /// The text of each id, as the file has it; empty where there is none. Not
  /// necessarily UTF-8.
  std::vector<std::string> tokens;
  /// One for each token.
  std::vector<TokenType> types;
  /// One for each token if `mergesByScore`, else empty. Higher goes first.
  std::vector<float> scores;
  /// In order of rank. Of equal pairs the last one counts.
  std::vector<TokenMerge> merges;
  /// Sorted by id.
  std::vector<AddedToken> addedTokens;

  /// Ids, or -1 where the files name none.
  int32_t bosId = -1;
  int32_t eosId = -1;
  int32_t padId = -1;
  /// What unknown characters become; -1: they are left out.
  int32_t unknownId = -1;
  /// Whether a prompt gets `bosId` in front, `eosId` behind it.
  bool addsBos = false;
  bool addsEos = false;
  /// Which rule of which file said so.
  std::string bosRule;
  /// Ids that end an answer, ascending.
  std::vector<int32_t> endOfGenerationIds;

  /// The Jinja text; empty if there is none.
  std::string chatTemplate;
};

/// Says why `model` cannot be used, or returns nothing: an id outside the
/// vocabulary, arrays of different lengths.
std::optional<std::string> findModelError(const TokenizerModel &model);

/// Returns `model` as bytes: a magic number, a version, then all fields, little
/// endian. Equal models give equal bytes.
std::string serialize(const TokenizerModel &model);

/// Reads what `serialize` wrote. Returns nothing for bytes that are no such
/// blob, are cut short, or hold a model that `findModelError` objects to, and
/// says why in `error`.
std::optional<TokenizerModel> deserialize(std::string_view bytes,
                                          std::string *error);

} // namespace lamina

#endif // LAMINA_RUNTIME_TOKENIZER_TOKENIZERMODEL_H
