//===- lamina-generate-tests.cpp - Random programs against the passes -----===//
//
// Makes random programs and checks on each that the passes keep its meaning and
// do what they say (Checker.h). Exit code 0 if all hold, 8 if one does not.
//
//===----------------------------------------------------------------------===//

#include "Checker.h"
#include "Coverage.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Dialect/Tensor/IR/Tensor.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/InitLLVM.h"
#include "llvm/Support/PrettyStackTrace.h"

#include <atomic>
#include <mutex>
#include <thread>

using namespace mlir;
using namespace lamina;
using namespace lamina::generator;
namespace cl = llvm::cl;

namespace {

/// Programs from which on every category must have occurred.
constexpr uint64_t kCompleteRun = 1500;
/// Failures that are printed.
constexpr int64_t kMaxPrinted = 10;

cl::opt<uint64_t> seed("seed", cl::desc("Seed of the programs"), cl::init(0));
cl::opt<uint64_t> count("count", cl::desc("Number of programs"),
                        cl::init(2000));
cl::opt<uint64_t> first("first", cl::desc("Number of the first program"),
                        cl::init(0));
cl::opt<int64_t> only("only", cl::desc("Check program K alone"), cl::init(-1));
cl::opt<unsigned> jobs("jobs", cl::desc("Threads (default: all cores)"),
                       cl::init(0));
cl::opt<std::string> dump("dump",
                          cl::desc("With --only: write the program to a file"));
cl::opt<uint64_t> maxFailures("max-failures",
                              cl::desc("Stop after so many failures"),
                              cl::init(UINT64_MAX));
cl::opt<bool> verbose("verbose", cl::desc("Print each program's number"));

/// What the threads share.
struct Run {
  std::atomic<uint64_t> next{0};
  std::mutex mutex; // of all below
  Coverage coverage;
  std::map<uint64_t, Failure> failures;
  uint64_t checked = 0;
};

std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  registry.insert<LlamaDialect, func::FuncDialect, arith::ArithDialect,
                  tensor::TensorDialect>();
  auto context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

/// Writes the program of `--only` where `--dump` says.
void dumpProgram(ModuleOp module) {
  std::error_code error;
  llvm::raw_fd_ostream file(dump, error);
  if (error) {
    llvm::errs() << "error: " << dump << ": " << error.message()
                 << ", expected a file to write\n";
    exit(5);
  }
  file << print(module) << '\n';
}

void checkProgram(uint64_t number, Run &run) {
  llvm::PrettyStackTraceFormat trace(
      "repro: lamina-generate-tests --seed=%llu --only=%llu",
      (unsigned long long)seed, (unsigned long long)number);
  std::unique_ptr<MLIRContext> context = makeContext();
  RemarkLog remarks;
  collectRemarks(*context, remarks);
  Random random(seed, number);
  std::optional<Failure> failure;
  std::vector<std::string> categories;
  {
    Program program = random.chance(50)
                          ? makeModel(context.get(), random)
                          : makePartialSums(context.get(), random);
    if (!dump.empty())
      dumpProgram(*program.module);
    failure = Checker(program, remarks).run();
    categories = std::move(program.categories);
  }
  for (const RemarkRecord &remark : remarks)
    categories.push_back(remark.category + ": " + remark.name);
  std::lock_guard<std::mutex> lock(run.mutex);
  ++run.checked;
  if (verbose)
    llvm::outs() << "program " << number << (failure ? ": failed\n" : ": ok\n");
  for (const std::string &category : categories)
    run.coverage.add(category);
  if (failure)
    run.failures[number] = *failure;
  // All programs before this one are done or being checked.
  if (run.failures.size() >= maxFailures)
    run.next = UINT64_MAX / 2;
}

void checkPrograms(uint64_t begin, uint64_t end, Run &run) {
  run.next = begin;
  auto work = [&] {
    for (uint64_t number = run.next++; number < end; number = run.next++)
      checkProgram(number, run);
  };
  unsigned wanted = jobs ? unsigned(jobs) : std::thread::hardware_concurrency();
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < std::min<uint64_t>(wanted, end - begin); ++i)
    threads.emplace_back(work);
  work();
  for (std::thread &thread : threads)
    thread.join();
}

/// One line for each failure, with how to see it again.
void printFailures(const Run &run) {
  int64_t printed = 0;
  for (const auto &[number, failure] : run.failures) {
    if (++printed > kMaxPrinted)
      break;
    llvm::errs() << "error: program " << number << ": " << failure.oracle
                 << ": " << failure.detail
                 << "\nrepro: lamina-generate-tests --seed=" << seed
                 << " --only=" << number << '\n';
  }
}

} // namespace

int main(int argc, char **argv) {
  llvm::InitLLVM init(argc, argv);
  cl::ParseCommandLineOptions(argc, argv,
                              "Random programs against Lamina's passes\n");
  Run run;
  bool isSingle = only >= 0;
  uint64_t begin = isSingle ? uint64_t(only) : uint64_t(first);
  uint64_t number = isSingle ? 1 : uint64_t(count);
  if (!dump.empty() && !isSingle) {
    llvm::errs() << "error: --dump: without --only, expected both\n";
    return 2;
  }
  checkPrograms(begin, begin + number, run);
  bool isComplete = number >= kCompleteRun;
  if (isComplete || verbose)
    run.coverage.print(llvm::outs());
  printFailures(run);
  std::vector<std::string> missing;
  if (isComplete && run.failures.empty())
    missing = run.coverage.getMissing();
  for (const std::string &category : missing)
    llvm::errs() << "error: category `" << category
                 << "`: never occurred, expected at least once\n";
  llvm::outs() << run.checked << " programs, "
               << run.checked - run.failures.size() << " passed, "
               << run.failures.size() << " failed\n";
  return run.failures.empty() && missing.empty() ? 0 : 8;
}
