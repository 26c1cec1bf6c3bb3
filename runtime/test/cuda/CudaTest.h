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

#include <cuda_runtime_api.h>
#include <gtest/gtest.h>
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

/// A row count, and what its values may differ by from the expected ones.
void expectNear(const Values &actual, const Values &expected,
                const Values &bounds, const std::string &what);

class CudaTest : public testing::Test {
protected:
  static constexpr int32_t kTokens = 40;

  /// A rank with room for `features` in each of eight slots of either section.
  void create(int64_t features);
  void TearDown() override;

  /// Slot `index` of a section, with rows of `features` of a type.
  cpu::Rows slot(int32_t index, int64_t features, int32_t type,
                 int32_t section = LAMRT_ROWS_TOKENS) const;
  void write(const cpu::Rows &rows, const Values &values, int64_t features);
  Values read(const cpu::Rows &rows, int64_t features, int64_t count);
  /// Loads a weight of the checkpoint, [rows, features] of `source`.
  const void *load(const std::vector<uint8_t> &source, int32_t sourceType,
                   int64_t rows, int64_t rowBytes, int64_t inBegin,
                   int64_t inEnd, int32_t type);
  const float *loadVector(const Values &values);
  /// One sequence for each of `lengths` new rows, at positions from `starts`.
  void begin(const std::vector<int32_t> &lengths,
             const std::vector<int32_t> &starts,
             const std::vector<int32_t> &ids = {},
             const std::vector<int32_t> &logitRows = {});
  void end();

  runtime::BackendOptions options = {};
  runtime::BackendPlaces places = {};
  const runtime::BackendTable *table = nullptr;
  runtime::BackendRank *rank = nullptr;
  std::vector<int32_t> positions, sequenceOfRow, pageTable;

private:
  cudaStream_t stream = nullptr;
  int64_t slotBytes = 0;
};

/// The bytes of values in a type.
std::vector<uint8_t> encode(const Values &values, int32_t type);
Values decode(const uint8_t *bytes, int32_t type, int64_t count);

} // namespace lamina::cuda

#endif // LAMINA_TEST_CUDA_CUDATEST_H
