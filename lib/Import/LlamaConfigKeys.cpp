//===- LlamaConfigKeys.cpp - Keys that do not change the graph ------------===//
//
// A key is irrelevant only with a reason; everything else is an error, so that
// no setting of a model is ever ignored silently.
//
//===----------------------------------------------------------------------===//

#include "LlamaConfigKeys.h"

using namespace lamina;
using json::Kind;
using json::Value;

namespace {

struct IrrelevantKey {
  std::string_view key;
  const char *reason;
};

constexpr const char *kOrigin = "says where the checkpoint came from";
constexpr const char *kTokens = "an id that tokenizer and sampling use";
constexpr const char *kTraining = "has an effect in training only";
constexpr const char *kGeneration = "a default of text generation";
constexpr const char *kLabels = "of classification heads, which are not here";
constexpr const char *kPython = "says what a Python call returns or runs on";

constexpr IrrelevantKey irrelevantKeys[] = {
    {"_attn_implementation", kPython},
    {"_attn_implementation_autoset", kPython},
    {"_commit_hash", kOrigin},
    {"_name_or_path", kOrigin},
    {"is_llama_config", kOrigin},
    {"original_architecture", kOrigin},
    {"transformers_version", kOrigin},
    {"transformers.js_config", "settings of another program"},
    {"unsloth_fixed", kOrigin},
    {"unsloth_version", kOrigin},

    {"bos_token_id", kTokens},
    {"decoder_start_token_id", kTokens},
    {"eos_token_id", kTokens},
    // torch's padding_idx keeps gradients from one row, and nothing else.
    {"pad_token_id", kTokens},
    {"sep_token_id", kTokens},
    {"tokenizer_class", "names the tokenizer, which its own files describe"},
    {"unk_token_id", kTokens},

    {"attention_dropout", kTraining},
    {"initializer_range", kTraining},
    {"tf_legacy_loss", kTraining},

    {"chunk_size_feed_forward", "cuts a batch into pieces of equal results"},
    {"output_attentions", kPython},
    {"output_hidden_states", kPython},
    {"return_dict", kPython},
    {"torchscript", kPython},
    {"use_bfloat16", kPython},
    {"use_cache", "a step always uses the KV cache"},

    {"finetuning_task", kLabels},
    {"id2label", kLabels},
    {"label2id", kLabels},
    {"num_labels", kLabels},
    {"problem_type", kLabels},

    {"bad_words_ids", kGeneration},
    {"begin_suppress_tokens", kGeneration},
    {"diversity_penalty", kGeneration},
    {"do_sample", kGeneration},
    {"early_stopping", kGeneration},
    {"encoder_no_repeat_ngram_size", kGeneration},
    {"exponential_decay_length_penalty", kGeneration},
    {"forced_bos_token_id", kGeneration},
    {"forced_eos_token_id", kGeneration},
    {"length_penalty", kGeneration},
    {"max_length", kGeneration},
    {"max_new_tokens", kGeneration},
    {"min_length", kGeneration},
    {"no_repeat_ngram_size", kGeneration},
    {"num_beam_groups", kGeneration},
    {"num_beams", kGeneration},
    {"num_return_sequences", kGeneration},
    {"output_scores", kGeneration},
    {"prefix", kGeneration},
    {"remove_invalid_values", kGeneration},
    {"repetition_penalty", kGeneration},
    {"return_dict_in_generate", kGeneration},
    {"suppress_tokens", kGeneration},
    {"task_specific_params", kGeneration},
    {"temperature", kGeneration},
    {"top_k", kGeneration},
    {"top_p", kGeneration},
    {"typical_p", kGeneration},
};

/// Keys that change the graph unless they are absent, null, false or empty.
constexpr std::string_view offKeys[] = {
    "add_cross_attention", "auto_map",
    "compression_config",  "cross_attention_hidden_size",
    "is_decoder",          "is_encoder_decoder",
    "pruned_heads",        "quantization",
    "quantization_config", "rope_interleaved",
    "sliding_window",      "tie_encoder_decoder",
    "use_sliding_window",
};

bool isOff(const Value &value) {
  switch (value.kind()) {
  case Kind::Null:
    return true;
  case Kind::Boolean:
    return !value.boolean();
  case Kind::Array:
  case Kind::Object:
    return value.size() == 0;
  default:
    return false;
  }
}

/// A quantised checkpoint is known by its method: `"gptq"`, `"fp8"`.
std::string describeSetting(const Value &value) {
  const Value *method = value.find("quant_method");
  return method ? method->describe() : value.describe();
}

/// `layer_types` may say of each layer that it attends to all positions.
void checkLayerTypes(ObjectReader &config) {
  const Value *types = config.findNonNull("layer_types");
  if (!types)
    return;
  if (types->kind() != Kind::Array)
    return config.reportValue("layer_types", *types, "an array of strings");
  for (const Value &type : *types)
    if (type.kind() != Kind::String || type.text() != "full_attention")
      return config.report(ExitCode::Unsupported, "layer_types",
                           type.describe(), "\"full_attention\"");
  const Value *layers = config.findNonNull("num_hidden_layers");
  std::optional<uint64_t> count = layers ? layers->uint64() : std::nullopt;
  if (count && types->size() != *count)
    config.report(ExitCode::Malformed, "layer_types",
                  std::to_string(types->size()) + " types",
                  "one for each of the " + std::to_string(*count) +
                      " layers of num_hidden_layers");
}

} // namespace

void lamina::checkNeutralKeys(ObjectReader &config) {
  for (std::string_view key : offKeys) {
    const Value *value = config.find(key);
    if (value && !isOff(*value))
      config.report(ExitCode::Unsupported, key, describeSetting(*value),
                    "no such setting");
  }
  // Hugging Face slices the weights into this many parts and adds the partial
  // products: another order of the same sums. Ours is docs/numerics.md.
  config.integer("pretraining_tp", 1, 1 << 16);
  if (const Value *part = config.find("partial_rotary_factor"))
    if (part->number() != 1.0)
      config.report(ExitCode::Unsupported, "partial_rotary_factor",
                    part->describe(), "1");
  checkLayerTypes(config);
}

const char *lamina::getIrrelevanceReason(std::string_view key) {
  for (const IrrelevantKey &entry : irrelevantKeys)
    if (entry.key == key)
      return entry.reason;
  return nullptr;
}

void lamina::checkNoKeyLeft(const ObjectReader &config, InputErrors &errors) {
  for (const Value &member : config.value()) {
    std::string_view key = member.key();
    if (config.wasAskedFor(key) || getIrrelevanceReason(key))
      continue;
    errors.report({ExitCode::Unsupported, config.fileName(),
                   config.pointerTo(key), std::string(key.substr(0, 60)),
                   "unknown key with value " + member.describe(),
                   "a key of LlamaForCausalLM", ""});
  }
}
