//===- CollectiveTable.h - Which algorithm is fastest, as measured *- C++ -*-=//
//
// `--bench --collectives` measures sums over ranks, and sums with residual and
// norm, by each of their algorithms, and writes this table; the runtime chooses
// by it, and `lamina inspect --collectives` shows what it chooses. The tables
// that ship are lib/Support/collectives.json, and collectives-cuda.json, which
// is an estimate.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_SUPPORT_COLLECTIVETABLE_H
#define LAMINA_SUPPORT_COLLECTIVETABLE_H

#include "lamina/Support/Diagnostics.h"
#include "lamina/runtime.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lamina {

/// The text of lib/Support/collectives.json.
extern const char *const kShippedCollectives;
/// The text of lib/Support/collectives-cuda.json.
extern const char *const kShippedCudaCollectives;

/// What ranks run on.
enum class RankDevice { Cpu, Cuda };

/// `cpu` or `cuda`.
const char *getDeviceName(RankDevice device);

/// `one_shot`, `two_shot` or `separate`.
const char *getAlgorithmName(int32_t algorithm);
/// `all_reduce` or `all_reduce_residual_rms_norm`: the operations that have
/// algorithms.
const char *getReductionName(int32_t operation);

/// Of one size; 0: not measured. On a GPU, SEPARATE is the sum by NCCL, and a
/// sum alone has it too.
struct CollectiveTimes {
  /// Medians, by LAMRT_ONE_SHOT, TWO_SHOT and SEPARATE.
  double nanoseconds[LAMRT_SEPARATE + 1] = {};
  /// The median over the rounds of the time of the faster fused algorithm to
  /// that of separate operations in the same round.
  double fusedToSeparate = 0;
};

struct CollectiveTable {
  RankDevice device = RankDevice::Cpu;
  /// What the choices come from if nothing was measured; else empty. Then there
  /// are no times, and of what follows date and command only.
  std::string estimate;
  // Where and how it was made.
  std::string gpuModel; ///< of a table for cuda
  std::string cpuModel, date, command;
  double threads = 0, loadAverage = 0, rounds = 0;
  // Sizes, and for each its times.
  std::vector<lamrt_choice> choices;
  std::vector<CollectiveTimes> times;

  /// Reports a file that cannot be read (5), is longer than 1 MiB (6), or is
  /// not such a table (3), and returns nothing.
  static std::optional<CollectiveTable> read(const std::string &path,
                                             InputErrors &errors);
  static std::optional<CollectiveTable>
  parse(const std::string &path, std::string_view text, InputErrors &errors);
  /// The table that ships.
  static const CollectiveTable &shipped(RankDevice device);

  std::string toJson() const;
};

/// The choices of a table for one number of ranks: those of the nearest number
/// that it has. Of features and rows, too, the nearest count, by their ratio.
class AlgorithmChooser {
public:
  AlgorithmChooser(const lamrt_choice *choices, size_t count, int32_t ranks);

  /// From so many rows on, up to the next step.
  struct Step {
    int64_t firstRow;
    int32_t algorithm;
  };
  /// The first step begins at 0 rows. Without choices for the operation, every
  /// size is LAMRT_ONE_SHOT.
  const std::vector<Step> &findSteps(int32_t operation, int64_t features) const;
  int32_t choose(int32_t operation, int64_t features, int64_t rows) const;
  /// Equal for choosers that choose alike.
  uint64_t hash() const;

private:
  struct Width {
    int64_t features;
    std::vector<Step> steps;
  };
  static size_t indexOf(int32_t operation) {
    return operation == LAMRT_ALL_REDUCE ? 0 : 1;
  }
  std::vector<Width> widths[2]; ///< features ascend
};

} // namespace lamina

#endif // LAMINA_SUPPORT_COLLECTIVETABLE_H
