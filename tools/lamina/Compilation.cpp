//===- Compilation.cpp - From a model to one of its stages ----------------===//

#include "Compilation.h"

#include "ChoiceNotes.h"
#include "OutputFiles.h"
#include "lamina/Conversion/MergeVariants.h"
#include "lamina/Conversion/RuntimeSupport.h"
#include "lamina/Conversion/RuntimeTables.h"
#include "lamina/IR/LlamaDistribution.h"
#include "lamina/IR/LlamaOps.h"
#include "lamina/Import/FileIdentity.h"
#include "lamina/Import/ImportLlama.h"
#include "lamina/Import/TokenizerFiles.h"
#include "lamina/Pipelines.h"
#include "lamina/Registration.h"
#include "lamina/Support/OutputFile.h"
#include "lamina/Target/LinkProgram.h"
#include "lamina/Target/ObjectFile.h"
#include "lamina/Tools/ModuleFile.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/SourceMgr.h"

#include <chrono>
#include <filesystem>
#include <set>

using namespace lamina;
using llvm::StringRef;

static uint64_t getMilliseconds() {
  using namespace std::chrono;
  return uint64_t(
      duration_cast<milliseconds>(steady_clock::now().time_since_epoch())
          .count());
}

static mlir::DialectRegistry createRegistry() {
  mlir::DialectRegistry registry;
  registerDialects(registry);
  registerTargetTranslations(registry);
  return registry;
}

/// Prints an error of a pass as those of the driver: `error: <place>: ...`.
static void printDiagnostic(mlir::Diagnostic &diagnostic) {
  if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
    return;
  std::string place;
  if (auto file =
          diagnostic.getLocation()->findInstanceOf<mlir::FileLineColLoc>())
    place = (file.getFilename().getValue() + ":" +
             llvm::Twine(file.getStartLine()) + ": ")
                .str();
  llvm::errs() << "error: " << place << diagnostic << "\n";
  for (mlir::Diagnostic &note : diagnostic.getNotes())
    llvm::errs() << "note: " << note << "\n";
}

Compilation::Compilation(CompileRequest request)
    : request(std::move(request)),
      context(createRegistry(), mlir::MLIRContext::Threading::DISABLED),
      startTime(getMilliseconds()) {
  context.loadAllAvailableDialects();
  context.getDiagEngine().registerHandler(printDiagnostic);
  if (this->request.shardResidual)
    noteChoices(context);
}

Compilation::~Compilation() = default;

/// Says on standard error what has been done, if the user wants to know.
void Compilation::note(StringRef what) {
  if (request.verbose)
    llvm::errs() << "lamina: " << getMilliseconds() - startTime
                 << " ms: " << escaped({what.data(), what.size()}) << "\n";
}

int Compilation::start() { return request.from ? readStage() : importModel(); }

int Compilation::readStage() {
  ModuleFile file = readModuleFile(request.input, createRegistry());
  if (!file.buffer) {
    llvm::errs() << file.messages;
    return int(file.code);
  }
  if (request.from == Stage::Llvm)
    if (int code =
            checkBackEnd(file.buffer->getMemBufferRef(), createRegistry()))
      return code;
  llvm::SourceMgr manager;
  manager.AddNewSourceBuffer(std::move(file.buffer), llvm::SMLoc());
  mlir::SourceMgrDiagnosticHandler handler(manager, &context, llvm::errs());
  module = mlir::parseSourceFile<mlir::ModuleOp>(manager, &context);
  if (!module)
    return int(ExitCode::Malformed);
  reached = *request.from;
  note("read the stage " + getName(reached).str());
  if (int code = checkRanks())
    return code;
  return request.modelFolder.empty() ? 0 : describeFiles();
}

/// Checks that the module, if it was split already, has the ranks of --tp.
int Compilation::checkRanks() {
  if (reached == Stage::Import || !request.choosesRanks)
    return 0;
  std::vector<int64_t> has;
  if (auto variants = (*module)->getAttrOfType<mlir::ArrayAttr>(kVariantsAttr))
    for (mlir::Attribute variant : variants) {
      auto entry = llvm::dyn_cast<mlir::DictionaryAttr>(variant);
      auto ranks =
          entry ? entry.getAs<mlir::IntegerAttr>("ranks") : mlir::IntegerAttr();
      if (ranks)
        has.push_back(ranks.getInt());
    }
  else
    has.push_back(getRanks(*module).value_or(1));
  if (has == request.ranks)
    return 0;
  std::string list = llvm::join(
      llvm::map_range(has, [](int64_t ranks) { return std::to_string(ranks); }),
      ",");
  return fail(ExitCode::Usage, "--tp: other ranks than those of " +
                                   request.input + ", which is of the stage " +
                                   getName(reached).str() + ", expected " +
                                   list);
}

/// Positions of a program whose module says nothing of a model.
static constexpr int64_t kDefaultContext = 2048;

/// Puts on the module what is known of a model of which there are only files.
int Compilation::describeFiles() {
  InputErrors errors;
  ProgramInfo info;
  llvm::SmallString<256> folder(request.modelFolder);
  if (std::error_code code = llvm::sys::fs::make_absolute(folder))
    return fail(ExitCode::InputOutput,
                request.modelFolder + ": " + code.message());
  info.modelPath = folder.str().str();
  info.maxContext = request.maxContext ? request.maxContext : kDefaultContext;
  std::set<std::string> names;
  for (WeightOp weight : module->getOps<WeightOp>())
    if (std::optional<PlacementAttr> placement = weight.getPlacement())
      for (mlir::Attribute name : placement->getFiles())
        names.insert(llvm::cast<mlir::StringAttr>(name).str());
  for (const std::string &name : names) {
    CheckpointFile file{info.modelPath + "/" + name, 0, 0};
    if (std::error_code code = llvm::sys::fs::file_size(file.path, file.size))
      return fail(ExitCode::InputOutput, file.path + ": " + code.message());
    auto identity = computeFileIdentity(file, request.hashWeights, errors);
    if (!identity)
      return fail(errors);
    info.files.push_back({name, file.size, 0, identity->headerHash,
                          identity->sampleHash, identity->fullHash});
  }
  setProgramInfo(*module, info);
  return 0;
}

static bool hasInt8Products(mlir::ModuleOp module) {
  return module
      ->walk([](LinearOp op) {
        return op.getInt8() ? mlir::WalkResult::interrupt()
                            : mlir::WalkResult::advance();
      })
      .wasInterrupted();
}

int Compilation::importModel() {
  InputErrors errors;
  model = openModel(request.input, errors);
  if (!model)
    return fail(errors);
  for (const std::string &warning : model->warnings)
    llvm::errs() << "warning: " << escaped(warning) << "\n";
  if (request.maxContext > model->config.maxPositions)
    return fail(ExitCode::Usage,
                "--max-context: " + std::to_string(request.maxContext) +
                    ", expected at most " +
                    std::to_string(model->config.maxPositions) +
                    ", which the model was made for");
  types = chooseTypes(request, *model);
  LlamaImportOptions options;
  options.activations = getStorageType(&context, types.residual);
  options.int8 = types.activations == "int8";
  options.productInputs = getStorageType(
      &context, options.int8 ? types.residual : types.activations);
  options.cache = getStorageType(&context, types.cache);
  options.taps = request.taps;
  module = importLlamaModel(&context, *model, options);
  if (mlir::failed(mlir::verify(*module)))
    return fail(ExitCode::InternalError,
                "the imported module is not valid, which is a bug of lamina");
  if (options.int8 && !hasInt8Products(*module))
    return fail(ExitCode::Usage,
                "--activations: \"int8\", expected f32 or bf16 for a model "
                "without quantised matrices");
  note("imported " + request.input);
  return addProgramInfo();
}

/// Reads the tokenizer of the model as bytes; a model without one gives none.
std::optional<std::string>
Compilation::readTokenizer(InputErrors &errors) const {
  if (!model->gguf) {
    llvm::SmallString<256> file(model->folder);
    llvm::sys::path::append(file, "tokenizer.json");
    if (!llvm::sys::fs::exists(file))
      return std::string();
  } else if (!model->gguf->find("tokenizer.ggml.model")) {
    return std::string();
  }
  std::optional<TokenizerModel> tokenizer =
      model->gguf ? readGgufTokenizer(*model->gguf, errors)
                  : readTokenizerDirectory(model->folder, errors);
  if (!tokenizer)
    return std::nullopt;
  if (int64_t(tokenizer->tokens.size()) > model->config.vocabSize) {
    errors.report({ExitCode::Malformed, request.input, "", "tokenizer",
                   std::to_string(tokenizer->tokens.size()) + " tokens",
                   "at most the " + std::to_string(model->config.vocabSize) +
                       " rows of the embedding table",
                   ""});
    return std::nullopt;
  }
  return serialize(*tokenizer);
}

/// Puts on the module what a program knows beside its graph.
int Compilation::addProgramInfo() {
  InputErrors errors;
  ProgramInfo info;
  llvm::SmallString<256> folder(model->folder);
  if (std::error_code code = llvm::sys::fs::make_absolute(folder))
    return fail(ExitCode::InputOutput, model->folder + ": " + code.message());
  llvm::sys::path::remove_dots(folder, /*remove_dot_dot=*/false);
  info.modelPath = folder.str().str();
  for (size_t i = 0; i < model->checkpoint.files.size(); ++i) {
    const CheckpointFile &file = model->checkpoint.files[i];
    std::optional<FileIdentity> identity =
        computeFileIdentity(file, request.hashWeights, errors);
    if (!identity)
      return fail(errors);
    info.files.push_back({model->getFileName(unsigned(i)), file.size,
                          file.headerBytes, identity->headerHash,
                          identity->sampleHash, identity->fullHash});
  }
  std::optional<std::string> tokenizer = readTokenizer(errors);
  if (!tokenizer)
    return fail(errors);
  info.maxContext =
      request.maxContext ? request.maxContext : model->config.maxPositions;
  info.json = describeProgram(*model, types, request, info.maxContext,
                              !tokenizer->empty());
  info.tokenizer = std::move(*tokenizer);
  setProgramInfo(*module, info);
  note("read tokenizer and identity");
  return 0;
}

//===----------------------------------------------------------------------===//
// Stages
//===----------------------------------------------------------------------===//

/// Adds the passes that make `stage` of the stage before it.
static void addStage(mlir::PassManager &manager, Stage stage,
                     const StageOptions &options, const FusingOptions &fusing) {
  switch (stage) {
  case Stage::Sharded:
    return buildShardedPipeline(manager, options);
  case Stage::Fused:
    return buildFusingPipeline(manager, fusing);
  case Stage::Planned:
    return buildPlannedPipeline(manager);
  case Stage::Runtime:
    return buildRuntimePipeline(manager);
  case Stage::Llvm:
    return buildLLVMPipeline(manager);
  case Stage::Import:
  case Stage::Object:
  case Stage::Program:
    return;
  }
}

/// The exit code of a failure to make `stage`. A module that was imported here
/// is right; one that was read may be wrong.
ExitCode Compilation::getFailureCode(Stage stage) const {
  if (stage == Stage::Sharded)
    return ExitCode::Unsupported; // a plan that cannot be
  return request.from ? ExitCode::Malformed : ExitCode::InternalError;
}

/// Records how the model's folder is reached from the program's, so that both
/// can be moved together.
void Compilation::setRelativeModelPath() {
  namespace fs = std::filesystem;
  auto folder = (*module)->getAttrOfType<mlir::StringAttr>(kModelPathAttr);
  if (!folder || request.output.empty() || request.output == "-")
    return;
  std::error_code code;
  fs::path from = fs::absolute(request.output, code).parent_path();
  fs::path relative = fs::path(folder.str()).lexically_relative(from);
  if (!code && !relative.empty())
    (*module)->setAttr(kRelativeModelPathAttr,
                       mlir::StringAttr::get(&context, relative.string()));
}

/// Takes `target` from `reached` to `stage` for one number of ranks.
int Compilation::runStages(mlir::ModuleOp target, Stage stage, int64_t ranks) {
  StageOptions options;
  options.ranks = RankCount{ranks};
  for (int number = int(reached) + 1; number <= int(stage); ++number) {
    auto next = Stage(number);
    if (next == Stage::Planned && mlir::failed(checkRuntimeSupport(target)))
      return int(ExitCode::Unsupported);
    mlir::PassManager manager(&context);
    addStage(manager, next, options, {request.fuse, request.shardResidual});
    if (mlir::failed(manager.run(target)))
      return int(getFailureCode(next));
    note("reached the stage " + getName(next).str());
  }
  return 0;
}

/// Goes on to the stage `runtime`, in which all numbers of ranks are one
/// module.
int Compilation::joinVariants() {
  std::vector<mlir::OwningOpRef<mlir::ModuleOp>> others;
  for (int64_t ranks : llvm::drop_begin(request.ranks)) {
    others.push_back(module->clone());
    if (int code = runStages(*others.back(), Stage::Runtime, ranks))
      return code;
  }
  if (int code = runStages(*module, Stage::Runtime, request.ranks.front()))
    return code;
  reached = Stage::Runtime;
  for (mlir::OwningOpRef<mlir::ModuleOp> &other : others)
    if (mlir::failed(mergeVariants(*module, *other)))
      return int(ExitCode::InternalError);
  return 0;
}

int Compilation::advance(Stage stage) {
  if (request.ranks.size() > 1) {
    if (stage < Stage::Runtime || reached != Stage::Import)
      return fail(ExitCode::Usage,
                  "--tp: several numbers of ranks, expected one " +
                      (stage < Stage::Runtime
                           ? "in the stage " + getName(stage).str()
                           : "with --from=" + getName(reached).str()));
    if (int code = joinVariants())
      return code;
  }
  if (reached < Stage::Llvm && stage >= Stage::Llvm) {
    setRelativeModelPath();
    if (request.packWeights)
      (*module)->setAttr(
          kPackedWeightsAttr,
          mlir::StringAttr::get(&context,
                                llvm::sys::path::filename(request.output) +
                                    kPackedSuffix));
  }
  if (int code = runStages(*module, stage, request.ranks.front()))
    return code;
  reached = std::max(reached, stage);
  return 0;
}

std::vector<std::string> Compilation::listInputs() const {
  std::vector<std::string> inputs{request.input};
  auto add = [&](const std::string &folder, const std::string &name) {
    llvm::SmallString<256> path(folder);
    llvm::sys::path::append(path, name);
    inputs.push_back(path.str().str());
  };
  if (!model) {
    mlir::FailureOr<ProgramInfo> info = getProgramInfo(*module);
    if (mlir::succeeded(info))
      for (const ProgramFile &file : info->files)
        add(info->modelPath, file.name);
    return inputs;
  }
  for (const CheckpointFile &file : model->checkpoint.files)
    inputs.push_back(file.path);
  for (const char *name : kSmallModelFiles)
    add(model->folder, name);
  return inputs;
}

int Compilation::writeText(const std::string &output, bool debugInfo) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  mlir::OpPrintingFlags flags;
  flags.enableDebugInfo(debugInfo);
  module->print(stream, flags);
  stream << "\n";
  InputErrors errors;
  UnfinishedOutput unfinished(output);
  return writeOutput(output, text, errors) ? 0 : fail(errors);
}

/// The object file of the module, which is of the stage `llvm`.
static std::optional<llvm::SmallString<0>> makeObject(mlir::ModuleOp module) {
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (mlir::failed(emitObject(module, TargetOptions(), stream)))
    return std::nullopt;
  return bytes;
}

int Compilation::writeObject(const std::string &output) {
  std::optional<llvm::SmallString<0>> bytes = makeObject(*module);
  if (!bytes)
    return int(ExitCode::InternalError);
  InputErrors errors;
  UnfinishedOutput unfinished(output);
  return writeOutput(output, {bytes->data(), bytes->size()}, errors)
             ? 0
             : fail(errors);
}

int Compilation::writeProgram(const std::string &output) {
  int code = request.packWeights ? writePackedProgram(output) : linkTo(output);
  if (code == 0)
    note("linked " + output);
  return code;
}

int Compilation::linkTo(const std::string &output) {
  InputErrors errors;
  std::optional<std::vector<std::string>> archives =
      findRuntimeArchives(getExecutablePath(), errors);
  if (!archives)
    return fail(errors);
  std::optional<llvm::SmallString<0>> bytes = makeObject(*module);
  if (!bytes)
    return int(ExitCode::InternalError);
  note("made the object");
  // The linker reads files.
  TemporaryFile object("o");
  if (object.get().empty())
    return int(ExitCode::InputOutput);
  UnfinishedOutput unfinishedObject(object.get()), unfinished(output);
  if (!writeOutput(object.get(), {bytes->data(), bytes->size()}, errors))
    return fail(errors);
  LinkOptions options;
  options.archives = std::move(*archives);
  if (!linkProgram(object.get(), options, output, errors))
    return fail(errors);
  return 0;
}

std::string lamina::getExecutablePath() {
  llvm::SmallString<256> path;
  if (llvm::sys::fs::real_path("/proc/self/exe", path))
    return "lamina";
  return path.str().str();
}
