//===- lamina-lsp-server.cpp - Language server for .mlir files ------------===//
//
// The command line is checked here, for this project's messages and exit
// codes; the rest is MLIR's.
//
//===----------------------------------------------------------------------===//

#include "lamina/Registration.h"
#include "lamina/Tools/CommandLine.h"
#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-lsp-server/MlirLspServerMain.h"

using namespace lamina;

namespace {

constexpr llvm::StringLiteral kHelp =
    R"(lamina-lsp-server: language server for .mlir files of the llama dialect

An editor starts it and speaks the Language Server Protocol with it on standard
input and output: errors and warnings, hover, definitions, references.

  --log=LEVEL     messages on standard error: error, info (the default), verbose
  --pretty        indent the JSON of the answers
  --input-style=STYLE
                  standard: the protocol; delimited: messages between '// -----'
  --lit-test      --input-style=delimited --pretty --log=verbose
  --help          this text; --help-hidden lists MLIR's and LLVM's own options
  --version       version of this program

Exit codes, the first two by the protocol: 0 shut down before the end, 1 not,
2 usage.
)";

constexpr llvm::StringLiteral kUsage =
    "lamina-lsp-server, started by an editor, or --help";

} // namespace

int main(int argc, char **argv) {
  ForeignCommandLine line = readForeignCommandLine(
      {argv, size_t(argc)}, {"lit-test", "pretty"}, {"log", "input-style"});
  if (line.isHelp)
    return printAnswer(kHelp);
  if (line.isVersion)
    return printAnswer(getVersionLine("lamina-lsp-server"));
  if (line.error.empty() && !line.files.empty())
    line.error = "arguments: a file, expected none";
  if (!line.error.empty())
    return failUsage(line.error, kUsage);
  mlir::DialectRegistry registry;
  registerDialects(registry);
  return mlir::failed(mlir::MlirLspServerMain(argc, argv, registry));
}
