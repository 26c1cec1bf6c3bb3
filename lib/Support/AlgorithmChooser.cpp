//===- AlgorithmChooser.cpp - The nearest size of a table -----------------===//

#include "lamina/Support/CollectiveTable.h"

#include <algorithm>
#include <cmath>

using namespace lamina;

/// Whether x*x > a*b: b is nearer to x than a is, by ratio.
static bool isBehindMiddle(int64_t x, int64_t a, int64_t b) {
  return static_cast<__int128>(x) * x > static_cast<__int128>(a) * b;
}

/// The least x behind the middle of a < b.
static int64_t findMiddle(int64_t a, int64_t b) {
  int64_t low = a, high = b;
  while (low < high) {
    int64_t x = low + (high - low) / 2;
    if (isBehindMiddle(x, a, b))
      high = x;
    else
      low = x + 1;
  }
  return low;
}

/// The one of `values`, which ascend, that is nearest to x.
template <typename Value, typename Get>
static const Value &findNearest(const std::vector<Value> &values, int64_t x,
                                Get get) {
  size_t i = 0;
  while (i + 1 < values.size() &&
         isBehindMiddle(x, get(values[i]), get(values[i + 1])))
    ++i;
  return values[i];
}

AlgorithmChooser::AlgorithmChooser(const lamrt_choice *choices, size_t count,
                                   int32_t ranks) {
  for (int32_t operation :
       {LAMRT_ALL_REDUCE, LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM}) {
    std::vector<lamrt_choice> sizes;
    std::copy_if(choices, choices + count, std::back_inserter(sizes),
                 [&](const lamrt_choice &choice) {
                   return choice.operation == operation;
                 });
    if (sizes.empty()) {
      widths[indexOf(operation)] = {{1, {{0, LAMRT_ONE_SHOT}}}};
      continue;
    }
    std::sort(sizes.begin(), sizes.end(),
              [](const lamrt_choice &a, const lamrt_choice &b) {
                if (a.ranks != b.ranks)
                  return a.ranks < b.ranks;
                return a.features != b.features ? a.features < b.features
                                                : a.rows < b.rows;
              });
    int32_t nearest = findNearest(sizes, ranks, [](const lamrt_choice &size) {
                        return int64_t(size.ranks);
                      }).ranks;
    std::vector<Width> &found = widths[indexOf(operation)];
    const lamrt_choice *before = nullptr;
    for (const lamrt_choice &size : sizes) {
      if (size.ranks != nearest)
        continue;
      if (found.empty() || found.back().features != size.features) {
        found.push_back({size.features, {{0, size.algorithm}}});
      } else if (found.back().steps.back().algorithm != size.algorithm) {
        found.back().steps.push_back(
            {findMiddle(before->rows, size.rows), size.algorithm});
      }
      before = &size;
    }
  }
}

const std::vector<AlgorithmChooser::Step> &
AlgorithmChooser::findSteps(int32_t operation, int64_t features) const {
  const std::vector<Width> &all = widths[indexOf(operation)];
  return findNearest(all, features,
                     [](const Width &width) { return width.features; })
      .steps;
}

int32_t AlgorithmChooser::choose(int32_t operation, int64_t features,
                                 int64_t rows) const {
  int32_t algorithm = LAMRT_ONE_SHOT;
  for (const Step &step : findSteps(operation, features))
    if (rows >= step.firstRow)
      algorithm = step.algorithm;
  return algorithm;
}

uint64_t AlgorithmChooser::hash() const {
  // FNV-1a, by words: http://www.isthe.com/chongo/tech/comp/fnv/
  uint64_t hash = 0xcbf29ce484222325u;
  auto add = [&](int64_t word) {
    hash = (hash ^ static_cast<uint64_t>(word)) * 0x100000001b3u;
  };
  for (const std::vector<Width> &all : widths) {
    add(static_cast<int64_t>(all.size()));
    for (const Width &width : all) {
      add(width.features);
      add(static_cast<int64_t>(width.steps.size()));
      for (const Step &step : width.steps) {
        add(step.firstRow);
        add(step.algorithm);
      }
    }
  }
  return hash;
}
