//===- AddedTokens.h - Finding added tokens in text -------------*- C++ -*-===//

#ifndef LAMINA_RUNTIME_TOKENIZER_ADDEDTOKENS_H
#define LAMINA_RUNTIME_TOKENIZER_ADDEDTOKENS_H

#include "tokenizer/TokenizerModel.h"

namespace lamina {

/// A stretch of a text: an added token, or what lies between two.
struct TextPart {
  std::string_view text;
  int32_t id = -1; ///< -1: text
};

/// A set of added tokens, as a trie over bytes.
class AddedTokens {
public:
  AddedTokens();

  /// Adds `token`, found where the text has `content`, which is not empty.
  void add(std::string_view content, const AddedToken &token);

  bool empty() const { return tokens.empty(); }

  /// Cuts `text` at the tokens: at each place the longest one, from left to
  /// right. Special tokens stay text if `findsSpecial` is not set, or if they
  /// have a byte that is 1 in `literal`, which is empty or has a byte, 0 or 1,
  /// for each of the text; what they cover is then not searched again. Parts
  /// are never empty.
  std::vector<TextPart> split(std::string_view text, bool findsSpecial,
                              std::string_view literal = {}) const;

private:
  struct Edge {
    unsigned char byte;
    uint32_t node;
  };
  struct Node {
    std::vector<Edge> edges;
    int32_t token = -1; ///< index into `tokens`
  };
  struct Match {
    size_t length = 0;
    int32_t token = -1;
  };
  /// The longest token that `text` starts with.
  Match match(std::string_view text) const;
  bool isSpecial(const Match &match) const {
    return match.token >= 0 && tokens[size_t(match.token)].isSpecial;
  }
  uint32_t child(uint32_t node, unsigned char byte) const;

  std::vector<Node> nodes;
  std::vector<AddedToken> tokens;
  bool startsToken[256] = {};
};

} // namespace lamina

#endif // LAMINA_RUNTIME_TOKENIZER_ADDEDTOKENS_H
