//===- ProgramDescription.cpp - How a program was made, as JSON -----------===//

#include "Compilation.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace lamina;

namespace {

llvm::json::Object describeConfig(const LlamaConfig &config) {
  return llvm::json::Object{
      {"vocab_size", config.vocabSize},
      {"hidden_size", config.hiddenSize},
      {"intermediate_size", config.intermediateSize},
      {"num_hidden_layers", config.numLayers},
      {"num_attention_heads", config.numHeads},
      {"num_key_value_heads", config.numKvHeads},
      {"head_dim", config.headDim},
      {"max_position_embeddings", config.maxPositions},
      {"rms_norm_eps", config.rmsNormEps},
      {"rope_theta", config.ropeTheta},
      {"tie_word_embeddings", config.hasTiedEmbeddings},
      {"attention_bias", config.hasAttentionBias},
      {"mlp_bias", config.hasMlpBias},
  };
}

/// Bytes of the tensors by storage type.
llvm::json::Object describeStorage(const Checkpoint &checkpoint) {
  std::map<std::string, int64_t> bytes;
  for (const CheckpointTensor &tensor : checkpoint.tensors)
    bytes[std::string(getName(tensor.type))] += int64_t(tensor.bytes);
  llvm::json::Object result;
  for (const auto &[name, size] : bytes)
    result[name] = size;
  return result;
}

} // namespace

std::string lamina::describeProgram(const Model &model,
                                    const NumericTypes &types,
                                    const CompileRequest &request,
                                    int64_t maxContext, bool hasTokenizer) {
  llvm::json::Object program{
      {"lamina", LAMINA_VERSION},
      {"format", model.format == ModelFormat::Gguf ? "gguf" : "safetensors"},
      {"config", describeConfig(model.config)},
      {"weight_bytes", describeStorage(model.checkpoint)},
      {"activations", types.activations},
      {"dtype", types.residual},
      {"kv", types.cache},
      {"fused", request.fuse},
      {"shard_residual", request.shardResidual},
      {"max_context", maxContext},
      {"tokenizer", hasTokenizer},
  };
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << llvm::json::Value(std::move(program));
  return text;
}
