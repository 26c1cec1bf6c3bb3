//===- Checker.cpp - The order of the checks ------------------------------===//

#include "Checker.h"

#include "lamina/Transforms/Passes.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace lamina;
using namespace lamina::generator;

static void addCanonicalizer(OpPassManager &manager) {
  manager.addPass(createCanonicalizerPass());
}

Checker::Checker(Program &program, RemarkLog &remarks)
    : program(program), remarks(remarks) {}

LogicalResult Checker::fail(StringRef oracle, const Twine &detail) {
  if (!failure)
    failure = Failure{oracle.str(), detail.str()};
  return LogicalResult::failure();
}

Checker::ModuleRef Checker::transform(ModuleOp module, AddPasses addPasses) {
  ModuleRef copy = module.clone();
  PassManager manager(module.getContext(), ModuleOp::getOperationName());
  addPasses(manager);
  errors.clear();
  if (failed(manager.run(*copy)))
    return nullptr;
  return copy;
}

Checker::ModuleRef Checker::apply(ModuleOp module, StringRef name,
                                  AddPasses addPasses) {
  ModuleRef once = transform(module, addPasses);
  if (!once) {
    (void)fail(("pass " + name).str(),
               errors.empty() ? "failed without an error" : errors.front());
    return nullptr;
  }
  if (failed(checkRoundTrip(*once, name)))
    return nullptr;
  size_t numRemarks = remarks.size();
  ModuleRef twice = transform(*once, addPasses);
  remarks.resize(numRemarks);
  if (!twice ||
      failed(checkSameText(*once, *twice, ("idempotence of " + name).str()))) {
    (void)fail(("second run of " + name).str(), "fails");
    return nullptr;
  }
  return once;
}

std::optional<Failure> Checker::run() {
  ScopedDiagnosticHandler handler(
      program.module->getContext(), [&](Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == DiagnosticSeverity::Error)
          errors.push_back(diagnostic.str());
        return success();
      });
  LogicalResult result = success();
  if (failed(verify(*program.module)))
    result = fail("the generated module is valid", errors.front());
  else if (succeeded(checkRoundTrip(*program.module, "generation")))
    result =
        program.family == Family::model ? checkModel() : checkPartialSums();
  if (failed(result) && !failure)
    failure = Failure{"internal", "failed without a reason"};
  return failure;
}

//===----------------------------------------------------------------------===//
// What both families check
//===----------------------------------------------------------------------===//

LogicalResult Checker::checkFusion(ModuleOp before, int64_t ranks,
                                   bool isCanonical, ModuleRef &fused) {
  size_t first = remarks.size();
  fused = apply(before, "fuse", [](OpPassManager &manager) {
    manager.addPass(createFuseAllReduceResidualRmsNormPass());
  });
  if (!fused || failed(checkCollectives(before, *fused, "fuse")))
    return LogicalResult::failure();
  auto said = ArrayRef(remarks).drop_front(first);
  if (failed(checkForecast(*fused, said, program.forecast(ranks, isCanonical))))
    return LogicalResult::failure();
  size_t numMissed = llvm::count_if(said, [](const RemarkRecord &remark) {
    return remark.category == "llama-fuse" && remark.name != kFused &&
           remark.name != "FusionSites";
  });
  return checkRequireFusion(*fused, numMissed);
}

/// expand(fuse(P)) = P, as text where the program has no near miss.
LogicalResult Checker::checkExpansion(ModuleOp before, ModuleOp fused,
                                      bool isBitEqual) {
  ModuleRef expanded = apply(fused, "expand", [](OpPassManager &manager) {
    manager.addPass(createExpandFusedPass());
  });
  if (!expanded || failed(checkCollectives(fused, *expanded, "expand")) ||
      failed(checkValues(*expanded, "expand", isBitEqual)))
    return LogicalResult::failure();
  if (!program.isClean)
    return success();
  ModuleRef canonical = apply(before, "canonicalize", addCanonicalizer);
  ModuleRef back = apply(*expanded, "canonicalize", addCanonicalizer);
  if (!canonical || !back)
    return LogicalResult::failure();
  program.count("expand(fuse(P)) compared as text");
  return checkSameText(*canonical, *back, "expand(fuse(P)) = P");
}

/// A residual in rows, and what its fused ops stand for, have the same values.
LogicalResult Checker::checkShardedResidual(ModuleOp fused, bool isBitEqual) {
  ModuleRef rows = apply(fused, "shard residual", [](OpPassManager &manager) {
    manager.addPass(createShardResidualPass());
  });
  if (!rows || failed(checkValues(*rows, "shard residual", isBitEqual)))
    return LogicalResult::failure();
  ModuleRef expanded = apply(*rows, "expand rows", [](OpPassManager &manager) {
    manager.addPass(createExpandFusedPass());
    manager.addPass(createCanonicalizerPass());
  });
  if (!expanded || failed(checkValues(*expanded, "expand rows", isBitEqual)))
    return LogicalResult::failure();
  ModuleRef unrolled = transform(*rows, [](OpPassManager &manager) {
    manager.addPass(createUnrollLayersPass());
    manager.addPass(createCanonicalizerPass());
  });
  if (!unrolled)
    return fail("unrolling rows", errors.front());
  return checkValues(*unrolled, "unroll rows", isBitEqual);
}

//===----------------------------------------------------------------------===//
// Models
//===----------------------------------------------------------------------===//

/// canonicalize(unroll(fuse(hoist P))) = canonicalize(fuse(hoist(unroll P)))
LogicalResult Checker::checkUnrolling(ModuleOp sharded, bool isBitEqual) {
  auto hoistAndFuse = [](OpPassManager &manager) {
    manager.addPass(createHoistFirstNormPass());
    manager.addPass(createFuseAllReduceResidualRmsNormPass());
  };
  auto finish = [](OpPassManager &manager) {
    manager.addPass(createCanonicalizerPass());
    manager.addPass(createSymbolDCEPass());
  };
  // A second run may well fuse what the loop kept apart.
  ModuleRef late = transform(sharded, [&](OpPassManager &manager) {
    hoistAndFuse(manager);
    manager.addPass(createUnrollLayersPass());
    finish(manager);
  });
  ModuleRef early = transform(sharded, [&](OpPassManager &manager) {
    manager.addPass(createUnrollLayersPass());
    hoistAndFuse(manager);
    finish(manager);
  });
  if (!late || !early)
    return fail("unrolling before and after", errors.front());
  if (failed(checkValues(*late, "hoist, fuse, unroll", isBitEqual)) ||
      failed(checkValues(*early, "unroll, hoist, fuse", isBitEqual)))
    return LogicalResult::failure();
  if (!program.isClean || !program.everyLoopRotates)
    return success();
  program.count("unrolled before and after compared as text");
  return checkSameText(*late, *early,
                       "unroll(fuse(hoist P)) = "
                       "fuse(hoist(unroll P))");
}

/// The `sharded` pipeline pass by pass. `sharded` stays null where there is
/// rightly no plan.
LogicalResult Checker::checkShardedStage(const FusedStageOptions &options,
                                         ModuleRef &sharded) {
  int64_t ranks = options.ranks.getValue().value;
  bool isBitEqual = program.isBitEqual(ranks);
  ModuleRef canonical =
      apply(*program.module, "canonicalize", addCanonicalizer);
  if (!canonical || failed(checkValues(*canonical, "canonicalize", true)))
    return LogicalResult::failure();
  auto shard = [&](OpPassManager &manager) {
    ShardPassOptions shardOptions;
    shardOptions.ranks = options.ranks;
    shardOptions.sum = options.sum;
    manager.addPass(createShardPass(shardOptions));
  };
  if (!program.canSplit(ranks)) {
    program.count("shard plan refused");
    if (transform(*canonical, shard))
      return fail("shard plan",
                  "there is one for " + Twine(ranks) + " ranks, expected none");
    if (errors.size() != 1 ||
        !StringRef(errors[0]).starts_with("cannot be split"))
      return fail("shard plan",
                  "expected one error that says why there is none");
    return success();
  }
  if (ranks > 1)
    program.count(isBitEqual ? "several ranks, bit-equal"
                             : "several ranks, within the bound");
  size_t first = remarks.size();
  sharded = apply(*canonical, "shard", shard);
  bool saysInexact = llvm::any_of(
      ArrayRef(remarks).drop_front(first),
      [](const RemarkRecord &remark) { return remark.name == "NotBitEqual"; });
  if (sharded && program.sum == SumMode::f32 && saysInexact == isBitEqual)
    return fail("what the sharding says of the sums",
                isBitEqual ? "NotBitEqual, expected none"
                           : "the bits of one rank, expected NotBitEqual");
  return sharded ? checkValues(*sharded, "shard", isBitEqual)
                 : LogicalResult::failure();
}

/// The rest of the `fused` pipeline pass by pass.
LogicalResult Checker::checkFusedStage(const FusedStageOptions &options,
                                       ModuleOp sharded) {
  int64_t ranks = options.ranks.getValue().value;
  bool isBitEqual = program.isBitEqual(ranks);
  auto step = [&](ModuleOp before, StringRef name, AddPasses addPasses) {
    ModuleRef after = apply(before, name, addPasses);
    if (after && (failed(checkCollectives(before, *after, name)) ||
                  failed(checkValues(*after, name, isBitEqual))))
      after = nullptr;
    return after;
  };
  ModuleRef merged = step(sharded, "merge", [](OpPassManager &manager) {
    manager.addPass(createMergeProjectionsPass());
  });
  if (!merged)
    return LogicalResult::failure();
  ModuleRef hoisted = step(*merged, "hoist", [](OpPassManager &manager) {
    manager.addPass(createHoistFirstNormPass());
  });
  ModuleRef fused;
  if (!hoisted ||
      failed(checkFusion(*hoisted, ranks, /*isCanonical=*/true, fused)) ||
      failed(checkValues(*fused, "fuse", isBitEqual)))
    return LogicalResult::failure();
  ModuleRef final = step(*fused, "canonicalize", addCanonicalizer);
  if (!final || failed(checkExactValues(*final, "the fused pipeline")))
    return LogicalResult::failure();
  ModuleRef piped = transform(*program.module, [&](OpPassManager &manager) {
    buildFusedPipeline(manager, options);
  });
  if (!piped)
    return fail("the fused pipeline", errors.front());
  if (failed(checkSameText(*final, *piped, "pipeline = its passes")))
    return LogicalResult::failure();
  if (failed(checkShardedResidual(*final, isBitEqual)))
    return LogicalResult::failure();
  return checkExpansion(*hoisted, *fused, isBitEqual);
}

LogicalResult Checker::checkStages(int64_t ranks) {
  FusedStageOptions options;
  options.ranks = RankCount{ranks};
  options.sum = program.sum;
  ModuleRef sharded;
  if (failed(checkShardedStage(options, sharded)))
    return LogicalResult::failure();
  if (!sharded)
    return success();
  if (failed(checkFusedStage(options, *sharded)))
    return LogicalResult::failure();
  return checkUnrolling(*sharded, program.isBitEqual(ranks));
}

/// Each pass on the import stage as it is.
LogicalResult Checker::checkPassesAlone() {
  const std::pair<StringRef, void (*)(OpPassManager &)> passes[] = {
      {"merge alone",
       [](OpPassManager &m) { m.addPass(createMergeProjectionsPass()); }},
      {"hoist alone",
       [](OpPassManager &m) { m.addPass(createHoistFirstNormPass()); }},
      {"fuse alone",
       [](OpPassManager &m) {
         m.addPass(createFuseAllReduceResidualRmsNormPass());
       }},
      {"expand alone",
       [](OpPassManager &m) { m.addPass(createExpandFusedPass()); }},
      {"unroll alone",
       [](OpPassManager &m) { m.addPass(createUnrollLayersPass()); }}};
  for (auto [name, addPasses] : passes) {
    ModuleRef module = apply(*program.module, name, addPasses);
    if (!module || failed(checkValues(*module, name, /*isBitEqual=*/true)))
      return LogicalResult::failure();
  }
  return success();
}

LogicalResult Checker::checkModel() {
  program.count("model: ranks " + Twine(program.ranks));
  program.count("model: tokens " + Twine(program.tokens));
  program.count("model: sum " + stringifySumMode(program.sum));
  if (failed(setReference(*program.module)) || failed(checkPassesAlone()) ||
      failed(checkStages(1)))
    return LogicalResult::failure();
  return program.ranks == 1 ? success() : checkStages(program.ranks);
}

//===----------------------------------------------------------------------===//
// Partial sums
//===----------------------------------------------------------------------===//

LogicalResult Checker::checkPartialSums() {
  program.count("partial sums: ranks " + Twine(program.ranks));
  program.count("partial sums: tokens " + Twine(program.tokens));
  program.count("partial sums: sum " + stringifySumMode(program.sum));
  if (failed(setReference(*program.module)))
    return LogicalResult::failure();
  ModuleRef canonical =
      apply(*program.module, "canonicalize", addCanonicalizer);
  if (!canonical ||
      failed(checkCollectives(*program.module, *canonical, "canonicalize")) ||
      failed(checkValues(*canonical, "canonicalize", true)))
    return LogicalResult::failure();
  for (bool isCanonical : {false, true}) {
    ModuleOp before = isCanonical ? *canonical : *program.module;
    ModuleRef fused;
    if (failed(checkFusion(before, program.ranks, isCanonical, fused)) ||
        failed(checkValues(*fused, "fuse", true)) ||
        failed(checkShardedResidual(*fused, true)) ||
        failed(checkExpansion(before, *fused, true)))
      return LogicalResult::failure();
    if (isCanonical && failed(checkExactValues(*fused, "fuse")))
      return LogicalResult::failure();
  }
  ModuleRef piped = transform(*program.module, [&](OpPassManager &manager) {
    FusedStageOptions options;
    options.ranks = RankCount{program.ranks};
    buildFusedPipeline(manager, options);
  });
  if (!piped)
    return fail("the fused pipeline", errors.front());
  if (failed(checkCollectives(*program.module, *piped, "the fused pipeline")) ||
      failed(checkValues(*piped, "the fused pipeline", true)))
    return LogicalResult::failure();
  return checkUnrolling(*canonical, true);
}
