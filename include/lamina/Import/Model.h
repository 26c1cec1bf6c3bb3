//===- Model.h - A model on disk: config and tensors -----------*- C++ -*-===//
//
// Opens what a user calls a model: a folder in Hugging Face layout, a snapshot
// of the Hugging Face cache, or a GGUF file. Everything is checked before the
// first weight is read. No LLVM.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_IMPORT_MODEL_H
#define LAMINA_IMPORT_MODEL_H

#include "lamina/Import/Checkpoint.h"
#include "lamina/Import/Gguf.h"
#include "lamina/Import/LlamaConfig.h"

#include <array>

namespace lamina {

enum class ModelFormat { HuggingFace, Gguf };

/// The tensors of a Llama model.
enum class TensorRole : uint8_t {
  Embedding,
  OutputNorm,
  LmHead,
  AttentionNorm,
  Query,
  QueryBias,
  Key,
  KeyBias,
  Value,
  ValueBias,
  AttentionOutput,
  AttentionOutputBias,
  FeedForwardNorm,
  Gate,
  GateBias,
  Up,
  UpBias,
  Down,
  DownBias,
};
constexpr size_t kNumTensorRoles = size_t(TensorRole::DownBias) + 1;

/// Whether each layer has a tensor of the role.
bool hasLayers(TensorRole role);

/// The checkpoint's name of a role, `*` for the layer:
/// `model.layers.*.self_attn.q_proj.weight`, `blk.*.attn_q.weight`.
std::string getTensorName(ModelFormat format, TensorRole role);

/// The shape that a config gives the tensors of a role.
std::vector<int64_t> getTensorShape(const LlamaConfig &config, TensorRole role);

/// The tensors of a model by role; one for each layer where the role has
/// layers, none where the model has no such tensor.
struct ModelTensors {
  std::array<std::vector<const CheckpointTensor *>, kNumTensorRoles> byRole;

  const std::vector<const CheckpointTensor *> &operator[](TensorRole r) const {
    return byRole[size_t(r)];
  }
};

/// A model whose metadata has been read and checked. The pointers of `tensors`
/// point into `checkpoint`, which must not change; moving a Model is safe.
struct Model {
  /// As the user gave it.
  std::string path;
  /// The folder that the names of placements are relative to.
  std::string folder;
  ModelFormat format = ModelFormat::HuggingFace;
  LlamaConfig config;
  Checkpoint checkpoint;
  ModelTensors tensors;
  /// The file's metadata, for its tokenizer; GGUF only.
  std::optional<GgufFile> gguf;
  std::vector<std::string> warnings;

  /// Name of file `index` of the checkpoint, relative to `folder`.
  std::string getFileName(unsigned index) const;
};

/// Opens the model at `path`. On failure reports everything that is wrong and
/// returns nothing.
std::optional<Model> openModel(const std::string &path, InputErrors &errors);

/// The configuration in the metadata of a GGUF file; every `llama.*` key is
/// understood, irrelevant or refused. Reads the 4 * head_dim / 2 bytes of
/// `rope_freqs.weight`, if there is one.
std::optional<LlamaConfig> readLlamaConfig(const GgufFile &file,
                                           InputErrors &errors);

/// Finds the tensors that `config` calls for, and reports each that is missing,
/// has another shape, or is left over.
std::optional<ModelTensors>
findModelTensors(ModelFormat format, const LlamaConfig &config,
                 const Checkpoint &checkpoint, InputErrors &errors,
                 std::vector<std::string> &warnings);

} // namespace lamina

#endif // LAMINA_IMPORT_MODEL_H
