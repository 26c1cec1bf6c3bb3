//===- CollectiveSite.h - A program of one operation -----------*- C++ -*-===//
//
// What `--bench --collectives` runs: a step that fills an update and a residual
// and then does one operation again and again, on slots and weights of its own.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_RUNTIME_PROGRAM_COLLECTIVESITE_H
#define LAMINA_RUNTIME_PROGRAM_COLLECTIVESITE_H

#include "lamina/Support/CollectiveTable.h"
#include "program/Ranks.h"

#include <memory>
#include <string>
#include <vector>

namespace lamina::program {

class CollectiveSite {
public:
  /// `operation` is LAMRT_ALL_REDUCE or LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM; on
  /// one rank, the residual and the norm alone. Returns nothing on failure;
  /// `status` and lamrt_last_error say why.
  static std::unique_ptr<CollectiveSite> create(int32_t operation,
                                                int32_t ranks, int64_t features,
                                                RankDevice device,
                                                lamrt_status &status);
  ~CollectiveSite();
  CollectiveSite(const CollectiveSite &) = delete;
  CollectiveSite &operator=(const CollectiveSite &) = delete;

  /// The ranks that do steps of `rows` rows by `choices`. `options` says how
  /// many threads there are, and of which level; a rank waits for another for
  /// `timeout` milliseconds (0: the default).
  std::unique_ptr<Ranks> createRanks(int32_t rows,
                                     const lamrt_rank_options &options,
                                     const std::vector<lamrt_choice> &choices,
                                     int32_t timeout,
                                     lamrt_status &status) const;
  /// Nanoseconds that the operation takes rank 0, on average over one step. On
  /// a device operations are only queued, so that is a part of the whole step.
  double time(Ranks &ranks, int32_t rows, lamrt_status &status) const;

private:
  CollectiveSite(int32_t ranks, int64_t features, RankDevice device)
      : ranks(ranks), features(features), device(device) {}
  lamrt_status writeWeights();
  void addSlot(int32_t distribution);

  int32_t ranks;
  int64_t features;
  RankDevice device;
  int weightsFile = -1;
  std::string weightsPath;
  lamrt_file file = {};
  int32_t fileIndex = 0;
  uint64_t offsets[2] = {};
  lamrt_weight weights[2] = {};
  std::vector<int32_t> radices;
  lamrt_list tree = {};
  std::vector<lamrt_slot> slots;
  lamrt_variant variant = {};
  lamina_program program = {};
};

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_COLLECTIVESITE_H
