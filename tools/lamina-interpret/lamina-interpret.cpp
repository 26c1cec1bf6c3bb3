//===- lamina-interpret.cpp - What a module computes, for N ranks ---------===//
//
// Evaluates a function of a tensor stage with seeded weights and arguments, or
// compares two modules. Flags only; the meaning is in lib/Interpreter.
//
//===----------------------------------------------------------------------===//

#include "lamina/Interpreter/Comparison.h"
#include "lamina/Interpreter/Interpreter.h"
#include "lamina/Pipelines.h"
#include "lamina/Registration.h"
#include "lamina/Support/OutputFile.h"
#include "lamina/Tools/CommandLine.h"
#include "lamina/Tools/ModuleFile.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/SourceMgr.h"

using namespace lamina;
using namespace mlir;
namespace cl = llvm::cl;

namespace {

// The exit codes of every tool of this project.
constexpr int kMalformed = 3, kUnsupported = 4, kInputOutput = 5, kLimit = 6,
              kCheckFailed = 8;

constexpr llvm::StringLiteral kHelp =
    R"(lamina-interpret: the meaning of a module, for N ranks in one process

  lamina-interpret model.mlir                          one rank
  lamina-interpret model.mlir --ranks=8 --weights=seed:3 --inputs=seed:7
  lamina-interpret fused.mlir --compare-with=model.mlir

  lamina-interpret m.mlir --weights=model:FOLDER --inputs=ids:1,403,407

Runs @step (or --function) on seeded weights and arguments, or on the files that
the weights name and on the ids given, and prints a line a result. A module
without llama.ranks is sharded for --ranks first. With --compare-with, the other
module is the reference: it runs as it is, on the same weights and arguments.
Exit codes: 0 done, 2 usage, 3 malformed module, 4 an op that is not evaluated,
5 a file cannot be read or written, 6 more layers, weights or arguments than it
takes, 8 a check failed (results differ by more than rounding, ranks disagree, or
a dead-lock).
)";

constexpr llvm::StringLiteral kUsage =
    "lamina-interpret FILE [--ranks=N] [--compare-with=FILE], or --help";

/// Where weights come from: `seed:7`, or `model:FOLDER`.
struct WeightSource {
  uint64_t seed = 0;
  std::string folder;
};

/// Where arguments come from: `seed:7`, or `ids:1,403,407`.
struct ArgumentSource {
  uint64_t seed = 0;
  std::vector<int32_t> ids;
};

/// Reads `seed:N`.
bool parseSeed(llvm::StringRef text, uint64_t &seed) {
  return text.consume_front("seed:") && !text.getAsInteger(10, seed);
}

} // namespace

namespace llvm::cl {
/// What the parsers of this tool's own option types share.
template <typename T>
class TextParser : public basic_parser<T> {
public:
  using basic_parser<T>::basic_parser;
  void printOptionDiff(const Option &, const T &, const OptionValue<T> &,
                       size_t) const {}
  void anchor() override {}
};

template <>
class parser<WeightSource> : public TextParser<WeightSource> {
public:
  using TextParser::TextParser;
  bool parse(Option &option, StringRef, StringRef text, WeightSource &source) {
    StringRef folder = text;
    if (folder.consume_front("model:") && !folder.empty()) {
      source.folder = folder.str();
      return false;
    }
    return !parseSeed(text, source.seed) &&
           option.error("'" + text + "', expected seed:N or model:FOLDER");
  }
  StringRef getValueName() const override { return "seed:N|model:FOLDER"; }
};

template <>
class parser<ArgumentSource> : public TextParser<ArgumentSource> {
public:
  using TextParser::TextParser;
  bool parse(Option &option, StringRef, StringRef text,
             ArgumentSource &source) {
    StringRef list = text;
    if (!list.consume_front("ids:"))
      return !parseSeed(text, source.seed) &&
             option.error("'" + text + "', expected seed:N or ids:N,N,...");
    SmallVector<StringRef> words;
    list.split(words, ',');
    for (StringRef word : words) {
      int32_t id = 0;
      if (word.getAsInteger(10, id) || id < 0)
        return option.error("'" + word + "', expected a token id");
      source.ids.push_back(id);
    }
    return false;
  }
  StringRef getValueName() const override { return "seed:N|ids:N,..."; }
};
} // namespace llvm::cl

namespace {

cl::OptionCategory category("lamina-interpret");
cl::opt<std::string> inputFile(cl::Positional, cl::desc("<module>"),
                               cl::init("-"), cl::cat(category));
cl::opt<RankCount> ranks("ranks", cl::desc("Number of ranks"),
                         cl::cat(category));
cl::opt<ArgumentSource>
    inputs("inputs", cl::desc("Arguments: a seed (seed:0), or the token ids"),
           cl::cat(category));
cl::opt<WeightSource>
    weights("weights",
            cl::desc("Weights: a seed (seed:0), or the folder of their files"),
            cl::cat(category));
cl::opt<int64_t> tokens("tokens", cl::desc("Size of dynamic dimensions (5)"),
                        cl::init(5), cl::cat(category));
cl::opt<Arithmetic> arithmetic(
    "arith", cl::desc("Arithmetic:"), cl::init(Arithmetic::stated),
    cl::values(clEnumValN(Arithmetic::stated, "stated", "docs/numerics.md"),
               clEnumValN(Arithmetic::f64, "f64", "no activation is rounded")),
    cl::cat(category));
cl::opt<std::string> functionName("function",
                                  cl::desc("Function to run (step)"),
                                  cl::init("step"), cl::cat(category));
cl::opt<std::string> compareWith("compare-with", cl::desc("Reference module"),
                                 cl::value_desc("file"), cl::cat(category));
cl::opt<std::string> output("o", cl::value_desc("file"), cl::cat(category),
                            cl::desc("Write the results as safetensors"));

/// One line: `error: <file>: <field>: <found>, expected <what>`.
int failWith(int code, const llvm::Twine &text) {
  llvm::errs() << "error: " << text << "\n";
  return code;
}

int failUsage(const llvm::Twine &text) {
  return lamina::failUsage(text.str(), kUsage);
}

/// A module and what is run of it.
struct Input {
  OwningOpRef<ModuleOp> module;
  func::FuncOp function;
};

/// Prints why there is no module; returns an exit code, 0 if there is one.
int check(const ModuleFile &file) {
  llvm::errs() << file.messages;
  return int(file.code);
}

/// Parses and verifies a module. Returns an exit code, 0 if all is well.
int parse(MLIRContext &context, ModuleFile file, Input &input) {
  llvm::SourceMgr sources;
  sources.AddNewSourceBuffer(std::move(file.buffer), llvm::SMLoc());
  SourceMgrDiagnosticHandler handler(sources, &context);
  input.module = parseSourceFile<ModuleOp>(sources, &context);
  return input.module ? 0 : kMalformed;
}

/// Shards a module that has no ranks yet for `count` of them.
int shard(MLIRContext &context, const std::string &file, ModuleOp module,
          RankCount count) {
  ScopedDiagnosticHandler handler(&context, [](Diagnostic &diagnostic) {
    if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
      llvm::errs() << "error: " << diagnostic.getLocation() << ": "
                   << diagnostic << "\n";
    return success();
  });
  PassManager manager(&context);
  StageOptions options;
  options.ranks = count;
  buildShardedPipeline(manager, options);
  if (succeeded(manager.run(module)))
    return 0;
  return failWith(kUnsupported, file +
                                    ": --ranks: " + llvm::Twine(count.value) +
                                    ", expected a number of ranks that the "
                                    "module can be sharded for");
}

int findFunction(const std::string &file, Input &input) {
  input.function = input.module->lookupSymbol<func::FuncOp>(functionName);
  if (input.function)
    return 0;
  std::string names;
  for (auto function : input.module->getOps<func::FuncOp>())
    names += (names.empty() ? "@" : ", @") + function.getSymName().str();
  return failWith(kMalformed,
                  file + ": --function: no function @" + functionName +
                      ", expected one of: " + (names.empty() ? "none" : names));
}

std::optional<int64_t> getRanksOf(ModuleOp module) {
  auto attribute =
      module->getAttrOfType<IntegerAttr>(LlamaDialect::getRanksAttrName());
  if (!attribute)
    return std::nullopt;
  return attribute.getInt();
}

/// Parses the module to run: with its own ranks, or sharded for --ranks.
int parseInput(MLIRContext &context, ModuleFile file, Input &input) {
  if (int code = parse(context, std::move(file), input))
    return code;
  bool isGiven = ranks.getNumOccurrences() > 0;
  std::optional<int64_t> own = getRanksOf(*input.module);
  if (own && isGiven && *own != ranks.value)
    return failUsage(inputFile + ": --ranks: " + llvm::Twine(ranks.value) +
                     ", expected " + llvm::Twine(*own) +
                     ", the module's llama.ranks");
  if (!own && ranks.value > 1)
    if (int code = shard(context, inputFile, *input.module, ranks))
      return code;
  return findFunction(inputFile, input);
}

/// Runs `input`. Returns an exit code, 0 if all is well.
int run(const std::string &file, const Input &input, Arithmetic with,
        WeightCache &cache, Interpretation &interpretation) {
  InterpreterOptions options;
  options.tokens = tokens;
  options.inputSeed = inputs.seed;
  options.ids = inputs.ids;
  options.weightSeed = weights.seed;
  options.modelFolder = weights.folder;
  options.arithmetic = with;
  options.weights = &cache;
  interpretation = interpret(input.function, options);
  switch (interpretation.outcome) {
  case Outcome::ok:
    return 0;
  case Outcome::malformed:
    return failWith(kMalformed, file + ": " + interpretation.message);
  case Outcome::unsupported:
    return failWith(kUnsupported, file + ": " + interpretation.message);
  case Outcome::inputOutput:
    return failWith(kInputOutput, file + ": " + interpretation.message);
  case Outcome::limit:
    return failWith(kLimit, file + ": " + interpretation.message);
  case Outcome::checkFailed:
    return failWith(kCheckFailed, file + ": " + interpretation.message);
  }
  return 0;
}

//===----------------------------------------------------------------------===//
// Output
//===----------------------------------------------------------------------===//

/// Digits of %g that give an element back exactly.
int getDigits(Element element) {
  switch (element) {
  case Element::f32:
    return 9;
  case Element::f16:
  case Element::bf16:
    return 5;
  case Element::f64:
  case Element::i32:
  case Element::i64:
    return 17;
  }
  return 17;
}

void printResult(size_t index, const Tensor &tensor) {
  llvm::outs() << "result " << index << ": " << tensor.getTypeName()
               << " sha256=" << tensor.getSha256() << " first=[";
  size_t shown = std::min<size_t>(tensor.data.size(), 8);
  for (size_t i = 0; i < shown; ++i)
    llvm::outs() << (i ? ", " : "")
                 << llvm::format("%.*g", getDigits(tensor.element),
                                 tensor.data[i]);
  llvm::outs() << "]\n";
}

/// Prints or writes the results.
int report(const Interpretation &interpretation) {
  if (output.empty()) {
    for (auto [i, tensor] : llvm::enumerate(interpretation.results))
      printResult(i, tensor);
    return 0;
  }
  InputErrors errors;
  if (writeOutput(output, toSafetensors(interpretation.results), errors))
    return 0;
  llvm::errs() << errors.toString();
  return int(errors.exitCode());
}

/// Prints one line for a result; returns false if it is beyond its bound.
bool reportDifference(size_t index, const Tensor &tensor,
                      const Difference &difference, double bound) {
  llvm::outs() << "result " << index << ": " << tensor.getTypeName() << " ";
  if (difference.isBitEqual) {
    llvm::outs() << "bit-equal\n";
    return true;
  }
  if (!difference.isComparable) {
    llvm::outs() << "has another type than the reference's\n";
    return false;
  }
  bool isWithin = difference.maximum <= bound;
  llvm::outs() << "max |delta| " << llvm::format("%.3g", difference.maximum)
               << (isWithin ? " within" : " over") << " the bound "
               << llvm::format("%.3g", bound) << "\n";
  return isWithin;
}

/// Whether both functions take the same arguments; else the results say
/// nothing. Returns an exit code.
int checkArguments(func::FuncOp function, func::FuncOp reference) {
  std::string own = describeArguments(function, tokens);
  std::string expected = describeArguments(reference, tokens);
  if (own == expected)
    return 0;
  return failWith(kMalformed, inputFile + ": arguments: " + own +
                                  ", expected " + expected + " as in " +
                                  compareWith);
}

/// Compares `input` with the module of --compare-with.
int compare(MLIRContext &context, const Input &input, ModuleFile file) {
  Input reference;
  if (int code = parse(context, std::move(file), reference))
    return code;
  if (int code = findFunction(compareWith, reference))
    return code;
  if (int code = checkArguments(input.function, reference.function))
    return code;
  WeightCache cache;
  Interpretation mine, theirs, exact;
  if (int code = run(compareWith, reference, arithmetic, cache, theirs))
    return code;
  if (int code = run(inputFile, input, arithmetic, cache, mine))
    return code;
  if (int code = run(compareWith, reference, Arithmetic::f64, cache, exact))
    return code;
  if (mine.results.size() != theirs.results.size())
    return failWith(kCheckFailed,
                    inputFile +
                        ": results: " + llvm::Twine(mine.results.size()) +
                        ", expected " + llvm::Twine(theirs.results.size()));
  double roundoff = getCoarsestUnitRoundoff(reference.function);
  bool isOk = true;
  for (auto [i, tensor] : llvm::enumerate(mine.results)) {
    double bound =
        arithmetic == Arithmetic::f64
            ? getExactBound(exact.results[i])
            : getStatedBound(theirs.results[i], exact.results[i], roundoff);
    isOk &= reportDifference(i, tensor,
                             compareTensors(theirs.results[i], tensor), bound);
  }
  return isOk ? 0 : kCheckFailed;
}

int runTool() {
  if (tokens < 0 || tokens > (1 << 20))
    return failUsage("--tokens: " + llvm::Twine(tokens) +
                     ", expected 0 to 1048576");
  if (!inputs.ids.empty()) {
    if (tokens.getNumOccurrences() > 0)
      return failUsage("--tokens: beside --inputs=ids, expected one of them");
    tokens = static_cast<int64_t>(inputs.ids.size());
  }
  // Empty, as a script gives an unset variable, is not absent.
  for (const cl::opt<std::string> *option : {&compareWith, &output})
    if (option->getNumOccurrences() > 0 && option->getValue().empty())
      return failUsage((option->ArgStr.size() > 1 ? "--" : "-") +
                       option->ArgStr + ": empty, expected a file");
  if (!compareWith.empty() && !output.empty())
    return failUsage("-o: with --compare-with, expected one of them");
  bool isSame = false;
  if (!output.empty() &&
      !llvm::sys::fs::equivalent(inputFile, output, isSame) && isSame)
    return failUsage("-o: " + llvm::Twine(output) +
                     ", expected another file than the input");
  DialectRegistry registry;
  registerDialects(registry);
  // Both files are read before MLIR starts threads.
  ModuleFile file = readModuleFile(inputFile, registry), reference;
  if (int code = check(file))
    return code;
  if (!compareWith.empty())
    reference = readModuleFile(compareWith, registry);
  if (int code = check(reference))
    return code;
  MLIRContext context(registry);
  Input input;
  if (int code = parseInput(context, std::move(file), input))
    return code;
  if (!compareWith.empty())
    return compare(context, input, std::move(reference));
  WeightCache cache;
  Interpretation interpretation;
  if (int code = run(inputFile, input, arithmetic, cache, interpretation))
    return code;
  return report(interpretation);
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::HideUnrelatedOptions(category);
  setVersion("lamina-interpret");
  if (!parseCommandLine(argc, argv, kHelp, kUsage))
    return int(ExitCode::Usage);
  int code = runTool();
  llvm::outs().flush();
  if (llvm::outs().has_error()) {
    llvm::outs().clear_error();
    return failWith(kInputOutput,
                    "standard output: a write failed, expected it to be "
                    "writable");
  }
  return code;
}
