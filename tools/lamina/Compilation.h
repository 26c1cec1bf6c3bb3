//===- Compilation.h - From a model to one of its stages --------*- C++ -*-===//

#ifndef LAMINA_TOOLS_LAMINA_COMPILATION_H
#define LAMINA_TOOLS_LAMINA_COMPILATION_H

#include "Options.h"
#include "lamina/Conversion/ProgramInfo.h"
#include "lamina/Import/Model.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/Support/MemoryBufferRef.h"

namespace lamina {

/// What a compilation can stop behind, and start from.
enum class Stage {
  Import,
  Sharded,
  Fused,
  Planned,
  Runtime,
  Llvm,
  Object,
  Program,
};

/// The stage called `name`, or nothing.
std::optional<Stage> findStage(llvm::StringRef name);
llvm::StringRef getName(Stage stage);

/// What the user wants of a compilation.
struct CompileRequest {
  /// A model, or with `from` a file with IR of that stage.
  std::string input;
  std::optional<Stage> from;
  /// With `from`: the folder of the files that placements name; empty: as the
  /// module says.
  std::string modelFolder;
  /// Types by name; empty for the default.
  std::string activations, residual, cache;
  /// Numbers of ranks, ascending; a program has code for each.
  std::vector<int64_t> ranks{1};
  /// The user said how many.
  bool choosesRanks = false;
  /// 0: all that the model was made for.
  int64_t maxContext = 0;
  bool taps = false;
  /// Norms are hoisted and fused.
  bool fuse = true;
  /// The residual is kept in rows of the ranks.
  bool shardResidual = false;
  bool hashWeights = false;
  /// The program reads a packed file beside it, not the model's files.
  bool packWeights = false;
  bool verbose = false;
  /// Where the program will lie; it finds its model from there. Empty: unknown.
  std::string output;

  /// Reads the options that all compiling commands share. Prints what is wrong
  /// with them and returns nothing.
  static std::optional<CompileRequest> create(const CommandLine &line);
};

/// The types a model is compiled with.
struct NumericTypes {
  /// f32, bf16 or int8. With int8 values have the type of the residual, and
  /// products with block-quantised weights round them.
  std::string activations;
  std::string residual;
  std::string cache;
};

/// Chooses what the request leaves open.
NumericTypes chooseTypes(const CompileRequest &request, const Model &model);
/// One compilation: owns the context, the model and the module.
class Compilation {
public:
  explicit Compilation(CompileRequest request);
  ~Compilation();

  /// Imports the model, or reads the IR of `request.from`. Prints what is wrong
  /// and returns the exit code; 0 for success.
  int start();

  /// Goes on to `stage`, at most `Llvm`. Prints what is wrong and returns the
  /// exit code.
  int advance(Stage stage);

  /// Writes the stage that was reached to `output`; `Object` and `Program` are
  /// made of `Llvm`. With `packWeights` the program comes with its file. Prints
  /// what is wrong and returns the exit code.
  int writeText(const std::string &output, bool debugInfo);
  int writeObject(const std::string &output);
  int writeProgram(const std::string &output);

  /// The files that have been read: those of the model, or the IR and the
  /// checkpoint that it names.
  std::vector<std::string> listInputs() const;

  mlir::ModuleOp getModule() const { return module.get(); }
  /// The model; null when IR was read.
  const Model *getModel() const { return model ? &*model : nullptr; }
  const NumericTypes &getTypes() const { return types; }

private:
  int importModel();
  int readStage();
  int addProgramInfo();
  int checkRanks();
  int describeFiles();
  ExitCode getFailureCode(Stage stage) const;
  void setRelativeModelPath();
  int runStages(mlir::ModuleOp target, Stage stage, int64_t ranks);
  int joinVariants();
  int linkTo(const std::string &output);
  int writePackedProgram(const std::string &output);
  std::optional<std::string> readTokenizer(InputErrors &errors) const;
  void note(llvm::StringRef what);

  CompileRequest request;
  mlir::MLIRContext context;
  std::optional<Model> model;
  NumericTypes types;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  Stage reached = Stage::Import;
  uint64_t startTime;
};

/// A program's name and this: the file with its packed weights.
inline constexpr llvm::StringLiteral kPackedSuffix = ".weights";

/// Files of a folder that a program depends on, beside the checkpoint.
inline constexpr const char *kSmallModelFiles[] = {
    "config.json", "generation_config.json", "tokenizer.json",
    "tokenizer_config.json", "chat_template.jinja"};

/// Checks `file`, a module of the stage `llvm`, in a child process that makes
/// an object of it. Returns 0, or the exit code of what it has reported.
int checkBackEnd(llvm::MemoryBufferRef file,
                 const mlir::DialectRegistry &registry);

/// The file of this process.
std::string getExecutablePath();

/// How a program is made, and of what: one JSON object in one line, the same
/// for the same inputs.
std::string describeProgram(const Model &model, const NumericTypes &types,
                            const CompileRequest &request, int64_t maxContext,
                            bool hasTokenizer);

} // namespace lamina

#endif // LAMINA_TOOLS_LAMINA_COMPILATION_H
