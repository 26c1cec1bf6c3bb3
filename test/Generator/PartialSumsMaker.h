//===- PartialSumsMaker.h - Makes modules of partial sums -----------------===//
//
// One to four sites, in straight code or in loops, in a module with
// `llama.ranks`. The residual stream and the normed value go from site to site,
// and every value that a near miss leaves over is returned.
//
//===----------------------------------------------------------------------===//

#ifndef LAMINA_TEST_GENERATOR_PARTIALSUMSMAKER_H
#define LAMINA_TEST_GENERATOR_PARTIALSUMSMAKER_H

#include "ModuleBuilder.h"
#include "Program.h"

namespace lamina::generator {

/// One site, for the forecast.
struct Site {
  std::string name;
  NearMiss nearMiss;
  bool foldsCasts;
  int64_t outerLayers = -1; // of the loop around it; -1 without
  int64_t ownLayers = 1;    // of the loop that the near miss is about
};

class PartialSumsMaker {
public:
  PartialSumsMaker(mlir::MLIRContext *context, Random &random)
      : builder(context, random), random(random) {}

  Program make();

private:
  void addBlock();
  void addSite(Site &site);
  mlir::Value createUpdate(NearMiss nearMiss);
  mlir::Value createBetween(Site &site, mlir::Value update);
  void createNorms(Site &site, mlir::Value sum);
  void putNormInLoop(Site &site, mlir::Value sum);
  void putAddInLoop(Site &site, mlir::Value update);
  mlir::Value createPartial();
  mlir::Value createRowSplit();
  mlir::Value createChain(mlir::Type element);
  mlir::Value createAllReduce(mlir::Value partial, mlir::Type element);
  NormNumerics pickNumerics();
  Layer pickLayer(int64_t &layers);
  WeightOp addVector(llvm::StringRef name, Layer &layer);

  /// Makes a value a result of the function, through the loop around it.
  void keep(mlir::Value value) { kept.push_back(value); }
  mlir::Value addArgument(mlir::Type type) {
    return builder.addArgument(function, type);
  }
  mlir::Type getPartialElement() {
    return sum == SumMode::f32 ? mlir::Type(builder.getF32Type()) : element;
  }
  mlir::Attribute getPartial() {
    return PartialAttr::get(builder.getContext());
  }
  mlir::Attribute getColumns(int64_t unit) {
    return ColumnsAttr::get(builder.getContext(), unit);
  }
  SplitAttr getSplit(SplitKind kind, int64_t unit) {
    return SplitAttr::get(builder.getContext(), kind, unit);
  }
  NearMiss pickNearMiss();

  ModuleBuilder builder;
  Random &random;
  mlir::func::FuncOp function, helper;
  int64_t ranks = 1, features = 1;
  SumMode sum = SumMode::f32;
  mlir::Type element,
      normedElement; // of the residual stream and of normed values
  mlir::Value residual, normed;
  mlir::Value layer; // of the loop around
  int64_t layers = -1;
  llvm::SmallVector<mlir::Value> kept;
  std::vector<Site> sites;
};

} // namespace lamina::generator

#endif // LAMINA_TEST_GENERATOR_PARTIALSUMSMAKER_H
