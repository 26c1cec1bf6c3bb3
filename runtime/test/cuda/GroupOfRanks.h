//===- GroupOfRanks.h - Ranks of the plugin that work together -*- C++ -*-===//
//
// A rank on each device, each driven by a thread of its own, as programs do it.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_CUDA_GROUPOFRANKS_H
#define LAMINA_TEST_CUDA_GROUPOFRANKS_H

#include "CudaTest.h"
#include "Devices.h"

#include <functional>
#include <memory>

namespace lamina::cuda {

/// Sizes that are no multiple of a vector, a warp, a block, or the ranks.
inline constexpr int64_t kGroupFeatures[] = {1,    15,   37,   576,
                                             1536, 4096, 8192, 8200};
inline constexpr int64_t kGroupRows[] = {0, 1, 3, 17};
inline constexpr int32_t kGroupRanks[] = {1, 2, 4, 8};
inline constexpr int32_t kGroupTypes[] = {LAMRT_BF16, LAMRT_F16, LAMRT_F32};

/// Room for 17 rows in equal parts of 1, 2, 4 or 8 ranks.
inline constexpr int32_t kRoom = 24;

class GroupOfRanks {
public:
  ~GroupOfRanks();

  /// `devices.devices` ranks with room for `features`; `change` may set options
  /// of a rank before it is made. Returns false if there are no such devices.
  bool create(const DeviceChoice &devices, int64_t features,
              const std::function<void(TestRank &, int32_t)> &change = {});
  /// Calls body(rank, number) on a thread for each rank, and waits for all.
  void run(const std::function<void(TestRank &, int32_t)> &body);
  int32_t size() const { return static_cast<int32_t>(ranks.size()); }

  std::unique_ptr<TestGroup> host;

private:
  std::vector<std::unique_ptr<TestRank>> ranks;
};

/// The first rows of what readBytes gave. All other bytes must be `filler`.
Values takeRows(const std::vector<uint8_t> &bytes, const cpu::Rows &rows,
                int64_t features, int64_t count, int32_t filler,
                const std::string &what);

} // namespace lamina::cuda

#endif // LAMINA_TEST_CUDA_GROUPOFRANKS_H
