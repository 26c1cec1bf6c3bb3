//===- ModelTensors.cpp - The tensors a Llama model is made of ------------===//

#include "lamina/Import/Model.h"

#include <algorithm>

using namespace lamina;

namespace {

struct RoleNames {
  TensorRole role;
  const char *huggingFace;
  const char *gguf;
};

constexpr RoleNames roleNames[kNumTensorRoles] = {
    {TensorRole::Embedding, "model.embed_tokens.weight", "token_embd.weight"},
    {TensorRole::OutputNorm, "model.norm.weight", "output_norm.weight"},
    {TensorRole::LmHead, "lm_head.weight", "output.weight"},
    {TensorRole::AttentionNorm, "model.layers.*.input_layernorm.weight",
     "blk.*.attn_norm.weight"},
    {TensorRole::Query, "model.layers.*.self_attn.q_proj.weight",
     "blk.*.attn_q.weight"},
    {TensorRole::QueryBias, "model.layers.*.self_attn.q_proj.bias",
     "blk.*.attn_q.bias"},
    {TensorRole::Key, "model.layers.*.self_attn.k_proj.weight",
     "blk.*.attn_k.weight"},
    {TensorRole::KeyBias, "model.layers.*.self_attn.k_proj.bias",
     "blk.*.attn_k.bias"},
    {TensorRole::Value, "model.layers.*.self_attn.v_proj.weight",
     "blk.*.attn_v.weight"},
    {TensorRole::ValueBias, "model.layers.*.self_attn.v_proj.bias",
     "blk.*.attn_v.bias"},
    {TensorRole::AttentionOutput, "model.layers.*.self_attn.o_proj.weight",
     "blk.*.attn_output.weight"},
    {TensorRole::AttentionOutputBias, "model.layers.*.self_attn.o_proj.bias",
     "blk.*.attn_output.bias"},
    {TensorRole::FeedForwardNorm,
     "model.layers.*.post_attention_layernorm.weight", "blk.*.ffn_norm.weight"},
    {TensorRole::Gate, "model.layers.*.mlp.gate_proj.weight",
     "blk.*.ffn_gate.weight"},
    {TensorRole::GateBias, "model.layers.*.mlp.gate_proj.bias",
     "blk.*.ffn_gate.bias"},
    {TensorRole::Up, "model.layers.*.mlp.up_proj.weight",
     "blk.*.ffn_up.weight"},
    {TensorRole::UpBias, "model.layers.*.mlp.up_proj.bias",
     "blk.*.ffn_up.bias"},
    {TensorRole::Down, "model.layers.*.mlp.down_proj.weight",
     "blk.*.ffn_down.weight"},
    {TensorRole::DownBias, "model.layers.*.mlp.down_proj.bias",
     "blk.*.ffn_down.bias"},
};

const char *getPattern(ModelFormat format, TensorRole role) {
  const RoleNames &names = roleNames[size_t(role)];
  return format == ModelFormat::Gguf ? names.gguf : names.huggingFace;
}

std::string nameLayer(std::string pattern, int64_t layer) {
  size_t star = pattern.find('*');
  return star == std::string::npos
             ? pattern
             : pattern.replace(star, 1, std::to_string(layer));
}

std::string describe(const std::vector<int64_t> &shape) {
  std::string text = "shape [";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

/// Whether a model with this config has tensors of the role.
bool isWanted(const LlamaConfig &config, TensorRole role) {
  switch (role) {
  case TensorRole::LmHead:
    return !config.hasTiedEmbeddings;
  case TensorRole::QueryBias:
  case TensorRole::KeyBias:
  case TensorRole::ValueBias:
  case TensorRole::AttentionOutputBias:
    return config.hasAttentionBias;
  case TensorRole::GateBias:
  case TensorRole::UpBias:
  case TensorRole::DownBias:
    return config.hasMlpBias;
  default:
    return true;
  }
}

/// Tensors of some checkpoints that a Llama does not read: what is computed
/// from the config, or was read with it.
bool isRedundant(std::string_view name) {
  constexpr std::string_view suffix = ".self_attn.rotary_emb.inv_freq";
  return name == "rope_freqs.weight" ||
         (name.size() > suffix.size() &&
          name.substr(name.size() - suffix.size()) == suffix);
}

class TensorFinder {
public:
  TensorFinder(ModelFormat format, const LlamaConfig &config,
               const Checkpoint &checkpoint, InputErrors &errors)
      : format(format), config(config), checkpoint(checkpoint), errors(errors),
        isUsed(checkpoint.tensors.size(), false) {}

  void find(TensorRole role, ModelTensors &tensors);
  void checkNoneLeft(std::vector<std::string> &warnings);

private:
  const CheckpointTensor *findOne(const std::string &name,
                                  const std::vector<int64_t> &shape);
  /// Reports an error unless there are many already.
  void report(InputError error);
  /// The file that an error about the checkpoint as a whole names.
  std::string firstFile() const {
    return checkpoint.files.empty() ? config.file
                                    : checkpoint.files.front().path;
  }

  ModelFormat format;
  const LlamaConfig &config;
  const Checkpoint &checkpoint;
  InputErrors &errors;
  std::vector<bool> isUsed;
  size_t numReported = 0;
};

/// A checkpoint of another model differs in every tensor.
constexpr size_t kMaxReported = 100;

void TensorFinder::report(InputError error) {
  if (++numReported <= kMaxReported)
    errors.report(std::move(error));
}

const CheckpointTensor *
TensorFinder::findOne(const std::string &name,
                      const std::vector<int64_t> &shape) {
  const CheckpointTensor *tensor = checkpoint.find(name);
  if (!tensor) {
    report({ExitCode::Malformed, firstFile(), "", name, "absent",
            describe(shape), ""});
    return nullptr;
  }
  isUsed[size_t(tensor - checkpoint.tensors.data())] = true;
  const std::string &file = checkpoint.files[tensor->file].path;
  if (tensor->shape != shape) {
    report({ExitCode::Malformed, file, "", name, describe(tensor->shape),
            describe(shape) + " by the config", ""});
    return nullptr;
  }
  bool isVector = shape.size() == 1;
  if (isVector && getBlockElements(tensor->type) != 1) {
    report({ExitCode::Unsupported, file, "", name,
            "type " + std::string(getName(tensor->type)),
            "f32, f16 or bf16 for a vector", ""});
    return nullptr;
  }
  return tensor;
}

void TensorFinder::find(TensorRole role, ModelTensors &tensors) {
  if (!isWanted(config, role))
    return;
  std::string pattern = getPattern(format, role);
  std::vector<int64_t> shape = getTensorShape(config, role);
  auto &found = tensors.byRole[size_t(role)];
  int64_t count = hasLayers(role) ? config.numLayers : 1;
  found.reserve(size_t(count));
  for (int64_t layer = 0; layer < count; ++layer)
    if (const CheckpointTensor *tensor =
            findOne(nameLayer(pattern, layer), shape))
      found.push_back(tensor);
}

void TensorFinder::checkNoneLeft(std::vector<std::string> &warnings) {
  std::string head = getPattern(format, TensorRole::LmHead);
  for (size_t i = 0; i < checkpoint.tensors.size(); ++i) {
    const CheckpointTensor &tensor = checkpoint.tensors[i];
    if (isUsed[i] || isRedundant(tensor.name))
      continue;
    const std::string &file = checkpoint.files[tensor.file].path;
    if (tensor.name == head && config.hasTiedEmbeddings) {
      warnings.push_back(file + ": " + head +
                         ": not used, since tie_word_embeddings is true");
      continue;
    }
    report({ExitCode::Malformed, file, "", quoted(tensor.name),
            describe(tensor.shape),
            "no such tensor in a Llama of " + std::to_string(config.numLayers) +
                " layers",
            ""});
  }
  if (numReported > kMaxReported)
    errors.report({ExitCode::Malformed, firstFile(), "", "tensors",
                   std::to_string(numReported - kMaxReported) +
                       " more that do not fit the config",
                   "", ""});
}

} // namespace

std::vector<int64_t> lamina::getTensorShape(const LlamaConfig &config,
                                            TensorRole role) {
  int64_t hidden = config.hiddenSize, ffn = config.intermediateSize;
  int64_t query = config.queryFeatures(), kv = config.kvFeatures();
  switch (role) {
  case TensorRole::Embedding:
  case TensorRole::LmHead:
    return {config.vocabSize, hidden};
  case TensorRole::OutputNorm:
  case TensorRole::AttentionNorm:
  case TensorRole::FeedForwardNorm:
  case TensorRole::AttentionOutputBias:
  case TensorRole::DownBias:
    return {hidden};
  case TensorRole::Query:
    return {query, hidden};
  case TensorRole::Key:
  case TensorRole::Value:
    return {kv, hidden};
  case TensorRole::AttentionOutput:
    return {hidden, query};
  case TensorRole::Gate:
  case TensorRole::Up:
    return {ffn, hidden};
  case TensorRole::Down:
    return {hidden, ffn};
  case TensorRole::QueryBias:
    return {query};
  case TensorRole::KeyBias:
  case TensorRole::ValueBias:
    return {kv};
  case TensorRole::GateBias:
  case TensorRole::UpBias:
    return {ffn};
  }
  return {};
}

bool lamina::hasLayers(TensorRole role) {
  return role != TensorRole::Embedding && role != TensorRole::OutputNorm &&
         role != TensorRole::LmHead;
}

std::string lamina::getTensorName(ModelFormat format, TensorRole role) {
  return getPattern(format, role);
}

std::optional<ModelTensors>
lamina::findModelTensors(ModelFormat format, const LlamaConfig &config,
                         const Checkpoint &checkpoint, InputErrors &errors,
                         std::vector<std::string> &warnings) {
  size_t before = errors.size();
  ModelTensors tensors;
  TensorFinder finder(format, config, checkpoint, errors);
  for (const RoleNames &names : roleNames)
    finder.find(names.role, tensors);
  finder.checkNoneLeft(warnings);
  if (errors.size() != before)
    return std::nullopt;
  return tensors;
}
