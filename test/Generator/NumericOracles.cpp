//===- NumericOracles.cpp - Oracles on the values -------------------------===//
//
// The reference is always the module as it was generated.
//
//===----------------------------------------------------------------------===//

#include "Checker.h"

#include "llvm/Support/Format.h"

using namespace mlir;
using namespace lamina;
using namespace lamina::generator;

static std::string toText(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.3g", value);
  return text;
}

/// Runs `@step`, once for each text of a module.
const Interpretation &Checker::evaluate(ModuleOp module,
                                        Arithmetic arithmetic) {
  auto &known = arithmetic == Arithmetic::stated ? stated : exact;
  auto [entry, isNew] = known.try_emplace(print(module));
  if (!isNew)
    return entry->second;
  InterpreterOptions options;
  options.tokens = program.tokens;
  options.inputSeed = 7;
  options.weightSeed = 3;
  options.arithmetic = arithmetic;
  options.weights = &weights;
  entry->second = interpret(module.lookupSymbol<func::FuncOp>("step"), options);
  return entry->second;
}

LogicalResult Checker::setReference(ModuleOp module) {
  reference = evaluate(module, Arithmetic::stated);
  exactReference = evaluate(module, Arithmetic::f64);
  for (const Interpretation *run : {&reference, &exactReference})
    if (!run->isOk())
      return fail("the generated module runs", run->message);
  unitRoundoff =
      getCoarsestUnitRoundoff(module.lookupSymbol<func::FuncOp>("step"));
  return success();
}

LogicalResult Checker::checkValues(ModuleOp module, StringRef after,
                                   bool isBitEqual) {
  const Interpretation &run = evaluate(module, Arithmetic::stated);
  std::string oracle = ("values after " + after).str();
  if (!run.isOk())
    return fail(oracle, run.message);
  if (run.results.size() != reference.results.size())
    return fail(oracle, Twine(run.results.size()) + " results, expected " +
                            Twine(reference.results.size()));
  for (auto [i, result] : llvm::enumerate(run.results)) {
    const Tensor &expected = reference.results[i];
    Difference difference = compareTensors(expected, result);
    if (difference.isBitEqual)
      continue;
    std::string text = "result " + std::to_string(i) + " differs by " +
                       toText(difference.maximum);
    if (isBitEqual || !difference.isComparable)
      return fail(oracle, text + ", expected the same bits");
    double bound =
        getStatedBound(expected, exactReference.results[i], unitRoundoff);
    if (!(difference.maximum <= bound))
      return fail(oracle, text + ", expected at most " + toText(bound));
  }
  return success();
}

LogicalResult Checker::checkExactValues(ModuleOp module, StringRef after) {
  const Interpretation &run = evaluate(module, Arithmetic::f64);
  std::string oracle = ("f64 values after " + after).str();
  if (!run.isOk())
    return fail(oracle, run.message);
  for (auto [i, result] : llvm::enumerate(run.results)) {
    const Tensor &expected = exactReference.results[i];
    double maximum = compareTensors(expected, result).maximum;
    double bound = getExactBound(expected);
    if (!(maximum <= bound))
      return fail(oracle, "result " + Twine(i) + " differs by " +
                              toText(maximum) + ", expected at most " +
                              toText(bound));
  }
  return success();
}
