//===- ImportLlamaConfigTest.cpp - Tests of ImportLlama.h -----------===//
//
// What text does not show. The graphs themselves are tested in test/Import.
//
//===----------------------------------------------------------------------===//

#include "lamina/Import/ImportLlama.h"

#include "lamina/IR/LlamaOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"

#include <gtest/gtest.h>

using namespace lamina;

/// A config of the size of Llama-3.1-8B, whose frequencies have many digits.
static LlamaConfig getLlama31() {
  LlamaConfig config;
  config.file = "config.json";
  config.vocabSize = 128256;
  config.hiddenSize = 4096;
  config.intermediateSize = 14336;
  config.numLayers = 32;
  config.numHeads = 32;
  config.numKvHeads = 8;
  config.headDim = 128;
  config.rmsNormEps = 1e-06;
  config.ropeTheta = 500000;
  config.ropeScaling = {RopeScaling::Kind::Llama3, 8, 1, 4, 8192};
  config.dtype = DType::BF16;
  return config;
}

static std::vector<double> getFrequencies(mlir::ModuleOp module) {
  std::vector<double> result;
  module.walk([&](RopeOp rope) {
    auto values = rope.getFrequencies().getInverseFrequencies().asArrayRef();
    result.assign(values.begin(), values.end());
  });
  return result;
}

static double getEps(mlir::ModuleOp module) {
  double eps = 0;
  module.walk([&](RmsNormOp norm) { eps = norm.getEps().convertToDouble(); });
  return eps;
}

TEST(ImportLlamaConfig, ConstantsAreThoseOfTheConfig) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  LlamaConfig config = getLlama31();
  auto module = importLlamaConfig(&context, config);
  ASSERT_TRUE(mlir::succeeded(mlir::verify(*module)));
  EXPECT_EQ(getFrequencies(*module),
            computeInverseFrequencies(500000, 128, config.ropeScaling));
  EXPECT_EQ(getEps(*module), 1e-06);
}

// Text must keep every bit of the constants: a pass may run in a process of its
// own, and the interpreter reads text.
TEST(ImportLlamaConfig, ConstantsSurviveText) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto module = importLlamaConfig(&context, getLlama31());
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  auto parsed = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(getFrequencies(*parsed), getFrequencies(*module));
  EXPECT_EQ(getEps(*parsed), getEps(*module));
}

TEST(ImportLlamaConfig, StorageTypeNames) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  for (const char *name : {"f32", "f16", "bf16"}) {
    mlir::Type type = getStorageType(&context, name);
    EXPECT_TRUE(llvm::isa_and_nonnull<mlir::FloatType>(type)) << name;
  }
  for (const char *name :
       {"q8_0", "q4_0", "q4_1", "q5_0", "q5_1", "q4_k", "q5_k", "q6_k"}) {
    mlir::Type type = getStorageType(&context, name);
    EXPECT_TRUE(llvm::isa_and_nonnull<BlockType>(type)) << name;
  }
  for (const char *name : {"", "F32", "f64", "q2_k", "q8_0 "})
    EXPECT_FALSE(getStorageType(&context, name)) << name;
}
