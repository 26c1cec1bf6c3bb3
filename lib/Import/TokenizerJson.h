//===- TokenizerJson.h - The parts of tokenizer.json ------------*- C++ -*-===//

#ifndef LAMINA_LIB_IMPORT_TOKENIZERJSON_H
#define LAMINA_LIB_IMPORT_TOKENIZERJSON_H

#include "FileErrors.h"
#include "lamina/Import/Json.h"
#include "tokenizer/TokenizerModel.h"

#include <unordered_map>

namespace lamina {

/// A tokenizer.json that is being read into a model.
struct TokenizerJson {
  const json::Value &root;
  FileErrors &errors;
  TokenizerModel &model;
  /// Token text to id. Only looked up in, never walked.
  std::unordered_map<std::string_view, int32_t> ids;

  /// Reports a value that breaks the format's rules.
  void malformed(std::string pointer, const json::Value &value,
                 std::string expected);
  /// Reports something valid that we cannot do.
  void unsupported(std::string pointer, std::string found,
                   std::string expected);
  /// A member that must be of the kind; reports and returns null if it is of
  /// another, and also where it is absent and `isRequired`.
  const json::Value *member(const json::Value &object, std::string_view base,
                            std::string_view key, json::Kind kind,
                            bool isRequired);
  /// A Boolean member; `fallback` where it is absent or null.
  bool flag(const json::Value &object, std::string_view base,
            std::string_view key, bool fallback);
  /// A string member; empty where it is absent or null.
  std::string_view text(const json::Value &object, std::string_view base,
                        std::string_view key);
};

/// Reads `/model` and `/added_tokens`: tokens, types, merges.
void readVocabulary(TokenizerJson &json);

/// Reads `/normalizer`, `/pre_tokenizer` and `/decoder`. Sets the kind.
void readStages(TokenizerJson &json);

/// Reads `/post_processor`. Returns whether it has a template; then BOS and EOS
/// are set from it.
bool readPostProcessor(TokenizerJson &json);

} // namespace lamina

#endif // LAMINA_LIB_IMPORT_TOKENIZERJSON_H
