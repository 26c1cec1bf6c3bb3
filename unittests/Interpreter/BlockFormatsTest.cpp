//===- BlockFormatsTest.cpp - Decoding and quantising blocks --------------===//

#include "lamina/Interpreter/BlockFormats.h"
#include "lamina/Interpreter/Numerics.h"
#include "gtest/gtest.h"
#include <algorithm>
#include <cmath>

using namespace lamina;

namespace {

/// Returns `count` bytes of a block, all zero, with an f16 at each offset.
std::vector<uint8_t> makeBlock(QuantFormat format,
                               std::vector<std::pair<int, float>> halves) {
  std::vector<uint8_t> block(getQuantLayout(format).blockBytes, 0);
  for (auto [offset, value] : halves) {
    uint16_t bits = f16FromF32(value);
    block[offset] = bits & 255;
    block[offset + 1] = bits >> 8;
  }
  return block;
}

TEST(BlockFormatsTest, Q8_0) {
  auto block = makeBlock(QuantFormat::q8_0, {{0, 0.5f}});
  block[2] = 0x80;
  block[33] = 127;
  QuantValues values = decodeBlocks(QuantFormat::q8_0, block);
  EXPECT_EQ(values.q.front(), -128);
  EXPECT_EQ(values.q.back(), 127);
  EXPECT_EQ(values.scales, std::vector<float>{0.5f});
  EXPECT_TRUE(values.minimums.empty());
}

TEST(BlockFormatsTest, Q4_1KeepsLowNibblesFirst) {
  auto block = makeBlock(QuantFormat::q4_1, {{0, 2.0f}, {2, -3.0f}});
  block[4] = 0x9F; // elements 0 and 16
  QuantValues values = decodeBlocks(QuantFormat::q4_1, block);
  EXPECT_EQ(values.q[0], 15);
  EXPECT_EQ(values.q[16], 9);
  EXPECT_EQ(values.minimums, std::vector<float>{3.0f}); // x = d*q + m
}

TEST(BlockFormatsTest, Q5_0FifthBit) {
  auto block = makeBlock(QuantFormat::q5_0, {{0, 1.0f}});
  block[2] = 0x01; // element 0
  block[4] = 0x02; // element 17
  block[7] = 0x50; // qs[1]: elements 1 (nibble 0) and 17 (nibble 5)
  QuantValues values = decodeBlocks(QuantFormat::q5_0, block);
  EXPECT_EQ(values.q[0], 0);
  EXPECT_EQ(values.q[1], -16);
  EXPECT_EQ(values.q[17], 5);
}

TEST(BlockFormatsTest, Q4_KScalesOfSixBits) {
  auto block = makeBlock(QuantFormat::q4_k, {{0, 0.25f}, {2, 0.5f}});
  block[4 + 0] = 0xC0 | 5;   // scale 0, upper bits of scale 4
  block[4 + 4] = 0x40 | 9;   // minimum 0, upper bits of minimum 4
  block[4 + 8] = 0x3 | 0x20; // lower bits of scale 4 and minimum 4
  block[16] = 0xA1;          // elements 0 and 32
  QuantValues values = decodeBlocks(QuantFormat::q4_k, block);
  EXPECT_EQ(values.scales[0], 0.25f * 5);
  EXPECT_EQ(values.minimums[0], 0.5f * 9);
  EXPECT_EQ(values.scales[4], 0.25f * 0x33);
  EXPECT_EQ(values.minimums[4], 0.5f * 0x12);
  EXPECT_EQ(values.q[0], 1);
  EXPECT_EQ(values.q[32], 10);
}

TEST(BlockFormatsTest, Q6_K) {
  auto block = makeBlock(QuantFormat::q6_k, {{208, 1.0f}});
  block[192 + 15] = 0xFF; // scale of the last sub-block: -1
  block[127] = 0xF0;      // low four bits of element 255
  block[128 + 63] = 0x80; // its upper two bits
  QuantValues values = decodeBlocks(QuantFormat::q6_k, block);
  EXPECT_EQ(values.scales.size(), 16u);
  EXPECT_EQ(values.scales[15], -1.0f);
  EXPECT_EQ(values.q[255], 15 + 32 - 32);
  EXPECT_EQ(values.q[0], -32);
}

/// Every format brings values back within its step, and takes zeros to zeros.
TEST(BlockFormatsTest, QuantisedValuesAreNear) {
  std::vector<float> values(512);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = std::sin(0.7 * i) * (1 + i / 64);
  for (auto [name, steps] : {std::pair("q8_0", 127.0),
                             {"q4_0", 7.0},
                             {"q4_1", 7.5},
                             {"q5_0", 15.0},
                             {"q5_1", 15.5},
                             {"q4_k", 7.5},
                             {"q5_k", 15.5},
                             {"q6_k", 31.0}}) {
    QuantFormat format = *parseQuantFormat(name);
    QuantLayout layout = getQuantLayout(format);
    QuantValues got = decodeBlocks(format, quantizeBlocks(format, values));
    ASSERT_EQ(got.q.size(), values.size());
    for (size_t i = 0; i < values.size(); ++i) {
      size_t b = i / layout.subBlock;
      float minimum = got.minimums.empty() ? 0.0f : got.minimums[b];
      float value = got.scales[b] * got.q[i] - minimum;
      // Half a step, and 1/63 of the largest scale and minimum for the k
      // formats.
      EXPECT_NEAR(value, values[i], 8.0 * (0.52 / steps + 1.0 / 63))
          << name << i;
    }
    std::vector<float> zeros(256, 0.0f);
    QuantValues zero = decodeBlocks(format, quantizeBlocks(format, zeros));
    EXPECT_TRUE(std::all_of(zero.scales.begin(), zero.scales.end(),
                            [](float scale) { return scale == 0.0f; }));
  }
}

/// A second quantisation changes nothing where the scale is exact.
TEST(BlockFormatsTest, QuantisedIntegersAreExact) {
  std::vector<float> values(32);
  for (int i = 0; i < 32; ++i)
    values[i] = i - 127 + 7 * i % 13;
  values[0] = -127;
  QuantValues got = decodeBlocks(QuantFormat::q8_0,
                                 quantizeBlocks(QuantFormat::q8_0, values));
  EXPECT_EQ(got.scales[0], 1.0f);
  for (int i = 0; i < 32; ++i)
    EXPECT_EQ(got.q[i], values[i]);
}

TEST(BlockFormatsTest, NamesOfFormats) {
  EXPECT_EQ(parseQuantFormat("q5_k"), QuantFormat::q5_k);
  EXPECT_EQ(parseQuantFormat("q3_k"), std::nullopt);
}

} // namespace
