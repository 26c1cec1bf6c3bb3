//===- lamina-opt.cpp - Passes on modules of the llama dialect ------------===//
//
// MLIR's own flags and error form; our exit codes.
//
//===----------------------------------------------------------------------===//

#include "lamina/Registration.h"
#include "lamina/Support/Nesting.h"
#include "lamina/Support/OutputFile.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Support/FileUtilities.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Process.h"

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

Reads a file, or standard input ('-'); writes to standard output, or with
-o FILE to a file that is written whole or not at all. All of mlir-opt's own
flags work (--canonicalize, --verify-roundtrip, --mlir-timing, ...).
Exit codes: 0 done, 2 usage, 3 the module is malformed or a pass failed, 5 a
file cannot be read or written.
)";

constexpr llvm::StringLiteral kUsageHelp =
    "help: lamina-opt FILE [--llama-...] [-o FILE], or --help\n";

int failUsage(llvm::StringRef message) {
  llvm::errs() << "error: " << message << '\n' << kUsageHelp;
  return int(ExitCode::Usage);
}

void printVersion(llvm::raw_ostream &os) {
  os << "lamina-opt " LAMINA_VERSION " (LLVM " LLVM_VERSION_STRING ")\n";
}

/// Returns what is wrong with the passes and their options on the command line;
/// empty if nothing is. Built once here, so that it is a usage error.
std::string checkPipeline(const mlir::MlirOptMainConfig &config) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  std::string error;
  mlir::ScopedDiagnosticHandler handler(&context,
                                        [&](mlir::Diagnostic &diagnostic) {
                                          error += diagnostic.str();
                                          return mlir::success();
                                        });
  mlir::PassManager manager(&context);
  if (mlir::succeeded(config.setupPassPipeline(manager)))
    return {};
  return error.empty() ? "the pass pipeline is not valid" : error;
}

/// Runs the passes over `buffer` and writes the result.
int run(std::unique_ptr<llvm::MemoryBuffer> buffer, const std::string &output,
        mlir::DialectRegistry &registry) {
  auto config = mlir::MlirOptMainConfig::createFromCLOptions();
  if (config.shouldListPasses()) {
    mlir::printRegisteredPasses();
    return 0;
  }
  if (std::string error = checkPipeline(config); !error.empty())
    return failUsage(error);
  std::string text;
  llvm::raw_string_ostream stream(text);
  if (mlir::failed(
          mlir::MlirOptMain(stream, std::move(buffer), registry, config)))
    return int(ExitCode::Malformed);
  InputErrors errors;
  if (writeOutput(output, text, errors))
    return 0;
  llvm::errs() << errors.toString();
  return int(errors.exitCode());
}

} // namespace

int main(int argc, char **argv) {
  // A closed pipe ends the program quietly, as it does other filters.
  llvm::InitLLVM init(argc, argv, /*InstallPipeSignalExitHandler=*/false);
  mlir::DialectRegistry registry;
  registerDialects(registry);
  registerPasses();
  static cl::opt<std::string> input(cl::Positional, cl::desc("<input file>"),
                                    cl::init("-"));
  static cl::opt<std::string> output("o", cl::desc("Output file"),
                                     cl::value_desc("file"), cl::init("-"));
  cl::SetVersionPrinter(printVersion);
  std::string header = mlir::registerCLIOptions(kHelp, registry);
  std::string message;
  llvm::raw_string_ostream messages(message);
  if (argc == 1 && llvm::sys::Process::StandardInIsUserInput())
    return failUsage("no input file");
  if (!cl::ParseCommandLineOptions(argc, argv, header, &messages)) {
    llvm::errs() << message << kUsageHelp;
    return int(ExitCode::Usage);
  }

  std::string error;
  std::unique_ptr<llvm::MemoryBuffer> buffer =
      mlir::openInputFile(input, &error);
  if (!buffer) {
    llvm::errs() << "error: " << error << '\n';
    return int(ExitCode::InputOutput);
  }
  if (std::optional<size_t> offset = findDeepNesting(buffer->getBuffer())) {
    llvm::errs() << "error: " << buffer->getBufferIdentifier() << ":byte "
                 << *offset << ": nesting: more than " << kMaxNesting
                 << " levels, expected at most that\n";
    return int(ExitCode::Malformed);
  }
  return run(std::move(buffer), output, registry);
}
