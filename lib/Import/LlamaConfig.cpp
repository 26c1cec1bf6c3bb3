//===- LlamaConfig.cpp - The config.json of a Llama model -----------------===//

#include "lamina/Import/LlamaConfig.h"

#include "ConfigLimits.h"
#include "LlamaConfigKeys.h"
#include "ObjectReader.h"
#include "RopeConfig.h"
#include "lamina/Support/CheckedMath.h"

using namespace lamina;
using json::Kind;
using json::Value;

/// Length of a key or a string; nothing in a config comes near.
static constexpr size_t kMaxStringBytes = 1 << 16;

/// transformers' default, for configs from before the key existed.
static constexpr int64_t kDefaultMaxPositions = 2048;

/// Checks that the model is a Llama. A model of another kind is reported by
/// name, and nothing else of its config is looked at.
static bool checkArchitecture(ObjectReader &reader) {
  constexpr std::string_view supported = "LlamaForCausalLM";
  size_t before = reader.errorList().size();
  const Value *names = reader.findNonNull("architectures");
  if (!names)
    reader.report(ExitCode::Unsupported, "architectures", "absent",
                  "[\"LlamaForCausalLM\"]");
  else if (names->kind() != Kind::Array)
    reader.reportValue("architectures", *names, "an array of strings");
  else if (names->size() != 1)
    reader.report(ExitCode::Unsupported, "architectures",
                  std::to_string(names->size()) + " names",
                  "[\"LlamaForCausalLM\"]");
  else if (names->begin()->kind() != Kind::String)
    reader.reportValue("architectures", *names->begin(), "a string");
  else if (names->begin()->text() != supported)
    reader.report(ExitCode::Unsupported, "architectures",
                  names->begin()->describe(), "\"LlamaForCausalLM\"",
                  "supported: LlamaForCausalLM (Llama 1 to 3.2, SmolLM2, "
                  "TinyLlama)");

  std::optional<std::string_view> type = reader.string("model_type");
  if (type && *type != "llama")
    reader.report(ExitCode::Unsupported, "model_type", quoted(*type),
                  "\"llama\"");
  return reader.errorList().size() == before;
}

/// Reads a required integer into `target`; a value out of range is reported
/// and leaves `target` as it is.
static void readSize(ObjectReader &reader, std::string_view key, int64_t max,
                     int64_t &target) {
  reader.require(key, "an integer from 1 to " + std::to_string(max));
  if (std::optional<int64_t> value = reader.integer(key, 1, max))
    target = *value;
}

/// Reads the sizes that stand on their own. Those that are wrong stay 0.
static void readSizes(ObjectReader &reader, LlamaConfig &config) {
  readSize(reader, "vocab_size", kMaxVocabulary, config.vocabSize);
  readSize(reader, "hidden_size", kMaxFeatures, config.hiddenSize);
  readSize(reader, "intermediate_size", kMaxFeatures, config.intermediateSize);
  readSize(reader, "num_hidden_layers", kMaxLayers, config.numLayers);
  readSize(reader, "num_attention_heads", kMaxHeads, config.numHeads);

  // Early conversions of Llama 1 say max_sequence_length.
  std::optional<int64_t> positions =
      reader.integer("max_position_embeddings", 1, kMaxPositions);
  std::optional<int64_t> length =
      reader.integer("max_sequence_length", 1, kMaxPositions);
  if (!positions)
    positions = length;
  config.maxPositions = positions.value_or(kDefaultMaxPositions);
}

/// Reads the sizes of heads, which depend on others.
static void readHeads(ObjectReader &reader, LlamaConfig &config) {
  config.numKvHeads = config.numHeads;
  if (reader.findNonNull("num_key_value_heads")) {
    auto heads = reader.integer("num_key_value_heads", 1, kMaxHeads);
    if (heads && config.numHeads != 0 && config.numHeads % *heads != 0)
      reader.report(ExitCode::Malformed, "num_key_value_heads",
                    std::to_string(*heads),
                    "a divisor of num_attention_heads " +
                        std::to_string(config.numHeads));
    config.numKvHeads = heads.value_or(0);
  }

  std::string_view headDimKey = "head_dim";
  if (reader.findNonNull(headDimKey)) {
    config.headDim = reader.integer(headDimKey, 1, kMaxHeadDim).value_or(0);
  } else if (config.hiddenSize != 0 && config.numHeads != 0) {
    headDimKey = "hidden_size";
    if (config.hiddenSize % config.numHeads != 0)
      return reader.report(
          ExitCode::Malformed, headDimKey,
          std::to_string(config.hiddenSize) + " = " +
              std::to_string(config.hiddenSize / config.numHeads) + " * " +
              std::to_string(config.numHeads) + " + " +
              std::to_string(config.hiddenSize % config.numHeads),
          "a multiple of num_attention_heads " +
              std::to_string(config.numHeads) + ", or head_dim");
    config.headDim = config.hiddenSize / config.numHeads;
    if (config.headDim > kMaxHeadDim)
      reader.report(ExitCode::Malformed, headDimKey,
                    std::to_string(config.headDim) + " columns a head",
                    "at most " + std::to_string(kMaxHeadDim));
  }
  if (config.headDim % 2 != 0)
    reader.report(ExitCode::Malformed, headDimKey,
                  std::to_string(config.headDim) + " columns a head",
                  "an even number: columns are rotated in pairs");
  auto features = checkedMul(config.numHeads, config.headDim);
  if (!features || *features > kMaxFeatures)
    reader.report(ExitCode::Malformed, "num_attention_heads",
                  std::to_string(config.numHeads) + " heads of " +
                      std::to_string(config.headDim) + " columns",
                  "at most " + std::to_string(kMaxFeatures) + " columns");
}

/// Returns the type that `torch_dtype` or `dtype` names.
static std::optional<DType> readFloatType(ObjectReader &reader,
                                          std::string_view key) {
  if (!reader.findNonNull(key))
    return std::nullopt;
  std::optional<std::string_view> name = reader.string(key);
  if (!name)
    return std::nullopt;
  if (*name == "float32")
    return DType::F32;
  if (*name == "float16")
    return DType::F16;
  if (*name == "bfloat16")
    return DType::BF16;
  reader.report(ExitCode::Unsupported, key, quoted(*name),
                "\"float32\", \"float16\" or \"bfloat16\"");
  return std::nullopt;
}

static void readNumerics(ObjectReader &reader, LlamaConfig &config) {
  reader.require("rms_norm_eps", "a positive number");
  config.rmsNormEps = reader.number("rms_norm_eps", kMinEps, 1).value_or(0);

  if (auto activation = reader.string("hidden_act"))
    if (*activation != "silu")
      reader.report(ExitCode::Unsupported, "hidden_act", quoted(*activation),
                    "\"silu\"");

  auto dtype = readFloatType(reader, "torch_dtype");
  auto newDtype = readFloatType(reader, "dtype");
  if (dtype && newDtype && *dtype != *newDtype)
    reader.report(ExitCode::Malformed, "dtype", "another type than torch_dtype",
                  "one of the two, or the same in both");
  if (!dtype)
    dtype = newDtype;
  config.dtype = dtype.value_or(DType::F32); // as transformers

  config.hasTiedEmbeddings =
      reader.boolean("tie_word_embeddings").value_or(false);
  config.hasAttentionBias = reader.boolean("attention_bias").value_or(false);
  config.hasMlpBias = reader.boolean("mlp_bias").value_or(false);
}

/// Reports keys and strings that no config has a use for.
static void checkStrings(const std::string &file, const Value &value,
                         InputErrors &errors) {
  auto check = [&](std::string_view text, uint64_t offset) {
    if (text.size() > kMaxStringBytes)
      errors.report({ExitCode::Malformed, file, byteOffset(offset), "JSON",
                     "a string of " + std::to_string(text.size()) + " bytes",
                     "at most " + std::to_string(kMaxStringBytes), ""});
  };
  check(value.key(), value.keyOffset());
  check(value.text(), value.offset());
  for (const Value &child : value)
    checkStrings(file, child, errors);
}

static std::optional<LlamaConfig>
interpret(std::optional<json::Document> document, InputErrors &errors) {
  if (!document)
    return std::nullopt;
  const std::string &file = document->file();
  const Value &root = document->root();
  if (root.kind() != Kind::Object) {
    errors.report({ExitCode::Malformed, file, byteOffset(root.offset()), "JSON",
                   root.describe(), "an object", ""});
    return std::nullopt;
  }
  checkStrings(file, root, errors);
  ObjectReader reader(file, root, "", errors);
  if (!errors.empty() || !checkArchitecture(reader))
    return std::nullopt;

  LlamaConfig config;
  config.file = file;
  readSizes(reader, config);
  readHeads(reader, config);
  readNumerics(reader, config);
  readRope(reader, config);
  checkNeutralKeys(reader);
  checkNoKeyLeft(reader, errors);
  if (!errors.empty())
    return std::nullopt;
  // Only now: a config without errors has few keys.
  for (const Value &member : root)
    config.places.emplace(member.key(),
                          document->lineColumn(member.keyOffset()));
  return config;
}

std::optional<LlamaConfig> lamina::readLlamaConfig(const std::string &path,
                                                   InputErrors &errors) {
  return interpret(json::parseFile(path, kMaxConfigBytes, errors), errors);
}

std::optional<LlamaConfig> lamina::parseLlamaConfig(std::string_view text,
                                                    std::string file,
                                                    InputErrors &errors) {
  return interpret(json::parse(text, std::move(file), errors), errors);
}
