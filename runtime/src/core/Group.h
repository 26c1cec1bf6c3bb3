//===- Group.h - What the ranks of a process share -------------*- C++ -*-===//
//
// The weights, in one copy for all ranks, and the place where they meet. A rank
// without a group makes one of its own.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_CORE_GROUP_H
#define LAMINA_RUNTIME_CORE_GROUP_H

#include "Meeting.h"
#include "PackedWeights.h"
#include "WeightFiles.h"
#include "WeightTable.h"

#include <mutex>

namespace lamina::runtime {

/// Ranks of the largest group.
constexpr int32_t kMaxRanks = 1024;

class Group {
public:
  /// Fails with LAMRT_USAGE, with LAMRT_DEVICE naming the numbers of ranks that
  /// the program has, or with LAMRT_UNSUPPORTED if they are too many.
  static lamrt_status check(const lamina_program &program,
                            const lamrt_group_options &options);

  Group(const lamina_program &program, const lamrt_group_options &options);

  const lamina_program &getProgram() const { return program; }
  Meeting &getMeeting() { return meeting; }
  const Meeting &getMeeting() const { return meeting; }
  int32_t ranks() const { return meeting.ranks(); }
  const WeightTable &getWeights() const { return weights; }

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
  lamrt_status open(const lamrt_rank_options &options);

  const lamina_program &program;
  Meeting meeting;
  std::mutex mutex; ///< of creation
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
