//===- QuantizeBlocks.cpp - f32 values to block-quantised storage ---------===//
//
// By absolute maxima, all in f32: good enough for seeded weights, and simple
// enough to state (docs/numerics.md, "Seeded values").
//
//===----------------------------------------------------------------------===//

#include "lamina/Interpreter/BlockFormats.h"
#include "lamina/Interpreter/Numerics.h"
#include "llvm/Support/Endian.h"
#include <algorithm>
#include <cmath>

using namespace lamina;

namespace {

void writeF16(float value, uint8_t *bytes) {
  llvm::support::endian::write16le(bytes, f16FromF32(value));
}

/// Rounds to f16 and back.
float asF16(float value) { return f32FromF16(f16FromF32(value)); }

/// Returns the integer nearest to `value / step`, within [low, high]; 0 if the
/// step is 0.
int quantize(float value, float step, int low, int high) {
  if (step == 0.0f)
    return 0;
  float nearest = std::nearbyint(value / step);
  return static_cast<int>(
      std::clamp(nearest, static_cast<float>(low), static_cast<float>(high)));
}

float absoluteMaximum(llvm::ArrayRef<float> values) {
  float maximum = 0.0f;
  for (float value : values)
    maximum = std::max(maximum, std::fabs(value));
  return maximum;
}

/// Writes one block of 32 elements without a minimum.
void quantizeSymmetric(QuantFormat format, llvm::ArrayRef<float> values,
                       uint8_t *block) {
  int limit = format == QuantFormat::q8_0   ? 127
              : format == QuantFormat::q5_0 ? 15
                                            : 7;
  float d = asF16(absoluteMaximum(values) / static_cast<float>(limit));
  writeF16(d, block);
  uint32_t high = 0;
  uint8_t *qs = block + (format == QuantFormat::q5_0 ? 6 : 2);
  for (int i = 0; i < 32; ++i) {
    int q = quantize(values[i], d, -limit - 1, limit);
    if (format == QuantFormat::q8_0) {
      qs[i] = static_cast<uint8_t>(std::max(q, -127));
      continue;
    }
    uint32_t code = static_cast<uint32_t>(q + limit + 1);
    qs[i % 16] |= (code & 15) << (i < 16 ? 0 : 4);
    high |= (code >> 4 & 1) << i;
  }
  if (format == QuantFormat::q5_0)
    llvm::support::endian::write32le(block + 2, high);
}

/// Writes one block of q4_1 or q5_1.
void quantizeAsymmetric(QuantFormat format, llvm::ArrayRef<float> values,
                        uint8_t *block) {
  bool fiveBits = format == QuantFormat::q5_1;
  int limit = fiveBits ? 31 : 15;
  float low = *std::min_element(values.begin(), values.end());
  float top = *std::max_element(values.begin(), values.end());
  float d = asF16((top - low) / static_cast<float>(limit));
  float m = asF16(low);
  writeF16(d, block);
  writeF16(m, block + 2);
  uint32_t high = 0;
  uint8_t *qs = block + (fiveBits ? 8 : 4);
  for (int i = 0; i < 32; ++i) {
    uint32_t code = static_cast<uint32_t>(quantize(values[i] - m, d, 0, limit));
    qs[i % 16] |= (code & 15) << (i < 16 ? 0 : 4);
    high |= (code >> 4 & 1) << i;
  }
  if (fiveBits)
    llvm::support::endian::write32le(block + 4, high);
}

/// Packs the 6-bit scales and minima of q4_k and q5_k into 12 bytes.
void packSixBits(const int (&scales)[8], const int (&minimums)[8],
                 uint8_t *bytes) {
  for (int j = 0; j < 4; ++j) {
    bytes[j] = static_cast<uint8_t>(scales[j] | (scales[j + 4] >> 4) << 6);
    bytes[j + 4] =
        static_cast<uint8_t>(minimums[j] | (minimums[j + 4] >> 4) << 6);
    bytes[j + 8] = static_cast<uint8_t>((scales[j + 4] & 15) |
                                        (minimums[j + 4] & 15) << 4);
  }
}

/// Writes one block of q4_k or q5_k.
void quantizeWithMinima(QuantFormat format, llvm::ArrayRef<float> values,
                        uint8_t *block) {
  bool fiveBits = format == QuantFormat::q5_k;
  int limit = fiveBits ? 31 : 15;
  float scales[8], minimums[8];
  for (int j = 0; j < 8; ++j) {
    llvm::ArrayRef<float> part = values.slice(32 * j, 32);
    minimums[j] = std::max(0.0f, -*std::min_element(part.begin(), part.end()));
    scales[j] = std::max(0.0f, *std::max_element(part.begin(), part.end()) +
                                   minimums[j]) /
                static_cast<float>(limit);
  }
  float d = asF16(*std::max_element(scales, scales + 8) / 63.0f);
  float dmin = asF16(*std::max_element(minimums, minimums + 8) / 63.0f);
  int sc[8], m[8];
  for (int j = 0; j < 8; ++j) {
    sc[j] = quantize(scales[j], d, 0, 63);
    m[j] = quantize(minimums[j], dmin, 0, 63);
  }
  writeF16(d, block);
  writeF16(dmin, block + 2);
  packSixBits(sc, m, block + 4);
  uint8_t *qh = block + 16;
  uint8_t *qs = fiveBits ? qh + 32 : qh;
  for (int i = 0; i < 256; ++i) {
    int j = i / 32, l = i % 32;
    float step = d * static_cast<float>(sc[j]);
    float base = dmin * static_cast<float>(m[j]);
    int code = quantize(values[i] + base, step, 0, limit);
    qs[32 * (j / 2) + l] |= (code & 15) << (j % 2 ? 4 : 0);
    if (fiveBits)
      qh[l] |= (code >> 4 & 1) << j;
  }
}

/// Writes one block of q6_k.
void quantizeSixBits(llvm::ArrayRef<float> values, uint8_t *block) {
  float scales[16];
  for (int j = 0; j < 16; ++j)
    scales[j] = absoluteMaximum(values.slice(16 * j, 16)) / 31.0f;
  float d = asF16(*std::max_element(scales, scales + 16) / 127.0f);
  uint8_t *ql = block, *qh = block + 128, *sc = block + 192;
  for (int j = 0; j < 16; ++j)
    sc[j] = static_cast<uint8_t>(quantize(scales[j], d, 0, 127));
  writeF16(d, block + 208);
  for (int i = 0; i < 256; ++i) {
    int g = i / 128, h = i / 32 % 4, l = i % 32;
    float step = d * static_cast<float>(sc[i / 16]);
    int code = quantize(values[i], step, -32, 31) + 32;
    ql[64 * g + 32 * (h & 1) + l] |= (code & 15) << (h < 2 ? 0 : 4);
    qh[32 * g + l] |= (code >> 4) << (2 * h);
  }
}

} // namespace

std::vector<uint8_t> lamina::quantizeBlocks(QuantFormat format,
                                            llvm::ArrayRef<float> values) {
  QuantLayout layout = getQuantLayout(format);
  size_t blocks = values.size() / layout.blockElements;
  std::vector<uint8_t> bytes(blocks * layout.blockBytes, 0);
  for (size_t b = 0; b < blocks; ++b) {
    llvm::ArrayRef<float> part =
        values.slice(b * layout.blockElements, layout.blockElements);
    uint8_t *block = bytes.data() + b * layout.blockBytes;
    switch (format) {
    case QuantFormat::q8_0:
    case QuantFormat::q4_0:
    case QuantFormat::q5_0:
      quantizeSymmetric(format, part, block);
      break;
    case QuantFormat::q4_1:
    case QuantFormat::q5_1:
      quantizeAsymmetric(format, part, block);
      break;
    case QuantFormat::q4_k:
    case QuantFormat::q5_k:
      quantizeWithMinima(format, part, block);
      break;
    case QuantFormat::q6_k:
      quantizeSixBits(part, block);
      break;
    }
  }
  return bytes;
}
