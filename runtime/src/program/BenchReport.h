//===- BenchReport.h - What --bench found, as text and as JSON -*- C++ -*-===//

#ifndef LAMINA_RUNTIME_PROGRAM_BENCHREPORT_H
#define LAMINA_RUNTIME_PROGRAM_BENCHREPORT_H

#include "lamina/runtime.h"
#include "program/Options.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lamina::program {

class BenchBaseline;

/// What the machine does at most, measured beside the runs.
struct MachineLimits {
  std::vector<double> readBytes; ///< a second, all threads
  std::vector<double> flops;     ///< f32 multiply-adds a second, all threads
};

/// What a run of the model takes, in seconds.
struct Shares {
  double seconds = 0, sampling = 0;
  double phases[LAMRT_NUM_PHASES] = {};
};

struct BenchResult {
  std::vector<double> prefill, decode; ///< tokens a second
  Shares prefillShares, decodeShares;
  MachineLimits limits;
  double weightBytes = 0; ///< read by one decode step
  double flopsAToken = 0; ///< of products, in a prefill
  double load = 0;        ///< average over the minute before the runs
  int32_t batch = 1;
};

/// What surrounds a measurement.
struct BenchSurroundings {
  double load = 0;  ///< average number of running tasks over a minute
  double quota = 0; ///< processors of the control group; 0: no quota
  int32_t usable = 1;
  int32_t threads = 1;
};

/// What makes the numbers of this machine and moment doubtful, a sentence each.
std::vector<std::string> findBenchWarnings(const BenchSurroundings &found);

/// The figures of a run: medians, spreads, shares, settings.
class BenchReport {
public:
  BenchReport(const BenchResult &result, const Options &options,
              const lamrt_statistics &rank, int32_t decodedTokens);

  /// The number with that key of the JSON; 0 if there is none.
  double get(std::string_view key) const;
  const std::string &cpuLevel() const { return level; }

  /// With ratios to `baseline`, if it is not null.
  std::string toText(const BenchBaseline *baseline) const;
  /// One object in one line: `key: number`, and `cpu_level`.
  std::string toJson(const BenchBaseline *baseline) const;

private:
  std::string formatShares(const std::string &phase) const;

  std::vector<std::pair<std::string, double>> numbers;
  std::string level;
};

} // namespace lamina::program

#endif // LAMINA_RUNTIME_PROGRAM_BENCHREPORT_H
