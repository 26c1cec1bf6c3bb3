//===- SeededValuesTest.cpp - Weights drawn from a seed -------------------===//

#include "lamina/Interpreter/SeededValues.h"
#include "lamina/Interpreter/Tensor.h"
#include "gtest/gtest.h"
#include <cmath>

using namespace lamina;

namespace {

TEST(SeededValuesTest, MixIsSplitMix64) {
  // The first outputs of SplitMix64 from the seed 1234567 (Vigna's reference).
  EXPECT_EQ(mixBits(1234567), 6457827717110365317ull);
  EXPECT_EQ(mixBits(1234567 + 0x9E3779B97F4A7C15ull), 3203168211198807973ull);
}

WeightKey makeKey(llvm::StringRef name, int64_t layer, Storage storage) {
  return {3, name, layer, storage, 4, 64, false};
}

TEST(SeededValuesTest, ValuesFollowTheKey) {
  WeightCache cache;
  auto first = cache.get(makeKey("a.*", 0, Element::f32));
  EXPECT_EQ(first, cache.get(makeKey("a.*", 0, Element::f32)));
  EXPECT_NE(first->values, cache.get(makeKey("a.*", 1, Element::f32))->values);
  EXPECT_NE(first->values, cache.get(makeKey("b.*", 0, Element::f32))->values);
  uint64_t key = getSeedKey(3, "a.*", 0);
  EXPECT_EQ(first->values[70], static_cast<float>(drawUnit(key, 70) / 8.0));
}

TEST(SeededValuesTest, ValuesAreRoundedToTheStorageType) {
  WeightCache cache;
  auto f32 = cache.get(makeKey("a", 0, Element::f32));
  auto bf16 = cache.get(makeKey("a", 0, Element::bf16));
  for (size_t i = 0; i < f32->values.size(); ++i)
    EXPECT_EQ(bf16->values[i], roundTo(Element::bf16, f32->values[i]));
  auto q8 = cache.get(makeKey("a", 0, QuantFormat::q8_0));
  ASSERT_EQ(q8->scales.size(), 8u);
  for (size_t i = 0; i < f32->values.size(); ++i) {
    EXPECT_EQ(q8->values[i], q8->scales[i / 32] * q8->q[i]);
    EXPECT_NEAR(q8->values[i], f32->values[i], 0.125 / 127 * 0.51);
  }
}

TEST(SeededValuesTest, UnitIntervalIsFilled) {
  uint64_t key = getSeedKey(1, "x", 0);
  double sum = 0, squares = 0;
  for (int i = 0; i < 10000; ++i) {
    double v = drawUnit(key, i);
    EXPECT_GE(v, -1.0);
    EXPECT_LT(v, 1.0);
    sum += v;
    squares += v * v;
  }
  EXPECT_NEAR(sum / 10000, 0.0, 0.03);          // five standard deviations
  EXPECT_NEAR(squares / 10000, 1.0 / 3, 0.015); // five standard deviations
}

TEST(SeededValuesTest, AFullCacheKeepsWhatIsHeld) {
  WeightCache cache(/*limit=*/300);
  auto first = cache.get(makeKey("a", 0, Element::f32)); // 256 elements
  auto second = cache.get(makeKey("b", 0, Element::f32));
  EXPECT_NE(first, cache.get(makeKey("a", 0, Element::f32)));
  EXPECT_EQ(first->values, cache.get(makeKey("a", 0, Element::f32))->values);
}

TEST(TensorTest, BytesAndNames) {
  Tensor tensor(Element::bf16, {2, 1});
  tensor.data = {1.0, -2.0};
  EXPECT_EQ(tensor.getTypeName(), "tensor<2x1xbf16>");
  EXPECT_EQ(tensor.getBytes(), (std::vector<uint8_t>{0x80, 0x3F, 0x00, 0xC0}));
  // The empty tensor hashes the empty text.
  EXPECT_EQ(Tensor(Element::f32, {0, 4}).getSha256(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(TensorTest, Safetensors) {
  Tensor tensor(Element::f32, {1});
  tensor.data = {1.0};
  std::string file = toSafetensors({tensor});
  uint64_t header = static_cast<uint8_t>(file[0]);
  EXPECT_EQ(header % 8, 0u);
  EXPECT_EQ(
      file.substr(8, header).rfind(R"({"result.0":{"dtype":"F32","shape":[1],)"
                                   R"("data_offsets":[0,4]}})",
                                   0),
      0u);
  EXPECT_EQ(file.substr(8 + header), std::string("\0\0\x80\x3F", 4));
}

} // namespace
