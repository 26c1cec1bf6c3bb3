//===- lamina-opt.cpp - Passes on modules of the llama dialect ------------===//
//
// MLIR's own flags and error form; our exit codes.
//
//===----------------------------------------------------------------------===//

#include "lamina/Registration.h"
#include "lamina/Support/OutputFile.h"
#include "lamina/Tools/CommandLine.h"
#include "lamina/Tools/ModuleFile.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Regex.h"

using namespace lamina;
namespace cl = llvm::cl;

namespace {

constexpr llvm::StringLiteral kHelp =
    R"(lamina-opt: passes on modules of the llama dialect

  lamina-opt model.mlir --llama-to-fused=ranks=2      import -> fused stage
  lamina-opt model.mlir --llama-shard=ranks=8         one pass alone
  lamina-opt model.mlir --llama-to-fused=ranks=2 \
      --remarks-filter='llama-.*' --remark-policy=all what fused, what not, why
  lamina-opt model.mlir ... --llama-require-fusion    fail if a site is left

Stages:
  --llama-to-sharded=ranks=N     import -> sharded: split over the ranks
  --llama-to-fused=ranks=N       import -> fused: split, merge, hoist, fuse
  --llama-to-planned             fused -> planned: a place for each activation
  --llama-to-runtime             planned -> runtime: calls of the runtime
  --llama-to-llvm                runtime -> llvm: the LLVM dialect
Passes:
  --llama-shard=ranks=N          split weights and activations over the ranks
  --llama-print-shard-plan=ranks=N
                                 the plan as a table, on standard error
  --llama-merge-projections      join the products that read one input
  --llama-hoist-first-norm       move the first norm out in front of the layers
  --llama-fuse-all-reduce-residual-rms-norm
                                 all-reduce, residual add and norm as one op
  --llama-expand-fused           the inverse of that
  --llama-shard-residual         keep the residual in rows of the ranks
  --llama-unroll-layers          the loop over the layers as straight code
  --llama-require-fusion         an error for each site that is left
  --llama-plan-buffers           the places of activations, as attributes
  --llama-verify-plan            check that every read finds its value
  --llama-convert-to-runtime     planned ops to calls
  --llama-emit-program-tables    weights, slots and lists as constants

Reads a file, or standard input ('-'); writes to standard output, or with
-o FILE to a file that is written whole or not at all. All of mlir-opt's own
flags work (--canonicalize, --verify-roundtrip, --mlir-timing, ...); those of
LLVM's code generators are in --help-hidden.
Exit codes: 0 done, 2 usage, 3 the module is malformed or a pass failed, 4 the
module is of a newer version, 5 a file cannot be read or written, 6 a limit.
)";

constexpr llvm::StringLiteral kUsage =
    "lamina-opt FILE [--llama-...] [-o FILE], or --help";

/// Returns what is wrong with the passes and their options on the command line;
/// empty if nothing is. Built once here, so that it is a usage error.
std::string checkPipeline(const mlir::MlirOptMainConfig &config) {
  std::string said;
  bool isValid = false;
  std::string printed = captureStandardError([&] {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    mlir::ScopedDiagnosticHandler handler(&context,
                                          [&](mlir::Diagnostic &diagnostic) {
                                            said += diagnostic.str() + "\n";
                                            return mlir::success();
                                          });
    mlir::PassManager manager(&context);
    isValid = mlir::succeeded(config.setupPassPipeline(manager));
  });
  if (isValid)
    return {};
  return "pass pipeline: " + describeUsageError(printed + said, "option ");
}

/// Returns what is wrong with the filters of remarks, which MLIR ignores when
/// they are no regular expressions; empty if nothing is.
std::string checkRemarkFilters(const mlir::MlirOptMainConfig &config) {
  const std::pair<llvm::StringRef, std::string> filters[] = {
      {"--remarks-filter", config.getRemarksAllFilter()},
      {"--remarks-filter-passed", config.getRemarksPassedFilter()},
      {"--remarks-filter-missed", config.getRemarksMissedFilter()},
      {"--remarks-filter-failed", config.getRemarksFailedFilter()},
      {"--remarks-filter-analyse", config.getRemarksAnalyseFilter()}};
  for (const auto &[flag, filter] : filters) {
    std::string error;
    if (!filter.empty() && !llvm::Regex(filter).isValid(error))
      return (flag + ": " + quoted(filter) +
              ", expected a regular expression (" + error + ")")
          .str();
  }
  return {};
}

/// Runs the passes over `file` and writes the result.
int run(ModuleFile file, const std::string &output,
        mlir::DialectRegistry &registry,
        const mlir::MlirOptMainConfig &config) {
  if (!file.buffer) {
    llvm::errs() << file.messages;
    return int(file.code);
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (mlir::failed(
          mlir::MlirOptMain(stream, std::move(file.buffer), registry, config)))
    return int(ExitCode::Malformed);
  InputErrors errors;
  if (writeOutput(output, text, errors))
    return 0;
  llvm::errs() << errors.toString();
  return int(errors.exitCode());
}

/// Checks the passes before the input is read, then runs them.
int runPasses(const std::string &input, const std::string &output,
              mlir::DialectRegistry &registry) {
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  if (config.shouldListPasses()) {
    mlir::printRegisteredPasses();
    return 0;
  }
  for (const std::string &error :
       {checkPipeline(config), checkRemarkFilters(config)})
    if (!error.empty())
      return failUsage(error, kUsage);
  BytecodeGuardOptions options;
  options.verify = config.shouldVerifyOnParsing();
  // Dialects of a file of definitions are not known yet.
  options.allowUnregistered =
      config.shouldAllowUnregisteredDialects() || !config.getIrdlFile().empty();
  options.implicitModule = !config.shouldUseExplicitModule();
  return run(readModuleFile(input, registry, options), output, registry,
             config);
}

} // namespace

int main(int argc, char **argv) {
  // A closed pipe ends the program quietly, as it does other filters.
  llvm::InitLLVM init(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  hideOptionsDefinedSoFar();
  mlir::DialectRegistry registry;
  registerDialects(registry);
  registerPasses();
  static cl::opt<std::string> input(cl::Positional, cl::desc("<input file>"),
                                    cl::init("-"));
  static cl::opt<std::string> output("o", cl::desc("Output file"),
                                     cl::value_desc("file"), cl::init("-"));
  setVersion("lamina-opt");
  std::string header = mlir::registerCLIOptions(kHelp, registry);
  if (argc == 1 && llvm::sys::Process::StandardInIsUserInput())
    return failUsage("arguments: none, expected a file", kUsage);
  if (!parseCommandLine(argc, argv, header, kUsage))
    return int(ExitCode::Usage);
  if (output.empty())
    return failUsage("-o: empty, expected a file or -", kUsage);
  return runPasses(input, output, registry);
}
