//===- BenchTest.cpp - Reports, warnings and baselines of --bench ---------===//

#include "program/BenchBaseline.h"
#include "program/BenchReport.h"

#include "gtest/gtest.h"

using namespace lamina;
using namespace lamina::program;

namespace {

BenchReport makeReport(double prefill, double decode) {
  BenchResult result;
  result.prefill = {prefill};
  result.decode = {decode};
  result.prefillShares.seconds = result.decodeShares.seconds = 1;
  result.limits.readBytes = {2e10};
  result.limits.flops = {1e11};
  lamrt_statistics rank = {};
  rank.threads = 2;
  rank.cpu_level = "v3";
  return BenchReport(result, Options(), rank, 64);
}

std::optional<BenchBaseline> parse(std::string_view text, std::string &error) {
  InputErrors errors;
  auto baseline = BenchBaseline::parse("old.json", text, errors);
  error = errors.toString();
  EXPECT_EQ(baseline.has_value(), errors.empty());
  if (!errors.empty()) {
    EXPECT_EQ(errors.exitCode(), ExitCode::Malformed);
  }
  return baseline;
}

const char *const kOld = "{\"prefill_tokens_per_second_median\": 400,\n"
                         "\"decode_tokens_per_second_median\": 5e1, "
                         "\"read_bytes_per_second\": 4e10, "
                         "\"threads\": 2, \"cpu_level\": \"v3\"}\n";

TEST(BenchTest, WarnsOfLoadQuotaAndProcessors) {
  BenchSurroundings quiet{0.2, 0, 4, 4};
  EXPECT_TRUE(findBenchWarnings(quiet).empty());
  BenchSurroundings enough{0.2, 4.0, 4, 4};
  EXPECT_TRUE(findBenchWarnings(enough).empty());
  BenchSurroundings bad{3.25, 0.5, 1, 2};
  EXPECT_EQ(findBenchWarnings(bad),
            (std::vector<std::string>{"load average 3.25: other work runs here",
                                      "2 threads on a quota of 0.50 processors",
                                      "2 threads on 1 usable processors"}));
  BenchSurroundings half{0, 0.5, 1, 1};
  EXPECT_EQ(findBenchWarnings(half).size(), 1u);
}

TEST(BenchTest, RatiosAreNowOverBefore) {
  std::string error;
  auto baseline = parse(kOld, error);
  ASSERT_TRUE(baseline) << error;
  BenchReport report = makeReport(600, 40);
  std::vector<BenchRatio> ratios = baseline->findRatios(report);
  // The old file has no f32 peak.
  ASSERT_EQ(ratios.size(), 3u);
  EXPECT_EQ(ratios[0].key, "prefill_tokens_per_second_median");
  EXPECT_EQ(ratios[0].now / ratios[0].before, 1.5);
  EXPECT_EQ(ratios[1].now / ratios[1].before, 0.8);
  EXPECT_EQ(ratios[2].now / ratios[2].before, 0.5);
  EXPECT_NE(report.toJson(&*baseline)
                .find("\"ratio_decode_tokens_per_second_median\":0.8,"),
            std::string::npos);
  EXPECT_NE(report.toText(&*baseline)
                .find("ratio     prefill_tokens_per_second_median 1.500 (600, "
                      "was 400)\n"),
            std::string::npos);
  EXPECT_EQ(report.toJson(nullptr).find("ratio_"), std::string::npos);
}

TEST(BenchTest, ItsOwnOutputIsABaseline) {
  std::string error;
  BenchReport report = makeReport(600, 40);
  auto baseline = parse(report.toJson(nullptr), error);
  ASSERT_TRUE(baseline) << error;
  std::vector<BenchRatio> ratios = baseline->findRatios(report);
  ASSERT_EQ(ratios.size(), 4u);
  for (const BenchRatio &ratio : ratios)
    EXPECT_EQ(ratio.now, ratio.before) << ratio.key;
  std::vector<std::string> warnings;
  baseline->appendDifferences(report, warnings);
  EXPECT_TRUE(warnings.empty());
}

TEST(BenchTest, SaysWhichSettingsDiffer) {
  std::string error;
  std::string old = kOld;
  old.replace(old.find("\"threads\": 2"), 12, "\"threads\": 1");
  old.replace(old.find("v3"), 2, "v4");
  old.replace(old.find("{"), 1, "{\"load_average\": 1.5, \"batch\": 1,");
  auto baseline = parse(old, error);
  ASSERT_TRUE(baseline) << error;
  std::vector<std::string> warnings;
  baseline->appendDifferences(makeReport(1, 1), warnings);
  EXPECT_EQ(
      warnings,
      (std::vector<std::string>{
          "old.json: threads 1, here 2", "old.json: cpu_level v4, here v3",
          "old.json: load average 1.50: other work runs here"}));
}

TEST(BenchTest, RefusesOtherFiles) {
  const std::pair<const char *, const char *> cases[] = {
      {"", "error: old.json:byte 0: JSON: the end of the file, expected '{'"},
      {"[1]", "byte 0: JSON: \"[1]\", expected '{'"},
      {"{\"a\": [1]}", "byte 6: JSON: \"[1]}\", expected a number or a string"},
      {"{\"a\": nan}", "expected a number or a string"},
      {"{\"a\": 1e999}", "expected a number or a string"},
      {"{\"a\": \"x\\u0041\"}", "expected a number or a string"},
      {"{\"a\" 1}", "byte 5: JSON: \"1}\", expected ':'"},
      {"{a: 1}", "byte 1: JSON: \"a: 1}\", expected a key in quotes"},
      {"{\"a\": 1 \"b\": 2}", "expected ',' or '}'"},
      {"{\"a\": 1", "byte 7: JSON: the end of the file, expected ',' or '}'"},
      {"{\"a\": 1, \"a\": \"2\"}",
       "byte 9: JSON: \"\"a\": \"2\"}\", expected each key once"},
      {"{}", "old.json: decode_tokens_per_second_median: missing, expected a "
             "number above 0"},
      {"{\"prefill_tokens_per_second_median\": 0}",
       "prefill_tokens_per_second_median: 0, expected a number above 0"},
      {"{\"prefill_tokens_per_second_median\": \"fast\"}",
       "prefill_tokens_per_second_median: missing"},
      {"{} {}", "byte 3: JSON: \"{}\", expected the end of the file"},
  };
  for (auto [text, expected] : cases) {
    std::string error;
    EXPECT_FALSE(parse(text, error)) << text;
    EXPECT_NE(error.find(expected), std::string::npos) << text << "\n" << error;
  }
}

} // namespace
