//===- BenchReport.cpp - What --bench found, as text and as JSON ----------===//

#include "program/BenchReport.h"

#include "program/BenchBaseline.h"

#include <algorithm>
#include <cstdio>

namespace lamina::program {

namespace {

/// Of several runs.
struct Spread {
  double median = 0, least = 0, most = 0;
};

Spread summarise(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values.front(), values.back()};
}

template <typename... Numbers>
std::string format(const char *pattern, Numbers... numbers) {
  char text[240];
  snprintf(text, sizeof(text), pattern, numbers...);
  return text;
}

/// Of LAMRT_PHASE_PRODUCTS and so on, in the JSON.
constexpr const char *kPhaseNames[LAMRT_NUM_PHASES] = {
    "products", "attention", "norms", "other", "collectives"};

/// A load below this is the program that starts the measurement.
constexpr double kQuietLoad = 0.5;

} // namespace

std::vector<std::string> findBenchWarnings(const BenchSurroundings &found) {
  std::vector<std::string> warnings;
  if (found.load > kQuietLoad)
    warnings.push_back(
        format("load average %.2f: other work runs here", found.load));
  if (found.quota > 0 && found.quota < found.threads)
    warnings.push_back(format("%d threads on a quota of %.2f processors",
                              found.threads, found.quota));
  if (found.threads > found.usable)
    warnings.push_back(format("%d threads on %d usable processors",
                              found.threads, found.usable));
  return warnings;
}

BenchReport::BenchReport(const BenchResult &result, const Options &options,
                         const lamrt_statistics &rank, int32_t decodedTokens)
    : level(rank.cpu_level) {
  auto add = [this](std::string key, double value) {
    numbers.emplace_back(std::move(key), value);
  };
  auto addPhase = [&](const std::string &phase,
                      const std::vector<double> &rates) {
    Spread spread = summarise(rates);
    add(phase + "_tokens_per_second_median", spread.median);
    add(phase + "_tokens_per_second_least", spread.least);
    add(phase + "_tokens_per_second_most", spread.most);
  };
  auto addShares = [&](const std::string &phase, const Shares &shares) {
    for (int i = 0; i < LAMRT_NUM_PHASES; ++i)
      add(phase + "_share_" + kPhaseNames[i],
          shares.phases[i] / shares.seconds);
    add(phase + "_share_sampling", shares.sampling / shares.seconds);
  };
  addPhase("prefill", result.prefill);
  addPhase("decode", result.decode);
  addShares("prefill", result.prefillShares);
  addShares("decode", result.decodeShares);
  add("prompt_tokens", options.benchPrompt);
  add("decode_tokens", decodedTokens);
  add("depth", options.benchDepth);
  add("batch", result.batch);
  add("repeats", options.benchRepeat);
  add("threads", rank.threads);
  add("load_average", result.load);
  add("read_bytes_per_second", summarise(result.limits.readBytes).median);
  add("f32_flops_per_second", summarise(result.limits.flops).median);
  add("weight_bytes_per_step", result.weightBytes);
  add("product_flops_per_token", result.flopsAToken);
}

double BenchReport::get(std::string_view key) const {
  for (const auto &[name, value] : numbers)
    if (name == key)
      return value;
  return 0;
}

std::string BenchReport::formatShares(const std::string &phase) const {
  auto percent = [&](const char *name) {
    return 100 * get(phase + "_share_" + name);
  };
  return format("%-9s products %.1f %%, attention %.1f %%, norms %.1f %%, "
                "collectives %.1f %%, other of the step %.1f %%, sampling "
                "%.1f %%\n",
                phase.c_str(), percent("products"), percent("attention"),
                percent("norms"), percent("collectives"), percent("other"),
                percent("sampling"));
}

std::string BenchReport::toText(const BenchBaseline *baseline) const {
  auto formatRate = [&](const std::string &phase) {
    std::string key = phase + "_tokens_per_second_";
    return format("%.1f tokens/s (%.1f to %.1f)\n", get(key + "median"),
                  get(key + "least"), get(key + "most"));
  };
  double read = get("read_bytes_per_second");
  double flops = get("f32_flops_per_second");
  double prefill = get("prefill_tokens_per_second_median");
  double decode = get("decode_tokens_per_second_median");
  double weightRate = decode / get("batch") * get("weight_bytes_per_step");
  double work = prefill * get("product_flops_per_token");
  std::string text;
  text += format("prefill   %.0f tokens: ", get("prompt_tokens")) +
          formatRate("prefill");
  text += format("decode    %.0f tokens at depth %.0f, batch %.0f: ",
                 get("decode_tokens"), get("depth"), get("batch")) +
          formatRate("decode");
  text += format("runs      %.0f, medians; threads %.0f, level %s\n",
                 get("repeats"), get("threads"), level.c_str());
  text += formatShares("prefill");
  text += formatShares("decode");
  text += format("memory    reads %.1f GB/s; decode reads weights at %.1f GB/s "
                 "(%.0f %%)\n",
                 read * 1e-9, weightRate * 1e-9, 100 * weightRate / read);
  if (flops > 0)
    text += format("products  f32 peak %.1f GFLOP/s; prefill does %.1f (%.0f "
                   "%%)\n",
                   flops * 1e-9, work * 1e-9, 100 * work / flops);
  if (baseline)
    for (const BenchRatio &ratio : baseline->findRatios(*this))
      text += format("ratio     %s %.3f (%.6g, was %.6g)\n", ratio.key.c_str(),
                     ratio.now / ratio.before, ratio.now, ratio.before);
  return text;
}

std::string BenchReport::toJson(const BenchBaseline *baseline) const {
  std::string text = "{";
  for (const auto &[key, value] : numbers)
    text += format("\"%s\":%.6g,", key.c_str(), value);
  if (baseline)
    for (const BenchRatio &ratio : baseline->findRatios(*this))
      text += format("\"ratio_%s\":%.6g,", ratio.key.c_str(),
                     ratio.now / ratio.before);
  return text + "\"cpu_level\":\"" + level + "\"}\n";
}

} // namespace lamina::program
