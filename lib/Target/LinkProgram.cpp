//===- LinkProgram.cpp - From an object file to a program -----------------===//

#include "lamina/Target/LinkProgram.h"

#include "HostToolchain.h"
#include "lld/Common/Driver.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <iterator>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

using namespace lamina;

/// The libraries of the runtime, by the names that the build gives them.
static constexpr llvm::StringLiteral kRuntimeArchives[] = {
    "libLaminaProgramMain.a", "libLaminaProgram.a", "libLaminaRuntimeCore.a",
    "libLaminaCpuKernels.a",  "libLaminaChat.a",    "libLaminaTokenizer.a",
    "libLaminaSupport.a"};

std::optional<std::vector<std::string>>
lamina::findRuntimeArchives(const std::string &toolPath, InputErrors &errors) {
  llvm::SmallString<256> tool;
  if (llvm::sys::fs::real_path(toolPath, tool))
    tool = toolPath;
  llvm::StringRef prefix =
      llvm::sys::path::parent_path(llvm::sys::path::parent_path(tool));
  std::vector<std::string> archives;
  for (llvm::StringRef name : kRuntimeArchives) {
    llvm::SmallString<256> archive(prefix);
    llvm::sys::path::append(archive, "lib", "lamina", name);
    if (!llvm::sys::fs::exists(archive)) {
      errors.report({ExitCode::InputOutput, archive.str().str(), "", "file",
                     "missing", "a library of the runtime",
                     "build or install Lamina's runtime"});
      return std::nullopt;
    }
    archives.push_back(archive.str().str());
  }
  return archives;
}

/// Returns the linker's command line.
static std::vector<std::string> makeArguments(const std::string &objectPath,
                                              const LinkOptions &options,
                                              const HostToolchain &host,
                                              const std::string &outputPath) {
  std::vector<std::string> arguments = {"ld.lld",
                                        "-m",
                                        "elf_x86_64",
                                        "-pie",
                                        "-dynamic-linker",
                                        "/lib64/ld-linux-x86-64.so.2",
                                        "--eh-frame-hdr",
                                        "--hash-style=gnu",
                                        "--build-id=sha1",
                                        "--strip-debug",
                                        "--fatal-warnings",
                                        "-z",
                                        "relro",
                                        "-z",
                                        "now",
                                        "-o",
                                        outputPath,
                                        host.libcFolder + "/Scrt1.o",
                                        host.libcFolder + "/crti.o",
                                        host.compilerFolder + "/crtbeginS.o",
                                        objectPath,
                                        "--start-group"};
  arguments.insert(arguments.end(), options.archives.begin(),
                   options.archives.end());
  for (std::string tail : std::initializer_list<std::string>{
           "--end-group", "-L" + host.compilerFolder, "-L" + host.libcFolder,
           "-l:libstdc++.a", "-lm", "--start-group", "-l:libgcc.a",
           "-l:libgcc_eh.a", "-lc", "--end-group",
           host.compilerFolder + "/crtendS.o", host.libcFolder + "/crtn.o"})
    arguments.push_back(tail);
  return arguments;
}

/// Writes what is cached of the file to the disk. Returns 0 or an errno.
static int syncFile(const std::string &path) {
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    return errno;
  int failure = ::fsync(descriptor) != 0 ? errno : 0;
  ::close(descriptor);
  return failure;
}

namespace {

/// While this is, signals that end the process wait. The linker makes a file
/// with a name of its own first, and then says that a signal is to remove it:
/// one in between would leave it behind.
class DelayedSignals {
public:
  DelayedSignals() {
    struct sigaction action = {};
    action.sa_handler = [](int signal) { received = signal; };
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < std::size(kSignals); ++i) {
      sigaction(kSignals[i], nullptr, &before[i]);
      // nohup and shells have some signals ignored, and mean it.
      if (before[i].sa_handler != SIG_IGN)
        sigaction(kSignals[i], &action, nullptr);
    }
  }
  ~DelayedSignals() {
    for (size_t i = 0; i < std::size(kSignals); ++i)
      sigaction(kSignals[i], &before[i], nullptr);
    if (received)
      ::raise(received);
  }
  DelayedSignals(const DelayedSignals &) = delete;
  DelayedSignals &operator=(const DelayedSignals &) = delete;

private:
  static constexpr int kSignals[] = {SIGHUP, SIGINT, SIGTERM};
  static volatile sig_atomic_t received;
  struct sigaction before[std::size(kSignals)] = {};
};

volatile sig_atomic_t DelayedSignals::received = 0;

} // namespace

/// Runs the linker in this process. Returns false and its messages on failure.
static bool runLinker(const std::vector<std::string> &arguments,
                      std::string &messages) {
  std::vector<const char *> pointers;
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  llvm::raw_string_ostream stream(messages);
  DelayedSignals delayed;
  lld::Result result =
      lld::lldMain(pointers, stream, stream, {{lld::Gnu, &lld::elf::link}});
  return result.retCode == 0;
}

/// Returns the first line of the linker's messages that says what is wrong.
static std::string findMessage(llvm::StringRef messages) {
  llvm::StringRef found = messages.split('\n').first;
  while (!messages.empty()) {
    auto [line, rest] = messages.split('\n');
    if (line.contains("error: ")) {
      found = line.split("error: ").second;
      break;
    }
    messages = rest;
  }
  return found.str();
}

bool lamina::linkProgram(const std::string &objectPath,
                         const LinkOptions &options, const std::string &output,
                         InputErrors &errors) {
  // The linker sets all options of llvm::cl back, which may hold `output`.
  const std::string outputPath = output;
  std::optional<HostToolchain> host = findHostToolchain(options, errors);
  if (!host)
    return false;
  // Renaming would replace a device or a pipe, and fails on a folder.
  if (llvm::sys::fs::exists(outputPath) &&
      !llvm::sys::fs::is_regular_file(outputPath)) {
    errors.report(
        {ExitCode::InputOutput, outputPath, "", "output",
         llvm::sys::fs::is_directory(outputPath) ? "a folder" : "a device",
         "a file", ""});
    return false;
  }
  // Past RLIMIT_FSIZE a write fails with EFBIG instead of ending the process.
  ::signal(SIGXFSZ, SIG_IGN);
  std::string temporary = outputPath + ".tmp." + std::to_string(::getpid());
  std::string messages;
  if (!runLinker(makeArguments(objectPath, options, *host, temporary),
                 messages)) {
    ::unlink(temporary.c_str());
    // The linker says so of a folder that cannot be written, or a full disk.
    bool isOutput =
        messages.find("cannot open output file") != std::string::npos ||
        messages.find("failed to open " + temporary) != std::string::npos ||
        messages.find("failed to write") != std::string::npos;
    errors.report({isOutput ? ExitCode::InputOutput : ExitCode::InternalError,
                   outputPath, "", "link", findMessage(messages),
                   isOutput ? "a writable file" : "", ""});
    return false;
  }
  int failure = syncFile(temporary);
  if (failure == 0 && std::rename(temporary.c_str(), outputPath.c_str()) != 0)
    failure = errno;
  if (failure == 0)
    return true;
  ::unlink(temporary.c_str());
  errors.report({ExitCode::InputOutput, outputPath, "", "output",
                 std::strerror(failure), "a writable file", ""});
  return false;
}
