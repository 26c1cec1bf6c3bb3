//===- GroupOfRanks.cpp - Ranks of the plugin that work together ----------===//

#include "GroupOfRanks.h"

#include <algorithm>
#include <thread>

namespace lamina::cuda {

GroupOfRanks::~GroupOfRanks() {
  run([](TestRank &rank, int32_t) { rank.destroy(); });
  for (const std::string &report : takeReports())
    ADD_FAILURE() << report;
}

bool GroupOfRanks::create(
    const DeviceChoice &devices, int64_t features,
    const std::function<void(TestRank &, int32_t)> &change) {
  if (!prepareDevices(devices))
    return false;
  host = std::make_unique<TestGroup>(devices.devices);
  for (int32_t r = 0; r < devices.devices; ++r)
    ranks.push_back(std::make_unique<TestRank>());
  run([&](TestRank &rank, int32_t number) {
    rank.tokens = kRoom;
    rank.options.ranks = devices.devices;
    rank.options.rank = number;
    rank.options.group = host.get();
    rank.options.timeoutMilliseconds = 60000;
    rank.options.weightBytes = 1 << 10;
    // Rows of any type, and what pads the parts of each rank.
    rank.options.gatherBytes =
        (features * 4 + 64 * devices.devices * 2) * kRoom;
    if (change)
      change(rank, number);
    rank.create(features);
  });
  return true;
}

void GroupOfRanks::run(const std::function<void(TestRank &, int32_t)> &body) {
  std::vector<std::thread> threads;
  for (int32_t r = 0; r < size(); ++r)
    threads.emplace_back([&, r] {
      EXPECT_EQ(cudaSetDevice(r), cudaSuccess);
      body(*ranks[static_cast<size_t>(r)], r);
    });
  for (std::thread &thread : threads)
    thread.join();
}

Values takeRows(const std::vector<uint8_t> &bytes, const cpu::Rows &rows,
                int64_t features, int64_t count, int32_t filler,
                const std::string &what) {
  Values values;
  int64_t width = features * (rows.type == LAMRT_F32 ? 4 : 2);
  auto total = static_cast<int64_t>(bytes.size()) / rows.rowBytes;
  for (int64_t row = 0; row < total; ++row) {
    const uint8_t *begin = bytes.data() + row * rows.rowBytes;
    int64_t written = row < count ? width : 0;
    if (written > 0) {
      Values part = decode(begin, rows.type, features);
      values.insert(values.end(), part.begin(), part.end());
    }
    EXPECT_TRUE(std::all_of(begin + written, begin + rows.rowBytes,
                            [&](uint8_t byte) { return byte == filler; }))
        << what << ": a byte of row " << row
        << " was written that is not of the result";
  }
  return values;
}

} // namespace lamina::cuda
