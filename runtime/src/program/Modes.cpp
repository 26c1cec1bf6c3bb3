//===- Modes.cpp - What the modes share -----------------------------------===//

#include "program/Modes.h"

#include "core/PackedWeights.h"
#include "program/Output.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>

namespace lamina::program {

int writePackedFile(const lamina_program &program, const Options &options) {
  EngineOptions engine = getEngineOptions(program, options, 1);
  lamrt_rank_options rank = {};
  rank.threads = engine.threads;
  rank.model_path = engine.modelPath;
  rank.cpu_level = engine.cpuLevel;
  rank.verify_weights = engine.verifyWeights;
  if (lamrt_status status = runtime::writePackedWeights(
          program, rank, *options.writePacked, options.fillPacked))
    return reportLastError(status);
  return LAMRT_OK;
}

int32_t getContext(const lamina_program &program, const Options &options) {
  int64_t largest = program.max_context;
  return static_cast<int32_t>(
      options.context ? std::min<int64_t>(options.context, largest) : largest);
}

/// The least number of ranks that the program has code for.
static int32_t getLeastRanks(const lamina_program &program) {
  int32_t least = program.variants[0].ranks;
  for (int32_t i = 1; i < program.num_variants; ++i)
    least = std::min(least, program.variants[i].ranks);
  return least;
}

EngineOptions getEngineOptions(const lamina_program &program,
                               const Options &options, int32_t context) {
  EngineOptions engine;
  engine.ranks = options.ranks ? options.ranks : getLeastRanks(program);
  engine.timeout = options.commTimeout * 1000;
  engine.processes = options.processes;
  engine.context = context;
  engine.chunk = std::min(options.chunk, context);
  engine.threads = options.threads;
  engine.verifyWeights = options.verifyWeights;
  engine.modelPath = options.model ? options.model->c_str() : nullptr;
  const char *level = getenv("LAMINA_CPU");
  if (options.cpu)
    engine.cpuLevel = options.cpu->c_str();
  else if (level && *level)
    engine.cpuLevel = level;
  return engine;
}

GenerationOptions getGenerationOptions(const Options &options,
                                       int32_t context) {
  GenerationOptions generation;
  generation.sampling = options.sampling;
  generation.maxNew = options.maxNew;
  generation.stops = options.stops;
  generation.ignoreEos = options.ignoreEos;
  generation.context = context;
  return generation;
}

int32_t getNeededPositions(const Prompt &prompt, const Options &options,
                           int32_t context) {
  auto size = static_cast<int64_t>(prompt.ids.size());
  if (options.maxNew == 0)
    return context;
  return static_cast<int32_t>(
      std::min<int64_t>(size + options.maxNew, context));
}

void printStatistics(const RunStatistics &run, const Engine &engine,
                     bool asJson) {
  lamrt_statistics rank = engine.statistics();
  auto rate = [](int64_t tokens, double seconds) {
    return seconds > 0 ? static_cast<double>(tokens) / seconds : 0.0;
  };
  // The first id comes out of the prefill.
  int64_t decoded = std::max<int64_t>(run.generatedTokens - 1, 0);
  const char *format =
      asJson
          ? "{\"load_seconds\":%.6f,\"prompt_tokens\":%" PRId64
            ",\"prefill_seconds\":%.6f,\"prefill_tokens_per_second\":%.3f,"
            "\"generated_tokens\":%" PRId64
            ",\"decode_seconds\":%.6f,\"decode_tokens_per_second\":%.3f,"
            "\"threads\":%d,\"cpu_level\":\"%s\",\"packed_weight_bytes\":"
            "%" PRIu64 ",\"arena_bytes\":%" PRIu64 ",\"cache_bytes\":%" PRIu64
            ",\"steps\":%" PRIu64 ",\"weight_bytes_read\":%" PRIu64 "}\n"
          : "load      %.3f s\n"
            "prompt    %" PRId64 " tokens in %.3f s, %.1f tokens/s\n"
            "answer    %" PRId64 " tokens in %.3f s, %.1f tokens/s\n"
            "threads   %d (%s)\n"
            "weights   %" PRIu64 " bytes packed\n"
            "arena     %" PRIu64 " bytes\n"
            "KV cache  %" PRIu64 " bytes\n"
            "steps     %" PRIu64 ", which read %" PRIu64 " bytes of weights\n";
  fprintf(stderr, format, run.loadSeconds, run.promptTokens, run.prefillSeconds,
          rate(run.promptTokens, run.prefillSeconds), run.generatedTokens,
          run.decodeSeconds, rate(decoded, run.decodeSeconds), rank.threads,
          rank.cpu_level, rank.packed_weight_bytes, rank.arena_bytes,
          rank.cache_bytes, rank.steps, rank.weight_bytes_read);
}

} // namespace lamina::program
