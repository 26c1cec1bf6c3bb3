//===- Dump.cpp - Logits and taps of a prompt, to a file ------------------===//
//
// A safetensors file: `input_ids` [T] I64, `logits` [T, V] F32, and each tap as
// [T, features] F32, the layer in place of `*`. `lamina compare` reads it.
//
//===----------------------------------------------------------------------===//

#include "lamina/Support/OutputFile.h"
#include "program/Modes.h"
#include "program/Output.h"
#include "program/Processes.h"
#include "program/Ranks.h"

#include <algorithm>

namespace lamina::program {

namespace {

/// Rows of one step: bounds the memory for logits of every row.
constexpr int32_t kDumpChunk = 64;

struct Tensor {
  std::string name;
  int64_t features;
  std::string bytes;
};

/// What is collected, in the order in which it first comes.
struct Collected {
  std::vector<Tensor> tensors;

  void append(const std::string &name, const float *values, int64_t rows,
              int64_t features) {
    auto found =
        std::find_if(tensors.begin(), tensors.end(),
                     [&](const Tensor &tensor) { return tensor.name == name; });
    if (found == tensors.end())
      found = tensors.insert(tensors.end(), {name, features, ""});
    found->bytes.append(reinterpret_cast<const char *>(values),
                        static_cast<size_t>(rows * features) * sizeof(float));
  }
};

void collectTap(void *context, const char *name, int32_t layer,
                const float *values, int64_t rows, int64_t features) {
  std::string key = name;
  if (layer >= 0)
    key += std::to_string(layer);
  static_cast<Collected *>(context)->append(key, values, rows, features);
}

std::string makeSafetensors(const std::vector<int32_t> &ids,
                            const std::vector<Tensor> &tensors) {
  std::string rows = std::to_string(ids.size());
  std::vector<int64_t> wide(ids.begin(), ids.end());
  std::string data(reinterpret_cast<const char *>(wide.data()),
                   wide.size() * sizeof(int64_t));
  std::string header = "{\"input_ids\":{\"dtype\":\"I64\",\"shape\":[" + rows +
                       "],\"data_offsets\":[0," + std::to_string(data.size()) +
                       "]}";
  for (const Tensor &tensor : tensors) {
    header += "," + toJson(tensor.name) + ":{\"dtype\":\"F32\",\"shape\":[" +
              rows + "," + std::to_string(tensor.features) +
              "],\"data_offsets\":[" + std::to_string(data.size()) + ",";
    data += tensor.bytes;
    header += std::to_string(data.size()) + "]}";
  }
  header += "}";
  // The data begins at a multiple of 8.
  header.resize((header.size() + 7) / 8 * 8, ' ');
  uint64_t size = header.size();
  return std::string(reinterpret_cast<const char *>(&size), sizeof(size)) +
         header + data;
}

} // namespace

int dumpPrompt(const lamina_program &program, const Options &options) {
  PromptEncoder encoder;
  Prompt prompt;
  if (lamrt_status status = encoder.create(program))
    return status;
  if (lamrt_status status = getPrompt(program, options, encoder, prompt))
    return status;
  if (lamrt_status status = checkLength(prompt, getContext(program, options)))
    return status;
  Collected collected;
  auto size = static_cast<int32_t>(prompt.ids.size());
  EngineOptions engineOptions = getEngineOptions(program, options, size);
  engineOptions.chunk = std::min(engineOptions.chunk, kDumpChunk);
  engineOptions.allLogits = true;
  engineOptions.tap = collectTap;
  engineOptions.tapContext = &collected;
  lamrt_status status = LAMRT_OK;
  auto engine = Engine::create(program, engineOptions, status);
  if (!engine)
    return reportLastError(status);
  catchInterrupts();
  Sequence sequence;
  sequence.ids = prompt.ids;
  while (sequence.isWaiting() && !getInterrupt()) {
    if (lamrt_status failure = engine->step({&sequence}))
      return reportLastError(failure);
    collected.append("logits", sequence.logits, sequence.numLogitRows,
                     engine->vocabulary());
  }
  if (getInterrupt())
    return getInterruptStatus();
  if (lamrt_status failure = meetBeforeOutput(options.processes))
    return reportLastError(
        describeFailure(options.processes, failure, lamrt_last_error()));
  InputErrors errors;
  if (!writeOutput(*options.dump,
                   makeSafetensors(prompt.ids, collected.tensors), errors))
    return reportErrors(errors);
  return LAMRT_OK;
}

} // namespace lamina::program
