//===- InspectCollectives.cpp - lamina inspect --collectives --------------===//

#include "InspectCollectives.h"

#include "lamina/Support/CollectiveTable.h"
#include "llvm/Support/raw_ostream.h"

using namespace lamina;
using llvm::StringRef;

namespace {

int64_t getNumber(const llvm::json::Object &object, StringRef key) {
  return object.getInteger(key).value_or(0);
}

/// The operation of `collective`, if it has algorithms.
std::optional<int32_t> getReduction(const llvm::json::Object &collective) {
  for (int32_t operation :
       {LAMRT_ALL_REDUCE, LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM})
    if (collective.getString("operation") == getReductionName(operation))
      return operation;
  return std::nullopt;
}

/// The algorithms of a sum over ranks, by number of rows.
std::vector<AlgorithmChooser::Step>
findSteps(const llvm::json::Object &collective, int32_t operation,
          const AlgorithmChooser &chooser, RankDevice device) {
  bool keepsRows = collective.getBoolean("keeps_rows").value_or(false);
  if (keepsRows && device == RankDevice::Cpu)
    return {{0, LAMRT_TWO_SHOT}};
  std::vector<AlgorithmChooser::Step> steps;
  for (AlgorithmChooser::Step step :
       chooser.findSteps(operation, getNumber(collective, "features"))) {
    // Nobody else has the rows of a residual that its rank keeps.
    if (keepsRows && step.algorithm == LAMRT_ONE_SHOT)
      step.algorithm = LAMRT_TWO_SHOT;
    if (steps.empty() || steps.back().algorithm != step.algorithm)
      steps.push_back(step);
  }
  return steps;
}

/// The collectives of a variant. What a damaged note lacks is left out.
llvm::json::Array *getCollectives(llvm::json::Value &variant) {
  llvm::json::Object *object = variant.getAsObject();
  return object ? object->getArray("collectives") : nullptr;
}

/// Adds to each sum over ranks of `variants` which algorithm it gets from how
/// many rows on.
void addAlgorithms(llvm::json::Array &variants, const CollectiveTable &table) {
  for (llvm::json::Value &variant : variants) {
    llvm::json::Array *list = getCollectives(variant);
    if (!list)
      continue;
    AlgorithmChooser chooser(
        table.choices.data(), table.choices.size(),
        int32_t(getNumber(*variant.getAsObject(), "ranks")));
    for (llvm::json::Value &entry : *list) {
      llvm::json::Object *one = entry.getAsObject();
      std::optional<int32_t> operation =
          one ? getReduction(*one) : std::nullopt;
      if (!operation)
        continue;
      llvm::json::Array steps;
      for (const AlgorithmChooser::Step &step :
           findSteps(*one, *operation, chooser, table.device))
        steps.push_back(llvm::json::Object{
            {"rows", std::max<int64_t>(step.firstRow, 1)},
            {"algorithm", getAlgorithmName(step.algorithm)}});
      (*one)["algorithms"] = std::move(steps);
    }
  }
}

/// ": one_shot, from 4 rows on two_shot" of what `addAlgorithms` added.
std::string describeAlgorithms(const llvm::json::Object &collective) {
  std::string text;
  const llvm::json::Array *steps = collective.getArray("algorithms");
  if (!steps || !getReduction(collective))
    return text;
  for (const llvm::json::Value &value : *steps) {
    const llvm::json::Object &step = *value.getAsObject();
    text += text.empty() ? ": "
                         : ", from " + std::to_string(getNumber(step, "rows")) +
                               " rows on ";
    text += step.getString("algorithm")->str();
  }
  return text;
}

void printVariant(llvm::raw_ostream &stream, llvm::json::Value &variant) {
  llvm::json::Array *list = getCollectives(variant);
  if (!list)
    return;
  const llvm::json::Object &object = *variant.getAsObject();
  stream << "ranks " << getNumber(object, "ranks") << ": "
         << getNumber(object, "bytes_per_token") << " bytes a token, "
         << getNumber(object, "bytes_per_logits_row") << " a row of logits\n";
  for (const llvm::json::Value &entry : *list)
    if (const llvm::json::Object *one = entry.getAsObject())
      stream << "  " << getNumber(*one, "times") << " x "
             << one->getString("operation").value_or("?") << " of "
             << one->getString("rows").value_or("?") << " x "
             << getNumber(*one, "features") << " "
             << one->getString("type").value_or("?") << ", "
             << getNumber(*one, "received_bytes_per_row") << " bytes a row"
             << describeAlgorithms(*one) << "\n";
}

} // namespace

int lamina::printCollectives(llvm::json::Value variants,
                             const CommandLine &line) {
  InputErrors errors;
  std::string path =
      line.options.getLastArgValue(OPT_collectives_table_EQ).str();
  std::string device = line.options.getLastArgValue(OPT_device_EQ, "cpu").str();
  bool isCuda = device == getDeviceName(RankDevice::Cuda);
  if (!isCuda && device != getDeviceName(RankDevice::Cpu))
    return failUsage(line.command,
                     "--device: '" + device + "', expected cpu or cuda");
  std::optional<CollectiveTable> table =
      path.empty() ? CollectiveTable::shipped(isCuda ? RankDevice::Cuda
                                                     : RankDevice::Cpu)
                   : CollectiveTable::read(path, errors);
  if (!table)
    return fail(errors);
  if (getDeviceName(table->device) != device)
    return failUsage(line.command, "--collectives-table: " + path + " is for " +
                                       getDeviceName(table->device) +
                                       ", expected one for " + device);
  addAlgorithms(*variants.getAsArray(), *table);
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (line.options.hasArg(OPT_json)) {
    stream << variants << "\n";
    return printAnswer(text);
  }
  if (!table->estimate.empty())
    stream << "algorithms: " << table->estimate << "\n";
  for (llvm::json::Value &variant : *variants.getAsArray())
    printVariant(stream, variant);
  return printAnswer(text);
}
