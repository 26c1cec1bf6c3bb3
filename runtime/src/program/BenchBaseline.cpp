//===- BenchBaseline.cpp - An earlier --bench --json, to compare with -----===//

#include "program/BenchBaseline.h"

#include "lamina/Support/InputFile.h"
#include "program/BenchReport.h"

#include <charconv>
#include <cmath>
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

/// A JSON object whose values are numbers and strings without escapes. Programs
/// link no JSON library: this is the one file of that kind that they read.
class FlatObjectReader {
public:
  FlatObjectReader(const std::string &file, std::string_view text,
                   InputErrors &errors)
      : file(file), text(text), errors(errors) {}

  /// Calls visit(key, string, number) for each member; `string` is null for a
  /// number. visit returns whether it has not seen the key. Reports the first
  /// fault and returns false.
  template <typename Visit>
  bool read(Visit visit) {
    if (!take('{'))
      return fail("'{'");
    bool isFirst = true;
    while (!take('}')) {
      if (!isFirst && !take(','))
        return fail("',' or '}'");
      isFirst = false;
      std::string key, string;
      double number = 0;
      size_t start = skipSpaces();
      if (!takeString(key))
        return fail("a key in quotes");
      if (!take(':'))
        return fail("':'");
      bool isString = takeString(string);
      if (!isString && !takeNumber(number))
        return fail("a number or a string without escapes");
      if (!visit(key, isString ? &string : nullptr, number)) {
        at = start;
        return fail("each key once");
      }
    }
    return skipSpaces() == text.size() || fail("the end of the file");
  }

private:
  size_t skipSpaces() {
    while (at < text.size() && (text[at] == ' ' || text[at] == '\n' ||
                                text[at] == '\r' || text[at] == '\t'))
      ++at;
    return at;
  }

  bool take(char c) {
    if (skipSpaces() == text.size() || text[at] != c)
      return false;
    ++at;
    return true;
  }

  bool takeString(std::string &value) {
    if (skipSpaces() == text.size() || text[at] != '"')
      return false;
    size_t end = text.find_first_of("\"\\\n", at + 1);
    if (end == text.npos || text[end] != '"')
      return false;
    value = text.substr(at + 1, end - at - 1);
    at = end + 1;
    return true;
  }

  bool takeNumber(double &value) {
    skipSpaces();
    auto [stop, failure] =
        std::from_chars(text.data() + at, text.data() + text.size(), value);
    if (failure != std::errc() || !std::isfinite(value))
      return false;
    at = static_cast<size_t>(stop - text.data());
    return true;
  }

  bool fail(const char *expected) {
    InputError error;
    error.file = file;
    error.place = byteOffset(skipSpaces());
    error.field = "JSON";
    error.found = at < text.size() ? quoted(text.substr(at, 20))
                                   : std::string("the end of the file");
    error.expected = expected;
    errors.report(error);
    return false;
  }

  const std::string &file;
  std::string_view text;
  InputErrors &errors;
  size_t at = 0;
};

std::string formatNumber(double value) {
  char text[32];
  snprintf(text, sizeof(text), "%.6g", value);
  return text;
}

} // namespace

std::optional<BenchBaseline> BenchBaseline::read(const std::string &path,
                                                 InputErrors &errors) {
  std::optional<InputFile> input = InputFile::open(path, errors);
  if (!input)
    return std::nullopt;
  if (input->size() > kMaxBytes) {
    InputError error;
    error.code = ExitCode::Limit;
    error.file = path;
    error.field = "file";
    error.found = std::to_string(input->size()) + " bytes";
    error.expected = "at most " + std::to_string(kMaxBytes);
    errors.report(error);
    return std::nullopt;
  }
  std::string text(input->size(), '\0');
  if (!input->read(0, text.data(), text.size(), errors))
    return std::nullopt;
  return parse(path, text, errors);
}

std::optional<BenchBaseline> BenchBaseline::parse(const std::string &path,
                                                  std::string_view text,
                                                  InputErrors &errors) {
  BenchBaseline result;
  result.file = path;
  FlatObjectReader reader(path, text, errors);
  auto add = [&](const std::string &key, const std::string *string,
                 double number) {
    if (result.numbers.count(key) || result.strings.count(key))
      return false;
    if (string)
      result.strings[key] = *string;
    else
      result.numbers[key] = number;
    return true;
  };
  if (!reader.read(add) || !result.check(errors))
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
