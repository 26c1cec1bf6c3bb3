//===- Compare.cpp - lamina compare ---------------------------------------===//
//
// Runs the program on the ids of a reference file, and compares its logits and
// hidden states with those of the file.
//
//===----------------------------------------------------------------------===//

#include "ChildProcess.h"
#include "Commands.h"
#include "OutputFiles.h"
#include "ProgramCache.h"
#include "ReferenceFile.h"
#include "lamina/Support/Launch.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"

#include <cmath>

using namespace lamina;
using llvm::StringRef;

namespace {

/// How far a tensor is from its reference.
struct Difference {
  std::string name;
  double largest = 0; ///< max |a - b|, infinite if either is not finite
  int64_t row = 0;    ///< where it is
};

/// How far two distributions over the vocabulary are apart.
struct LogitDifference {
  double meanKld = 0; ///< nats, of the reference from the program
  double maxKld = 0;
  int64_t agreeing = 0; ///< rows with the same most likely id
  int64_t rows = 0;
};

Difference compareMatrices(StringRef name, const std::vector<float> &actual,
                           const std::vector<float> &expected,
                           int64_t columns) {
  Difference difference{name.str(), 0, 0};
  for (size_t i = 0; i < expected.size(); ++i) {
    double delta = std::fabs(double(actual[i]) - double(expected[i]));
    if (!std::isfinite(delta))
      delta = INFINITY;
    if (delta > difference.largest) {
      difference.largest = delta;
      difference.row = int64_t(i) / columns;
    }
  }
  return difference;
}

/// log of the sum of exp over a row, in f64.
double logSumExp(const float *row, int64_t columns) {
  double highest = *std::max_element(row, row + columns), sum = 0;
  for (int64_t i = 0; i < columns; ++i)
    sum += std::exp(double(row[i]) - highest);
  return highest + std::log(sum);
}

LogitDifference compareLogits(const std::vector<float> &actual,
                              const std::vector<float> &expected,
                              int64_t columns) {
  LogitDifference result;
  result.rows = int64_t(expected.size()) / columns;
  for (int64_t t = 0; t < result.rows; ++t) {
    const float *a = actual.data() + t * columns;
    const float *e = expected.data() + t * columns;
    double aSum = logSumExp(a, columns), eSum = logSumExp(e, columns), kld = 0;
    for (int64_t i = 0; i < columns; ++i)
      kld += std::exp(e[i] - eSum) * ((e[i] - eSum) - (a[i] - aSum));
    result.meanKld += kld / double(result.rows);
    result.maxKld = std::max(result.maxKld, kld);
    result.agreeing += std::max_element(a, a + columns) - a ==
                       std::max_element(e, e + columns) - e;
  }
  return result;
}

/// What `compare` found.
struct Report {
  std::vector<Difference> tensors; ///< hidden states in order, logits last
  LogitDifference logits;
  double limit = 0;

  const Difference *findFirstOver() const {
    for (const Difference &difference : tensors)
      if (!(difference.largest <= limit))
        return &difference;
    return nullptr;
  }
};

std::optional<Report> compareFiles(const ReferenceFile &reference,
                                   const ReferenceFile &dump, int64_t numLayers,
                                   double limit, InputErrors &errors) {
  Report report;
  report.limit = limit;
  for (const std::string &name : reference.listTensors(numLayers)) {
    auto expected = reference.readMatrix(name, errors);
    auto actual = dump.readMatrix(name, errors);
    if (!expected || !actual)
      return std::nullopt;
    int64_t columns = reference.find(name)->shape[1];
    report.tensors.push_back(
        compareMatrices(name, *actual, *expected, columns));
    if (name == "logits")
      report.logits = compareLogits(*actual, *expected, columns);
  }
  return report;
}

std::string formatText(const Report &report) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << "tensor           max |difference|  at row\n";
  for (const Difference &difference : report.tensors)
    stream << llvm::left_justify(difference.name, 17)
           << llvm::format("%16.3e", difference.largest)
           << llvm::format("%8lld", (long long)difference.row) << "\n";
  stream << llvm::format("KLD              mean %.3e, max %.3e nats\n",
                         report.logits.meanKld, report.logits.maxKld)
         << "top-1 agreement  " << report.logits.agreeing << " of "
         << report.logits.rows << "\n";
  if (const Difference *first = report.findFirstOver())
    stream << "first over the limit of " << llvm::format("%g", report.limit)
           << ": " << first->name << "\n";
  else
    stream << "all within the limit of " << llvm::format("%g", report.limit)
           << "\n";
  return text;
}

/// JSON has no infinity and no NaN.
llvm::json::Value toJson(double number) {
  if (!std::isfinite(number))
    return nullptr;
  return number;
}

std::string formatJson(const Report &report) {
  llvm::json::Array tensors;
  for (const Difference &difference : report.tensors)
    tensors.push_back(
        llvm::json::Object{{"name", difference.name},
                           {"max_difference", toJson(difference.largest)},
                           {"row", difference.row}});
  const Difference *first = report.findFirstOver();
  llvm::json::Object object{
      {"tensors", std::move(tensors)},
      {"kld_mean", toJson(report.logits.meanKld)},
      {"kld_max", toJson(report.logits.maxKld)},
      {"top1_agreeing", report.logits.agreeing},
      {"rows", report.logits.rows},
      {"limit", report.limit},
      {"first_over_limit",
       first ? llvm::json::Value(first->name) : llvm::json::Value(nullptr)}};
  std::string text;
  llvm::raw_string_ostream stream(text);
  stream << llvm::json::Value(std::move(object)) << "\n";
  return text;
}

/// Runs `program` on the ids; its dump goes to the file `dump`, which is there.
/// Returns the exit code.
int runDump(const std::string &program, const std::vector<int64_t> &ids,
            const std::string &dump) {
  std::string list;
  for (int64_t id : ids)
    list += (list.empty() ? "" : " ") + std::to_string(id);
  // Linux takes no longer argument.
  constexpr size_t kMaxArgument = 128 * 1024 - 1;
  if (list.size() > kMaxArgument)
    return fail(ExitCode::Limit, "input_ids: " + std::to_string(list.size()) +
                                     " bytes as text, expected at most " +
                                     std::to_string(kMaxArgument));
  int descriptor = -1;
  if (std::error_code code = llvm::sys::fs::openFileForWrite(
          dump, descriptor, llvm::sys::fs::CD_OpenExisting))
    return fail(ExitCode::InputOutput, dump + ": " + code.message());
  int code = runAndWait(program, {"--ids", list, "--dump", "-"}, descriptor);
  llvm::sys::Process::SafelyCloseFileDescriptor(descriptor);
  return code;
}

std::optional<double> readLimit(const CommandLine &line) {
  double limit = 1e-4;
  if (const llvm::opt::Arg *argument = line.options.getLastArg(OPT_limit_EQ)) {
    StringRef text = argument->getValue();
    if (text.getAsDouble(limit) || !(limit >= 0)) {
      failUsage(line.command,
                "--limit: " + quoted(text) + ", expected a number from 0 on");
      return std::nullopt;
    }
  }
  return limit;
}

} // namespace

int lamina::runCompare(const std::vector<std::string> &arguments) {
  std::optional<CommandLine> line = parseCommandLine("compare", arguments);
  if (!line)
    return int(ExitCode::Usage);
  std::optional<CompileRequest> request = CompileRequest::create(*line);
  std::optional<double> limit = readLimit(*line);
  if (!request || !limit)
    return int(ExitCode::Usage);
  std::string path = line->options.getLastArgValue(OPT_ref).str();
  if (path.empty())
    return failUsage(line->command, "no reference, expected --ref FILE");

  InputErrors errors;
  std::optional<ReferenceFile> reference = ReferenceFile::open(path, errors);
  if (!reference)
    return fail(errors);
  std::optional<std::vector<int64_t>> ids = reference->readIds(errors);
  std::optional<Model> model = openModel(request->input, errors);
  if (!ids || !model)
    return fail(errors);
  const LlamaConfig &config = model->config;
  if (!reference->check(config,
                        request->maxContext ? request->maxContext
                                            : config.maxPositions,
                        *ids, errors))
    return fail(errors);
  request->taps = true;
  std::string program;
  bool isPrivate = line->options.hasArg(OPT_no_cache);
  if (int code = findProgram(*request, isPrivate, program))
    return code;
  TemporaryFile dumpFile("safetensors");
  if (dumpFile.get().empty())
    return int(ExitCode::InputOutput);
  if (int code = runDump(program, *ids, dumpFile.get()))
    return code;
  // Of processes that mpirun started, rank 0 has the file.
  if (Launch launch; readLaunch(launch).empty() && launch.rank > 0)
    return 0;
  std::optional<ReferenceFile> dump =
      ReferenceFile::open(dumpFile.get(), errors);
  if (!dump || !dump->check(config, config.maxPositions, *ids, errors))
    return fail(errors);
  std::optional<Report> report =
      compareFiles(*reference, *dump, config.numLayers, *limit, errors);
  if (!report)
    return fail(errors);
  if (int code =
          printAnswer(line->options.hasArg(OPT_json) ? formatJson(*report)
                                                     : formatText(*report)))
    return code;
  return report->findFirstOver() ? int(ExitCode::CheckFailed) : 0;
}
