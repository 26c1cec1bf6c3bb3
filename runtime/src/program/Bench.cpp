//===- Bench.cpp - --bench: how fast, and how far from the limits ---------===//

#include "program/Modes.h"

#include "core/HostResources.h"
#include "core/ThreadPool.h"
#include "cpu/Kernels.h"
#include "program/Output.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>

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

/// What the machine does at most, measured beside the runs.
struct MachineLimits {
  std::vector<double> readBytes; ///< a second, all threads
  std::vector<double> flops;     ///< f32 multiply-adds a second, all threads
};

/// What a run of the model takes.
struct Shares {
  double seconds = 0, sampling = 0;
  double phases[LAMRT_NUM_PHASES] = {};
};

struct BenchResult {
  std::vector<double> prefill, decode; ///< tokens a second
  Shares prefillShares, decodeShares;
  MachineLimits limits;
  double weightBytes = 0; ///< read by one decode step
  double flopsAToken = 0; ///< of products
  int32_t batch = 1;
};

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
      getEngineOptions(options, static_cast<int32_t>(positions));
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
  for (int32_t i = 0; i < program.num_weights; ++i) {
    const lamrt_weight &weight = program.weights[i];
    if (weight.kind == LAMRT_WEIGHT_SOURCE && (weight.uses & LAMRT_USE_LINEAR))
      result.flopsAToken += 2.0 * double(weight.out) * double(weight.in) *
                            double(weight.num_layers);
  }
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

/// What makes the numbers of this machine and moment doubtful.
std::vector<std::string> findWarnings(int32_t threads) {
  std::vector<std::string> warnings;
  double load = 0;
  std::ifstream("/proc/loadavg") >> load;
  char text[160];
  if (load > 0.5) {
    snprintf(text, sizeof(text), "load average %.2f: other work runs here",
             load);
    warnings.push_back(text);
  }
  int32_t usable = runtime::getUsableProcessors();
  if (threads > usable) {
    snprintf(text, sizeof(text), "%d threads on %d usable processors", threads,
             usable);
    warnings.push_back(text);
  }
  return warnings;
}

std::string format(const char *pattern, double a, double b = 0, double c = 0,
                   double d = 0) {
  char text[200];
  snprintf(text, sizeof(text), pattern, a, b, c, d);
  return text;
}

std::string formatShares(const Shares &shares) {
  double all = shares.seconds / 100;
  return format("products %.1f %%, attention %.1f %%, norms %.1f %%, other of "
                "the step %.1f %%",
                shares.phases[LAMRT_PHASE_PRODUCTS] / all,
                shares.phases[LAMRT_PHASE_ATTENTION] / all,
                shares.phases[LAMRT_PHASE_NORMS] / all,
                shares.phases[LAMRT_PHASE_OTHER] / all) +
         format(", sampling %.1f %%\n", shares.sampling / all);
}

std::string formatText(const BenchResult &result, const Options &options,
                       const lamrt_statistics &rank, int32_t decoded) {
  Spread prefill = summarise(result.prefill), decode = summarise(result.decode);
  double read = summarise(result.limits.readBytes).median;
  double flops = summarise(result.limits.flops).median;
  double weightRate = decode.median / result.batch * result.weightBytes;
  std::string text;
  text += format("prefill   %.0f tokens: ", options.benchPrompt) +
          format("%.1f tokens/s (%.1f to %.1f)\n", prefill.median,
                 prefill.least, prefill.most);
  text += format("decode    %.0f tokens at depth %.0f, batch %.0f: ", decoded,
                 options.benchDepth, result.batch) +
          format("%.1f tokens/s (%.1f to %.1f)\n", decode.median, decode.least,
                 decode.most);
  text += format("runs      %.0f, medians; threads %.0f, level ",
                 options.benchRepeat, rank.threads) +
          rank.cpu_level + "\n";
  text += "prefill   " + formatShares(result.prefillShares);
  text += "decode    " + formatShares(result.decodeShares);
  text += format("memory    reads %.1f GB/s; decode reads weights at %.1f GB/s "
                 "(%.0f %%)\n",
                 read * 1e-9, weightRate * 1e-9, 100 * weightRate / read);
  if (flops > 0)
    text += format("products  f32 peak %.1f GFLOP/s; prefill does %.1f (%.0f "
                   "%%)\n",
                   flops * 1e-9, prefill.median * result.flopsAToken * 1e-9,
                   100 * prefill.median * result.flopsAToken / flops);
  return text;
}

std::string formatJson(const BenchResult &result, const Options &options,
                       const lamrt_statistics &rank, int32_t decoded) {
  std::string text = "{";
  auto add = [&](const char *key, double value) {
    char number[64];
    snprintf(number, sizeof(number), "%s\"%s\":%.6g",
             text.size() > 1 ? "," : "", key, value);
    text += number;
  };
  auto addSpread = [&](const std::string &key, const Spread &spread) {
    add((key + "_median").c_str(), spread.median);
    add((key + "_least").c_str(), spread.least);
    add((key + "_most").c_str(), spread.most);
  };
  auto addShares = [&](const std::string &key, const Shares &shares) {
    const char *names[] = {"products", "attention", "norms", "other"};
    for (int phase = 0; phase < LAMRT_NUM_PHASES; ++phase)
      add((key + "_share_" + names[phase]).c_str(),
          shares.phases[phase] / shares.seconds);
    add((key + "_share_sampling").c_str(), shares.sampling / shares.seconds);
  };
  addSpread("prefill_tokens_per_second", summarise(result.prefill));
  addSpread("decode_tokens_per_second", summarise(result.decode));
  addShares("prefill", result.prefillShares);
  addShares("decode", result.decodeShares);
  add("prompt_tokens", options.benchPrompt);
  add("decode_tokens", decoded);
  add("depth", options.benchDepth);
  add("batch", result.batch);
  add("repeats", options.benchRepeat);
  add("threads", rank.threads);
  add("read_bytes_per_second", summarise(result.limits.readBytes).median);
  add("f32_flops_per_second", summarise(result.limits.flops).median);
  add("weight_bytes_per_step", result.weightBytes);
  add("product_flops_per_token", result.flopsAToken);
  text += ",\"cpu_level\":\"" + std::string(rank.cpu_level) + "\"}\n";
  return text;
}

} // namespace

int runBench(const lamina_program &program, const Options &options) {
  Bench bench(program, options);
  BenchResult result;
  for (const std::string &warning : findWarnings(options.threads))
    fprintf(stderr, "warning: %s\n", warning.c_str());
  if (lamrt_status status = bench.run(result))
    return status;
  lamrt_statistics rank = bench.statistics();
  int32_t decoded = bench.decodedTokens();
  return writeOut(options.json ? formatJson(result, options, rank, decoded)
                               : formatText(result, options, rank, decoded));
}

} // namespace lamina::program
