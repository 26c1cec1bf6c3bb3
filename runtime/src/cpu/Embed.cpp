//===- Embed.cpp - Rows of an embedding table -----------------------------===//
//
// Reads the table as it lies in the checkpoint: section "Block formats" of
// docs/numerics.md.
//
//===----------------------------------------------------------------------===//

#include "Conversions.h"
#include "LevelKernels.h"

namespace lamina::cpu::LAMINA_CPU_LEVEL {

namespace {

/// Elements of the largest block.
constexpr int64_t kLargestBlock = 256;

LAMINA_INLINE float readF16(const uint8_t *source) {
  return widenF16(loadAs<uint16_t>(source));
}

/// One block of 32.
void decodeBlock32(int32_t type, const uint8_t *source, float *out) {
  float d = readF16(source);
  const uint8_t *next = source + 2;
  if (type == LAMRT_Q8_0) {
    for (int i = 0; i < 32; ++i)
      out[i] = d * static_cast<float>(static_cast<int8_t>(next[i]));
    return;
  }
  bool hasMinimum = type == LAMRT_Q4_1 || type == LAMRT_Q5_1;
  bool hasBits = type == LAMRT_Q5_0 || type == LAMRT_Q5_1;
  float minimum = 0.0f;
  if (hasMinimum) {
    minimum = -readF16(next);
    next += 2;
  }
  uint32_t bits = 0;
  if (hasBits) {
    bits = loadAs<uint32_t>(next);
    next += 4;
  }
  int offset = hasMinimum ? 0 : hasBits ? 16 : 8;
  for (int i = 0; i < 32; ++i) {
    int nibble = i < 16 ? next[i] & 15 : next[i - 16] >> 4;
    int q = (nibble | static_cast<int>(bits >> i & 1) << 4) - offset;
    float product = d * static_cast<float>(q);
    out[i] = hasMinimum ? product - minimum : product;
  }
}

/// One block of q4_k or q5_k.
void decodeBlockWithMinima(int32_t type, const uint8_t *source, float *out) {
  float d = readF16(source), dmin = readF16(source + 2);
  const uint8_t *sc = source + 4, *qh = source + 16;
  bool hasBits = type == LAMRT_Q5_K;
  const uint8_t *qs = hasBits ? qh + 32 : qh;
  for (int j = 0; j < 8; ++j) {
    int factor = j < 4 ? sc[j] & 63 : (sc[j + 4] & 15) | (sc[j - 4] >> 6) << 4;
    int less = j < 4 ? sc[j + 4] & 63 : (sc[j + 4] >> 4) | (sc[j] >> 6) << 4;
    float scale = d * static_cast<float>(factor);
    float minimum = dmin * static_cast<float>(less);
    for (int l = 0; l < 32; ++l) {
      int byte = qs[32 * (j / 2) + l];
      int nibble = j % 2 == 1 ? byte >> 4 : byte & 15;
      int bit = hasBits ? qh[l] >> j & 1 : 0;
      out[32 * j + l] = scale * static_cast<float>(nibble | bit << 4) - minimum;
    }
  }
}

void decodeSixBitBlock(const uint8_t *source, float *out) {
  const uint8_t *ql = source, *qh = source + 128, *sc = source + 192;
  float d = readF16(source + 208);
  for (int j = 0; j < 16; ++j) {
    float scale = d * static_cast<float>(static_cast<int8_t>(sc[j]));
    for (int i = 16 * j; i < 16 * (j + 1); ++i) {
      int g = i / 128, h = i / 32 % 4, l = i % 32;
      int byte = ql[64 * g + 32 * (h & 1) + l];
      int nibble = h < 2 ? byte & 15 : byte >> 4;
      int pair = qh[32 * g + l] >> (2 * h) & 3;
      out[i] = scale * static_cast<float>((nibble | pair << 4) - 32);
    }
  }
}

void decodeBlock(int32_t type, const uint8_t *source, float *out) {
  if (type == LAMRT_Q6_K)
    decodeSixBitBlock(source, out);
  else if (type == LAMRT_Q4_K || type == LAMRT_Q5_K)
    decodeBlockWithMinima(type, source, out);
  else
    decodeBlock32(type, source, out);
}

} // namespace

void embed(int32_t type, const uint8_t *source, int64_t in, const int32_t *ids,
           Rows out, int64_t rowBegin, int64_t rowEnd) {
  int64_t elements = getBlockElements(type), bytes = getBlockBytes(type);
  int64_t rowBytes = in / elements * bytes;
  for (int64_t t = rowBegin; t < rowEnd; ++t) {
    const uint8_t *row = source + ids[t] * rowBytes;
    uint8_t *to = getRow(out, t);
    if (elements == 1) {
      for (int64_t i = 0; i < in; i += kLanes)
        roundAt(out.type, to, i, in, widenAt(type, row, i, in));
      continue;
    }
    float values[kLargestBlock];
    for (int64_t i = 0; i < in; i += elements) {
      decodeBlock(type, row + i / elements * bytes, values);
      for (int64_t j = 0; j < elements; j += kLanes)
        roundTo(out.type, to, i + j, load(values + j));
    }
  }
}

} // namespace lamina::cpu::LAMINA_CPU_LEVEL
