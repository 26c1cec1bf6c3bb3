//===- DamagedBytecodeTest.cpp - Bytecode cut short or with a bit flipped -===//
//
// Every prefix and every single-bit flip of a file that has every op and
// attribute is refused with an error, or read, verified and printed. Files are
// read in child processes, so that a crash is found and names the damage.
//
// MLIR 22's reader itself dies on, or never ends with, about one flip in 400:
// it trusts the counts of its attribute and type sections (writes behind its
// tables), follows attributes that refer to themselves, and reserves any number
// of operands. Those are counted apart: a crash after the reader is ours.
//
//===----------------------------------------------------------------------===//

#include "lamina/IR/LlamaOps.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <functional>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace mlir;

namespace {

/// Files of one child process, until one of them is found to crash.
constexpr size_t kBatch = 128;

/// Processor time in which a file of 2 KB is read, in seconds.
constexpr int kSeconds = 1;

/// What a child tells the parent, in shared memory.
struct Progress {
  size_t file = 0;     // the file that is being read
  bool isRead = false; // the reader has returned a module of it
  size_t refused = 0;  // files refused with an error
  size_t silent = 0;   // files refused without an error
  size_t accepted = 0; // files read, verified and printed
};

struct Outcome {
  size_t refused = 0, silent = 0, accepted = 0;
  std::vector<size_t> readerCrashes; // in MLIR's reader
  std::vector<size_t> crashes;       // in our verifiers and printers
};

/// Returns file number `i`, a copy with some damage.
using MakeFile = std::function<std::string(size_t i)>;

std::string readSeed() {
  auto buffer = llvm::MemoryBuffer::getFile(LAMINA_BYTECODE_FILE);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

/// Starts the clock of one file; the process dies when it has run out.
void limitTime() {
  itimerval limit{{0, 0}, {kSeconds, 0}};
  setitimer(ITIMER_VIRTUAL, &limit, nullptr);
}

/// Reads the files [begin, end), in the child.
void readFiles(const MakeFile &makeFile, size_t begin, size_t end,
               Progress &progress) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<lamina::LlamaDialect, func::FuncDialect,
                      arith::ArithDialect>();
  size_t errors = 0;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    errors += diagnostic.getSeverity() == DiagnosticSeverity::Error;
    return success();
  });
  ParserConfig config(&context, /*verifyAfterParse=*/false);
  for (size_t i = begin; i < end; ++i) {
    limitTime();
    errors = 0;
    progress.file = i;
    progress.isRead = false;
    OwningOpRef<ModuleOp> module =
        parseSourceString<ModuleOp>(makeFile(i), config);
    progress.isRead = bool(module);
    if (module && succeeded(verify(*module))) {
      module->print(llvm::nulls());
      ++progress.accepted;
    } else {
      ++(errors > 0 ? progress.refused : progress.silent);
    }
  }
}

/// Reads the files [begin, end) in a child; returns whether it survived.
bool readInChild(const MakeFile &makeFile, size_t begin, size_t end,
                 Progress &progress) {
  progress = Progress();
  pid_t child = fork();
  if (child == 0) {
    // The crash is the answer: no core file, no message, no stack trace.
    rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    (void)!freopen("/dev/null", "w", stderr);
    for (int number : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGTRAP})
      signal(number, SIG_DFL);
    readFiles(makeFile, begin, end, progress);
    _exit(0);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/// Reads `count` files. A batch with a crash is read again, each file in a
/// child of its own, since a damaged heap may be noticed late.
Outcome readDamagedFiles(const MakeFile &makeFile, size_t count) {
  void *shared = mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto *progress = new (shared) Progress();
  Outcome outcome;
  auto add = [&] {
    outcome.refused += progress->refused;
    outcome.silent += progress->silent;
    outcome.accepted += progress->accepted;
  };
  for (size_t begin = 0; begin < count; begin += kBatch) {
    size_t end = std::min(count, begin + kBatch);
    if (readInChild(makeFile, begin, end, *progress)) {
      add();
      continue;
    }
    for (size_t i = begin; i < end; ++i) {
      if (readInChild(makeFile, i, i + 1, *progress))
        add();
      else
        (progress->isRead ? outcome.crashes : outcome.readerCrashes)
            .push_back(i);
    }
  }
  munmap(shared, sizeof(Progress));
  return outcome;
}

TEST(DamagedBytecode, EveryPrefixIsRefused) {
  std::string seed = readSeed();
  ASSERT_GT(seed.size(), 1000u);
  Outcome outcome = readDamagedFiles(
      [&](size_t i) { return seed.substr(0, i); }, seed.size());
  EXPECT_EQ(outcome.crashes, std::vector<size_t>())
      << "prefixes of so many bytes";
  EXPECT_EQ(outcome.readerCrashes, std::vector<size_t>());
  EXPECT_EQ(outcome.silent, 0u);
  EXPECT_EQ(outcome.accepted, 1u) << "only the empty file is a module";
  EXPECT_EQ(outcome.refused, seed.size() - 1);
}

// MLIR checks the encoding of a tensor type in text, but not in bytecode.
TEST(DamagedBytecode, AnEncodingThatDoesNotFitIsRefused) {
  std::string file = readSeed();
  size_t unit = file.find("#llama.columns<unit = 4>");
  ASSERT_NE(unit, std::string::npos);
  file[file.find('4', unit)] = '5';
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<lamina::LlamaDialect, func::FuncDialect>();
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message += diagnostic.str();
    return success();
  });
  EXPECT_FALSE(parseSourceString<ModuleOp>(file, ParserConfig(&context)));
  EXPECT_NE(message.find("needs a positive unit that divides the 32 features, "
                         "got 5"),
            std::string::npos)
      << message;
}

TEST(DamagedBytecode, EveryBitFlipIsReadOrRefused) {
  std::string seed = readSeed();
  ASSERT_GT(seed.size(), 1000u);
  size_t flips = 8 * seed.size();
  Outcome outcome = readDamagedFiles(
      [&](size_t i) {
        std::string file = seed;
        file[i / 8] ^= char(1 << i % 8);
        return file;
      },
      flips);
  for (size_t i : outcome.crashes)
    ADD_FAILURE() << "crash after reading: byte " << i / 8 << " bit " << i % 8;
  EXPECT_EQ(outcome.silent, 0u);
  EXPECT_GT(outcome.refused, flips / 2);
  EXPECT_GT(outcome.accepted, 0u);
  // Which flips these are depends on the heap; more would be something new.
  EXPECT_LT(outcome.readerCrashes.size(), flips / 200);
  RecordProperty("reader_crashes", int(outcome.readerCrashes.size()));
}

} // namespace
