//===- lamina-translate.cpp - Models to IR --------------------------------===//
//
// Flags only: the importers are in lib/Import.
//
//===----------------------------------------------------------------------===//

#include "lamina/Import/ImportLlama.h"
#include "lamina/Support/OutputFile.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "llvm/Config/llvm-config.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"

#include <climits>
#include <initializer_list>
#include <string_view>

using namespace lamina;
namespace cl = llvm::cl;

namespace {

constexpr std::string_view kHelp =
    R"(lamina-translate: a model as IR of the llama dialect

  lamina-translate --import-llama-config config.json

reads the config.json of a Hugging Face LlamaForCausalLM (Llama 1 to 3.2,
SmolLM2, TinyLlama), needs no weights, and prints the import stage: paper
order, one rank, the layers as one loop. '-' is standard input.

  --dtype=TYPE    type of activations and residual: f32, f16 or bf16
  --weights=TYPE  storage type of the weights: f32, f16, bf16, q8_0, q4_0, q4_1,
                  q5_0, q5_1, q4_k, q5_k or q6_k. With a block type, norms and
                  biases are f32, and matrices whose rows are no whole number
                  of blocks are f16
  -o FILE         output file, written whole or not at all
  --mlir-print-debuginfo
                  print locations: checkpoint name and place in the config
  --help          this text; --help-hidden lists LLVM's own options
  --version       version of this program

Both types are the config's torch_dtype unless given.
Exit codes: 0 done, 2 usage, 3 malformed config, 4 unsupported model, 5 a file
cannot be read or written.
)";

constexpr std::string_view kVersion =
    "lamina-translate " LAMINA_VERSION " (LLVM " LLVM_VERSION_STRING ")\n";

constexpr llvm::StringLiteral kUsage =
    "lamina-translate --import-llama-config config.json, or --help";

cl::OptionCategory category("lamina-translate options");

/// All options of the tool; kHelp describes them.
struct Options {
  cl::opt<std::string> input{cl::Positional, cl::cat(category)};
  cl::opt<bool> importLlamaConfig{"import-llama-config", cl::cat(category)};
  cl::opt<std::string> dtype{"dtype", cl::cat(category)};
  cl::opt<std::string> weights{"weights", cl::cat(category)};
  cl::opt<std::string> output{"o", cl::init("-"), cl::cat(category)};
};

int fail(ExitCode code, llvm::StringRef message, llvm::StringRef help = "") {
  llvm::errs() << "error: " << message << "\n";
  if (!help.empty())
    llvm::errs() << "help: " << help << "\n";
  return static_cast<int>(code);
}

int failUsage(llvm::StringRef message) {
  return fail(ExitCode::Usage, message, kUsage);
}

/// Prints the errors and returns their exit code.
int finish(const InputErrors &errors) {
  llvm::errs() << errors.toString();
  return static_cast<int>(errors.exitCode());
}

/// Prints to standard output; a failure to do so is an I/O error.
int printAnswer(std::string_view text) {
  InputErrors errors;
  return writeOutput("-", text, errors) ? 0 : finish(errors);
}

/// Turns what LLVM's parser says about a bad command line into our form: one
/// line, without the tool's name, and a help line.
/// Some errors LLVM has printed itself; then `message` is empty.
int failParsing(llvm::StringRef message) {
  if (message.empty())
    return static_cast<int>(ExitCode::Usage);
  message.consume_front("lamina-translate: ");
  auto [first, rest] = message.split('\n');
  size_t end = first.find("  Try: ");
  first = first.take_front(end).rtrim(". ");
  rest.consume_front("lamina-translate: ");
  std::string help = kUsage.str();
  if (!rest.trim().empty())
    help = rest.trim().split('\n').first.str();
  return fail(ExitCode::Usage, first, help);
}

bool isSameFile(llvm::StringRef a, llvm::StringRef b) {
  bool isSame = false;
  return !llvm::sys::fs::equivalent(a, b, isSame) && isSame;
}

int importConfig(const Options &options) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  LlamaImportOptions importOptions;
  if (!options.dtype.empty()) {
    mlir::Type type = getStorageType(&context, options.dtype);
    if (!llvm::isa_and_nonnull<mlir::FloatType>(type))
      return failUsage("--dtype: " + quoted(options.dtype) +
                       ", expected f32, f16 or bf16");
    importOptions.activations = type;
  }
  if (!options.weights.empty()) {
    importOptions.weights = getStorageType(&context, options.weights);
    if (!importOptions.weights)
      return failUsage("--weights: " + quoted(options.weights) +
                       ", expected f32, f16, bf16, q8_0, q4_0, q4_1, q5_0, "
                       "q5_1, q4_k, q5_k or q6_k");
  }

  InputErrors errors;
  std::string path = options.input;
  if (path == "-")
    path = "/dev/stdin";
  std::optional<LlamaConfig> config = readLlamaConfig(path, errors);
  if (!config)
    return finish(errors);

  mlir::OwningOpRef<mlir::ModuleOp> module =
      importLlamaConfig(&context, *config, importOptions);
  if (mlir::failed(mlir::verify(*module)))
    return fail(ExitCode::InternalError,
                "the imported module is not valid, which is a bug of "
                "lamina-translate",
                "please report it with this config");

  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  if (!writeOutput(options.output, text, errors))
    return finish(errors);
  return 0;
}

} // namespace

int main(int argc, char **argv) {
  for (llvm::StringRef argument : llvm::ArrayRef(argv, argc).drop_front()) {
    if (argument == "--help" || argument == "-help" || argument == "-h")
      return printAnswer(kHelp);
    if (argument == "--version" || argument == "-version")
      return printAnswer(kVersion);
  }
  mlir::registerAsmPrinterCLOptions();
  mlir::registerMLIRContextCLOptions();
  static Options options;
  cl::HideUnrelatedOptions(category);
  std::string message;
  llvm::raw_string_ostream stream(message);
  if (!cl::ParseCommandLineOptions(argc, argv, "", &stream))
    return failParsing(message);
  for (cl::Option *option : std::initializer_list<cl::Option *>{
           &options.importLlamaConfig, &options.dtype, &options.weights,
           &options.output})
    if (option->getNumOccurrences() > 1)
      return failUsage("-" + option->ArgStr.str() + ": given " +
                       std::to_string(option->getNumOccurrences()) +
                       " times, expected once");
  if (!options.importLlamaConfig)
    return failUsage("no translation is named, expected --import-llama-config");
  if (options.input.empty())
    return failUsage("no input file, expected a config.json");
  if (options.output.empty())
    return failUsage("-o: empty, expected a file or -");
  if (isSameFile(options.input, options.output))
    return failUsage("-o: " + quoted(options.output, PATH_MAX) +
                     ", expected another file than the input");
  return importConfig(options);
}
