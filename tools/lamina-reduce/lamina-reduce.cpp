//===- lamina-reduce.cpp - Makes a failing module smaller -----------------===//
//
// The command line and the file are checked here, for this project's messages
// and exit codes; the rest is MLIR's.
//
//===----------------------------------------------------------------------===//

#include "lamina/Registration.h"
#include "lamina/Tools/CommandLine.h"
#include "lamina/Tools/ModuleFile.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Tools/mlir-reduce/MlirReduceMain.h"
#include "llvm/Support/raw_ostream.h"

using namespace lamina;

namespace {

constexpr llvm::StringLiteral kHelp =
    R"(lamina-reduce: makes a module smaller while a property holds

  lamina-reduce model.mlir --opt-reduction-pass='opt-pass=canonicalize test=T'

T is a program that is given a file with a module, and exits with 1 if the
module still has the property (0 if not).

  --opt-reduction-pass='opt-pass=PASS test=T'
                  makes the module smaller with a pass: --canonicalize, --cse,
                  --symbol-dce, --llama-expand-fused, --llama-unroll-layers, ...
  --reduction-tree='traversal-mode=0 test=T'
                  makes it smaller by erasing ops
  -o FILE         output file
  --help          this text; --help-hidden lists MLIR's and LLVM's own options
  --version       version of this program

Exit codes: 0 done, 2 usage, 3 the module is malformed or does not have the
property, 4 it is of a newer version, 5 a file cannot be read.
)";

constexpr llvm::StringLiteral kUsage =
    "lamina-reduce FILE --opt-reduction-pass='opt-pass=PASS test=T', or --help";

} // namespace

int main(int argc, char **argv) {
  registerPasses();
  mlir::DialectRegistry registry;
  registerDialects(registry);
  ForeignCommandLine line = readForeignCommandLine(
      {argv, size_t(argc)},
      {"no-implicit-module", "opt-reduction-pass", "reduction-tree"},
      {"o", "pass-pipeline"});
  if (line.isHelp)
    return printAnswer(kHelp);
  if (line.isVersion)
    return printAnswer(getVersionLine("lamina-reduce"));
  if (line.error.empty() && line.files.size() != 1)
    line.error = line.files.empty()
                     ? "arguments: no file, expected one"
                     : "arguments: more than one file, expected one";
  if (!line.error.empty())
    return failUsage(line.error, kUsage);
  // MLIR reads the file itself; standard input could not be read twice.
  if (line.files.front() != "-") {
    ModuleFile file = readModuleFile(line.files.front(), registry);
    if (!file.buffer) {
      llvm::errs() << file.messages;
      return int(file.code);
    }
  }
  mlir::MLIRContext context(registry);
  return mlir::failed(mlir::mlirReduceMain(argc, argv, context))
             ? int(ExitCode::Malformed)
             : 0;
}
