//===- CompileRequest.cpp - Options of a compilation ----------------------===//

#include "Compilation.h"
#include "lamina/Support/Launch.h"

using namespace lamina;
using llvm::StringRef;

namespace {

struct StageName {
  Stage stage;
  const char *name;
};

constexpr StageName stageNames[] = {
    {Stage::Import, "import"},   {Stage::Sharded, "sharded"},
    {Stage::Fused, "fused"},     {Stage::Planned, "planned"},
    {Stage::Runtime, "runtime"}, {Stage::Llvm, "llvm"},
    {Stage::Object, "object"},   {Stage::Program, "program"},
};

/// Reads the value of an option that is one of `values`; absent is empty.
bool readChoice(const CommandLine &line, unsigned option, StringRef name,
                llvm::ArrayRef<StringRef> values, std::string &target) {
  const llvm::opt::Arg *argument = line.options.getLastArg(option);
  if (!argument)
    return true;
  target = argument->getValue();
  if (llvm::is_contained(values, target))
    return true;
  std::string list;
  for (size_t i = 0; i < values.size(); ++i)
    list += (i == 0                   ? ""
             : i + 1 == values.size() ? " or "
                                      : ", ") +
            values[i].str();
  failUsage(line.command,
            (name + ": " + quoted(target) + ", expected " + list).str());
  return false;
}

bool readInteger(const CommandLine &line, unsigned option, StringRef name,
                 int64_t max, int64_t &target) {
  const llvm::opt::Arg *argument = line.options.getLastArg(option);
  if (!argument)
    return true;
  std::optional<int64_t> value =
      parseInteger(line, name, argument->getValue(), 1, max);
  target = value.value_or(0);
  return value.has_value();
}

/// Reads `1,2,4`: different numbers, sorted. Without the option, as many ranks
/// as mpirun has started processes.
bool readRanks(const CommandLine &line, CompileRequest &request) {
  std::vector<int64_t> &target = request.ranks;
  const llvm::opt::Arg *argument = line.options.getLastArg(OPT_tp_EQ);
  if (!argument) {
    Launch launch;
    // The program says what is wrong with the environment.
    if (readLaunch(launch).empty() && launch.size > 1)
      target = {launch.size};
    return true;
  }
  request.choosesRanks = true;
  target.clear();
  llvm::SmallVector<StringRef> parts;
  StringRef(argument->getValue()).split(parts, ',');
  for (StringRef part : parts) {
    std::optional<int64_t> value = parseInteger(line, "--tp", part, 1, 1024);
    if (!value)
      return false;
    target.push_back(*value);
  }
  llvm::sort(target);
  if (std::adjacent_find(target.begin(), target.end()) == target.end())
    return true;
  failUsage(line.command, "--tp: " + quoted(argument->getValue()) +
                              ", expected each number once");
  return false;
}

/// Reads the stage that the input is of.
bool readFrom(const CommandLine &line, std::optional<Stage> &from) {
  const llvm::opt::Arg *argument = line.options.getLastArg(OPT_from_EQ);
  if (!argument)
    return true;
  from = findStage(argument->getValue());
  if (from && *from <= Stage::Llvm)
    return true;
  failUsage(line.command, std::string("--from: ") +
                              quoted(argument->getValue()) +
                              ", expected import, sharded, fused, planned, "
                              "runtime or llvm");
  return false;
}

/// Refuses what a stage that is read has settled already.
bool checkFrom(const CommandLine &line, Stage from) {
  const std::pair<unsigned, Stage> settled[] = {
      {OPT_activations_EQ, Stage::Import}, {OPT_dtype_EQ, Stage::Import},
      {OPT_kv_EQ, Stage::Import},          {OPT_taps, Stage::Import},
      {OPT_no_fuse, Stage::Fused},         {OPT_shard_residual, Stage::Fused}};
  for (auto [option, stage] : settled)
    if (from >= stage)
      if (const llvm::opt::Arg *argument = line.options.getLastArg(option)) {
        failUsage(line.command, getSpelling(*argument) +
                                    ": with --from=" + getName(from).str() +
                                    ", which has settled that, expected "
                                    "without it");
        return false;
      }
  return true;
}

} // namespace

std::optional<Stage> lamina::findStage(StringRef name) {
  for (const StageName &entry : stageNames)
    if (name == entry.name)
      return entry.stage;
  return std::nullopt;
}

StringRef lamina::getName(Stage stage) {
  return stageNames[size_t(stage)].name;
}

std::optional<CompileRequest> CompileRequest::create(const CommandLine &line) {
  CompileRequest request;
  std::string weights;
  if (line.operands.size() != 1) {
    failUsage(line.command, line.operands.empty()
                                ? "no model, expected a folder or a GGUF file"
                                : quoted(line.operands[1]) +
                                      ": a second model, expected one");
    return std::nullopt;
  }
  request.input = line.operands.front();
  if (request.input.empty()) {
    failUsage(line.command, "\"\": no name of a model, expected a folder or a "
                            "GGUF file");
    return std::nullopt;
  }
  if (!readChoice(line, OPT_activations_EQ, "--activations",
                  {"f32", "bf16", "int8"}, request.activations) ||
      !readChoice(line, OPT_dtype_EQ, "--dtype", {"f32", "bf16"},
                  request.residual) ||
      !readChoice(line, OPT_kv_EQ, "--kv", {"f32", "f16", "bf16"},
                  request.cache) ||
      !readChoice(line, OPT_weights_EQ, "--weights", {"extern", "packed"},
                  weights) ||
      !readInteger(line, OPT_max_context_EQ, "--max-context", 1 << 30,
                   request.maxContext) ||
      !readRanks(line, request))
    return std::nullopt;
  if (!readFrom(line, request.from) ||
      (request.from && !checkFrom(line, *request.from)))
    return std::nullopt;
  request.modelFolder = line.options.getLastArgValue(OPT_model_EQ).str();
  if (!request.modelFolder.empty() &&
      (!request.from || *request.from > Stage::Fused)) {
    failUsage(line.command,
              "--model: without --from=import, sharded or fused, expected "
              "with one of them");
    return std::nullopt;
  }
  request.packWeights = weights == "packed";
  if (request.packWeights && request.from == Stage::Llvm) {
    failUsage(line.command,
              "--weights: \"packed\", expected extern with --from=llvm: that "
              "stage says already where the weights are");
    return std::nullopt;
  }
  request.taps = line.options.hasArg(OPT_taps);
  request.fuse = !line.options.hasArg(OPT_no_fuse);
  request.shardResidual = line.options.hasArg(OPT_shard_residual);
  request.hashWeights = line.options.hasArg(OPT_hash_weights);
  request.verbose = line.options.hasArg(OPT_verbose);
  return request;
}

NumericTypes lamina::chooseTypes(const CompileRequest &request,
                                 const Model &model) {
  NumericTypes types{request.activations, request.residual, request.cache};
  StorageType storage = model.tensors[TensorRole::Query].front()->type;
  bool isF32 = storage == StorageType::F32;
  if (types.residual.empty())
    types.residual = "f32";
  if (types.activations.empty())
    types.activations = "f32";
  // The residual is rounded to bf16: products then read bf16 too.
  if (types.residual == "bf16" && types.activations == "f32")
    types.activations = "bf16";
  if (types.cache.empty())
    types.cache = isF32 || types.activations == "f32" ? "f32" : "bf16";
  return types;
}
