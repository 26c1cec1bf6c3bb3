//===- KernelsReferenceLinear.cpp - Products, a value at a time -----------===//

#include "KernelsReference.h"

#include <cmath>

namespace lamina::reference {

namespace {

float readF16(const uint8_t *bytes) {
  return widenF16(static_cast<uint16_t>(bytes[0] | bytes[1] << 8));
}

} // namespace

//===----------------------------------------------------------------------===//
// Block types
//===----------------------------------------------------------------------===//

int64_t getSubBlock(int32_t type) { return type == LAMRT_Q6_K ? 16 : 32; }

bool hasMinimum(int32_t type) {
  return type == LAMRT_Q4_1 || type == LAMRT_Q5_1 || type == LAMRT_Q4_K ||
         type == LAMRT_Q5_K;
}

int64_t getRowBytes(int32_t type, int64_t in) {
  return in / cpu::getBlockElements(type) * cpu::getBlockBytes(type);
}

namespace {

Element getElementOf32(int32_t type, const uint8_t *block, int64_t i) {
  float d = readF16(block);
  if (type == LAMRT_Q8_0)
    return {static_cast<int8_t>(block[2 + i]), d, 0.0f};
  float minimum = hasMinimum(type) ? -readF16(block + 2) : 0.0f;
  bool hasBits = type == LAMRT_Q5_0 || type == LAMRT_Q5_1;
  const uint8_t *qh = block + (hasMinimum(type) ? 4 : 2);
  const uint8_t *qs = qh + (hasBits ? 4 : 0);
  int q = i < 16 ? qs[i] & 15 : qs[i - 16] >> 4;
  if (hasBits)
    q |= (qh[i / 8] >> i % 8 & 1) << 4;
  if (!hasMinimum(type))
    q -= hasBits ? 16 : 8;
  return {q, d, minimum};
}

Element getElementOf256(int32_t type, const uint8_t *block, int64_t i) {
  float d = readF16(block), dmin = readF16(block + 2);
  const uint8_t *sc = block + 4;
  const uint8_t *qh = block + 16, *qs = type == LAMRT_Q5_K ? qh + 32 : qh;
  int64_t g = i / 64, h = i / 32 % 2, l = i % 32, j = 2 * g + h;
  int q = h == 0 ? qs[32 * g + l] & 15 : qs[32 * g + l] >> 4;
  if (type == LAMRT_Q5_K)
    q |= (qh[l] >> (2 * g + h) & 1) << 4;
  int scale = sc[j] & 63, minimum = sc[j + 4] & 63;
  if (j >= 4) {
    scale = (sc[j + 4] & 15) | (sc[j - 4] >> 6) << 4;
    minimum = (sc[j + 4] >> 4) | (sc[j] >> 6) << 4;
  }
  return {q, d * static_cast<float>(scale), dmin * static_cast<float>(minimum)};
}

Element getElementOfSixBits(const uint8_t *block, int64_t i) {
  int64_t g = i / 128, h = i / 32 % 4, l = i % 32;
  int byte = block[64 * g + 32 * (h & 1) + l];
  int q = (h < 2 ? byte & 15 : byte >> 4) |
          (block[128 + 32 * g + l] >> 2 * h & 3) << 4;
  auto scale = static_cast<int8_t>(block[192 + i / 16]);
  return {q - 32, readF16(block + 208) * static_cast<float>(scale), 0.0f};
}

} // namespace

Element getElement(int32_t type, const uint8_t *row, int64_t i) {
  int64_t elements = cpu::getBlockElements(type);
  const uint8_t *block = row + i / elements * cpu::getBlockBytes(type);
  if (type == LAMRT_Q6_K)
    return getElementOfSixBits(block, i % elements);
  return elements == 256 ? getElementOf256(type, block, i % elements)
                         : getElementOf32(type, block, i % elements);
}

//===----------------------------------------------------------------------===//
// linear
//===----------------------------------------------------------------------===//

namespace {

float addPaired(std::vector<float> a, std::vector<float> w) {
  if (a.size() % 2) {
    a.push_back(0.0f);
    w.push_back(0.0f);
  }
  float s = 0.0f;
  for (size_t k = 0; k < a.size(); k += 2) {
    s = fmaFlushed(w[k + 1], a[k + 1], s);
    s = fmaFlushed(w[k], a[k], s);
  }
  return s;
}

float addAscending(const std::vector<float> &a, const std::vector<float> &w) {
  float s = 0.0f;
  for (size_t k = 0; k < a.size(); ++k)
    s = std::fma(w[k], a[k], s);
  return s;
}

/// The block of 32 activations around a sub-block, as integers and a scale.
struct Int8 {
  std::vector<float> q;
  float scale;
};

Int8 quantise(const std::vector<float> &a) {
  float maximum = 0.0f;
  for (float x : a) {
    if (!std::isfinite(x))
      return {std::vector<float>(a.size(), 0.0f), std::nanf("")};
    maximum = std::max(maximum, std::fabs(x));
  }
  if (maximum < 0x1p-120f)
    return {std::vector<float>(a.size(), 0.0f), 0.0f};
  Int8 result = {{}, maximum / 127.0f};
  float inverse = 127.0f / maximum;
  for (float x : a)
    result.q.push_back(std::nearbyint(x * inverse));
  return result;
}

float addInt8(float acc, int32_t type, const std::vector<float> &block,
              int64_t at, const std::vector<int> &q, const Element &element) {
  Int8 a = quantise(block);
  int32_t sum = 0, product = 0;
  for (size_t i = 0; i < q.size(); ++i) {
    auto value = static_cast<int32_t>(a.q[static_cast<size_t>(at) + i]);
    sum += value;
    product += q[i] * value;
  }
  acc = std::fma(static_cast<float>(product) * element.scale, a.scale, acc);
  if (hasMinimum(type))
    acc = std::fma(-element.minimum, a.scale * static_cast<float>(sum), acc);
  return acc;
}

float multiplyBlocks(int32_t type, const uint8_t *weight, int64_t begin,
                     const std::vector<float> &a, bool isPaired, bool isInt8) {
  int64_t m = getSubBlock(type);
  float acc = 0.0f;
  for (int64_t b = 0; b < static_cast<int64_t>(a.size()); b += m) {
    Element first = getElement(type, weight, begin + b);
    std::vector<int> q;
    for (int64_t i = 0; i < m; ++i)
      q.push_back(getElement(type, weight, begin + b + i).q);
    std::vector<float> activations(a.begin() + b, a.begin() + b + m);
    if (isInt8) {
      int64_t start = b / 32 * 32;
      acc = addInt8(acc, type, {a.begin() + start, a.begin() + start + 32},
                    b - start, q, first);
      continue;
    }
    std::vector<float> w(q.begin(), q.end());
    float s =
        isPaired ? addPaired(activations, w) : addAscending(activations, w);
    acc = std::fma(s, first.scale, acc);
    if (hasMinimum(type))
      acc = std::fma(-first.minimum, sum16(activations), acc);
  }
  return acc;
}

float addTree(const float *leaves, int64_t count, const int32_t *radices,
              size_t depth) {
  if (depth == 0)
    return leaves[0];
  int64_t step = count / radices[0];
  float s = addTree(leaves, step, radices + 1, depth - 1);
  for (int32_t i = 1; i < radices[0]; ++i)
    s = s + addTree(leaves + i * step, step, radices + 1, depth - 1);
  return s;
}

} // namespace

float multiply(int32_t type, const uint8_t *weight, int64_t begin,
               const std::vector<float> &a, const std::vector<int32_t> &radices,
               bool activationsAreBf16, bool isInt8) {
  int64_t count = 1;
  for (int32_t radix : radices)
    count *= radix;
  int64_t n = static_cast<int64_t>(a.size()) / count;
  std::vector<float> leaves;
  for (int64_t l = 0; l < count; ++l) {
    std::vector<float> part(a.begin() + l * n, a.begin() + (l + 1) * n);
    int64_t first = begin + l * n;
    if (cpu::getBlockElements(type) > 1) {
      leaves.push_back(multiplyBlocks(type, weight, first, part,
                                      activationsAreBf16, isInt8));
      continue;
    }
    std::vector<float> w;
    for (int64_t k = 0; k < n; ++k)
      w.push_back(widen(type, weight, first + k));
    bool isPaired = type == LAMRT_BF16 && activationsAreBf16;
    leaves.push_back(isPaired ? addPaired(part, w) : addAscending(part, w));
  }
  return addTree(leaves.data(), count, radices.data(), radices.size());
}

} // namespace lamina::reference
