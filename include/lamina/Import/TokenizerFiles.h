//===- TokenizerFiles.h - Tokenizers of model files -------------*- C++ -*-===//
//
// Reads what a model directory or a GGUF file says about its tokenizer. Every
// setting is understood or refused: a tokenizer that is nearly right gives
// wrong ids, and nobody notices.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IMPORT_TOKENIZERFILES_H
#define LAMINA_IMPORT_TOKENIZERFILES_H

#include "lamina/Import/Gguf.h"
#include "lamina/Support/Diagnostics.h"
#include "tokenizer/TokenizerModel.h"

namespace lamina {

/// Reads `tokenizer.json` of a Hugging Face directory and, where they exist,
/// `tokenizer_config.json`, `generation_config.json`, `config.json` and
/// `chat_template.jinja`. On failure reports every error found and returns
/// nothing.
///
/// Whether BOS is added is said by the first of: the TemplateProcessing of
/// tokenizer.json; `add_bos_token` of tokenizer_config.json; its
/// `tokenizer_class`, where LlamaTokenizer means yes; the pre-tokenizer, where
/// Llama 3's means yes (its first release had no post-processor). Else it is
/// not added.
///
/// An answer ends at the EOS ids of all three configuration files.
std::optional<TokenizerModel>
readTokenizerDirectory(const std::string &directory, InputErrors &errors);

/// Reads the `tokenizer.*` metadata of a GGUF file. On failure reports every
/// error found and returns nothing.
///
/// `tokenizer.ggml.add_bos_token` says whether BOS is added; without it, models
/// with a SentencePiece or a Llama 3 vocabulary get one.
///
/// An answer ends at the EOS, EOT and EOM ids, and at control tokens that are
/// known by name to end a turn, as GGUF files have no list of them.
std::optional<TokenizerModel> readGgufTokenizer(const GgufFile &file,
                                                InputErrors &errors);

} // namespace lamina

#endif // LAMINA_IMPORT_TOKENIZERFILES_H
