//===- Ranks.h - The ranks of a process, a thread each ---------*- C++ -*-===//
//
// If the ranks are processes, this is rank 0, which tells the others its steps.
// A rank alone runs in the caller's thread, several run in threads of their own
// and the caller watches them. All run the same steps. A rank that never comes
// back from a step is given up: its thread and memory are left as they are, and
// no step can follow.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_PROGRAM_RANKS_H
#define LAMINA_RUNTIME_PROGRAM_RANKS_H

#include "core/ThreadPool.h"

#include <memory>
#include <string>
#include <vector>

namespace lamina::program {

/// Stores the failure of a group, or `message` if it is not the group's, as the
/// last error, with its further lines as details of the next report.
lamrt_status describeFailure(const lamrt_group *group, lamrt_status status,
                             const char *message);

class Ranks {
public:
  /// Makes as many ranks as `options` says, which are those of rank 0; each
  /// gets its share of the threads. `timeout` and `algorithm` are those of
  /// lamrt_group_options. With a group of processes in `options`, makes rank 0
  /// of it, and tells the others to make theirs.
  /// Returns nothing on failure; `status` and lamrt_last_error say why.
  static std::unique_ptr<Ranks> create(const lamina_program &program,
                                       const lamrt_rank_options &options,
                                       int32_t timeout, int32_t algorithm,
                                       lamrt_status &status);
  ~Ranks();
  Ranks(const Ranks &) = delete;
  Ranks &operator=(const Ranks &) = delete;

  /// lamrt_rank_step on all ranks; the logits are those of rank 0. On failure
  /// lamrt_last_error tells of the rank that failed first.
  lamrt_status step(const lamrt_step &step, const float **logits);

  /// Sums over the ranks; the weights, which they share, and the times of the
  /// phases are those of rank 0.
  lamrt_statistics statistics() const;

private:
  Ranks() = default;

  /// What the rank threads refer to: it outlives a rank that is given up.
  struct Shared {
    lamrt_group *group = nullptr;
    std::vector<lamrt_rank *> ranks;
    std::vector<lamrt_status> results;
    std::vector<std::string> messages; ///< of those that failed
    lamrt_step step = {};
    const float *logits = nullptr;
    runtime::ThreadPool threads;

    void runStep(int32_t rank);
  };
  lamrt_status createAll(const lamina_program &program,
                         const lamrt_rank_options &options, int32_t timeout,
                         int32_t algorithm);
  lamrt_status createRoot(const lamina_program &program,
                          const lamrt_rank_options &options);
  bool runStep();
  bool areProcesses() const { return lamrt_group_rank(shared->group) >= 0; }

  std::unique_ptr<Shared> shared = std::make_unique<Shared>();
  bool isLost = false;
};

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_RANKS_H
