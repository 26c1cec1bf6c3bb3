//===- Group.h - What the ranks of a process share -------------*- C++ -*-===//
//
// The weights, in one copy for all ranks, and the place where they meet. A rank
// without a group makes one of its own.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_GROUP_H
#define LAMINA_RUNTIME_CORE_GROUP_H

#include "../comm/Communicator.h"
#include "PackedWeights.h"
#include "WeightFiles.h"
#include "WeightTable.h"
#include "lamina/Support/CollectiveTable.h"

#include <memory>
#include <mutex>
#include <vector>

namespace lamina::runtime {

/// Ranks of the largest group.
constexpr int32_t kMaxRanks = 1024;

/// Fails with LAMRT_UNSUPPORTED if `program` was made for another runtime.
lamrt_status checkVersion(const lamina_program &program);

/// The time limit of a group that is made with 0.
constexpr int32_t kDefaultTimeout = 30000; // milliseconds

class Group {
public:
  /// Fails with LAMRT_USAGE, with LAMRT_DEVICE naming the numbers of ranks that
  /// the program has or what keeps processes from meeting, or with
  /// LAMRT_UNSUPPORTED if the ranks are too many.
  static lamrt_status create(const lamina_program &program,
                             const lamrt_group_options &options,
                             std::unique_ptr<lamrt_group> &out);

  Group(const lamina_program &program, const lamrt_group_options &options,
        std::unique_ptr<Communicator> communicator);

  const lamina_program &getProgram() const { return program; }
  Communicator &getCommunicator() { return *communicator; }
  const Communicator &getCommunicator() const { return *communicator; }
  int32_t ranks() const { return communicator->ranks(); }
  /// LAMRT_ONE_SHOT, TWO_SHOT or, for what is fused with a sum, SEPARATE: the
  /// same on all ranks. On devices a sum alone may be SEPARATE too.
  int32_t chooseAlgorithm(int32_t operation, int64_t features, int64_t rows,
                          RankDevice device) const;
  /// Equal for groups that choose alike on devices.
  uint64_t hashDeviceChoices() const;
  const WeightTable &getWeights() const { return weights; }

  /// What all ranks must be created with alike is what the first one has; fails
  /// with LAMRT_USAGE naming the rank that differs, and in what.
  lamrt_status join(const lamrt_rank_options &options);
  void leave(int32_t rank);
  /// Before weights are loaded: tells other processes how far this rank has
  /// come, `status` with lamrt_last_error. Returns what all of them make of it.
  lamrt_status agree(const lamrt_rank_options &options, lamrt_status status);
  /// The same once the weights are loaded.
  lamrt_status agreeOnStart(const lamrt_rank_options &options,
                            lamrt_status status);
  /// Waits for the other processes, once there is nothing more to do.
  lamrt_status meet();
  /// Maps and checks the files; the first rank that asks does it for all.
  lamrt_status openWeights(const lamrt_rank_options &options);
  /// Packs the weights; the first rank that asks does it for all.
  lamrt_status loadWeights(const cpu::Kernels &kernels, ThreadPool &pool,
                           const lamrt_rank_options &options);
  /// Bytes that loadWeights allocates; 0 once it has.
  uint64_t requiredBytes() const {
    return isLoaded ? 0 : weights.requiredBytes();
  }

private:
  static lamrt_status checkProgram(const lamina_program &program,
                                   const lamrt_group_options &options);
  static lamrt_status startProcesses(const lamina_program &program,
                                     const lamrt_group_options &options,
                                     std::unique_ptr<Communicator> &out);
  lamrt_status agree(const lamrt_rank_options &options,
                     const Statement &statement, int32_t patience);
  lamrt_status open(const lamrt_rank_options &options);

  const lamina_program &program;
  std::unique_ptr<Communicator> communicator;
  int32_t algorithm;
  AlgorithmChooser chooser, deviceChooser;
  std::mutex mutex;              ///< of creation
  std::vector<bool> hasJoined;   ///< [ranks]
  lamrt_rank_options first = {}; ///< of the first rank; its pointers are stale
  bool isOpen = false, isLoaded = false;
  WeightFiles files;
  PackedWeights packedFile;
  WeightTable weights;
};

} // namespace lamina::runtime

struct lamrt_group final {
  lamina::runtime::Group group;
};

#endif // LAMINA_RUNTIME_CORE_GROUP_H
