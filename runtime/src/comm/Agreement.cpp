//===- Agreement.cpp - Whether ranks can work together --------------------===//

#include "Agreement.h"

#include "../core/Failure.h"

#include <algorithm>
#include <cinttypes>
#include <cstring>

namespace lamina::runtime {

namespace {

/// Numbers as users know them, hashes as hashes.
Report describe(uint64_t value) {
  Report text;
  text.add(value >> 32 ? "%016" PRIx64 : "%" PRIu64, value);
  return text;
}

/// The first rank that is not like most others, or -1. Of two kinds that are as
/// many, the one of the first rank counts as most.
int32_t findOdd(const std::vector<uint64_t> &values) {
  auto count = [&](uint64_t value) {
    return std::count(values.begin(), values.end(), value);
  };
  uint64_t common = values[0];
  for (uint64_t value : values)
    if (count(value) > count(common))
      common = value;
  auto odd = std::find_if(values.begin(), values.end(),
                          [&](uint64_t value) { return value != common; });
  return odd == values.end() ? -1 : static_cast<int32_t>(odd - values.begin());
}

/// Fails for the first rank that cannot go on; it is not named if all say the
/// same.
lamrt_status judgeStatuses(const std::vector<const Statement *> &statements) {
  auto first = std::find_if(statements.begin(), statements.end(),
                            [](const Statement *one) { return one->status; });
  if (first == statements.end())
    return LAMRT_OK;
  const Statement &failed = **first;
  bool areAlike =
      std::all_of(statements.begin(), statements.end(), [&](auto *one) {
        return one->status == failed.status &&
               strcmp(one->message, failed.message) == 0;
      });
  auto status = static_cast<lamrt_status>(failed.status);
  if (areAlike)
    return fail(status, "%s", failed.message);
  return fail(status, "rank %d: %s",
              static_cast<int32_t>(first - statements.begin()), failed.message);
}

} // namespace

lamrt_status judge(const std::vector<const Statement *> &statements) {
  if (lamrt_status status = judgeStatuses(statements))
    return status;
  for (int32_t i = 0; i < statements[0]->numFields; ++i) {
    std::vector<uint64_t> values;
    for (const Statement *one : statements)
      values.push_back(one->fields[i].value);
    int32_t odd = findOdd(values);
    if (odd < 0)
      continue;
    int32_t other = odd == 0 ? 1 : 0;
    return fail(LAMRT_DEVICE, "group: rank %d has %s %s, rank %d has %s", odd,
                statements[0]->fields[i].name,
                describe(values[static_cast<size_t>(odd)]).get(), other,
                describe(values[static_cast<size_t>(other)]).get());
  }
  return LAMRT_OK;
}

} // namespace lamina::runtime
