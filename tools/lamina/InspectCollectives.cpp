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

/// Says of each sum over ranks of `variants` which algorithm it gets from how
/// many rows on. What a damaged note lacks is left out.
void addAlgorithms(llvm::json::Value &variants, const CollectiveTable &table) {
  for (llvm::json::Value &value : *variants.getAsArray()) {
    llvm::json::Object *variant = value.getAsObject();
    llvm::json::Array *list =
        variant ? variant->getArray("collectives") : nullptr;
    if (!list)
      continue;
    AlgorithmChooser chooser(table.choices.data(), table.choices.size(),
                             int32_t(getNumber(*variant, "ranks")));
    for (llvm::json::Value &entry : *list) {
      llvm::json::Object *one = entry.getAsObject();
      for (int32_t operation :
           {LAMRT_ALL_REDUCE, LAMRT_ALL_REDUCE_RESIDUAL_RMS_NORM}) {
        if (!one || one->getString("operation") != getReductionName(operation))
          continue;
        llvm::json::Array steps;
        for (const AlgorithmChooser::Step &step :
             chooser.findSteps(operation, getNumber(*one, "features")))
          steps.push_back(llvm::json::Object{
              {"rows", std::max<int64_t>(step.firstRow, 1)},
              {"algorithm", getAlgorithmName(step.algorithm)}});
        (*one)["algorithms"] = std::move(steps);
      }
    }
  }
}

/// ": one_shot, from 4 rows on two_shot".
std::string describeAlgorithms(const llvm::json::Object &collective) {
  std::string text;
  const llvm::json::Array *steps = collective.getArray("algorithms");
  if (!steps)
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

} // namespace

int lamina::printCollectives(llvm::json::Value variants,
                             const CommandLine &line) {
  InputErrors errors;
  std::string path =
      line.options.getLastArgValue(OPT_collectives_table_EQ).str();
  std::optional<CollectiveTable> table =
      path.empty() ? CollectiveTable::shipped()
                   : CollectiveTable::read(path, errors);
  if (!table)
    return fail(errors);
  addAlgorithms(variants, *table);
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (line.options.hasArg(OPT_json)) {
    stream << variants << "\n";
    return printAnswer(text);
  }
  for (const llvm::json::Value &value : *variants.getAsArray()) {
    const llvm::json::Object *variant = value.getAsObject();
    const llvm::json::Array *list =
        variant ? variant->getArray("collectives") : nullptr;
    if (!list)
      continue;
    stream << "ranks " << getNumber(*variant, "ranks") << ": "
           << getNumber(*variant, "bytes_per_token") << " bytes a token\n";
    for (const llvm::json::Value &entry : *list)
      if (const llvm::json::Object *one = entry.getAsObject())
        stream << "  " << getNumber(*one, "times") << " x "
               << one->getString("operation").value_or("?") << " of "
               << one->getString("rows").value_or("?") << " x "
               << getNumber(*one, "features") << " "
               << one->getString("type").value_or("?") << ", "
               << getNumber(*one, "bytes_per_row") << " bytes a row"
               << describeAlgorithms(*one) << "\n";
  }
  return printAnswer(text);
}
