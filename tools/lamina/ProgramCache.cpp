//===- ProgramCache.cpp - Programs that were compiled before --------------===//

#include "ProgramCache.h"

#include "OutputFiles.h"
#include "lamina/Import/FileIdentity.h"
#include "lamina/Target/LinkProgram.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/xxhash.h"

#include <unistd.h>

using namespace lamina;
using llvm::StringRef;

namespace {

/// Collects what a program depends on, and hashes it.
class Fingerprint {
public:
  void add(StringRef text) {
    collected += std::to_string(text.size());
    collected += ':';
    collected += text;
  }
  void add(uint64_t number) { add(StringRef(std::to_string(number))); }

  /// Adds the content of a file; an absent one counts as such.
  void addFile(const std::string &path) {
    auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false,
                                              /*RequiresNullTerminator=*/false);
    add(buffer ? llvm::xxh3_64bits((*buffer)->getBuffer()) : 0);
  }

  std::string finish() const {
    llvm::XXH128_hash_t hash =
        llvm::xxh3_128bits(llvm::arrayRefFromStringRef(collected));
    return llvm::utohexstr(hash.high64, /*LowerCase=*/true, 16) +
           llvm::utohexstr(hash.low64, /*LowerCase=*/true, 16);
  }

private:
  std::string collected;
};

/// The compiler, the runtime and the options.
bool addCompiler(const CompileRequest &request, Fingerprint &fingerprint,
                 InputErrors &errors) {
  std::string compiler = getExecutablePath();
  auto archives = findRuntimeArchives(compiler, errors);
  if (!archives)
    return false;
  fingerprint.addFile(compiler);
  for (const std::string &archive : *archives)
    fingerprint.addFile(archive);
  for (StringRef option :
       {request.activations, request.residual, request.cache})
    fingerprint.add(option);
  for (int64_t ranks : request.ranks)
    fingerprint.add(uint64_t(ranks));
  fingerprint.add(uint64_t(request.maxContext));
  fingerprint.add(uint64_t(request.taps));
  fingerprint.add(uint64_t(request.fuse));
  fingerprint.add(uint64_t(request.shardResidual));
  return true;
}

/// The model: its weight files by their identity, small files by content.
bool addModel(const std::string &path, Fingerprint &fingerprint,
              InputErrors &errors) {
  std::optional<Model> model = openModel(path, errors);
  if (!model)
    return false;
  llvm::SmallString<256> folder(model->folder);
  llvm::sys::fs::make_absolute(folder);
  fingerprint.add(folder);
  for (size_t i = 0; i < model->checkpoint.files.size(); ++i) {
    const CheckpointFile &file = model->checkpoint.files[i];
    auto identity = computeFileIdentity(file, /*hashAll=*/false, errors);
    if (!identity)
      return false;
    fingerprint.add(model->getFileName(unsigned(i)));
    fingerprint.add(file.size);
    fingerprint.add(identity->headerHash);
    fingerprint.add(identity->sampleHash);
  }
  if (model->format == ModelFormat::Gguf)
    return true;
  for (const char *name : kSmallModelFiles)
    fingerprint.addFile(model->folder + "/" + name);
  return true;
}

/// The folder of compiled programs, or nothing if there is no home.
std::optional<llvm::SmallString<256>> findCacheFolder() {
  llvm::SmallString<256> folder;
  if (auto cache = llvm::sys::Process::GetEnv("XDG_CACHE_HOME");
      cache && llvm::sys::path::is_absolute(*cache))
    folder = *cache;
  else if (auto home = llvm::sys::Process::GetEnv("HOME");
           home && !home->empty())
    llvm::sys::path::append(folder, *home, ".cache");
  else
    return std::nullopt;
  llvm::sys::path::append(folder, "lamina");
  return folder;
}

int compileTo(CompileRequest request, const std::string &program) {
  request.output = program;
  Compilation compilation(std::move(request));
  if (int code = compilation.start())
    return code;
  if (int code = compilation.advance(Stage::Llvm))
    return code;
  return compilation.writeProgram(program);
}

/// Compiles to a name of its own, which is removed when this process ends.
int compilePrivately(const CompileRequest &request, std::string &program) {
  static TemporaryFile file("");
  program = file.get();
  return program.empty() ? int(ExitCode::InputOutput)
                         : compileTo(request, program);
}

} // namespace

int lamina::findProgram(const CompileRequest &request, bool &isPrivate,
                        std::string &program) {
  std::optional<llvm::SmallString<256>> folder = findCacheFolder();
  isPrivate |= !folder;
  if (isPrivate)
    return compilePrivately(request, program);
  InputErrors errors;
  Fingerprint fingerprint;
  if (!addModel(request.input, fingerprint, errors) ||
      !addCompiler(request, fingerprint, errors))
    return fail(errors);
  std::string folderName = folder->str().str();
  llvm::sys::path::append(*folder, fingerprint.finish());
  program = folder->str().str();
  if (llvm::sys::fs::can_execute(program))
    return 0;
  std::error_code code = llvm::sys::fs::create_directories(folderName);
  if (!code)
    code = llvm::sys::fs::access(folderName, llvm::sys::fs::AccessMode::Write);
  if (code)
    return fail(ExitCode::InputOutput, folderName + ": " + code.message(),
                "set XDG_CACHE_HOME, or give --no-cache");
  if (isatty(STDERR_FILENO))
    llvm::errs() << "lamina: compiling " << escaped(request.input) << "\n";
  return compileTo(request, program);
}
