//===- PreTokenizer.h - Text to words ---------------------------*- C++ -*-===//
//
// The words within which byte-level BPE merges. Model files name the split by a
// regular expression; those in use are few, so each known one has a scanner
// written for it, which takes linear time on any text. With \s, \p{L}, \p{N} of
// Unicode, earlier alternatives first:
//
//   Gpt2    's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+
//           |\s+(?!\S)|\s+
//   Llama3  (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}
//           | ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_TOKENIZER_PRETOKENIZER_H
#define LAMINA_RUNTIME_TOKENIZER_PRETOKENIZER_H

#include "tokenizer/TokenizerModel.h"

namespace lamina {

/// Appends the words of `text`, which is valid UTF-8, to `words`, views into
/// it. Together they are the text; none is empty.
void splitIntoWords(PreTokenizerKind kind, std::string_view text,
                    std::vector<std::string_view> &words);

} // namespace lamina

#endif // LAMINA_RUNTIME_TOKENIZER_PRETOKENIZER_H
