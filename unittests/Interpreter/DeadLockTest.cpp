//===- DeadLockTest.cpp - Ranks that never meet ---------------------------===//
//
// The verifier refuses a collective that not every rank reaches. The
// interpreter does not rely on it: it ends, and says where each rank is.
//
//===----------------------------------------------------------------------===//

#include "lamina/IR/LlamaOps.h"
#include "lamina/Interpreter/Interpreter.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace mlir;
using namespace lamina;
using testing::HasSubstr;

namespace {

constexpr char kText[] = R"mlir(
module attributes {llama.ranks = 2} {
  func.func private @sum(%p: tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32> {
    %s = llama.all_reduce %p sum f32 tree [2] : tensor<1x2xf32, #llama.partial> -> tensor<1x2xf32>
    return %s : tensor<1x2xf32>
  }
  func.func private @native(%p: tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32> {
    %s = llama.all_reduce %p sum native tree [2] : tensor<1x2xf32, #llama.partial> -> tensor<1x2xf32>
    return %s : tensor<1x2xf32>
  }
  func.func @one_waits(%c: i1, %p: tensor<1x2xf32, #llama.partial>) {
    scf.if %c {
      %s = func.call @sum(%p) : (tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32>
    }
    return
  }
  func.func @other_sum(%c: i1, %p: tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32> {
    %s = scf.if %c -> tensor<1x2xf32> {
      %a = func.call @sum(%p) : (tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32>
      scf.yield %a : tensor<1x2xf32>
    } else {
      %b = func.call @native(%p) : (tensor<1x2xf32, #llama.partial>) -> tensor<1x2xf32>
      scf.yield %b : tensor<1x2xf32>
    }
    return %s : tensor<1x2xf32>
  }
}
)mlir";

class DeadLock : public testing::Test {
protected:
  DeadLock() {
    context.loadDialect<LlamaDialect, func::FuncDialect, scf::SCFDialect>();
    ParserConfig config(&context, /*verifyAfterParse=*/false);
    module = parseSourceString<ModuleOp>(kText, config, "module.mlir");
  }

  /// The condition is drawn on each rank anew; with seed 0 it is true on rank 0
  /// only, with seed 1 it is the same on both.
  Interpretation run(StringRef function, uint64_t seed) {
    InterpreterOptions options;
    options.inputSeed = seed;
    return interpret(module->lookupSymbol<func::FuncOp>(function), options);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};

TEST_F(DeadLock, IsRefusedByTheVerifier) {
  ASSERT_TRUE(module);
  ScopedDiagnosticHandler quiet(&context, [](Diagnostic &) {});
  EXPECT_TRUE(failed(verify(*module)));
}

TEST_F(DeadLock, OneRankWaits) {
  ASSERT_TRUE(module);
  Interpretation result = run("one_waits", 0);
  EXPECT_EQ(result.outcome, Outcome::checkFailed);
  EXPECT_THAT(result.message,
              HasSubstr("dead-lock, expected all ranks to meet in one "
                        "collective: rank 0 waits in 'llama.all_reduce' at "
                        "module.mlir:4:10; rank 1 has returned"));
}

TEST_F(DeadLock, RanksWaitInDifferentSums) {
  ASSERT_TRUE(module);
  Interpretation result = run("other_sum", 0);
  EXPECT_EQ(result.outcome, Outcome::checkFailed);
  EXPECT_THAT(result.message,
              HasSubstr("rank 0 waits in 'llama.all_reduce' at "
                        "module.mlir:4:10; rank 1 waits in "
                        "'llama.all_reduce' at module.mlir:8:10"));
}

TEST_F(DeadLock, RanksMeetByChance) {
  ASSERT_TRUE(module);
  EXPECT_EQ(run("other_sum", 1).message, "");
}

} // namespace
