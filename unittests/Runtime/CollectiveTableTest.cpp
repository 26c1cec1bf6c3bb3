//===- CollectiveTableTest.cpp - The table of measured collectives --------===//

#include "lamina/Support/CollectiveTable.h"

#include "gtest/gtest.h"

#include <array>

using namespace lamina;

namespace {

constexpr int32_t kSum = LAMRT_ALL_REDUCE;
constexpr int32_t kFused = LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM;

std::string makeText(const std::string &sizes) {
  return "{\"cpu_model\": \"a cpu\", \"date\": \"today\", \"command\": \"x\", "
         "\"threads\": 2, \"load_average\": 0.5, \"rounds\": 5, \"sizes\": " +
         sizes + "}";
}

const std::string kSize =
    "{\"operation\": \"all_reduce\", \"ranks\": 2, \"features\": 64, \"rows\": "
    "1, \"one_shot_ns\": 7, \"two_shot_ns\": 5.5, \"choice\": \"two_shot\"}";

std::optional<CollectiveTable> parse(const std::string &text,
                                     std::string &error) {
  InputErrors errors;
  auto table = CollectiveTable::parse("t.json", text, errors);
  error = errors.toString();
  EXPECT_EQ(table.has_value(), errors.empty());
  if (!errors.empty()) {
    EXPECT_EQ(errors.exitCode(), ExitCode::Malformed);
  }
  return table;
}

std::string replace(std::string text, const std::string &from,
                    const std::string &to) {
  size_t at = text.find(from);
  EXPECT_NE(at, text.npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(CollectiveTableTest, WhatIsWrittenIsRead) {
  std::string error;
  auto table = parse(makeText("[" + kSize + "]"), error);
  ASSERT_TRUE(table) << error;
  auto again = parse(table->toJson(), error);
  ASSERT_TRUE(again) << error;
  EXPECT_EQ(again->toJson(), table->toJson());
  EXPECT_EQ(again->cpuModel, "a cpu");
  ASSERT_EQ(again->choices.size(), 1u);
  EXPECT_EQ(again->choices[0].operation, kSum);
  EXPECT_EQ(again->choices[0].features, 64);
  EXPECT_EQ(again->choices[0].algorithm, LAMRT_TWO_SHOT);
  EXPECT_EQ(again->times[0].nanoseconds[LAMRT_ONE_SHOT], 7);
}

TEST(CollectiveTableTest, TheOneThatShipsIsWellFormed) {
  std::string error;
  auto table = parse(kShippedCollectives, error);
  ASSERT_TRUE(table) << error;
  EXPECT_EQ(CollectiveTable::shipped(RankDevice::Cpu).toJson(),
            table->toJson());
  EXPECT_EQ(table->toJson(), kShippedCollectives);
  for (size_t i = 0; i < table->choices.size(); ++i) {
    const lamrt_choice &size = table->choices[i];
    const double *times = table->times[i].nanoseconds;
    // It takes none that is slower than another fused one.
    if (size.algorithm == LAMRT_ONE_SHOT && times[LAMRT_TWO_SHOT] > 0) {
      EXPECT_LE(times[LAMRT_ONE_SHOT], times[LAMRT_TWO_SHOT]);
    }
    if (size.algorithm == LAMRT_TWO_SHOT) {
      EXPECT_LE(times[LAMRT_TWO_SHOT], times[LAMRT_ONE_SHOT]);
    }
  }
}

/// On GPUs nothing has been measured, and the table says so.
TEST(CollectiveTableTest, TheOneForGpusIsAnEstimate) {
  std::string error;
  auto table = parse(kShippedCudaCollectives, error);
  ASSERT_TRUE(table) << error;
  EXPECT_EQ(CollectiveTable::shipped(RankDevice::Cuda).toJson(),
            table->toJson());
  EXPECT_EQ(table->toJson(), kShippedCudaCollectives);
  EXPECT_EQ(table->device, RankDevice::Cuda);
  EXPECT_EQ(table->estimate.rfind("not measured: ", 0), 0u);
  for (const CollectiveTimes &times : table->times)
    for (double time : times.nanoseconds)
      EXPECT_EQ(time, 0);
  // Of more rows, no algorithm for fewer.
  for (int32_t ranks : {2, 4, 8})
    for (int32_t operation : {kSum, kFused})
      for (int64_t features : {64, 4096, 8192, 100000}) {
        AlgorithmChooser chooser(table->choices.data(), table->choices.size(),
                                 ranks);
        int32_t last = LAMRT_ONE_SHOT;
        for (const auto &step : chooser.findSteps(operation, features)) {
          EXPECT_GE(step.algorithm, last);
          last = step.algorithm;
        }
      }
}

TEST(CollectiveTableTest, TablesForGpusAreTheirOwn) {
  std::string error;
  std::string measured = replace(makeText("[" + kSize + "]"), "{",
                                 "{\"device\": \"cuda\", \"gpu_model\": "
                                 "\"a gpu\", ");
  measured = replace(measured, "\"choice\": \"two_shot\"",
                     "\"separate_ns\": 3, \"choice\": \"separate\"");
  auto table = parse(measured, error);
  ASSERT_TRUE(table) << error;
  EXPECT_EQ(table->gpuModel, "a gpu");
  EXPECT_EQ(table->choices[0].algorithm, LAMRT_SEPARATE);
  auto again = parse(table->toJson(), error);
  ASSERT_TRUE(again) << error;
  EXPECT_EQ(again->toJson(), table->toJson());
  const std::string estimate =
      "{\"device\": \"cuda\", \"estimate\": \"a guess\", \"date\": \"today\", "
      "\"command\": \"x\", \"sizes\": [{\"operation\": \"all_reduce\", "
      "\"ranks\": 2, \"features\": 64, \"rows\": 1, \"choice\": "
      "\"two_shot\"}]}";
  ASSERT_TRUE(parse(estimate, error)) << error;
  const std::array<std::pair<std::string, std::string>, 6> cases = {{
      {replace(measured, "\"cuda\"", "\"tpu\""),
       "t.json:/device: device: \"tpu\", expected cpu or cuda"},
      {replace(measured, "\"gpu_model\"", "\"gpu\""),
       "t.json:/gpu_model: gpu_model: missing, expected a string"},
      {replace(measured, "\"device\": \"cuda\", ", ""),
       "t.json:/gpu_model: gpu_model: a string, expected no such key"},
      {replace(estimate, "a guess", ""),
       "t.json:/estimate: estimate: empty, expected what it is from"},
      {replace(estimate, "\"rows\": 1", "\"rows\": 1, \"one_shot_ns\": 4"),
       "t.json:/sizes/0/one_shot_ns: one_shot_ns: a number, expected no such "
       "key"},
      {replace(estimate, "\"command\"", "\"rounds\": 3, \"command\""),
       "t.json:/rounds: rounds: a number, expected no such key"},
  }};
  for (const auto &[text, expected] : cases) {
    EXPECT_FALSE(parse(text, error)) << text;
    EXPECT_NE(error.find(expected), std::string::npos) << text << "\n" << error;
  }
}

TEST(CollectiveTableTest, EveryFieldIsChecked) {
  auto change = [](const std::string &from, const std::string &to) {
    return makeText("[" + replace(kSize, from, to) + "]");
  };
  const std::array<std::pair<std::string, std::string>, 22> cases = {{
      {"", "t.json:byte 0: JSON: the end of the file, expected '{'"},
      {makeText("[]"), "t.json:/sizes: sizes: empty, expected at least one"},
      {makeText("7"), "expected '['"},
      {makeText("[" + kSize + " " + kSize + "]"), "expected ',' or ']'"},
      {makeText("[" + kSize + "]") + "x", "expected the end of the file"},
      {makeText("[" + kSize + "," + kSize + "]"),
       "t.json:/sizes/1/rows: rows: the size of /sizes/0, expected each size "
       "once"},
      {replace(makeText("[" + kSize + "]"), "\"today\"", "3"),
       "t.json:/date: date: a number, expected a string"},
      {replace(makeText("[" + kSize + "]"), "\"threads\": 2, ", ""),
       "t.json:/threads: threads: missing, expected a number from 1 on"},
      {replace(makeText("[" + kSize + "]"), "0.5", "-0.5"),
       "/load_average: load_average: -0.5, expected a number from 0 on"},
      {replace(makeText("[" + kSize + "]"), "\"rounds\": 5", "\"rounds\": 0"),
       "/rounds: rounds: 0, expected a number from 1 on"},
      {replace(makeText("[" + kSize + "]"), "\"date\"", "\"dates\""),
       "/date: date: missing"},
      {replace(makeText("[" + kSize + "]"), "{", "{\"extra\": 1, "),
       "/extra: extra: a number, expected no such key"},
      {change("\"all_reduce\"", "\"gather\""),
       "/sizes/0/operation: operation: \"gather\", expected all_reduce or "
       "all_reduce_residual_rms_norm"},
      {change("\"ranks\": 2", "\"ranks\": 1025"),
       "/sizes/0/ranks: ranks: 1025, expected an integer from 1 to 1024"},
      {change("64", "64.5"), "/sizes/0/features: features: 64.5, expected"},
      {change("\"rows\": 1,", "\"rows\": 0,"),
       "/sizes/0/rows: rows: 0, expected a number from 1 on"},
      {change("64", "1e300"), "/sizes/0/features: features: 1e+300, expected"},
      {change("\"one_shot_ns\": 7, ", ""), "/sizes/0/one_shot_ns: "
                                           "one_shot_ns: missing"},
      {change("5.5", "\"5\""), "/sizes/0/two_shot_ns: two_shot_ns: a string"},
      {change("\"choice\": \"two_shot\"", "\"choice\": \"separate\""),
       "/sizes/0/choice: choice: \"separate\", expected one_shot or two_shot"},
      {change("\"two_shot_ns\": 5.5", "\"separate_ns\": 5.5"), "expected "
                                                               "one_shot"},
      {change("\"rows\": 1", "\"rows\": 1, \"rows\": 1"), "each key once"},
  }};
  for (const auto &[text, expected] : cases) {
    std::string error;
    EXPECT_FALSE(parse(text, error)) << text;
    EXPECT_NE(error.find(expected), std::string::npos) << text << "\n" << error;
  }
}

/// Sizes of 64 and 1024 features, of 2 and 8 ranks.
std::vector<lamrt_choice> makeChoices() {
  return {
      {kFused, 2, 64, 16, LAMRT_TWO_SHOT},  {kFused, 2, 64, 1, LAMRT_ONE_SHOT},
      {kFused, 2, 64, 4, LAMRT_ONE_SHOT},   {kFused, 2, 64, 64, LAMRT_SEPARATE},
      {kFused, 2, 1024, 1, LAMRT_SEPARATE}, {kFused, 8, 64, 1, LAMRT_TWO_SHOT},
      {kSum, 2, 64, 1, LAMRT_TWO_SHOT}};
}

TEST(CollectiveTableTest, TheNearestSizeCounts) {
  std::vector<lamrt_choice> choices = makeChoices();
  AlgorithmChooser two(choices.data(), choices.size(), 2);
  for (auto [rows, algorithm] :
       {std::pair(0, LAMRT_ONE_SHOT), std::pair(1, LAMRT_ONE_SHOT),
        std::pair(8, LAMRT_ONE_SHOT), std::pair(9, LAMRT_TWO_SHOT),
        std::pair(32, LAMRT_TWO_SHOT), std::pair(33, LAMRT_SEPARATE),
        std::pair(100000, LAMRT_SEPARATE)})
    EXPECT_EQ(two.choose(kFused, 64, rows), algorithm) << rows;
  EXPECT_EQ(two.choose(kFused, 1, 1), LAMRT_ONE_SHOT);
  EXPECT_EQ(two.choose(kFused, 256, 1), LAMRT_ONE_SHOT); // the middle
  EXPECT_EQ(two.choose(kFused, 257, 1), LAMRT_SEPARATE);
  EXPECT_EQ(two.choose(kSum, 4096, 512), LAMRT_TWO_SHOT);
  const auto &steps = two.findSteps(kFused, 64);
  ASSERT_EQ(steps.size(), 3u); // 1 and 4 rows have one choice
  EXPECT_EQ(steps[1].firstRow, 9);
  EXPECT_EQ(steps[2].firstRow, 33);
  for (int32_t ranks : {1, 3, 4})
    EXPECT_EQ(AlgorithmChooser(choices.data(), choices.size(), ranks)
                  .choose(kFused, 64, 1),
              LAMRT_ONE_SHOT)
        << ranks;
  for (int32_t ranks : {5, 8, 1024})
    EXPECT_EQ(AlgorithmChooser(choices.data(), choices.size(), ranks)
                  .choose(kFused, 64, 1),
              LAMRT_TWO_SHOT)
        << ranks;
}

TEST(CollectiveTableTest, WithoutChoicesEveryRankDoesAllRows) {
  AlgorithmChooser none(nullptr, 0, 2);
  EXPECT_EQ(none.choose(kFused, 64, 100), LAMRT_ONE_SHOT);
  EXPECT_EQ(none.findSteps(kSum, 64).size(), 1u);
}

} // namespace
