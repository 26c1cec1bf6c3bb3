//===- Engine.cpp - Sequences, pages and steps ----------------------------===//

#include "program/Engine.h"

#include "core/Failure.h"

#include <algorithm>
#include <unistd.h>

namespace lamina::program {

namespace {

constexpr int32_t kPage = LAMRT_PAGE_POSITIONS;

int32_t countPages(int32_t positions) {
  return positions / kPage + (positions % kPage != 0);
}

} // namespace

Engine::Engine(const lamina_program &program, const EngineOptions &chosen)
    : options(chosen), numLogits(static_cast<int32_t>(program.result_features)),
      batch(countPages(chosen.context)) {}

void Engine::showProgress(void *engine, uint64_t done, uint64_t all) {
  static_cast<Engine *>(engine)->loading->update(done, all);
}

void Engine::forwardTap(void *engine, const char *name, int32_t layer,
                        const float *values, int64_t rows, int64_t features) {
  const EngineOptions &options = static_cast<Engine *>(engine)->options;
  options.tap(options.tapContext, name, layer, values, rows, features);
}

std::unique_ptr<Engine> Engine::create(const lamina_program &program,
                                       const EngineOptions &chosen,
                                       lamrt_status &status) {
  int64_t pages = int64_t(countPages(chosen.context)) * chosen.sequences;
  if (pages > INT32_MAX) {
    status = runtime::fail(LAMRT_LIMIT,
                           "memory: %lld pages of the KV cache, limit %d",
                           static_cast<long long>(pages), INT32_MAX);
    return nullptr;
  }
  std::unique_ptr<Engine> engine(new Engine(program, chosen));
  lamrt_rank_options options = {};
  options.struct_size = sizeof(options);
  options.ranks = chosen.ranks;
  options.threads = chosen.threads;
  options.max_tokens = std::max(chosen.chunk, chosen.sequences);
  options.max_logit_rows =
      chosen.allLogits ? options.max_tokens : chosen.sequences;
  options.max_sequences = chosen.sequences;
  options.num_pages = static_cast<int32_t>(pages);
  options.model_path = chosen.modelPath;
  options.cpu_level = chosen.cpuLevel;
  options.verify_weights = chosen.verifyWeights;
  options.measure = chosen.measure;
  LoadProgress loading(STDERR_FILENO);
  engine->loading = &loading;
  options.progress = isatty(STDERR_FILENO) ? showProgress : nullptr;
  options.tap = chosen.tap ? forwardTap : nullptr;
  options.context = engine.get();
  engine->options.chunk = options.max_tokens;
  options.group = chosen.processes;
  engine->ranks =
      Ranks::create(program, options, chosen.timeout, LAMRT_BY_SIZE, status);
  engine->loading = nullptr;
  if (status)
    return nullptr;
  for (int32_t page = options.num_pages; page > 0; --page)
    engine->unused.push_back(page - 1);
  return engine;
}

/// Adds the rows of a sequence that fit this step. Returns false if none do.
bool Engine::schedule(Sequence &sequence) {
  int32_t room = options.chunk - batch.numTokens();
  int32_t waiting = static_cast<int32_t>(sequence.ids.size()) - sequence.cached;
  int32_t rows = std::min(room, waiting);
  if (rows <= 0 || batch.numSequences() == options.sequences)
    return false;
  int32_t pages = countPages(sequence.cached + rows);
  while (static_cast<int32_t>(sequence.pages.size()) < pages &&
         !unused.empty()) {
    sequence.pages.push_back(unused.back());
    unused.pop_back();
  }
  WantedLogits wanted = options.allLogits ? WantedLogits::All
                        : rows == waiting ? WantedLogits::Last
                                          : WantedLogits::None;
  batch.add(sequence.ids.data() + sequence.cached, rows, sequence.cached,
            sequence.pages, wanted);
  int32_t logitRows = wanted == WantedLogits::All    ? rows
                      : wanted == WantedLogits::Last ? 1
                                                     : 0;
  scheduled.push_back({&sequence, rows, logitRows});
  return true;
}

lamrt_status Engine::step(const std::vector<Sequence *> &sequences) {
  batch.clear();
  scheduled.clear();
  // Those that decode first: a long prompt must not make them wait.
  for (bool decodes : {true, false})
    for (Sequence *sequence : sequences) {
      bool isDecoding =
          sequence->cached + 1 == static_cast<int32_t>(sequence->ids.size());
      if (isDecoding == decodes && sequence->isWaiting())
        schedule(*sequence);
    }
  for (Sequence *sequence : sequences) {
    sequence->logits = nullptr;
    sequence->numLogitRows = 0;
  }
  lamrt_step step = batch.getStep();
  const float *logits = nullptr;
  if (lamrt_status status = ranks->step(step, &logits))
    return status;
  for (const Scheduled &done : scheduled) {
    done.sequence->cached += done.rows;
    if (done.logitRows > 0)
      done.sequence->logits = logits;
    done.sequence->numLogitRows = done.logitRows;
    logits += int64_t(done.logitRows) * numLogits;
  }
  return LAMRT_OK;
}

void Engine::truncate(Sequence &sequence, int32_t length) {
  sequence.cached = std::min(sequence.cached, length);
  auto keep = static_cast<size_t>(countPages(sequence.cached));
  while (sequence.pages.size() > keep) {
    unused.push_back(sequence.pages.back());
    sequence.pages.pop_back();
  }
}

lamrt_statistics Engine::statistics() const { return ranks->statistics(); }

} // namespace lamina::program
