//===- LlamaConfig.h - The config.json of a Llama model ---------*- C++ -*-===//
//
// Reads and validates a Hugging Face `LlamaForCausalLM` configuration: Llama 1
// to 3.2, SmolLM2, TinyLlama. Every key is understood, known not to change the
// graph (LlamaConfigKeys.cpp says why), or an error that names it.
// Needs neither LLVM nor MLIR.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IMPORT_LLAMACONFIG_H
#define LAMINA_IMPORT_LLAMACONFIG_H

#include "lamina/Import/InverseFrequencies.h"
#include "lamina/Import/Json.h"
#include "lamina/Support/Diagnostics.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace lamina {

/// Element types that a checkpoint's tensors have.
enum class DType { F32, F16, BF16 };

/// A validated configuration. All sizes are positive, and products of two of
/// them fit an int64_t.
struct LlamaConfig {
  /// Path of the file, as given.
  std::string file;
  /// Where each key of the file stands, the place of its opening quote.
  std::map<std::string, json::LineColumn, std::less<>> places;

  int64_t vocabSize = 0;
  int64_t hiddenSize = 0;
  int64_t intermediateSize = 0;
  int64_t numLayers = 0;
  int64_t numHeads = 0;
  int64_t numKvHeads = 0; ///< divides numHeads
  int64_t headDim = 0;    ///< even; need not be hiddenSize / numHeads
  int64_t maxPositions = 0;

  double rmsNormEps = 0;
  double ropeTheta = 0;
  RopeScaling ropeScaling;

  bool hasTiedEmbeddings = false; ///< lm_head is the embedding table
  bool hasAttentionBias = false;  ///< of q, k, v and o
  bool hasMlpBias = false;        ///< of gate, up and down
  DType dtype = DType::F32;
  /// Query and key columns of a pair are adjacent, as in GGUF files, instead of
  /// in the two halves of a head.
  bool hasAdjacentPairs = false;

  /// Output features of q, and input features of o.
  int64_t queryFeatures() const { return numHeads * headDim; }
  /// Output features of k and of v.
  int64_t kvFeatures() const { return numKvHeads * headDim; }

  /// Where `key` stands, or the start of the file if it is absent.
  json::LineColumn placeOf(std::string_view key) const {
    auto found = places.find(key);
    return found == places.end() ? json::LineColumn() : found->second;
  }
};

/// Bytes that a configuration file may have.
constexpr uint64_t kMaxConfigBytes = 1 << 20;

/// Reads the configuration at `path`. Reports all errors of the file and
/// returns nothing if there is one: code 5 if it cannot be read, 3 if it breaks
/// a rule, 4 if it describes a model we do not support.
std::optional<LlamaConfig> readLlamaConfig(const std::string &path,
                                           InputErrors &errors);

/// The same for text in memory; `file` is the path that errors name.
std::optional<LlamaConfig>
parseLlamaConfig(std::string_view text, std::string file, InputErrors &errors);

} // namespace lamina

#endif // LAMINA_IMPORT_LLAMACONFIG_H
