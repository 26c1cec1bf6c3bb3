//===- BenchBaseline.cpp - An earlier --bench --json, to compare with -----===//

#include "program/BenchBaseline.h"

#include "lamina/Support/JsonScanner.h"
#include "program/BenchReport.h"

#include <cstdio>

namespace lamina::program {

namespace {

/// What --json writes has about 1 KiB.
constexpr uint64_t kMaxBytes = 64 * 1024;

/// Figures whose ratio is printed.
constexpr const char *kCompared[] = {
    "prefill_tokens_per_second_median", "decode_tokens_per_second_median",
    "read_bytes_per_second", "f32_flops_per_second"};

/// What must be equal for two runs to be alike.
constexpr const char *kSettings[] = {"prompt_tokens", "decode_tokens", "depth",
                                     "batch", "threads"};

std::string formatNumber(double value) {
  char text[32];
  snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

} // namespace

std::optional<BenchBaseline> BenchBaseline::read(const std::string &path,
                                                 InputErrors &errors) {
  std::optional<std::string> text = readWhole(path, kMaxBytes, errors);
  if (!text)
    return std::nullopt;
  return parse(path, *text, errors);
}

std::optional<BenchBaseline> BenchBaseline::parse(const std::string &path,
                                                  std::string_view text,
                                                  InputErrors &errors) {
  BenchBaseline result;
  result.file = path;
  JsonScanner scanner(path, text, errors);
  auto readMember = [&](const std::string &key, size_t start) {
    std::string string;
    double number = 0;
    bool isString = scanner.takeString(string);
    if (!isString && !scanner.takeNumber(number))
      return scanner.fail("a number or a string without escapes");
    if (result.numbers.count(key) || result.strings.count(key))
      return scanner.failAt(start, "each key once");
    if (isString)
      result.strings[key] = string;
    else
      result.numbers[key] = number;
    return true;
  };
  if (!scanner.readObject(readMember) || !scanner.readEnd() ||
      !result.check(errors))
    return std::nullopt;
  return result;
}

/// Whether both rates are there and can be divided by.
bool BenchBaseline::check(InputErrors &errors) const {
  for (const char *key : {kCompared[0], kCompared[1]}) {
    auto found = numbers.find(key);
    if (found != numbers.end() && found->second > 0)
      continue;
    InputError error;
    error.file = file;
    error.field = key;
    error.found =
        found == numbers.end() ? "missing" : formatNumber(found->second);
    error.expected = "a number above 0, as --bench --json writes it";
    errors.report(error);
  }
  return errors.empty();
}

std::vector<BenchRatio>
BenchBaseline::findRatios(const BenchReport &report) const {
  std::vector<BenchRatio> ratios;
  for (const char *key : kCompared) {
    auto found = numbers.find(key);
    double now = report.get(key);
    // A level without vectors has no f32 peak.
    if (found != numbers.end() && found->second > 0 && now > 0)
      ratios.push_back({key, now, found->second});
  }
  return ratios;
}

void BenchBaseline::appendDifferences(
    const BenchReport &report, std::vector<std::string> &warnings) const {
  auto differ = [&](const std::string &key, const std::string &before,
                    const std::string &now) {
    if (before != now)
      warnings.push_back(file + ": " + key + " " + before + ", here " + now);
  };
  for (const char *key : kSettings)
    if (auto found = numbers.find(key); found != numbers.end())
      differ(key, formatNumber(found->second), formatNumber(report.get(key)));
  if (auto found = strings.find("cpu_level"); found != strings.end())
    differ("cpu_level", found->second, report.cpuLevel());
  auto load = numbers.find("load_average");
  if (load == numbers.end())
    return;
  BenchSurroundings then;
  then.load = load->second;
  for (const std::string &warning : findBenchWarnings(then))
    warnings.push_back(file + ": " + warning);
}

} // namespace lamina::program
