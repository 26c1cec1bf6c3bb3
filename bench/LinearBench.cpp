//===- LinearBench.cpp - Products of the CPU backend, one thread ----------===//
//
// build/dev/bench/LinearBench --benchmark_filter=q4_1 --benchmark_repetitions=5
//
// Each product of SmolLM2-135M's shapes at each level of this CPU. `f32_peak`
// is the rate of multiply-adds as a share of the f32 peak of the level, which
// is measured beside it, and above 1 where integers are faster; `GBps` counts
// packed weights. Weights are cold for one row, as in decoding: the copies that
// take turns are larger than any cache. On a busy machine, `min` counts.
//
//===----------------------------------------------------------------------===//

#include "Kernels.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <vector>

using namespace lamina;

namespace {

struct TypeName {
  int32_t type;
  const char *name;
};
const TypeName types[] = {{LAMRT_Q4_0, "q4_0"}, {LAMRT_Q4_1, "q4_1"},
                          {LAMRT_Q8_0, "q8_0"}, {LAMRT_BF16, "bf16"},
                          {LAMRT_F16, "f16"},   {LAMRT_F32, "f32"},
                          {LAMRT_Q4_K, "q4_k"}, {LAMRT_Q6_K, "q6_k"}};
const char *const orderNames[] = {"ascending", "paired", "int8"};

struct Shape {
  int64_t in, out, rows;
};

/// Multiply-adds a second in registers, the best of a few runs.
double measurePeak(const cpu::Kernels &kernels) {
  double best = 0;
  for (int i = 0; i < 5; ++i) {
    auto start = std::chrono::steady_clock::now();
    double operations = kernels.multiplyAdd(1'000'000);
    std::chrono::duration<double> time =
        std::chrono::steady_clock::now() - start;
    best = std::max(best, operations / 2 / time.count());
  }
  return best;
}

/// Bytes that any type can read: f16 scales and floats of normal size.
const std::vector<uint8_t> &getBytes(size_t count) {
  static std::vector<uint8_t> bytes;
  std::minstd_rand random(1);
  while (bytes.size() < count)
    bytes.push_back(static_cast<uint8_t>(random() % 56 + 1));
  return bytes;
}

void multiply(benchmark::State &state, const cpu::Kernels &kernels,
              int32_t type, cpu::SumOrder order, Shape shape) {
  static const double peak = measurePeak(kernels);
  int64_t panels = shape.out / cpu::kPanelColumns;
  int64_t bytes = panels * cpu::getPanelBytes(type, shape.in);
  int64_t copies = shape.rows == 1 ? (int64_t(96) << 20) / bytes + 1 : 1;
  const uint8_t *packed = getBytes(static_cast<size_t>(copies * bytes)).data();
  std::vector<float> input(static_cast<size_t>(shape.rows * shape.in));
  std::minstd_rand random(1);
  for (float &x : input)
    x = static_cast<float>(random() % 255) / 64 - 2;
  std::vector<uint8_t> prepared(static_cast<size_t>(
      shape.rows * kernels.getInputBytes(type, order, shape.in)));
  std::vector<float> output(static_cast<size_t>(shape.rows * shape.out));
  cpu::InputTask inputTask = {
      type,
      order,
      {reinterpret_cast<uint8_t *>(input.data()), shape.in * 4, LAMRT_F32},
      shape.in,
      shape.rows,
      0,
      shape.rows,
      prepared.data()};
  const int32_t radices[] = {2};
  cpu::LinearTask task = {};
  task.type = type;
  task.out = task.columnEnd = task.workEnd = shape.out;
  task.in = task.kEnd = shape.in;
  task.input = prepared.data();
  task.rows = shape.rows;
  task.order = order;
  task.radices = radices;
  task.numRadices = 1;
  task.output = {reinterpret_cast<uint8_t *>(output.data()), shape.out * 4,
                 LAMRT_F32};
  int64_t copy = 0;
  for (auto _ : state) {
    task.packed = packed + copy * bytes;
    copy = (copy + 1) % copies;
    kernels.prepareInput(inputTask);
    kernels.linear(task);
  }
  double runs = static_cast<double>(state.iterations());
  double products = double(shape.in) * double(shape.out) * double(shape.rows);
  using benchmark::Counter;
  state.counters["f32_peak"] =
      Counter(runs * products / peak, Counter::kIsRate);
  state.counters["GBps"] =
      Counter(runs * double(bytes) / 1e9, Counter::kIsRate);
}

void registerAll() {
  for (const char *level : {"v3", "v4", "bf16"}) {
    const cpu::Kernels *kernels = cpu::selectKernels(level);
    if (!kernels)
      continue;
    for (const TypeName &type : types)
      for (int order = 0; order < 3; ++order)
        for (Shape shape : {Shape{576, 576, 1}, Shape{576, 3072, 1},
                            Shape{1536, 576, 1}, Shape{576, 3072, 4},
                            Shape{576, 3072, 128}, Shape{1536, 576, 128}}) {
          bool isFloat = cpu::getBlockElements(type.type) == 1;
          if ((order == 2 && isFloat) ||
              shape.in % cpu::getBlockElements(type.type))
            continue;
          std::string name =
              std::string(level) + "/" + type.name + "/" + orderNames[order] +
              "/" + std::to_string(shape.in) + "x" + std::to_string(shape.out) +
              "/rows:" + std::to_string(shape.rows);
          benchmark::RegisterBenchmark(name.c_str(), multiply, *kernels,
                                       type.type,
                                       static_cast<cpu::SumOrder>(order), shape)
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
