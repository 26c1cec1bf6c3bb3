//===- MergeVariantsTest.cpp - What the variants of a program share -------===//

#include "lamina/Conversion/MergeVariants.h"
#include "lamina/Conversion/RuntimeTables.h"
#include "lamina/IR/LlamaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace mlir;
using namespace lamina;

namespace {

class MergeVariants : public testing::Test {
protected:
  MergeVariants() {
    context.loadDialect<LlamaDialect, func::FuncDialect>();
    context.getDiagEngine().registerHandler(
        [this](Diagnostic &diagnostic) { message = diagnostic.str(); });
  }

  /// A module of the stage `runtime` for `ranks` ranks: weights, attributes
  /// behind the variants, and functions behind the step.
  OwningOpRef<ModuleOp> parse(int ranks, const std::string &weights,
                              const std::string &attributes = "") {
    std::string number = std::to_string(ranks);
    std::string text =
        "module attributes {lamina.variants = [{ranks = " + number +
        " : i64}]" + attributes + "} {\n" + weights +
        "  func.func private @lamrt_embed(i32)\n"
        "  func.func @step_" +
        number + "() { return }\n}\n";
    OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module) << message;
    return module;
  }

  /// Merges and returns what was said.
  std::string merge(ModuleOp module, ModuleOp other, bool succeeds) {
    message.clear();
    EXPECT_EQ(succeeded(mergeVariants(module, other)), succeeds) << message;
    return message;
  }

  static std::string table(const std::string &split) {
    return "  llama.weight private @t : tensor<8x4xf32> from \"t\" " + split +
           "{lamina.uses = [\"embed\"]}\n";
  }
  static std::string matrix(const std::string &split) {
    return "  llama.weight private @w : tensor<8x4xf32> from \"w\" " + split +
           "{lamina.uses = [\"linear\"]}\n";
  }

  MLIRContext context;
  std::string message;
};

constexpr const char *kOnes = "split <columns, unit = 1> ";
constexpr const char *kTwos = "split <columns, unit = 2> ";

} // namespace

TEST_F(MergeVariants, StepsAndVariantsAreJoined) {
  auto one = parse(1, table("") + matrix(""));
  auto two = parse(2, table(kOnes) + matrix(kOnes));
  auto four = parse(4, table(kOnes) + matrix(kTwos));
  merge(*one, *two, true);
  merge(*one, *four, true);
  for (const char *name : {"step_1", "step_2", "step_4", "lamrt_embed"})
    EXPECT_TRUE(one->lookupSymbol(name)) << name;
  EXPECT_EQ((*one)->getAttrOfType<ArrayAttr>(kVariantsAttr).size(), 3u);
  // The table is split as embed reads it, products as their slots are.
  EXPECT_TRUE(one->lookupSymbol<WeightOp>("t").getSplitAttr());
  EXPECT_FALSE(one->lookupSymbol<WeightOp>("w").getSplitAttr());
}

TEST_F(MergeVariants, WeightsMustBeTheSame) {
  EXPECT_EQ(
      merge(*parse(1, table("")), *parse(2, table("") + matrix("")), false),
      "has 2 weights, expected the 1 of the other numbers of ranks");
  EXPECT_EQ(merge(*parse(1, table("")), *parse(2, matrix("")), false),
            "'llama.weight' op is not the weight that the other numbers of "
            "ranks have here, 't'");
  // One table is read by its split.
  EXPECT_EQ(merge(*parse(2, table(kOnes)), *parse(4, table(kTwos)), false),
            "'llama.weight' op is not the weight that the other numbers of "
            "ranks have here, 't'");
}

TEST_F(MergeVariants, WhatAllShareMustBeTheSame) {
  const char *expected = "has another 'lamina.vocabulary' than the other "
                         "numbers of ranks";
  std::string eight = ", lamina.vocabulary = 8 : i64";
  std::string nine = ", lamina.vocabulary = 9 : i64";
  EXPECT_EQ(merge(*parse(1, "", eight), *parse(2, "", nine), false), expected);
  EXPECT_EQ(merge(*parse(1, "", eight), *parse(2, ""), false), expected);
  EXPECT_EQ(merge(*parse(1, ""), *parse(2, "", nine), false), expected);
}

TEST_F(MergeVariants, AStepIsOfOneModule) {
  EXPECT_EQ(merge(*parse(2, ""), *parse(2, ""), false),
            "'func.func' op is in both modules");
}
