//===- AttentionBench.cpp - Attention of the CPU backend, one thread ------===//
//
// build/dev/bench/AttentionBench --benchmark_filter=v3/bf16
//
// SmolLM2-135M's heads at each level of this CPU: a prompt of 512 rows, one row
// behind 512 or 4096 positions. `GFLOPs` counts the two products of each pair
// of a query and a key. On a busy machine, `min` counts.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace lamina;

namespace {

constexpr int64_t kHeadDim = 64, kHeads = 9, kKvHeads = 3;

struct TypeName {
  int32_t type;
  const char *name;
};
const TypeName types[] = {
    {LAMRT_BF16, "bf16"}, {LAMRT_F16, "f16"}, {LAMRT_F32, "f32"}};

struct Shape {
  int64_t first; ///< positions before the step
  int64_t rows;
};

/// Elements between -2 and 2.
std::vector<uint8_t> drawElements(const cpu::Kernels &kernels, int32_t type,
                                  int64_t bytes) {
  std::minstd_rand random(1);
  std::vector<uint8_t> elements(static_cast<size_t>(bytes));
  for (size_t i = 0; i < elements.size(); i += type == LAMRT_F32 ? 4 : 2) {
    float value = static_cast<float>(random() % 255) / 64 - 2;
    kernels.roundRow(&value, 1, type, elements.data() + i);
  }
  return elements;
}

void attend(benchmark::State &state, const cpu::Kernels &kernels, int32_t type,
            Shape shape) {
  int64_t context = shape.first + shape.rows;
  int64_t pages = (context + LAMRT_PAGE_POSITIONS - 1) / LAMRT_PAGE_POSITIONS;
  int64_t positionBytes = kHeadDim * (type == LAMRT_F32 ? 4 : 2);
  int64_t headBytes = positionBytes * LAMRT_PAGE_POSITIONS;
  int64_t rowBytes = kHeads * kHeadDim * 4;
  std::vector<uint8_t> query =
      drawElements(kernels, LAMRT_F32, shape.rows * rowBytes);
  std::vector<uint8_t> output(query.size());
  // Keys, then values.
  std::vector<uint8_t> cache =
      drawElements(kernels, type, 2 * pages * kKvHeads * headBytes);
  std::vector<int32_t> positions, pageOf;
  for (int64_t row = 0; row < shape.rows; ++row)
    positions.push_back(static_cast<int32_t>(shape.first + row));
  for (int64_t page = 0; page < pages; ++page)
    pageOf.push_back(static_cast<int32_t>(page));
  std::vector<float> scratch(
      static_cast<size_t>(cpu::getAttentionScratch(kHeadDim, context)));

  cpu::AttentionTask task = {};
  task.query = {query.data(), rowBytes, LAMRT_F32};
  task.output = {output.data(), rowBytes, LAMRT_F32};
  task.positions = positions.data();
  task.rowEnd = shape.rows;
  task.headEnd = kHeads;
  task.headDim = kHeadDim;
  task.groupSize = kHeads / kKvHeads;
  task.scale = 0.125f;
  task.keys = cache.data();
  task.values = task.keys + pages * kKvHeads * headBytes;
  task.pages = pageOf.data();
  task.pageBytes = kKvHeads * headBytes;
  task.headBytes = headBytes;
  task.positionBytes = positionBytes;
  task.cacheType = type;
  task.scratch = scratch.data();
  for (auto _ : state)
    kernels.attention(task);
  double pairs = 0;
  for (int32_t position : positions)
    pairs += (position + 1.0) * kHeads;
  state.counters["GFLOPs"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * pairs * 4 * kHeadDim / 1e9,
      benchmark::Counter::kIsRate);
}

void registerAll() {
  for (const char *level : {"v3", "v4", "bf16"}) {
    const cpu::Kernels *kernels = cpu::selectKernels(level);
    if (!kernels)
      continue;
    for (const TypeName &type : types)
      for (Shape shape :
           {Shape{0, 512}, Shape{0, 16}, Shape{511, 1}, Shape{4095, 1}}) {
        std::string name = std::string(level) + "/" + type.name +
                           "/first:" + std::to_string(shape.first) +
                           "/rows:" + std::to_string(shape.rows);
        benchmark::RegisterBenchmark(name.c_str(), attend, *kernels, type.type,
                                     shape)
            ->ComputeStatistics("min", [](const std::vector<double> &v) {
              return *std::min_element(v.begin(), v.end());
            });
      }
  }
}

// Before the library's main looks for benchmarks.
const bool isRegistered = (registerAll(), true);

} // namespace

BENCHMARK_MAIN();
