//===- Checker.h - The oracles for one program ----------------------------===//

#ifndef LAMINA_TEST_GENERATOR_CHECKER_H
#define LAMINA_TEST_GENERATOR_CHECKER_H

#include "Program.h"
#include "Remarks.h"
#include "lamina/Interpreter/Comparison.h"
#include "lamina/Pipelines.h"
#include "mlir/Pass/PassManager.h"

namespace lamina::generator {

/// Why a program failed.
struct Failure {
  std::string oracle;
  std::string detail;
};

/// Checks every oracle on one program; the first failure ends the check.
class Checker {
public:
  /// `remarks` is the log of the program's context.
  Checker(Program &program, RemarkLog &remarks);

  /// Returns the first failure, if any. Adds to the program's categories.
  std::optional<Failure> run();

private:
  using ModuleRef = mlir::OwningOpRef<mlir::ModuleOp>;
  using AddPasses = llvm::function_ref<void(mlir::OpPassManager &)>;

  // Oracles on the IR: StructuralOracles.cpp.
  mlir::LogicalResult checkRoundTrip(mlir::ModuleOp module,
                                     llvm::StringRef after);
  mlir::LogicalResult checkSameText(mlir::ModuleOp expected,
                                    mlir::ModuleOp found,
                                    llvm::StringRef oracle);
  mlir::LogicalResult checkCollectives(mlir::ModuleOp before,
                                       mlir::ModuleOp after,
                                       llvm::StringRef pass);
  mlir::LogicalResult checkForecast(mlir::ModuleOp fused,
                                    llvm::ArrayRef<RemarkRecord> remarks,
                                    const FusionForecast &forecast);
  mlir::LogicalResult checkRequireFusion(mlir::ModuleOp fused,
                                         size_t numMissed);

  // Oracles on the values: NumericOracles.cpp.
  mlir::LogicalResult setReference(mlir::ModuleOp module);
  mlir::LogicalResult checkValues(mlir::ModuleOp module, llvm::StringRef after,
                                  bool isBitEqual);
  mlir::LogicalResult checkExactValues(mlir::ModuleOp module,
                                       llvm::StringRef after);
  const Interpretation &evaluate(mlir::ModuleOp module, Arithmetic arithmetic);

  // The order of the checks: Checker.cpp.
  mlir::LogicalResult checkModel();
  mlir::LogicalResult checkStages(int64_t ranks);
  mlir::LogicalResult checkShardedStage(const FusedStageOptions &options,
                                        ModuleRef &sharded);
  mlir::LogicalResult checkFusedStage(const FusedStageOptions &options,
                                      mlir::ModuleOp sharded);
  mlir::LogicalResult checkPassesAlone();
  mlir::LogicalResult checkPartialSums();
  mlir::LogicalResult checkFusion(mlir::ModuleOp before, int64_t ranks,
                                  bool isCanonical, ModuleRef &fused);
  mlir::LogicalResult checkExpansion(mlir::ModuleOp before,
                                     mlir::ModuleOp fused, bool isBitEqual);
  mlir::LogicalResult checkShardedResidual(mlir::ModuleOp fused,
                                           bool isBitEqual);
  mlir::LogicalResult checkUnrolling(mlir::ModuleOp sharded, bool isBitEqual);

  /// Runs passes on a copy; null if they fail. Checks that the result is valid,
  /// makes a round trip and is left as it is by a second run.
  ModuleRef apply(mlir::ModuleOp module, llvm::StringRef name,
                  AddPasses addPasses);
  /// Runs passes on a copy; null if they fail.
  ModuleRef transform(mlir::ModuleOp module, AddPasses addPasses);

  mlir::LogicalResult fail(llvm::StringRef oracle, const llvm::Twine &detail);

  Program &program;
  RemarkLog &remarks;
  std::optional<Failure> failure;
  std::vector<std::string> errors; // that the passes and the verifier emitted

  std::set<std::string> roundTrips; // texts that were read back
  WeightCache weights;
  std::map<std::string, Interpretation> stated, exact; // by text
  Interpretation reference, exactReference;
  double unitRoundoff = 0;
};

/// Returns the text of a module.
std::string print(mlir::ModuleOp module, bool hasLocations = false);

} // namespace lamina::generator

#endif // LAMINA_TEST_GENERATOR_CHECKER_H
