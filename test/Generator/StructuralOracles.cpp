//===- StructuralOracles.cpp - Oracles on the IR --------------------------===//

#include "Checker.h"

#include "lamina/Transforms/Passes.h"
#include "mlir/Bytecode/BytecodeWriter.h"
#include "mlir/IR/AsmState.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace mlir;
using namespace lamina;
using namespace lamina::generator;

std::string lamina::generator::print(ModuleOp module, bool hasLocations) {
  std::string text;
  llvm::raw_string_ostream os(text);
  OpPrintingFlags flags;
  if (hasLocations)
    flags.enableDebugInfo();
  module->print(os, flags);
  return text;
}

/// Returns the first line of `found` that `expected` does not have there.
static std::string describeDifference(StringRef expected, StringRef found) {
  int64_t line = 1;
  while (!expected.empty() && !found.empty()) {
    auto [a, restOfExpected] = expected.split('\n');
    auto [b, restOfFound] = found.split('\n');
    if (a != b)
      return llvm::formatv("line {0}: `{1}`, expected `{2}`", line, b.trim(),
                           a.trim());
    expected = restOfExpected;
    found = restOfFound;
    ++line;
  }
  return llvm::formatv("line {0}: one text ends before the other", line);
}

LogicalResult Checker::checkSameText(ModuleOp expected, ModuleOp found,
                                     StringRef oracle) {
  std::string a = print(expected), b = print(found);
  return a == b ? success() : fail(oracle, describeDifference(a, b));
}

/// Text, generic text and bytecode, with locations, read back as they were.
LogicalResult Checker::checkRoundTrip(ModuleOp module, StringRef after) {
  if (!roundTrips.insert(print(module)).second)
    return success(); // as before
  std::string text = print(module, /*hasLocations=*/true), generic, bytecode;
  llvm::raw_string_ostream genericStream(generic), bytecodeStream(bytecode);
  module->print(genericStream,
                OpPrintingFlags().enableDebugInfo().printGenericOpForm());
  if (failed(writeBytecodeToFile(module, bytecodeStream)))
    return fail("bytecode", "cannot be written after " + after);
  const std::pair<StringRef, const std::string &> forms[] = {
      {"text", text}, {"generic text", generic}, {"bytecode", bytecode}};
  for (auto [name, form] : forms) {
    std::string oracle = ("round trip of " + name + " after " + after).str();
    errors.clear();
    auto read = parseSourceString<ModuleOp>(form, module.getContext());
    if (!read)
      return fail(oracle, errors.empty() ? "cannot be read" : errors.front());
    if (std::string again = print(*read, /*hasLocations=*/true); again != text)
      return fail(oracle, describeDifference(text, again));
  }
  return success();
}

/// How often an op runs in one step.
static int64_t getExecutions(Operation *op) {
  int64_t executions = 1;
  for (auto loop = op->getParentOfType<LayersOp>(); loop;
       loop = loop->getParentOfType<LayersOp>())
    executions *= int64_t(loop.getCount());
  return executions;
}

/// Returns how many collectives run in one step.
static int64_t countCollectives(ModuleOp module) {
  int64_t count = 0;
  module.walk([&](Operation *op) {
    if (isa<AllReduceOp, ReduceScatterOp, AllReduceResidualRmsNormOp,
            AllGatherOp, GatherOp>(op))
      count += getExecutions(op);
  });
  return count;
}

/// The passes neither add nor drop a collective.
LogicalResult Checker::checkCollectives(ModuleOp before, ModuleOp after,
                                        StringRef pass) {
  int64_t old = countCollectives(before), now = countCollectives(after);
  if (old == now)
    return success();
  return fail(("collectives after " + pass).str(),
              Twine(now) + " run, expected " + Twine(old));
}

static std::string join(const std::set<std::string> &names) {
  return "{" + llvm::join(names, ", ") + "}";
}

LogicalResult Checker::checkForecast(ModuleOp fused,
                                     ArrayRef<RemarkRecord> said,
                                     const FusionForecast &forecast) {
  std::set<std::string> missed, expectedMissed, fusedNorms;
  int64_t reported = 0, total = 0;
  for (const RemarkRecord &remark : said) {
    if (remark.category != "llama-fuse")
      continue;
    program.count("outcome: " + remark.name);
    if (remark.name == "FusionSites") {
      reported += std::stoll(remark.arguments.at("Fused"));
      continue;
    }
    if (remark.name == kFused)
      fusedNorms.insert(remark.location);
    else
      missed.insert(remark.location + ": " + remark.name);
  }
  for (const auto &[norm, name] : forecast.missed)
    expectedMissed.insert(norm + ": " + name);
  if (missed != expectedMissed)
    return fail("reasons of the sites that did not fuse",
                join(missed) + ", expected " + join(expectedMissed));
  if (program.family == Family::partialSums &&
      fusedNorms != forecast.fusedNorms)
    return fail("sites that fused",
                join(fusedNorms) + ", expected " + join(forecast.fusedNorms));
  fused.walk([&](Operation *op) {
    if (isa<ResidualRmsNormOp, AllReduceResidualRmsNormOp>(op))
      total += getExecutions(op);
  });
  if (total != forecast.fused)
    return fail("number of fused ops that run",
                Twine(total) + ", expected " + Twine(forecast.fused));
  if (total != reported)
    return fail("number of fused sites in the remark",
                Twine(reported) + ", expected " + Twine(total));
  return success();
}

/// `--llama-require-fusion` has one error for each site that is left.
LogicalResult Checker::checkRequireFusion(ModuleOp fused, size_t numMissed) {
  ModuleRef module = transform(fused, [](OpPassManager &manager) {
    manager.addPass(createRequireFusionPass());
  });
  if (bool(module) != (numMissed == 0) || errors.size() != numMissed)
    return fail("require-fusion",
                Twine(errors.size()) + " errors, expected " + Twine(numMissed));
  return success();
}
