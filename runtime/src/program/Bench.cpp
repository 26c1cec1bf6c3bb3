//===- Bench.cpp - --bench: how fast, and how far from the limits ---------===//

#include "program/BenchBaseline.h"
#include "program/BenchReport.h"
#include "program/Modes.h"

#include "core/HostResources.h"
#include "core/ThreadPool.h"
#include "cpu/Kernels.h"
#include "program/Output.h"

#include <algorithm>
#include <cstdio>

namespace lamina::program {

namespace {

/// Reads a buffer that no cache holds, and runs multiply-adds in registers.
class LimitsMeter {
public:
  lamrt_status create(int32_t threads, const char *level) {
    kernels = cpu::selectKernels(level);
    if (lamrt_status status = pool.start(threads))
      return status;
    if (lamrt_status status = buffer.allocate(kBytes, "the bandwidth buffer"))
      return status;
    std::fill(buffer.data(), buffer.data() + kBytes, uint8_t(1));
    sums.resize(static_cast<size_t>(threads));
    return LAMRT_OK;
  }

  void measure(MachineLimits &limits) {
    Stopwatch watch;
    pool.run(pool.threads(), [&](int32_t thread) { read(thread); });
    limits.readBytes.push_back(kBytes / watch.lap());
    std::vector<double> operations(sums.size());
    pool.run(pool.threads(), [&](int32_t thread) {
      operations[static_cast<size_t>(thread)] =
          kernels->multiplyAdd(20'000'000);
    });
    double all = 0;
    for (double count : operations)
      all += count;
    limits.flops.push_back(all / watch.lap());
  }

private:
  static constexpr uint64_t kBytes = uint64_t(256) << 20;

  void read(int32_t thread) {
    auto threads = static_cast<uint64_t>(pool.threads());
    const auto *words = reinterpret_cast<const uint64_t *>(buffer.data());
    uint64_t count = kBytes / sizeof(uint64_t), sum = 0;
    auto part = static_cast<uint64_t>(thread);
    for (uint64_t i = count * part / threads; i < count * (part + 1) / threads;
         ++i)
      sum += words[i];
    sums[static_cast<size_t>(thread)] = sum; // so that the loop stays
  }

  const cpu::Kernels *kernels = nullptr;
  runtime::ThreadPool pool;
  runtime::Memory buffer;
  std::vector<uint64_t> sums;
};

/// Ids that differ from row to row; any will do for timing.
int32_t makeId(const lamina_program &program, int64_t row) {
  return static_cast<int32_t>((row * 7919 + 13) % program.vocabulary);
}

class Bench {
public:
  Bench(const lamina_program &program, const Options &options)
      : program(program), options(options),
        decoded(std::max(options.maxNew ? options.maxNew : 64, 2)),
        batch(static_cast<int32_t>(getBatch(options, 1))) {}

  lamrt_status run(BenchResult &result);
  lamrt_statistics statistics() const { return engine->statistics(); }
  int32_t decodedTokens() const { return decoded; }

private:
  lamrt_status createEngine();
  lamrt_status timePrefill(BenchResult &result);
  lamrt_status timeDecode(BenchResult &result);
  lamrt_status fill(std::vector<Sequence> &sequences, int32_t length);
  lamrt_status stepAll(std::vector<Sequence> &sequences);
  void addShares(Shares &shares, double seconds,
                 const lamrt_statistics &before) const;

  const lamina_program &program;
  const Options &options;
  int32_t decoded; ///< tokens of a sequence; the first comes of the prefill
  int32_t batch;
  std::unique_ptr<Engine> engine;
};

lamrt_status Bench::createEngine() {
  int64_t positions =
      std::max<int64_t>(options.benchPrompt, options.benchDepth + decoded);
  if (positions > getContext(program, options))
    return reportError(LAMRT_LIMIT,
                       "--bench: " + std::to_string(positions) +
                           " positions, expected at most " +
                           std::to_string(getContext(program, options)));
  EngineOptions engineOptions =
      getEngineOptions(program, options, static_cast<int32_t>(positions));
  engineOptions.sequences = batch;
  engineOptions.measure = true;
  lamrt_status status = LAMRT_OK;
  engine = Engine::create(program, engineOptions, status);
  return status ? reportError(status, lamrt_last_error()) : LAMRT_OK;
}

/// Runs steps until no sequence waits.
lamrt_status Bench::stepAll(std::vector<Sequence> &sequences) {
  for (;;) {
    std::vector<Sequence *> waiting;
    for (Sequence &sequence : sequences)
      if (sequence.isWaiting())
        waiting.push_back(&sequence);
    if (waiting.empty())
      return LAMRT_OK;
    if (lamrt_status status = engine->step(waiting))
      return reportError(status, lamrt_last_error());
  }
}

/// Adds ids until each sequence has `length`, and runs them.
lamrt_status Bench::fill(std::vector<Sequence> &sequences, int32_t length) {
  for (Sequence &sequence : sequences)
    while (static_cast<int32_t>(sequence.ids.size()) < length)
      sequence.ids.push_back(
          makeId(program, static_cast<int64_t>(sequence.ids.size())));
  return stepAll(sequences);
}

void Bench::addShares(Shares &shares, double seconds,
                      const lamrt_statistics &before) const {
  lamrt_statistics after = engine->statistics();
  shares.seconds += seconds;
  for (int phase = 0; phase < LAMRT_NUM_PHASES; ++phase)
    shares.phases[phase] +=
        1e-9 * static_cast<double>(after.phase_nanoseconds[phase] -
                                   before.phase_nanoseconds[phase]);
}

lamrt_status Bench::timePrefill(BenchResult &result) {
  std::vector<Sequence> sequences(1);
  lamrt_statistics before = engine->statistics();
  Stopwatch watch;
  if (lamrt_status status = fill(sequences, options.benchPrompt))
    return status;
  double seconds = watch.lap();
  result.prefill.push_back(options.benchPrompt / seconds);
  addShares(result.prefillShares, seconds, before);
  lamrt_statistics after = engine->statistics();
  result.flopsAToken = 2.0 *
                       double(after.multiply_adds - before.multiply_adds) /
                       options.benchPrompt;
  engine->close(sequences.front());
  return LAMRT_OK;
}

lamrt_status Bench::timeDecode(BenchResult &result) {
  std::vector<Sequence> sequences(static_cast<size_t>(batch));
  for (size_t i = 0; i < sequences.size(); ++i)
    sequences[i].index = i;
  if (lamrt_status status = fill(sequences, std::max(options.benchDepth, 1)))
    return status;
  Sampler sampler(options.sampling, program.result_features);
  lamrt_statistics before = engine->statistics();
  double sampling = 0;
  Stopwatch watch, part;
  for (int32_t step = 0; step < decoded - 1; ++step) {
    part.lap();
    for (Sequence &sequence : sequences)
      sequence.ids.push_back(
          sampler.sample(sequence.logits, sequence.index, sequence.ids.size()));
    sampling += part.lap();
    if (lamrt_status status = stepAll(sequences))
      return status;
  }
  double seconds = watch.lap();
  result.decode.push_back(batch * double(decoded - 1) / seconds);
  result.batch = batch;
  addShares(result.decodeShares, seconds, before);
  result.decodeShares.sampling += sampling;
  lamrt_statistics after = engine->statistics();
  result.weightBytes =
      double(after.weight_bytes_read - before.weight_bytes_read) /
      double(after.steps - before.steps);
  for (Sequence &sequence : sequences)
    engine->close(sequence);
  return LAMRT_OK;
}

lamrt_status Bench::run(BenchResult &result) {
  if (lamrt_status status = createEngine())
    return status;
  LimitsMeter meter;
  if (lamrt_status status = meter.create(engine->statistics().threads,
                                         engine->statistics().cpu_level))
    return reportError(status, lamrt_last_error());
  // One run that does not count: pages are touched, threads are awake.
  BenchResult warmUp;
  if (lamrt_status status = timePrefill(warmUp))
    return status;
  for (int32_t i = 0; i < options.benchRepeat; ++i) {
    meter.measure(result.limits);
    if (lamrt_status status = timePrefill(result))
      return status;
    if (lamrt_status status = timeDecode(result))
      return status;
  }
  return LAMRT_OK;
}

} // namespace

int runBench(const lamina_program &program, const Options &options) {
  std::optional<BenchBaseline> baseline;
  if (options.compare) {
    InputErrors errors;
    baseline = BenchBaseline::read(*options.compare, errors);
    if (!baseline)
      return reportErrors(errors);
  }
  Bench bench(program, options);
  BenchResult result;
  result.load = runtime::getLoadAverage();
  if (lamrt_status status = bench.run(result))
    return status;
  lamrt_statistics rank = bench.statistics();
  std::vector<std::string> warnings =
      findBenchWarnings({result.load, runtime::getProcessorQuota(),
                         runtime::getUsableProcessors(), rank.threads});
  BenchReport report(result, options, rank, bench.decodedTokens());
  if (baseline)
    baseline->appendDifferences(report, warnings);
  for (const std::string &warning : warnings)
    fprintf(stderr, "warning: %s\n", warning.c_str());
  const BenchBaseline *old = baseline ? &*baseline : nullptr;
  return writeOut(options.json ? report.toJson(old) : report.toText(old));
}

} // namespace lamina::program
