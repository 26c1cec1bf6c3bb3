//===- DamagedBytecodeTest.cpp - Bytecode cut short or with a bit flipped -===//
//
// Every prefix and every single-bit flip of a file that has every op and
// attribute is read, verified and printed, or refused with an error. Files are
// read in child processes, so that a crash is found and names the damage.
//
//===----------------------------------------------------------------------===//

#include "lamina/IR/LlamaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;

namespace {

/// What the child that reads tells the parent, in shared memory.
struct Progress {
  size_t next = 0;     // the file that is being read
  size_t refused = 0;  // with an error
  size_t silent = 0;   // refused without an error
  size_t accepted = 0; // read, verified and printed
};

/// Returns file number `i`, as a copy with some damage.
using MakeFile = std::function<std::string(size_t i)>;

std::string readSeed() {
  auto buffer = llvm::MemoryBuffer::getFile(LAMINA_BYTECODE_FILE);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

/// Reads the files from `progress.next` to `count`, in the child.
void readFiles(const MakeFile &makeFile, size_t count, Progress &progress) {
  // Damage may ask for any amount of memory or time; both end as a crash.
  rlimit memory{rlim_t(8) << 30, rlim_t(8) << 30};
  rlimit seconds{60, 60};
  if (!LAMINA_HAS_SANITIZERS)
    setrlimit(RLIMIT_AS, &memory);
  setrlimit(RLIMIT_CPU, &seconds);
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<lamina::LlamaDialect, func::FuncDialect,
                      arith::ArithDialect>();
  size_t errors = 0;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
    return success();
  });
  for (; progress.next < count; ++progress.next) {
    errors = 0;
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(
        makeFile(progress.next), ParserConfig(&context));
    if (module) {
      module->print(llvm::nulls());
      ++progress.accepted;
    } else {
      ++progress.refused;
      progress.silent += errors == 0;
    }
  }
}

/// Reads `count` files; returns the numbers of those whose reader died.
std::vector<size_t> findCrashes(const MakeFile &makeFile, size_t count,
                                Progress &total) {
  void *shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto *progress = new (shared) Progress();
  std::vector<size_t> crashes;
  while (progress->next < count) {
    pid_t child = fork();
    if (child == 0) {
      // The crash is the answer: no core file and no stack trace.
      rlimit none{0, 0};
      setrlimit(RLIMIT_CORE, &none);
      for (int number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGTRAP})
        signal(number, SIG_DFL);
      readFiles(makeFile, count, *progress);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
      break;
    crashes.push_back(progress->next++);
  }
  total = *progress;
  munmap(shared, sizeof(Progress));
  return crashes;
}

TEST(DamagedBytecode, EveryPrefixIsRefused) {
  std::string seed = readSeed();
  ASSERT_GT(seed.size(), 1000u);
  Progress total;
  std::vector<size_t> crashes = findCrashes(
      [&](size_t i) { return seed.substr(0, i); }, seed.size(), total);
  EXPECT_EQ(crashes, std::vector<size_t>()) << "prefixes of so many bytes";
  EXPECT_EQ(total.silent, 0u);
  // An empty file is a module without ops; so is one without the magic number.
  EXPECT_LE(total.accepted, 1u);
}

TEST(DamagedBytecode, EveryBitFlipIsReadOrRefused) {
  std::string seed = readSeed();
  ASSERT_GT(seed.size(), 1000u);
  Progress total;
  std::vector<size_t> crashes = findCrashes(
      [&](size_t i) {
        std::string file = seed;
        file[i / 8] ^= char(1 << i % 8);
        return file;
      },
      8 * seed.size(), total);
  for (size_t i : crashes)
    ADD_FAILURE() << "byte " << i / 8 << " bit " << i % 8;
  EXPECT_EQ(total.silent, 0u);
  EXPECT_GT(total.refused, 8 * seed.size() / 2);
  EXPECT_GT(total.accepted, 0u);
}

} // namespace
