//===- GgufConfig.cpp - The configuration in the metadata of a GGUF -------===//
//
// Keys as in https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. As for
// config.json, a key of the model is understood, irrelevant or an error.
//
//===----------------------------------------------------------------------===//

#include "lamina/Import/Model.h"

#include "ConfigLimits.h"
#include "lamina/Support/CheckedMath.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <set>

using namespace lamina;

namespace {

/// As short as possible: to_string would print 1e-08 as 0.000000.
std::string format(double number) {
  char text[32];
  auto end = std::to_chars(text, text + sizeof(text), number).ptr;
  return std::string(text, end);
}

/// Reads the `llama.*` keys, and remembers which were asked for.
class GgufConfigReader {
public:
  GgufConfigReader(const GgufFile &file, InputErrors &errors)
      : file(file), errors(errors), first(errors.size()) {}

  std::optional<LlamaConfig> read();

private:
  const GgufValue *find(const std::string &key) {
    askedFor.insert(key);
    return file.find(key);
  }
  std::optional<int64_t> integer(const std::string &key, int64_t max);
  void require(const std::string &key, int64_t max, int64_t &target);
  std::optional<double> number(const std::string &key, double min, double max);
  void report(ExitCode code, const GgufValue *value, const std::string &key,
              std::string found, std::string expected);

  bool isOneNumber(const std::string &key);
  bool checkArchitecture();
  void readSizes(LlamaConfig &config);
  void readHeads(LlamaConfig &config);
  void readHeadDim(LlamaConfig &config);
  void readRope(LlamaConfig &config);
  void readFactors(const CheckpointTensor &tensor, LlamaConfig &config);
  void readTensorFacts(LlamaConfig &config);
  void checkNoKeyLeft();

  const GgufFile &file;
  InputErrors &errors;
  size_t first;
  std::set<std::string> askedFor;
};

void GgufConfigReader::report(ExitCode code, const GgufValue *value,
                              const std::string &key, std::string found,
                              std::string expected) {
  errors.report({code, file.path(), value ? byteOffset(value->offset()) : "",
                 key, std::move(found), std::move(expected), ""});
}

std::optional<int64_t> GgufConfigReader::integer(const std::string &key,
                                                 int64_t max) {
  const GgufValue *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<int64_t> number = value->integer();
  if (number && *number >= 1 && *number <= max)
    return number;
  report(ExitCode::Malformed, value, key, value->describe(),
         "an integer from 1 to " + std::to_string(max));
  return std::nullopt;
}

void GgufConfigReader::require(const std::string &key, int64_t max,
                               int64_t &target) {
  if (!find(key))
    report(ExitCode::Malformed, nullptr, key, "absent",
           "an integer from 1 to " + std::to_string(max));
  else if (std::optional<int64_t> value = integer(key, max))
    target = *value;
}

std::optional<double> GgufConfigReader::number(const std::string &key,
                                               double min, double max) {
  const GgufValue *value = find(key);
  if (!value)
    return std::nullopt;
  std::optional<double> number = value->floating();
  if (number && *number >= min && *number <= max)
    return number;
  report(ExitCode::Malformed, value, key, value->describe(),
         "a float from " + format(min) + " to " + format(max));
  return std::nullopt;
}

bool GgufConfigReader::checkArchitecture() {
  const GgufValue *value = file.find("general.architecture");
  if (!value) {
    report(ExitCode::Malformed, nullptr, "general.architecture", "absent",
           "\"llama\"");
    return false;
  }
  std::optional<std::string_view> name = value->string();
  if (name && *name == "llama")
    return true;
  report(name ? ExitCode::Unsupported : ExitCode::Malformed, value,
         "general.architecture", name ? quoted(*name) : value->describe(),
         "\"llama\"");
  return false;
}

void GgufConfigReader::readSizes(LlamaConfig &config) {
  require("llama.embedding_length", kMaxFeatures, config.hiddenSize);
  require("llama.feed_forward_length", kMaxFeatures, config.intermediateSize);
  require("llama.block_count", kMaxLayers, config.numLayers);
  require("llama.context_length", kMaxPositions, config.maxPositions);
  const std::string epsKey = "llama.attention.layer_norm_rms_epsilon";
  if (!find(epsKey))
    report(ExitCode::Malformed, nullptr, epsKey, "absent", "a positive float");
  config.rmsNormEps = number(epsKey, kMinEps, 1).value_or(0);

  // Old files have no vocabulary size: the embedding table has.
  std::optional<int64_t> vocabulary =
      integer("llama.vocab_size", kMaxVocabulary);
  const CheckpointTensor *table = file.checkpoint().find("token_embd.weight");
  if (table && table->shape.size() == 2 && table->shape[0] > kMaxVocabulary)
    report(ExitCode::Malformed, nullptr, "token_embd.weight",
           std::to_string(table->shape[0]) + " rows",
           "at most " + std::to_string(kMaxVocabulary));
  else if (vocabulary)
    config.vocabSize = *vocabulary;
  else if (table && table->shape.size() == 2)
    config.vocabSize = table->shape[0];
}

/// Some models have a number for each layer; reports that and returns false.
bool GgufConfigReader::isOneNumber(const std::string &key) {
  const GgufValue *value = find(key);
  if (!value || value->type() != GgufType::Array)
    return true;
  report(ExitCode::Unsupported, value, key, value->describe(),
         "one number for all layers");
  return false;
}

void GgufConfigReader::readHeads(LlamaConfig &config) {
  const std::string key = "llama.attention.head_count_kv";
  if (isOneNumber("llama.attention.head_count"))
    require("llama.attention.head_count", kMaxHeads, config.numHeads);
  config.numKvHeads = config.numHeads;
  const GgufValue *value = find(key);
  if (!isOneNumber(key) || config.numHeads == 0)
    return;
  if (std::optional<int64_t> heads = integer(key, kMaxHeads)) {
    if (config.numHeads % *heads != 0)
      report(ExitCode::Malformed, value, key, std::to_string(*heads),
             "a divisor of llama.attention.head_count " +
                 std::to_string(config.numHeads));
    config.numKvHeads = *heads;
  }
}

void GgufConfigReader::readHeadDim(LlamaConfig &config) {
  const std::string key = "llama.attention.key_length";
  std::optional<int64_t> keyLength = integer(key, kMaxHeadDim);
  std::optional<int64_t> valueLength =
      integer("llama.attention.value_length", kMaxHeadDim);
  std::optional<int64_t> rotated =
      integer("llama.rope.dimension_count", kMaxHeadDim);
  if (config.numHeads == 0 || config.hiddenSize == 0)
    return;
  if (valueLength && keyLength && *valueLength != *keyLength)
    report(ExitCode::Unsupported, file.find("llama.attention.value_length"),
           "llama.attention.value_length", std::to_string(*valueLength),
           std::to_string(*keyLength) + " as " + key);
  if (!keyLength && config.hiddenSize % config.numHeads != 0)
    return report(ExitCode::Malformed, file.find("llama.embedding_length"),
                  "llama.embedding_length", std::to_string(config.hiddenSize),
                  "a multiple of llama.attention.head_count " +
                      std::to_string(config.numHeads) + ", or " + key);
  config.headDim = keyLength.value_or(config.hiddenSize / config.numHeads);
  if (config.headDim % 2 != 0 || config.headDim > kMaxHeadDim)
    report(ExitCode::Malformed, file.find("llama.attention.head_count"),
           "llama.attention.head_count",
           std::to_string(config.headDim) + " columns a head",
           "an even number, at most " + std::to_string(kMaxHeadDim));
  if (rotated && *rotated != config.headDim)
    report(ExitCode::Unsupported, file.find("llama.rope.dimension_count"),
           "llama.rope.dimension_count", std::to_string(*rotated),
           std::to_string(config.headDim) + ", all columns of a head");
  std::optional<int64_t> features = checkedMul(config.numHeads, config.headDim);
  if (!features || *features > kMaxFeatures)
    report(ExitCode::Malformed, file.find("llama.attention.head_count"),
           "llama.attention.head_count",
           std::to_string(config.numHeads) + " heads of " +
               std::to_string(config.headDim) + " columns",
           "at most " + std::to_string(kMaxFeatures) + " columns");
}

/// The factors that converters compute from `rope_scaling` of type `llama3`.
void GgufConfigReader::readFactors(const CheckpointTensor &tensor,
                                   LlamaConfig &config) {
  if (config.headDim == 0)
    return;
  size_t count = size_t(config.headDim / 2);
  if (tensor.type != StorageType::F32 || tensor.shape.size() != 1 ||
      tensor.shape[0] != int64_t(count))
    return report(ExitCode::Malformed, nullptr, tensor.name,
                  "type " + std::string(getName(tensor.type)) + " of " +
                      std::to_string(tensor.bytes) + " bytes",
                  std::to_string(count) + " elements of f32");
  std::vector<float> factors(count);
  std::ifstream stream(file.path(), std::ios::binary);
  stream.seekg(std::streamoff(tensor.offset));
  stream.read(reinterpret_cast<char *>(factors.data()),
              std::streamsize(tensor.bytes));
  if (!stream)
    return report(ExitCode::InputOutput, nullptr, tensor.name, "not readable",
                  "");
  for (float factor : factors)
    if (!std::isfinite(factor) || factor <= 0)
      return report(ExitCode::Malformed, nullptr, tensor.name,
                    "a factor of " + std::to_string(factor),
                    "positive numbers");
  config.ropeScaling.kind = RopeScaling::Kind::Factors;
  config.ropeScaling.factors.assign(factors.begin(), factors.end());
}

void GgufConfigReader::readRope(LlamaConfig &config) {
  config.hasAdjacentPairs = true;
  config.ropeTheta =
      number("llama.rope.freq_base", kMinRopeTheta, kMaxRopeTheta)
          .value_or(10000);
  const std::string kindKey = "llama.rope.scaling.type";
  std::optional<double> factor = number("llama.rope.scaling.factor", 1e-6, 1e6);
  std::optional<double> oldFactor =
      number("llama.rope.scale_linear", 1e-6, 1e6);
  std::string_view kind = "none";
  if (const GgufValue *value = find(kindKey)) {
    kind = value->string().value_or("");
    if (kind != "none" && kind != "linear")
      report(value->string() ? ExitCode::Unsupported : ExitCode::Malformed,
             value, kindKey, value->string() ? quoted(kind) : value->describe(),
             "\"none\" or \"linear\"");
    if (kind == "linear" && !find("llama.rope.scaling.factor"))
      report(ExitCode::Malformed, nullptr, "llama.rope.scaling.factor",
             "absent", "a float, since " + kindKey + " is \"linear\"");
  } else if (oldFactor) {
    kind = "linear";
    factor = oldFactor;
  }
  if (kind == "linear" && factor && *factor != 1) {
    config.ropeScaling.kind = RopeScaling::Kind::Linear;
    config.ropeScaling.factor = *factor;
  }
  // They say how the model was made.
  find("llama.rope.scaling.original_context_length");
  find("llama.rope.scaling.finetuned");
  const CheckpointTensor *factors = file.checkpoint().find("rope_freqs.weight");
  if (factors && config.ropeScaling.kind != RopeScaling::Kind::None)
    report(ExitCode::Unsupported, nullptr, factors->name,
           "beside a linear scaling", "one of the two");
  else if (factors)
    readFactors(*factors, config);
}

/// What the file says by having tensors or not.
void GgufConfigReader::readTensorFacts(LlamaConfig &config) {
  const Checkpoint &tensors = file.checkpoint();
  config.hasTiedEmbeddings = !tensors.find("output.weight");
  config.hasAttentionBias = tensors.find("blk.0.attn_q.bias") ||
                            tensors.find("blk.0.attn_output.bias");
  config.hasMlpBias = tensors.find("blk.0.ffn_gate.bias") ||
                      tensors.find("blk.0.ffn_down.bias");
}

void GgufConfigReader::checkNoKeyLeft() {
  for (const char *key : {"llama.expert_count", "llama.expert_used_count"})
    if (const GgufValue *value = find(key))
      if (value->integer() != 0)
        report(ExitCode::Unsupported, value, key, value->describe(),
               "0: mixtures of experts are not supported");
  for (const auto &[key, value] : file.metadata())
    if (key.compare(0, 6, "llama.") == 0 && !askedFor.count(key))
      report(ExitCode::Unsupported, &value, quoted(key),
             "unknown key with value " + value.describe(),
             "a key of a Llama model");
}

std::optional<LlamaConfig> GgufConfigReader::read() {
  if (!checkArchitecture())
    return std::nullopt;
  LlamaConfig config;
  config.file = file.path();
  readSizes(config);
  readHeads(config);
  readHeadDim(config);
  readRope(config);
  readTensorFacts(config);
  checkNoKeyLeft();
  if (errors.size() != first)
    return std::nullopt;
  return config;
}

} // namespace

std::optional<LlamaConfig> lamina::readLlamaConfig(const GgufFile &file,
                                                   InputErrors &errors) {
  return GgufConfigReader(file, errors).read();
}
