//===- Info.cpp - What a program is ---------------------------------------===//

#include "program/Modes.h"
#include "program/Output.h"

#include "cpu/Kernels.h"

namespace lamina::program {

namespace {

/// Bytes of the source weights of one type, in the checkpoint.
uint64_t countWeightBytes(const lamina_program &program, int32_t type) {
  uint64_t bytes = 0;
  for (int32_t i = 0; i < program.num_weights; ++i) {
    const lamrt_weight &weight = program.weights[i];
    if (weight.kind != LAMRT_WEIGHT_SOURCE || weight.type != type)
      continue;
    int64_t elements = weight.out * (weight.in ? weight.in : 1);
    bytes +=
        static_cast<uint64_t>(elements / cpu::getBlockElements(type) *
                              cpu::getBlockBytes(type) * weight.num_layers);
  }
  return bytes;
}

std::string joinNumbers(const std::vector<std::pair<std::string, int64_t>> &all,
                        bool asJson) {
  std::string text;
  for (const auto &[name, value] : all)
    text += asJson ? (text.empty() ? "" : ",") + toJson(name) + ":" +
                         std::to_string(value)
                   : (text.empty() ? "" : ", ") + name + " " +
                         std::to_string(value);
  return text;
}

std::vector<std::pair<std::string, int64_t>>
getWeightBytes(const lamina_program &program) {
  std::vector<std::pair<std::string, int64_t>> bytes;
  for (int32_t type = LAMRT_F32; type <= LAMRT_Q6_K; ++type)
    if (uint64_t count = countWeightBytes(program, type))
      bytes.push_back({cpu::getTypeName(type), static_cast<int64_t>(count)});
  return bytes;
}

std::vector<std::pair<std::string, int64_t>>
getFiles(const lamina_program &program) {
  std::vector<std::pair<std::string, int64_t>> files;
  for (int32_t i = 0; i < program.num_files; ++i)
    files.push_back(
        {program.files[i].name, static_cast<int64_t>(program.files[i].size)});
  return files;
}

/// The file, or how many there are and how large they are together.
std::string describeFiles(const lamina_program &program) {
  std::vector<std::pair<std::string, int64_t>> files = getFiles(program);
  if (files.empty())
    return "none";
  if (files.size() == 1)
    return joinNumbers(files, false) + " bytes";
  int64_t bytes = 0;
  for (const auto &[name, size] : files)
    bytes += size;
  return std::to_string(files.size()) + ", " + files.front().first + " to " +
         files.back().first + ", " + std::to_string(bytes) + " bytes";
}

int64_t getCacheBytes(const lamina_program &program) {
  const lamrt_cache &kv = program.cache;
  return int64_t(2) * kv.num_layers * kv.kv_heads * kv.head_dim *
         cpu::getBlockBytes(kv.type);
}

std::string makeJson(const lamina_program &program,
                     const PromptEncoder &encoder, const Options &options) {
  const lamrt_variant &variant = program.variants[0];
  std::string text = "{\"abi_version\":" + std::to_string(program.abi_version) +
                     ",\"lamina_version\":\"" LAMINA_VERSION "\"";
  text += ",\"max_context\":" + std::to_string(program.max_context);
  text += ",\"vocabulary\":" + std::to_string(program.vocabulary);
  text += ",\"device\":" + toJson(options.device) +
          ",\"device_reason\":" + toJson(options.deviceReason);
  text += ",\"files\":{" + joinNumbers(getFiles(program), true) + "}";
  text +=
      ",\"weight_bytes\":{" + joinNumbers(getWeightBytes(program), true) + "}";
  text += ",\"packed_weights\":" + (program.packed_weights
                                        ? toJson(program.packed_weights)
                                        : std::string("null"));
  text += ",\"kv_cache\":{\"type\":\"" +
          std::string(cpu::getTypeName(program.cache.type)) +
          "\",\"layers\":" + std::to_string(program.cache.num_layers) +
          ",\"kv_heads\":" + std::to_string(program.cache.kv_heads) +
          ",\"head_dim\":" + std::to_string(program.cache.head_dim) +
          ",\"bytes_per_position\":" + std::to_string(getCacheBytes(program)) +
          "}";
  text += ",\"arena_bytes_per_token\":" +
          std::to_string(variant.arena_bytes[LAMRT_ROWS_TOKENS]) +
          ",\"arena_bytes_per_logit_row\":" +
          std::to_string(variant.arena_bytes[LAMRT_ROWS_LOGITS]) +
          ",\"arena_bytes_per_own_token\":" +
          std::to_string(variant.arena_bytes[LAMRT_ROWS_OWN_TOKENS]);
  text += ",\"ranks\":[";
  for (int32_t i = 0; i < program.num_variants; ++i)
    text += (i ? "," : "") + std::to_string(program.variants[i].ranks);
  text += "],\"taps\":[";
  for (int32_t i = 0; i < program.num_taps; ++i)
    text += (i ? "," : "") + toJson(program.tap_names[i]);
  text += "],\"tokenizer\":";
  text +=
      encoder.tokenizer()
          ? "{\"bos_rule\":" + toJson(encoder.tokenizer()->model().bosRule) +
                ",\"chat_template\":" +
                (encoder.hasTemplate() ? "true" : "false") + "}"
          : "null";
  const char *json = program.json && *program.json ? program.json : "null";
  return text + ",\"program\":" + json + "}\n";
}

std::string makeText(const lamina_program &program,
                     const PromptEncoder &encoder, const Options &options) {
  const lamrt_variant &variant = program.variants[0];
  std::string text = "lamina      " LAMINA_VERSION ", ABI " +
                     std::to_string(program.abi_version) + "\n";
  text += "context     " + std::to_string(program.max_context) + " positions\n";
  text += "vocabulary  " + std::to_string(program.vocabulary) + " ids\n";
  text += "files       " + describeFiles(program) + "\n";
  text +=
      "weights     " + joinNumbers(getWeightBytes(program), false) + " bytes\n";
  text += "ranks       ";
  for (int32_t i = 0; i < program.num_variants; ++i)
    text += (i ? ", " : "") + std::to_string(program.variants[i].ranks);
  text += "\n";
  text += "device      " + options.device + " (" + options.deviceReason + ")\n";
  text += "KV cache    " + std::string(cpu::getTypeName(program.cache.type)) +
          ", " + std::to_string(getCacheBytes(program)) + " bytes a position\n";
  text += "arena       " +
          std::to_string(variant.arena_bytes[LAMRT_ROWS_TOKENS]) +
          " bytes a row, " +
          std::to_string(variant.arena_bytes[LAMRT_ROWS_LOGITS]) +
          " a row of logits";
  if (int64_t own = variant.arena_bytes[LAMRT_ROWS_OWN_TOKENS])
    text += ", " + std::to_string(own) + " a row that a rank keeps";
  text += "\n";
  text += std::string("tokenizer   ") +
          (encoder.tokenizer() ? encoder.hasTemplate() ? "with chat template"
                                                       : "no chat template"
                               : "none") +
          "\n";
  if (program.packed_weights)
    text += std::string("packed in   ") + program.packed_weights +
            ", beside the program\n";
  else if (program.model_path)
    text += std::string("model       ") + program.model_path + "\n";
  return text;
}

} // namespace

int printInfo(const lamina_program &program, const Options &options) {
  PromptEncoder encoder;
  if (lamrt_status status = encoder.create(program))
    return status;
  return writeOut(options.json ? makeJson(program, encoder, options)
                               : makeText(program, encoder, options));
}

} // namespace lamina::program
