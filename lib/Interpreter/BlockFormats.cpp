//===- BlockFormats.cpp - Decoding block-quantised storage ----------------===//

#include "lamina/Interpreter/BlockFormats.h"
#include "lamina/Interpreter/Numerics.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/Endian.h"

using namespace lamina;

QuantLayout lamina::getQuantLayout(QuantFormat format) {
  switch (format) {
  case QuantFormat::q8_0:
    return {32, 34, 32, false};
  case QuantFormat::q4_0:
    return {32, 18, 32, false};
  case QuantFormat::q4_1:
    return {32, 20, 32, true};
  case QuantFormat::q5_0:
    return {32, 22, 32, false};
  case QuantFormat::q5_1:
    return {32, 24, 32, true};
  case QuantFormat::q4_k:
    return {256, 144, 32, true};
  case QuantFormat::q5_k:
    return {256, 176, 32, true};
  case QuantFormat::q6_k:
    return {256, 210, 16, false};
  }
  return {};
}

std::optional<QuantFormat> lamina::parseQuantFormat(llvm::StringRef name) {
  return llvm::StringSwitch<std::optional<QuantFormat>>(name)
      .Case("q8_0", QuantFormat::q8_0)
      .Case("q4_0", QuantFormat::q4_0)
      .Case("q4_1", QuantFormat::q4_1)
      .Case("q5_0", QuantFormat::q5_0)
      .Case("q5_1", QuantFormat::q5_1)
      .Case("q4_k", QuantFormat::q4_k)
      .Case("q5_k", QuantFormat::q5_k)
      .Case("q6_k", QuantFormat::q6_k)
      .Default(std::nullopt);
}

namespace {

float readF16(const uint8_t *bytes) {
  return f32FromF16(llvm::support::endian::read16le(bytes));
}

/// Decodes one block of 32 elements.
void decodeSmallBlock(QuantFormat format, const uint8_t *block,
                      QuantValues &values) {
  values.scales.push_back(readF16(block));
  if (format == QuantFormat::q8_0) {
    for (int i = 0; i < 32; ++i)
      values.q.push_back(static_cast<int8_t>(block[2 + i]));
    return;
  }
  bool hasMinimum = getQuantLayout(format).hasMinimum;
  bool hasFifthBit = format == QuantFormat::q5_0 || format == QuantFormat::q5_1;
  const uint8_t *next = block + 2;
  if (hasMinimum) {
    values.minimums.push_back(-readF16(next));
    next += 2;
  }
  uint32_t high = 0;
  if (hasFifthBit) {
    high = llvm::support::endian::read32le(next);
    next += 4;
  }
  int offset = hasMinimum ? 0 : (hasFifthBit ? 16 : 8);
  for (int i = 0; i < 32; ++i) {
    int nibble = i < 16 ? next[i] & 15 : next[i - 16] >> 4;
    int bit = static_cast<int>(high >> i & 1);
    values.q.push_back(static_cast<int8_t>((nibble | bit << 4) - offset));
  }
}

/// Decodes one block of q4_k or q5_k.
void decodeBlockWithMinima(QuantFormat format, const uint8_t *block,
                           QuantValues &values) {
  float d = readF16(block), dmin = readF16(block + 2);
  const uint8_t *sc = block + 4;
  bool hasFifthBit = format == QuantFormat::q5_k;
  const uint8_t *qh = block + 16;
  const uint8_t *qs = hasFifthBit ? qh + 32 : qh;
  for (int j = 0; j < 8; ++j) {
    int scale = j < 4 ? sc[j] & 63 : (sc[j + 4] & 15) | (sc[j - 4] >> 6) << 4;
    int minimum = j < 4 ? sc[j + 4] & 63 : (sc[j + 4] >> 4) | (sc[j] >> 6) << 4;
    values.scales.push_back(d * static_cast<float>(scale));
    values.minimums.push_back(dmin * static_cast<float>(minimum));
    for (int l = 0; l < 32; ++l) {
      int byte = qs[32 * (j / 2) + l];
      int nibble = j % 2 ? byte >> 4 : byte & 15;
      int bit = hasFifthBit ? qh[l] >> j & 1 : 0;
      values.q.push_back(static_cast<int8_t>(nibble | bit << 4));
    }
  }
}

/// Decodes one block of q6_k.
void decodeSixBitBlock(const uint8_t *block, QuantValues &values) {
  const uint8_t *ql = block, *qh = block + 128, *sc = block + 192;
  float d = readF16(block + 208);
  for (int j = 0; j < 16; ++j)
    values.scales.push_back(d * static_cast<float>(static_cast<int8_t>(sc[j])));
  for (int i = 0; i < 256; ++i) {
    int g = i / 128, h = i / 32 % 4, l = i % 32;
    int byte = ql[64 * g + 32 * (h & 1) + l];
    int nibble = h < 2 ? byte & 15 : byte >> 4;
    int bits = qh[32 * g + l] >> (2 * h) & 3;
    values.q.push_back(static_cast<int8_t>((nibble | bits << 4) - 32));
  }
}

} // namespace

QuantValues lamina::decodeBlocks(QuantFormat format,
                                 llvm::ArrayRef<uint8_t> bytes) {
  QuantLayout layout = getQuantLayout(format);
  size_t blocks = bytes.size() / layout.blockBytes;
  QuantValues values;
  values.q.reserve(blocks * layout.blockElements);
  values.scales.reserve(blocks * layout.blockElements / layout.subBlock);
  for (size_t b = 0; b < blocks; ++b) {
    const uint8_t *block = bytes.data() + b * layout.blockBytes;
    if (layout.blockElements == 32)
      decodeSmallBlock(format, block, values);
    else if (format == QuantFormat::q6_k)
      decodeSixBitBlock(block, values);
    else
      decodeBlockWithMinima(format, block, values);
  }
  return values;
}
