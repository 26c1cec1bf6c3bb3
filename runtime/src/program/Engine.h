//===- Engine.h - Sequences, pages and steps -------------------*- C++ -*-===//
//
// Runs any number of sequences on the ranks of this process. Each step takes
// the rows that wait: one of each sequence that decodes, and as many of those
// that prefill as fit. What a sequence computes does not depend on the others.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_PROGRAM_ENGINE_H
#define LAMINA_RUNTIME_PROGRAM_ENGINE_H

#include "program/LoadProgress.h"
#include "program/Ranks.h"
#include "program/StepBatch.h"

#include <memory>
#include <optional>

namespace lamina::program {

struct EngineOptions {
  int32_t context = 0;   ///< positions of a sequence
  int32_t chunk = 512;   ///< rows of a step
  int32_t sequences = 1; ///< at one time
  int32_t threads = 0;   ///< 0: as many as we may use
  int32_t ranks = 1;     ///< the program has code for this number
  int32_t timeout = 0;   ///< milliseconds in a collective; 0: the default
  /// The group of the processes that were started together; null: the ranks are
  /// in this one.
  lamrt_group *processes = nullptr;
  bool allLogits = false; ///< logits of every row, not of the last ones only
  bool verifyWeights = false;
  bool measure = false; ///< keep the time of each phase
  const char *modelPath = nullptr;
  const char *cpuLevel = nullptr;
  void (*tap)(void *context, const char *name, int32_t layer,
              const float *values, int64_t rows, int64_t features) = nullptr;
  void *tapContext = nullptr;
};

/// Token ids and the pages that hold their keys and values.
struct Sequence {
  uint64_t index = 0; ///< names it to the sampler
  std::vector<int32_t> ids;
  /// The first ids that are in the cache already.
  int32_t cached = 0;
  std::vector<int32_t> pages;
  /// Set by a step that reached the last id: what comes after it, one row
  /// (every new row with allLogits). Valid until the next step.
  const float *logits = nullptr;
  int32_t numLogitRows = 0;

  bool isWaiting() const { return cached < static_cast<int32_t>(ids.size()); }
};

class Engine {
public:
  /// Returns nothing on failure; `status` and lamrt_last_error say why.
  static std::unique_ptr<Engine> create(const lamina_program &program,
                                        const EngineOptions &options,
                                        lamrt_status &status);

  /// Runs one step for those of `sequences` that wait. Their ids must fit the
  /// context and the pages that are left.
  lamrt_status step(const std::vector<Sequence *> &sequences);

  /// Forgets what is cached from position `length` on and frees its pages.
  void truncate(Sequence &sequence, int32_t length);
  /// Frees all pages.
  void close(Sequence &sequence) { truncate(sequence, 0); }

  int32_t context() const { return options.context; }
  int32_t vocabulary() const { return numLogits; }
  int32_t freePages() const { return static_cast<int32_t>(unused.size()); }
  lamrt_statistics statistics() const;

private:
  static void showProgress(void *engine, uint64_t done, uint64_t all);
  static void forwardTap(void *engine, const char *name, int32_t layer,
                         const float *values, int64_t rows, int64_t features);
  Engine(const lamina_program &program, const EngineOptions &options);
  bool schedule(Sequence &sequence);

  EngineOptions options;
  int32_t numLogits;
  std::unique_ptr<Ranks> ranks;
  LoadProgress *loading = nullptr; ///< while the ranks are created
  std::vector<int32_t> unused;     ///< pages, used from the back
  StepBatch batch;
  struct Scheduled {
    Sequence *sequence;
    int32_t rows, logitRows;
  };
  std::vector<Scheduled> scheduled;
};

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_ENGINE_H
