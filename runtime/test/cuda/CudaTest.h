//===- CudaTest.h - Operations of the plugin on a device -------*- C++ -*-===//
//
// A rank of the plugin without a program: tests put rows into its arena, call
// operations of the backend table, and read rows back. What they expect is
// computed in f64 from the definitions, and shares no code with any backend.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_CUDA_CUDATEST_H
#define LAMINA_TEST_CUDA_CUDATEST_H

#include "core/Backend.h"

#include <atomic>
#include <condition_variable>
#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
#include <mutex>
#include <random>
#include <string>
#include <vector>

extern "C" const lamina::runtime::BackendTable *
lamrt_cuda_backend(uint32_t, const lamina::runtime::BackendHost *);

namespace lamina::cuda {

/// Values of one row after another, as a type holds them.
using Values = std::vector<double>;

/// The value nearest to `value` that a type has, and the distance to the next.
double roundToType(int32_t type, double value);
double getUlp(int32_t type, double value);

/// Values that the type has, from -scale to scale.
Values makeValues(int64_t count, int32_t type, uint32_t seed,
                  double scale = 1.0);

/// What the plugin said of its last failure on this thread.
const std::string &getLastMessage();

/// A row count, and what its values may differ by from the expected ones.
void expectNear(const Values &actual, const Values &expected,
                const Values &bounds, const std::string &what);

/// A rank without a program, alone or one of several.
class TestRank {
public:
  TestRank() = default;
  ~TestRank() { destroy(); }
  TestRank(const TestRank &) = delete;
  TestRank &operator=(const TestRank &) = delete;

  /// A rank with room for `features` in each of eight slots of either section,
  /// on the device of its number, which is then the current one.
  void create(int64_t features);
  void destroy();

  /// Slot `index` of a section, with rows of `features` of a type.
  cpu::Rows slot(int32_t index, int64_t features, int32_t type,
                 int32_t section = LAMRT_ROWS_TOKENS) const;
  void write(const cpu::Rows &rows, const Values &values, int64_t features);
  Values read(const cpu::Rows &rows, int64_t features, int64_t count);
  /// Fills every byte of a slot of so many rows, and reads them all back.
  void fill(const cpu::Rows &rows, int32_t byte, int64_t count);
  std::vector<uint8_t> readBytes(const cpu::Rows &rows, int64_t count);
  /// Loads a weight of the checkpoint, [rows, features] of `source`.
  const void *load(const std::vector<uint8_t> &source, int32_t sourceType,
                   int64_t rows, int64_t rowBytes, int64_t inBegin,
                   int64_t inEnd, int32_t type);
  const float *loadVector(const Values &values);
  /// The same in slot `index`, without a weight of the checkpoint.
  const float *writeVector(int32_t index, const Values &values);
  /// One sequence for each of `lengths` new rows, at positions from `starts`.
  void begin(const std::vector<int32_t> &lengths,
             const std::vector<int32_t> &starts,
             const std::vector<int32_t> &ids = {},
             const std::vector<int32_t> &logitRows = {});
  void end();

  /// Rows that a step has, at most.
  int32_t tokens = 40;
  runtime::BackendOptions options = {};
  runtime::BackendPlaces places = {};
  const runtime::BackendTable *table = nullptr;
  runtime::BackendRank *rank = nullptr;
  std::vector<int32_t> positions, sequenceOfRow, pageTable;

private:
  cudaStream_t stream = nullptr;
  int64_t slotBytes = 0;
};

class CudaTest : public testing::Test, protected TestRank {
protected:
  void TearDown() override { destroy(); }
};

/// What the host does for a group of ranks, which BackendOptions::group is:
/// they show each other bytes, and one that has failed ends all.
class TestGroup {
public:
  explicit TestGroup(int32_t ranks) : ranks(ranks) {}

  lamrt_status exchange(int32_t rank, const void *mine, void *all,
                        uint64_t bytes);
  std::atomic<bool> hasFailed{false};

private:
  const int32_t ranks;
  std::mutex mutex;
  std::condition_variable changed;
  /// Used in turn: who is late still reads what was shown before.
  std::vector<uint8_t> shown[2];
  int32_t arrived = 0;
  uint64_t round = 0;
};

/// The bytes of values in a type.
std::vector<uint8_t> encode(const Values &values, int32_t type);
Values decode(const uint8_t *bytes, int32_t type, int64_t count);

} // namespace lamina::cuda

#endif // LAMINA_TEST_CUDA_CUDATEST_H
