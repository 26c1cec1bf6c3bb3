//===- lamina-emit-program.cpp - The back end, for the tests --------------===//
//
// Reads a module of the stage `llvm` and writes LLVM IR, an object file or a
// program: the API of lamina/Target, one call a flag.
//
//===----------------------------------------------------------------------===//

#include "lamina/Registration.h"
#include "lamina/Support/OutputFile.h"
#include "lamina/Target/LinkProgram.h"
#include "lamina/Target/ObjectFile.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"

#include <unistd.h>

using namespace lamina;
namespace cl = llvm::cl;

namespace {

cl::opt<std::string> input(cl::Positional, cl::init("-"));
cl::opt<std::string> output("o", cl::init("-"));
cl::opt<bool> writeIR("llvm-ir", cl::desc("Write LLVM IR"));
cl::opt<bool> linksProgram("link", cl::desc("Link a program"));
cl::opt<std::string> triple("triple");
cl::opt<std::string> cpu("cpu");
cl::opt<std::string> libcFolder("libc-folder");
cl::opt<std::string> compilerFolder("compiler-folder");
cl::list<std::string> archives("archive",
                               cl::desc("Instead of the runtime's archives"));

int fail(const InputErrors &errors) {
  llvm::errs() << errors.toString();
  return int(errors.exitCode());
}

int linkObject(const std::string &object, const char *tool) {
  InputErrors errors;
  LinkOptions options;
  options.libcFolder = libcFolder;
  options.compilerFolder = compilerFolder;
  options.archives = archives;
  if (archives.empty()) {
    auto found = findRuntimeArchives(tool, errors);
    if (!found)
      return fail(errors);
    options.archives = *found;
  }
  std::string path = output + ".o." + std::to_string(::getpid());
  bool done = writeOutput(path, object, errors) &&
              linkProgram(path, options, output, errors);
  ::unlink(path.c_str());
  return done ? 0 : fail(errors);
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv);
  mlir::DialectRegistry registry;
  registerDialects(registry);
  registerTargetTranslations(registry);
  mlir::MLIRContext context(registry);
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(input, &context);
  if (!module)
    return int(ExitCode::Malformed);
  TargetOptions options{triple, cpu};
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (failed(writeIR ? emitLLVMIR(*module, options, stream)
                     : emitObject(*module, options, stream)))
    return int(ExitCode::Unsupported);
  if (linksProgram)
    return linkObject(bytes.str().str(), argv[0]);
  InputErrors errors;
  return writeOutput(output, bytes.str().str(), errors) ? 0 : fail(errors);
}
