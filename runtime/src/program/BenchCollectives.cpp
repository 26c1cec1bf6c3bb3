//===- BenchCollectives.cpp - --bench --collectives -----------------------===//
//
// Times the sums over ranks, alone and with residual and norm, by each
// algorithm, on the ranks of the program, and makes a CollectiveTable of it.
//
//===----------------------------------------------------------------------===//

#include "core/HostResources.h"
#include "lamina/Support/CollectiveTable.h"
#include "lamina/Support/OutputFile.h"
#include "program/CollectiveSite.h"
#include "program/Modes.h"
#include "program/Output.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <ctime>
#include <fstream>

namespace lamina::program {

namespace {

/// Rows that are measured, as far as --chunk goes.
constexpr int32_t kRows[] = {1, 2, 4, 8, 16, 32, 64, 128, 512};

/// The fused operation is its expansion where it is slower by more than this.
constexpr double kSlower = 1.02;

/// A size that takes longer has fewer rounds than --bench-repeat, not below the
/// least.
constexpr double kMostSeconds = 2;
constexpr size_t kLeastRounds = 5;
/// Short rounds are more, so that what else runs for some milliseconds meets a
/// part of them only: a round counts for at least this.
constexpr double kRoundSeconds = 2e-3;

double getMedian(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string getCpuModel() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);)
    if (line.rfind("model name", 0) == 0 && line.find(": ") != line.npos)
      return line.substr(line.find(": ") + 2);
  return "unknown";
}

std::string getDate() {
  char text[32];
  time_t now = time(nullptr);
  struct tm parts;
  gmtime_r(&now, &parts);
  strftime(text, sizeof(text), "%Y-%m-%d %H:%M UTC", &parts);
  return text;
}

/// Features of the residual: the table of embeddings has them.
int64_t findHidden(const lamina_program &program) {
  for (int32_t i = 0; i < program.num_weights; ++i)
    if (program.weights[i].uses & LAMRT_USE_EMBED)
      return program.weights[i].in;
  return program.result_features;
}

class CollectiveBench {
public:
  CollectiveBench(const EngineOptions &engine, int32_t rounds)
      : timeout(engine.timeout), rounds(static_cast<size_t>(rounds)) {
    options.threads = engine.threads;
    options.cpu_level = engine.cpuLevel;
    table.rounds = rounds;
    if (engine.device == std::string(getDeviceName(RankDevice::Cuda)))
      table.device = RankDevice::Cuda;
  }

  /// Measures one number of ranks at one width.
  lamrt_status measure(int32_t ranks, int64_t features, int32_t maxRows);
  CollectiveTable &getTable() { return table; }
  bool isOnGpu() const { return table.device == RankDevice::Cuda; }

private:
  lamrt_status measureSize(lamrt_choice size,
                           const std::vector<int32_t> &algorithms,
                           const CollectiveSite &site);

  lamrt_rank_options options = {};
  int32_t timeout; ///< milliseconds
  size_t rounds;
  CollectiveTable table;
};

/// The algorithms in turn, so that what else runs here meets all of them. Whose
/// turn is first changes.
lamrt_status
CollectiveBench::measureSize(lamrt_choice size,
                             const std::vector<int32_t> &algorithms,
                             const CollectiveSite &site) {
  auto rows = static_cast<int32_t>(size.rows);
  std::vector<std::unique_ptr<Ranks>> ranks;
  lamrt_status status = LAMRT_OK;
  for (int32_t algorithm : algorithms) {
    std::vector<lamrt_choice> choices = {size};
    choices.back().algorithm = algorithm;
    // As its own operation the sum has been measured before.
    if (size.operation != LAMRT_ALL_REDUCE && size.ranks > 1)
      choices.push_back(table.choices.back());
    ranks.push_back(site.createRanks(rows, options, choices, timeout, status));
    // Touches the memory, makes a graph of the step, replays it.
    for (int32_t i = 0; i < (isOnGpu() ? 3 : 1) && !status; ++i)
      site.time(*ranks.back(), rows, status);
    if (status)
      return reportLastError(status);
  }
  std::vector<double> times[LAMRT_SEPARATE + 1];
  Stopwatch watch;
  double seconds = 0;
  for (size_t round = 0;; ++round) {
    seconds += watch.lap();
    if (round >= (seconds > kMostSeconds ? kLeastRounds : rounds) &&
        seconds >= kRoundSeconds * rounds)
      break;
    for (size_t i = 0; i < ranks.size(); ++i) {
      size_t turn = (i + round) % ranks.size();
      times[algorithms[turn]].push_back(site.time(*ranks[turn], rows, status));
      if (status)
        return reportLastError(status);
    }
  }
  CollectiveTimes medians;
  for (int32_t algorithm : algorithms)
    medians.nanoseconds[algorithm] = std::max(1.0, getMedian(times[algorithm]));
  size.algorithm = LAMRT_ONE_SHOT;
  if (!times[LAMRT_TWO_SHOT].empty() &&
      medians.nanoseconds[LAMRT_TWO_SHOT] < medians.nanoseconds[LAMRT_ONE_SHOT])
    size.algorithm = LAMRT_TWO_SHOT;
  std::vector<double> ratios;
  for (size_t round = 0; round < times[LAMRT_SEPARATE].size(); ++round)
    ratios.push_back(times[size.algorithm][round] /
                     times[LAMRT_SEPARATE][round]);
  if (!ratios.empty())
    medians.fusedToSeparate = getMedian(ratios);
  if (medians.fusedToSeparate > kSlower)
    size.algorithm = LAMRT_SEPARATE;
  table.choices.push_back(size);
  table.times.push_back(medians);
  return LAMRT_OK;
}

lamrt_status CollectiveBench::measure(int32_t ranks, int64_t features,
                                      int32_t maxRows) {
  lamrt_status status = LAMRT_OK;
  auto sums = CollectiveSite::create(LAMRT_ALL_REDUCE, ranks, features,
                                     table.device, status);
  if (status)
    return reportLastError(status);
  auto fused = CollectiveSite::create(LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM, ranks,
                                      features, table.device, status);
  if (status)
    return reportLastError(status);
  for (int32_t rows : kRows) {
    if (rows > maxRows)
      break;
    if (getInterrupt())
      return getInterruptStatus();
    lamrt_choice size = {LAMRT_ALL_REDUCE, ranks, features, rows, 0};
    std::vector<int32_t> algorithms = {LAMRT_ONE_SHOT};
    if (ranks > 1) {
      algorithms.push_back(LAMRT_TWO_SHOT);
      if (isOnGpu())
        algorithms.push_back(LAMRT_SEPARATE);
      if (lamrt_status failed = measureSize(size, algorithms, *sums))
        return failed;
    }
    size.operation = LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM;
    if (!isOnGpu())
      algorithms.push_back(LAMRT_SEPARATE);
    if (lamrt_status failed = measureSize(size, algorithms, *fused))
      return failed;
  }
  return LAMRT_OK;
}

std::string toText(const CollectiveTable &table) {
  const std::string &model =
      table.device == RankDevice::Cuda ? table.gpuModel : table.cpuModel;
  std::string text =
      model + ", load " + std::to_string(table.loadAverage).substr(0, 4) + "\n";
  for (size_t i = 0; i < table.choices.size(); ++i) {
    const lamrt_choice &size = table.choices[i];
    char line[160];
    snprintf(line, sizeof(line),
             "ranks %d, %" PRId64 " features, %" PRId64 " rows: %s", size.ranks,
             size.features, size.rows, getReductionName(size.operation));
    text += line;
    for (int32_t algorithm : {LAMRT_ONE_SHOT, LAMRT_TWO_SHOT, LAMRT_SEPARATE})
      if (double time = table.times[i].nanoseconds[algorithm]; time > 0) {
        snprintf(line, sizeof(line), " %s %.2f us,",
                 getAlgorithmName(algorithm), time * 1e-3);
        text += line;
      }
    text += std::string(" takes ") + getAlgorithmName(size.algorithm) + "\n";
  }
  return text;
}

/// `wanted` ranks, or all that the program has for 0.
lamrt_status checkRanks(const lamina_program &program, int32_t wanted) {
  std::string known;
  for (int32_t i = 0; i < program.num_variants; ++i) {
    int32_t ranks = program.variants[i].ranks;
    if (wanted == 0 || wanted == ranks)
      return LAMRT_OK;
    known += (i ? ", " : "") + std::to_string(ranks);
  }
  return reportError(LAMRT_DEVICE, "program: has no code for " +
                                       std::to_string(wanted) +
                                       " ranks, expected " + known);
}

} // namespace

int benchCollectives(const lamina_program &program, const Options &options) {
  if (options.processes)
    return reportError(LAMRT_USAGE, "--collectives: of processes, expected the "
                                    "ranks of one");
  EngineOptions engine =
      getEngineOptions(program, options, getContext(program, options));
  if (engine.threads == 0)
    engine.threads = runtime::getUsableProcessors();
  CollectiveBench bench(engine, options.benchRepeat);
  CollectiveTable &table = bench.getTable();
  table.cpuModel = getCpuModel();
  if (bench.isOnGpu())
    table.gpuModel = options.deviceReason;
  table.date = getDate();
  table.command = options.command;
  table.threads = engine.threads;
  table.loadAverage = runtime::getLoadAverage();
  std::vector<int64_t> widths = options.benchFeatures;
  if (widths.empty())
    widths.push_back(findHidden(program));
  if (lamrt_status status = checkRanks(program, options.ranks))
    return status;
  catchInterrupts();
  for (int32_t i = 0; i < program.num_variants; ++i) {
    int32_t ranks = program.variants[i].ranks;
    // One GPU has one way.
    if ((options.ranks && options.ranks != ranks) ||
        (bench.isOnGpu() && ranks == 1))
      continue;
    for (int64_t features : widths)
      if (lamrt_status status = bench.measure(ranks, features, options.chunk))
        return status;
  }
  if (table.choices.empty())
    return reportError(LAMRT_USAGE, "--collectives: of 1 rank on a GPU, "
                                    "expected --tp with more");
  InputErrors errors;
  if (options.output && !writeOutput(*options.output, table.toJson(), errors))
    return reportErrors(errors);
  if (options.output == "-")
    return LAMRT_OK;
  return writeOut(options.json ? table.toJson() : toText(table));
}

} // namespace lamina::program
