//===- LlamaConfigTest.cpp - Tests of LlamaConfig.h -----------------------===//
//
// Errors of whole files, with their exit codes, are tested in test/Import.
//
//===----------------------------------------------------------------------===//

#include "lamina/Import/LlamaConfig.h"

#include <gtest/gtest.h>

using namespace lamina;

/// A small valid config, with `extra` members in front.
static std::string config(std::string_view extra = "") {
  return "{" + std::string(extra) +
         R"("architectures":["LlamaForCausalLM"],"hidden_size":64,
    "intermediate_size":172,"num_attention_heads":8,"num_hidden_layers":5,
    "rms_norm_eps":1e-05,"vocab_size":512})";
}

static LlamaConfig parseGood(std::string_view extra) {
  InputErrors errors;
  auto result = parseLlamaConfig(config(extra), "c.json", errors);
  EXPECT_TRUE(result.has_value()) << errors.toString();
  return result.value_or(LlamaConfig());
}

/// All errors of a config, without their common start.
static std::string errorsOf(std::string_view extra) {
  InputErrors errors;
  EXPECT_FALSE(parseLlamaConfig(config(extra), "c.json", errors).has_value());
  std::string result;
  for (const InputError &error : errors.list())
    result += std::to_string(int(error.code)) + " " + error.place + ": " +
              error.found + "\n";
  return result;
}

TEST(LlamaConfig, Defaults) {
  LlamaConfig result = parseGood("");
  EXPECT_EQ(result.numKvHeads, 8);
  EXPECT_EQ(result.headDim, 8);
  EXPECT_EQ(result.maxPositions, 2048);
  EXPECT_EQ(result.ropeTheta, 10000);
  EXPECT_EQ(result.ropeScaling.kind, RopeScaling::Kind::None);
  EXPECT_EQ(result.rmsNormEps, 1e-05);
  EXPECT_FALSE(result.hasTiedEmbeddings);
  EXPECT_FALSE(result.hasAttentionBias);
  EXPECT_FALSE(result.hasMlpBias);
  EXPECT_EQ(result.dtype, DType::F32);
  EXPECT_EQ(result.placeOf("hidden_size").line, 1u);
  EXPECT_EQ(result.placeOf("intermediate_size").line, 2u);
  EXPECT_EQ(result.placeOf("intermediate_size").column, 5u);
}

TEST(LlamaConfig, NullMeansAbsent) {
  LlamaConfig result = parseGood(
      R"("num_key_value_heads":null,"head_dim":null,"rope_scaling":null,
         "torch_dtype":null,"rope_parameters":null,"quantization_config":null,
         "sliding_window":null,"pad_token_id":null,)");
  EXPECT_EQ(result.numKvHeads, 8);
  EXPECT_EQ(result.headDim, 8);
}

TEST(LlamaConfig, HeadDimNeedNotBeDerived) {
  LlamaConfig result = parseGood(R"("head_dim":10,"num_key_value_heads":2,)");
  EXPECT_EQ(result.queryFeatures(), 80);
  EXPECT_EQ(result.kvFeatures(), 20);
}

TEST(LlamaConfig, SpellingsOfRope) {
  const char *llama3 =
      R"("factor":8.0,"low_freq_factor":1,"high_freq_factor":4.0,
         "original_max_position_embeddings":8192)";
  for (std::string text :
       {std::string(
            R"("rope_theta":500000,"rope_scaling":{"rope_type":"llama3",)") +
            llama3 + "},",
        std::string(R"("rope_theta":5e5,"rope_scaling":{"type":"llama3",)") +
            llama3 + "},",
        std::string(R"("rope_parameters":{"rope_theta":500000.0,
                        "rope_type":"llama3",)") +
            llama3 + "},"}) {
    LlamaConfig result = parseGood(text);
    EXPECT_EQ(result.ropeTheta, 500000) << text;
    EXPECT_EQ(result.ropeScaling.kind, RopeScaling::Kind::Llama3);
    EXPECT_EQ(result.ropeScaling.factor, 8);
    EXPECT_EQ(result.ropeScaling.lowFrequencyFactor, 1);
    EXPECT_EQ(result.ropeScaling.highFrequencyFactor, 4);
    EXPECT_EQ(result.ropeScaling.originalMaxPositions, 8192);
  }
  LlamaConfig linear =
      parseGood(R"("rope_scaling":{"type":"linear","factor":2.5},)");
  EXPECT_EQ(linear.ropeScaling.kind, RopeScaling::Kind::Linear);
  EXPECT_EQ(linear.ropeScaling.factor, 2.5);
  LlamaConfig plain = parseGood(R"("rope_parameters":{"rope_theta":7},)");
  EXPECT_EQ(plain.ropeTheta, 7);
  EXPECT_EQ(plain.ropeScaling.kind, RopeScaling::Kind::None);
}

TEST(LlamaConfig, SpellingsThatDisagree) {
  EXPECT_EQ(errorsOf(R"("rope_theta":1,"rope_parameters":{"rope_theta":2},)"),
            "3 /rope_theta: 1\n");
  EXPECT_EQ(
      errorsOf(R"("rope_scaling":{"type":"linear","rope_type":"llama3"},)"),
      "3 /rope_scaling/type: \"linear\"\n");
  EXPECT_EQ(errorsOf(R"("rope_scaling":{"type":"linear","factor":2},
                        "rope_parameters":{"type":"linear","factor":4},)"),
            "3 /rope_scaling: another scaling than in rope_parameters\n");
  EXPECT_EQ(errorsOf(R"("torch_dtype":"float32","dtype":"bfloat16",)"),
            "3 /dtype: another type than torch_dtype\n");
}

TEST(LlamaConfig, AllErrorsAtOnce) {
  EXPECT_EQ(errorsOf(R"("num_key_value_heads":3,"hidden_act":"gelu",
                        "rope_scaling":{"rope_type":"yarn","factor":4},
                        "mystery":[1],"sliding_window":4096,)"),
            "3 /num_key_value_heads: 3\n"
            "4 /hidden_act: \"gelu\"\n"
            "4 /rope_scaling/rope_type: \"yarn\"\n"
            "4 /sliding_window: 4096\n"
            "4 /mystery: unknown key with value an array\n");
}

TEST(LlamaConfig, ScalingParameters) {
  EXPECT_EQ(errorsOf(R"("rope_scaling":{"rope_type":"llama3","factor":0.5,
                        "low_freq_factor":4,"extra":1},)"),
            "3 /rope_scaling/factor: 0.5\n"
            "3 /rope_scaling/high_freq_factor: absent\n"
            "3 /rope_scaling/original_max_position_embeddings: absent\n"
            "4 /rope_scaling/extra: unknown key with value 1\n");
  EXPECT_EQ(errorsOf(R"("rope_scaling":{"rope_type":"llama3","factor":2,
                        "low_freq_factor":4,"high_freq_factor":4,
                        "original_max_position_embeddings":10},)"),
            "3 /rope_scaling/high_freq_factor: 4\n");
  EXPECT_EQ(errorsOf(R"("rope_scaling":{"factor":2},)"),
            "3 /rope_scaling/rope_type: absent\n");
  EXPECT_EQ(errorsOf(R"("rope_scaling":"linear",)"),
            "3 /rope_scaling: \"linear\"\n");
}
